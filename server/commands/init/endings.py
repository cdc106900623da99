"""Ends of `init` from outside: a signal to end it, or a terminal that was closed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal told this process to end; what it started must end first."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number  # as a shell counts it


@contextmanager
def told_to_end() -> Iterator[None]:
    """Raise Ended at the first signal to end; a second one can't interrupt the tidying up.

    A signal that was ignored before, as under nohup, stays ignored.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        for one in heard:
            signal.signal(one, signal.SIG_IGN)
        raise Ended(number)

    heard = [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, end) for one in heard}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
