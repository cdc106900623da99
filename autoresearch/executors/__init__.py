"""Who runs a supervisor, and on which device: one protocol, `local` by default."""

from typing import Protocol

from autoresearch.devices import Wanted
from autoresearch.devices.slots import Slot
from autoresearch.records import RunReport
from autoresearch.run_directory import RunDir


class Executor(Protocol):
    """Starts supervisors and knows whether they still live."""

    def submit(self, rundir: RunDir) -> None:
        """Start the supervisor of a run whose spec and tree are written; raise RunStartError."""

    def alive(self, rundir: RunDir) -> bool:
        """Whether a supervisor owns the run now."""

    def settle(self, rundir: RunDir) -> RunReport | None:
        """The final report; a run that lost its supervisor becomes lost. None while it goes on."""

    def slots(self, wanted: Wanted, gpu_memory_mb: float = 0) -> tuple[Slot, ...]:
        """Return the slots that runs of that kind can lease; raise InvalidStateError if none."""
