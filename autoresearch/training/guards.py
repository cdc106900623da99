"""Guards of a contract: commands that must pass before a run's result is measured.

A guard runs as the run did: same paths, same environment, same data, same sandbox, so that code
which behaves only while it is guarded has little to go by. Its tree is the committed one, so that
nothing a run left there can satisfy it; what the run left is read-only, in $AUTORESEARCH_RUN_OUT,
a folder that is empty while the run itself goes on.
"""

import contextlib
import dataclasses
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autoresearch.devices.grants import Grant
from autoresearch.errors import ScoringError
from autoresearch.records import EndCause
from autoresearch.run_directory import RunDir, RunSpec, remove_tree
from autoresearch.run_output.log_digest import last_line
from autoresearch.sandboxes.base import Sandbox
from autoresearch.system.processes import Descendants
from autoresearch.training.end_reason import End, crash, unstarted_end
from autoresearch.training.limits import EndKind
from autoresearch.training.metric_source import MetricSource, metric_source_of
from autoresearch.training.training_process import NotStarted, Progress, Training, TrainingEnd


@dataclass(frozen=True, slots=True)
class GuardsEnd:
    """The end of all guards: the run's end by the one that failed, and the numbers they printed."""

    failure: End | None
    numbers: tuple[tuple[str, float], ...]


def make_room(rundir: RunDir, spec: RunSpec) -> None:
    """Make the folders beside a run's that are there while it is guarded, before it begins."""
    if spec.guards:
        rundir.left.mkdir(exist_ok=True)
        _aside(rundir).mkdir(exist_ok=True)


