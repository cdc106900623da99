"""Check that the machine has the memory that a run is known to need."""

import time
from collections.abc import Callable

from autoresearch.devices.disturbance import Counters

LOOK_S = 1.0  # between two looks


class MemoryCheck:
    """A check once a second while a run waits; none if its need is unknown.

    The need is estimated from earlier runs, where memory shared by processes counts once for each.
    An estimate above the machine's total is wrong, so it keeps no run waiting.
    """

    def __init__(self, needed_mb: float, machine: Callable[[], Counters]) -> None:
        self._needed_mb = needed_mb
        self._machine = machine
        self._looked = float("-inf")
        self.short = ""  # why the run has to wait, with numbers; "" if it need not

    def look(self, now: float | None = None) -> bool:
        """Update `short` if a look is due; return whether it was."""
        now = time.monotonic() if now is None else now
        if not self._needed_mb or now < self._looked + LOOK_S:
            return False
        self._looked, seen = now, self._machine()
        self.short = ""
        if seen.free_mb < self._needed_mb <= seen.total_mb:
            has = f"{seen.free_mb:,.0f} MB of memory free"
            self.short = f"the machine has {has}, and it needs {self._needed_mb:,.0f}"
        return True
