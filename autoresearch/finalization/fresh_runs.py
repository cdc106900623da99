"""Fresh runs of a few versions of the code, outside the ledger, that outlive their caller.

    finalization/<incumbent>/<variant>/r<n>   below the lab's folder: one run directory each

They are the whole record: what has ended is read, and only what is missing is started, so that a
killed finalize goes on where it was. A run that was lost or disturbed is repeated at most twice.
Ctrl-C ends what is going on; such a run is removed, since nobody saw what it would have measured.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from autoresearch.errors import LabError
from autoresearch.lab import Lab
from autoresearch.loop.runs import ORDERS, SEEDS
from autoresearch.records import EndCause, Run, RunReport
from autoresearch.run_directory import RunDir, remove_tree
from autoresearch.scheduling.scheduler import ActiveRun, Demand, plan_runs

LOOK_S = 0.1
STOP_S = 60.0  # a supervisor that was asked to stop looks 20 times a second
MOST_REPEATS = 2  # of a run that was lost or disturbed

Watch = Callable[[str, int], None]  # (what goes on, fresh runs so far)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One version of the code that is run."""

    name: str  # of its folder
    commit: str
    experiment: str  # whose ceilings its runs get


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One run of a variant, by its number from 1 on."""

    variant: Variant
    number: int
    spare_part: int = 0  # of the held-out documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The runs and the time that may be spent. None: no such limit."""

    runs: int | None = None
    until: float | None = None  # seconds since the epoch

    def covers(self, used: int, more: int, now: float) -> bool:
        """Return whether so many more runs may be started now."""
        in_time = self.until is None or now < self.until
        return in_time and (self.runs is None or used + more <= self.runs)


class FreshRuns:
    """The fresh runs of one incumbent; whoever has one holds the lock of finalize."""

    def __init__(self, lab: Lab, folder: Path, watch: Watch) -> None:
        """Prepare to read and to start runs below a folder, which need not exist."""
        self._lab, self._watch = lab, watch
        self.folder = folder

    @property
    def used(self) -> int:
        """Return how many runs were started, repeated ones included."""
        return sum(1 for _ in self.folder.glob("*/r*/spec.json"))

    def missing(self, wanted: Sequence[Wanted]) -> int:
        """Return how many of these have not been started."""
        return sum(not self._directory(one, 0).spec_file.exists() for one in wanted)

    def seed_of(self, wanted: Wanted) -> int:
        """Return the seed of a run that has ended."""
        return self._tries(wanted)[-1].read_spec().seed

    def run(self, wanted: Sequence[Wanted], what: str) -> tuple[RunReport, ...]:
        """Run those that are missing, as many at once as there are slots, until all have ended.

        Raises:
            LabError: A run can't be started; those that go on are ended.
        """
        self._clear(wanted)
        try:
            while left := [one for one in wanted if self._report(one) is None]:
                self._watch(what, self.used)
                self._start(left)
                if any(self._report(one) is None for one in left):
                    time.sleep(LOOK_S)
        except BaseException:
            self._end(wanted)
            raise
        self._watch(what, self.used)
        return tuple(report for one in wanted if (report := self._report(one)) is not None)

    def _start(self, left: Sequence[Wanted]) -> None:
        due = [one for one in left if self._is_due(one)]
        going = [ActiveRun(id=f"{one.variant.name}/{one.number}") for one in left if one not in due]
        machine = self._lab.runs.machine(self._lab.history())
        machine = replace(machine, active=(*machine.active, *going))
        demand = Demand(experiment="e0", runs=len(due))
        for one in due[: len(plan_runs(machine, (demand,), time.time()).starts)]:
            directory = self._directory(one, len(self._tries(one)))
            run = Run(
                id=directory.path.name,
                experiment=one.variant.experiment,
                seed=secrets.randbelow(SEEDS),
                order=secrets.randbelow(ORDERS),
                spare_part=one.spare_part,
            )
            self._lab.runs.start_outside(run, one.variant.commit, directory)

    def _is_due(self, one: Wanted) -> bool:
        """Return whether it is to be started, for the first time or again.

        One that ended since its caller looked is not: it counts at the next look.
        """
        tries = self._tries(one)
        if not tries:
            return True
        report = self._settled(tries[-1])
        return report is not None and report.state.repeated and len(tries) <= MOST_REPEATS

    def _report(self, one: Wanted) -> RunReport | None:
        """Return how it ended, if its last try counts or was the last one allowed."""
        tries = self._tries(one)
        report = self._settled(tries[-1]) if tries else None
        if report is None or (report.state.repeated and len(tries) <= MOST_REPEATS):
            return None
        return report

    def _settled(self, directory: RunDir) -> RunReport | None:
        return self._lab.runs.executor.settle(directory)

    def _tries(self, one: Wanted) -> tuple[RunDir, ...]:
        every = (self._directory(one, n) for n in range(MOST_REPEATS + 1))
        return tuple(directory for directory in every if directory.spec_file.exists())

    def _directory(self, one: Wanted, tries: int) -> RunDir:
        again = f"-again{tries}" if tries else ""
        return RunDir(self.folder / one.variant.name / f"r{one.number}{again}")

    def _clear(self, wanted: Sequence[Wanted]) -> None:
        """Remove what a killed finalize left half-made, and runs that it had asked to end."""
        for one in wanted:
            for n in range(MOST_REPEATS + 1):
                directory = self._directory(one, n)
                if not directory.path.exists():
                    continue
                if not directory.spec_file.exists():
                    remove_tree(directory.path)
                elif directory.stop_file.exists():
                    self._await_end(directory)
                    self._remove_stopped(directory)

    def _end(self, wanted: Sequence[Wanted]) -> None:
        """Ask what goes on to end, wait until it has, and remove it."""
        with suppress(LabError, OSError):
            tries = [directory for one in wanted for directory in self._tries(one)]
            going = [directory for directory in tries if self._settled(directory) is None]
            for directory in going:
                directory.stop_file.touch()
            for directory in going:
                self._await_end(directory)
                self._remove_stopped(directory)

    def _await_end(self, directory: RunDir) -> None:
        executor = self._lab.runs.executor
        deadline = time.monotonic() + STOP_S
        while time.monotonic() < deadline:
            if executor.settle(directory) is not None and not executor.alive(directory):
                return
            time.sleep(LOOK_S)

    def _remove_stopped(self, directory: RunDir) -> None:
        report = self._settled(directory)
        if report is not None and report.cause is EndCause.ASKED_TO_STOP:
            remove_tree(directory.path)


def measured_values(reports: Sequence[RunReport]) -> list[float]:
    """Return what these runs measured, without those that the machine spoilt."""
    found = (report.measurement for report in reports if not report.cut)
    return [measurement.value for measurement in found if measurement is not None]


def failure_of(reports: Sequence[RunReport]) -> str:
    """Return why one of these runs gave no value, if that was its code's doing; else ""."""
    for report in reports:
        if (report.measurement is None or report.cut) and not report.state.repeated:
            return report.cut or report.reason
    return ""