def run_guards(
    rundir: RunDir,
    spec: RunSpec,
    sandbox: Sandbox,
    grant: Grant,
    begin: Callable[[str], Descendants],
    stop_asked: Callable[[], bool],
    report: Callable[[Progress], None],
) -> GuardsEnd:
    """Run the guards of a run that ended well, in their order, until one fails or is stopped.

    Args:
        rundir: The run's directory; what it left is where it was afterwards.
        spec: The run's own input.
        sandbox: The sandbox of the run.
        grant: The device of the run.
        begin: Called with each guard's name; returns what its processes are watched with.
        stop_asked: Whether to stop.
        report: Called while a guard runs.
    """
    numbers: list[tuple[str, float]] = []
    left_s, metrics = spec.guard_s, dict(spec.guard_metrics)
    with _run_put_aside(rundir) if spec.guards else contextlib.nullcontext():
        for name, argv in spec.guards:
            guard = _Guard(name=name, argv=argv, metric=metrics.get(name, ""), left_s=left_s)
            end = guard.run(rundir, spec, sandbox, begin(name), grant, stop_asked, report)
            left_s -= end.wall_s
            if end.number is not None:
                numbers.append((name, end.number))
            if end.failure is not None or stop_asked():
                return GuardsEnd(end.failure, tuple(numbers))
    return GuardsEnd(None, tuple(numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class _GuardEnd:
    """The end of one guard: how long it took, the run's end if it failed, and its number."""

    wall_s: float = 0.0
    failure: End | None = None
    number: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guard:
    """A command that must pass, its time limit, and the number that it prints, if any."""

    name: str
    argv: tuple[str, ...]
    metric: str = ""
    left_s: float  # seconds left of the time for all guards

    def run(
        self,
        rundir: RunDir,
        spec: RunSpec,
        sandbox: Sandbox,
        descendants: Descendants,
        grant: Grant,
        stop_asked: Callable[[], bool],
        report: Callable[[Progress], None],
    ) -> _GuardEnd:
        """Run the guard; its output is appended to the run's log. A stopped one did not fail."""
        directory = _GuardDir(rundir.path)
        directory.prepare()
        own = dataclasses.replace(
            spec,
            command=self.argv,
            cpu_ceiling_s=None,
            wall_ceiling_s=self.left_s,
            guarding=True,
        )
        source = self._number(directory, own)
        listen = source.listen if source else None
        try:
            training = Training(directory, own, sandbox, descendants, grant, listen)
            end = training.run_to_end(stop_asked, report)
        except NotStarted as refused:
            found = _GuardEnd(failure=self._failure(f"its command can't be started: {refused}"))
        else:
            found = _GuardEnd(wall_s=end.taken.wall_s, failure=self._failed(directory, own, end))
            if source and found.failure is None and end.kind is EndKind.EXITED:
                found = self._measured(found, source, end)
        self._keep_log(rundir, directory)
        return found

    def _number(self, directory: RunDir, spec: RunSpec) -> MetricSource | None:
        """Return the source of its number: one line `METRIC name=value` of its output."""
        if not self.metric:
            return None
        prints = dataclasses.replace(
            spec, scoring="stdout", metric=self.metric, pattern="", file="", block=""
        )
        return metric_source_of(directory, prints)

    def _measured(self, passed: _GuardEnd, source: MetricSource, end: TrainingEnd) -> _GuardEnd:
        try:
            number = source.measure(end).value
        except ScoringError as missing:
            return dataclasses.replace(passed, failure=self._failure(missing.message))
        return dataclasses.replace(passed, number=number)

    def _failed(self, directory: RunDir, spec: RunSpec, end: TrainingEnd) -> End | None:
        words = ""
        if not end.all_dead:
            words = "some of its processes could not be killed"
        elif end.kind is EndKind.STOPPED:
            return None
        elif end.exit_code is None:
            never = unstarted_end(directory)
            if never.cause is EndCause.NO_SANDBOX:
                return never
            words = never.reason
        elif end.kind is EndKind.CEILING:
            words = f"killed after {end.taken.wall_s:.1f} s: all guards share {spec.guard_s:g} s"
        elif end.kind is not EndKind.EXITED:
            words = f"killed after {end.taken.wall_s:.1f} s: {end.limit}"
        elif end.exit_code < 0:
            words = crash(directory, spec, end).reason
        elif end.exit_code > 0:
            last = last_line(directory.log_file)
            words = f"exit status {end.exit_code}" + (f"; its last line: {last}" if last else "")
        return self._failure(words) if words else None

    def _failure(self, words: str) -> End:
        return End(EndCause.GUARD_FAILED, f"guard {self.name} failed: {words}")

    def _keep_log(self, rundir: RunDir, directory: RunDir) -> None:
        with rundir.log_file.open("ab") as log, directory.log_file.open("rb") as said:
            log.write(f"\n[guard {self.name}: {shlex.join(self.argv)}]\n".encode())
            shutil.copyfileobj(said, log)


@contextlib.contextmanager
def _run_put_aside(rundir: RunDir) -> Iterator[None]:
    """Move the run's own folders out of the way while guards run in their places.

    What it left lies in `rundir.left` meanwhile; afterwards all is where it was.
    """
    aside = _aside(rundir)
    remove_tree(aside)
    aside.mkdir()
    remove_tree(rundir.left)
    moved = (
        (rundir.tree, aside / "tree"),
        (rundir.scratch, aside / "scratch"),
        (rundir.out, rundir.left),
    )
    for place, other in moved:
        place.rename(other)
    try:
        yield
    finally:
        for place, other in moved:
            remove_tree(place)
            other.rename(place)
        remove_tree(aside)


class _GuardDir(RunDir):
    """The run directory as a guard uses it: with a log of its own."""

    @property
    def log_file(self) -> Path:
        return _aside(self) / "log"

    def prepare(self) -> None:
        """Put the files as committed, and empty folders, where the run had its own."""
        remove_tree(self.log_file)
        for folder in (self.tree, self.out, self.scratch):
            remove_tree(folder)
        shutil.copytree(self.committed, self.tree, symlinks=True)
        self.out.mkdir()
        self.scratch.mkdir()


def _aside(rundir: RunDir) -> Path:
    return rundir.path / "guard"
