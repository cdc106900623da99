"""Calls of tools to a lab: worker threads, one lock per lab, and waiting without blocking.

The lab's methods are short and synchronous. A wait is a loop of short looks, so a call that its
client cancels ends between two looks and never touches the run.
"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from autoresearch.errors import LabError
from server.errors import Refusal, refusal
from server.sessions.open_labs import Labs

if TYPE_CHECKING:
    from autoresearch.lab import Lab
    from autoresearch.ledger.history import History

T = TypeVar("T")
logger = logging.getLogger(__name__)
LOOK_S = 0.1  # between the first two looks while a call waits
SLOWER, SLOWEST = 1.25, 2.0  # each pause is longer, up to this many times the first: looks cost CPU


class LabCalls:
    """Calls labs in worker threads, one call at a time for each lab."""

    def __init__(self, labs: Labs, *, look_s: float = LOOK_S) -> None:
        self._labs = labs
        self._look_s = look_s
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self._used: dict[str, Lab] = {}
        self._complaints: dict[str, str] = {}

    async def open(self, source: str) -> "Lab":
        """Create or open a lab."""
        lab = await self._in_thread("", lambda: self._labs.open(source))
        return self._used.setdefault(lab.name, lab)

    async def lab(self, name: str) -> "Lab":
        """The lab that the caller means."""
        lab = await self._in_thread("", lambda: self._labs.get(name))
        return self._used.setdefault(lab.name, lab)

    async def read_in_use(self, read: Callable[[str, "History"], T]) -> list[T]:
        """Read the ledger of each lab of this session; one that can't be read now is left out."""
        found = []
        for lab in tuple(self._used.values()):
            try:
                history = await self._in_thread(lab.name, lab.history)
            except Refusal:
                continue  # the tool's own answer says what is wrong
            found.append(read(lab.name, history))
        return found

    @property
    def in_use(self) -> bool:
        """Return whether any lab was asked for in this session."""
        return bool(self._used)

    async def tend(self) -> None:
        """Let each lab of this session use its idle devices. What goes wrong is logged, once."""
        for lab in tuple(self._used.values()):
            await anyio.to_thread.run_sync(self._tend, lab)

    def _tend(self, lab: "Lab") -> None:
        try:
            with self._locks[lab.name]:
                lab.tend()
            self._complaints.pop(lab.name, None)
        except Exception as error:  # noqa: BLE001 - a boundary: nobody waits for this call
            words = f"{type(error).__name__}: {error}"
            if self._complaints.get(lab.name) != words:
                self._complaints[lab.name] = words
                logger.warning("background care of the lab %s failed: %s", lab.name, words)

    async def call(self, lab: "Lab", work: Callable[[], T]) -> T:
        """One piece of work on a lab."""
        return await self._in_thread(lab.name, work)

    async def wait(
        self,
        lab: "Lab",
        look: Callable[[], T],
        *,
        until: Callable[[T], bool],
        wait_s: float,
        report: Callable[[T], Awaitable[None]],
    ) -> T:
        """Look until it is so or the time is up; the last look is the answer."""
        deadline = anyio.current_time() + wait_s
        pause_s = self._look_s
        found = await self.call(lab, look)
        while not until(found) and anyio.current_time() < deadline:
            await report(found)
            await anyio.sleep(min(pause_s, max(0.0, deadline - anyio.current_time())))
            pause_s = min(pause_s * SLOWER, self._look_s * SLOWEST)
            found = await self.call(lab, look)
        return found

    async def _in_thread(self, lock: str, work: Callable[[], T]) -> T:
        def locked() -> T:
            with self._locks[lock]:
                return work()

        try:
            return await anyio.to_thread.run_sync(locked)
        except LabError as error:
            raise refusal(error) from error
