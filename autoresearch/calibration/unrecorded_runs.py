"""Runs that the ledger never hears of, as many at once as there are devices."""

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from autoresearch.errors import LabError, RunStartError
from autoresearch.lab import Lab
from autoresearch.loop.runs import ORDERS, SEEDS
from autoresearch.records import Run, RunReport
from autoresearch.run_directory import RunDir, remove_tree
from autoresearch.scheduling.scheduler import ActiveRun, Demand, Machine, Plan, plan_runs

LOOK_S = 0.05  # between two looks at what runs
ENDING_S = 40.0  # how long runs may take to end when they are told to


class Subject(Protocol):
    """The code of a commit, to be run."""

    @property
    def commit(self) -> str:
        """Commit whose tree is run."""


S = TypeVar("S", bound=Subject)


class UnrecordedRuns(Generic[S]):
    """Runs subjects of a lab in a folder of its own; what still runs is ended on leaving."""

    def __init__(self, lab: Lab, folder: str) -> None:
        self._lab = lab
        self._folder = lab.folder / folder
        self._going: dict[RunDir, S] = {}
        self._started = 0

    def __enter__(self) -> "UnrecordedRuns[S]":
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()

    def run(self, subjects: Iterable[S], take: Callable[[S, RunReport, RunDir], bool]) -> None:
        """Run each until `take` says of a run that it was the subject's last; those begun first.

        Raises what `take` raises, and LabError or OSError where a run can't be started.
        """
        waiting = deque(subjects)
        slots = self._lab.runs.at_once()
        while waiting or self._going:
            for _ in self._planned(slots, len(waiting)).starts:
                self._start(waiting.popleft())
            time.sleep(LOOK_S)
            for rundir, report in self._ended():
                subject = self._going.pop(rundir)
                if not take(subject, report, rundir):
                    waiting.appendleft(subject)
                remove_tree(rundir.path)

    def _planned(self, slots: int, waiting: int) -> Plan:
        """Plan how many of the waiting subjects start beside the runs that go on."""
        active = tuple(ActiveRun(id=rundir.path.name) for rundir in self._going)
        demand = Demand(experiment="e0", runs=waiting)
        return plan_runs(Machine(slots=slots, active=active), (demand,), time.time())

    def _ended(self) -> list[tuple[RunDir, RunReport]]:
        settle = self._lab.runs.executor.settle
        reports = [(rundir, settle(rundir)) for rundir in self._going]
        return [(rundir, report) for rundir, report in reports if report is not None]

    def _start(self, subject: S) -> None:
        self._started += 1
        rundir = RunDir(self._folder / f"r{self._started}")
        # The seed is drawn when the code is fixed, as in the lab.
        seed, order = secrets.randbelow(SEEDS), secrets.randbelow(ORDERS)
        run = Run(id=rundir.path.name, experiment="e0", seed=seed, order=order)
        self._going[rundir] = subject
        try:
            self._lab.runs.start_outside(run, subject.commit, rundir)
        except (LabError, OSError):
            del self._going[rundir]
            raise

    def _end_all(self) -> None:
        """Ask what still runs to end, and wait until it has."""
        for rundir in self._going:
            rundir.stop_file.touch()
        deadline = time.monotonic() + ENDING_S
        while self._going and time.monotonic() < deadline:
            for rundir, _ in self._ended():
                if not self._lab.runs.executor.alive(rundir):  # else its supervisor still ends
                    del self._going[rundir]
            time.sleep(LOOK_S)
        if self._going:
            left = ", ".join(rundir.path.name for rundir in self._going)
            raise RunStartError(
                f"{left} did not end within {ENDING_S:g} s.", "Look at `ps`.", reason="runs_go_on"
            )
