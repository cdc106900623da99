"""The guardian of a supervisor: starts another where one was killed. Standard library only.

It holds no state, so whoever kills both loses only the night: `campaign resume` starts them again.
"""

import os
import signal
import time
from collections.abc import Callable

MOST_RESTARTS = 20
PAUSE_S = 2.0


def guard(work: Callable[[], int]) -> int:
    """Run `work` in a child; again after a signal ended it, at most `MOST_RESTARTS` times.

    A SIGTERM to this process is handed on and ends both.
    """
    for _ in range(MOST_RESTARTS + 1):
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os._exit(_guarded(work))
        signal.signal(signal.SIGTERM, lambda *_, child=child: _hand_on(child))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code >= 0 or code == -signal.SIGTERM:
            return max(code, 0)
        time.sleep(PAUSE_S)
    return 1


def _guarded(work: Callable[[], int]) -> int:
    import traceback

    try:
        return work()
    except BaseException:  # noqa: BLE001 - the last place that can write it down
        traceback.print_exc()
        return 1


def _hand_on(child: int) -> None:
    os.kill(child, signal.SIGTERM)
