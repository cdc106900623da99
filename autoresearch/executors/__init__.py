"""Executors, which run supervisors on devices: one protocol, `local` by default."""

from typing import Protocol

from autoresearch.devices import Wanted
from autoresearch.devices.slots import Slot
from autoresearch.records import RunReport
from autoresearch.run_directory import RunDir


class Executor(Protocol):
    """Starts supervisors and knows whether they are alive."""

    def submit(self, rundir: RunDir) -> None:
        """Start the supervisor of a run whose spec and tree are written; raise RunStartError."""

    def alive(self, rundir: RunDir) -> bool:
        """Return whether a supervisor owns the run now."""

    def settle(self, rundir: RunDir) -> RunReport | None:
        """Return the final report, None while the run continues; without a supervisor, lost."""

    def slots(self, wanted: Wanted, gpu_memory_mb: float = 0) -> tuple[Slot, ...]:
        """Return the slots that runs of that kind can lease; raise InvalidStateError if none."""
