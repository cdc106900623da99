"""Run an experiment again unchanged: its tree, its command, its seeds; nothing enters the ledger.

A replay tells whether a recorded value can be had again. It is no evidence for a verdict, since
whoever could add runs at will, seeing each value, would go on until it looks good.
"""

import contextlib
import hashlib
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock, Timeout

from autoresearch.errors import InvalidStateError, NotFoundError
from autoresearch.executors import Executor
from autoresearch.git.bulk_reads import read_commits
from autoresearch.lab import Lab
from autoresearch.ledger.history import History
from autoresearch.records import Experiment, Run, RunReport, RunState
from autoresearch.run_directory import RunDir, remove_tree
from autoresearch.system.locks import try_lock
from autoresearch.verdicts.repetition import spread_behind

LOOK_S = 0.1
STOP_S = 60.0  # a supervisor that was asked to stop looks 20 times a second
ROUNDING = 1e-9  # metric units; more than a sum's order can move its value
FOLDER = "replays"  # below the lab's folder

Watch = Callable[[Run, RunReport | None], None]  # None: no supervisor has spoken yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The run to repeat, rebuilt from git and the ledger."""

    experiment: Experiment
    runs: tuple[Run, ...]  # as recorded: their ids, seeds and spare parts
    tree: str  # git's id of the experiment's files
    files: tuple[str, ...]  # in the sandbox
    left_out: tuple[str, ...]  # of the data that no run sees
    command: tuple[str, ...]
    budget: str
    sigma: float | None  # noise of single runs, metric units


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A recorded run beside its replay."""

    run: str
    seed: int
    recorded: RunReport
    replayed: RunReport
    sigmas: float | None  # how far apart; None where one has no value or no noise is known
    same_model: bool | None  # to the last byte; None where not both left a checkpoint

    @property
    def same(self) -> bool:
        """Return whether both ended alike: the same value to the last bit, or none."""
        return self.recorded.state == self.replayed.state and self.values[0] == self.values[1]

    @property
    def words(self) -> str:
        """Describe the comparison; a score's last bits may differ: its summation order is new."""
        before, now = self.values
        if self.recorded.hopeless and now is not None:
            return "stopped early when it was recorded; replayed to its end, it has a value"
        if self.same:
            return "bit for bit the same" if now is not None else "ended the same, without a value"
        if before is None or now is None:
            return "NOT the same: it ended differently"
        apart = f"{now - before:+.3g}"
        if self.sigmas is not None:
            apart += f" ({self.sigmas:+.2g} sigma)"
        if self.same_model and abs(now - before) < ROUNDING:
            return f"bit for bit the same model, scored in another order: {apart}"
        return f"NOT bit for bit the same: {apart}"

    @property
    def values(self) -> tuple[float | None, float | None]:
        """Recorded and replayed."""
        both = (self.recorded.measurement, self.replayed.measurement)
        first, second = (None if found is None else found.value for found in both)
        return first, second


def plan(lab: Lab, name: str, runs: int = 1) -> Plan:
    """Find the runs to replay: of an experiment its first, of a run itself `runs` times.

    Raises NotFoundError with the ids there are, or InvalidStateError where nothing is recorded to
    compare with.
    """
    if runs < 1:
        raise InvalidStateError(
            f"Can't replay {runs} runs.", "Ask for at least one with --runs.", reason="too_few_runs"
        )
    sigma = lab.overview().incumbent.sigma  # takes in how runs ended, too
    history = lab.history()
    chosen = _chosen(history, name, runs)
    experiment = history.experiments[chosen[0].experiment]
    [commit] = read_commits(lab.repository, [experiment.commit])
    if commit is None:
        raise NotFoundError(
            f"The commit {experiment.commit[:12]} of {experiment.id} is missing.",
            "Run `autoresearch-mcp verify`.",
            reason="commit",
        )
    left_out = lab.contract.sealed_paths
    verdict = history.verdicts.get(experiment.id)
    table = lab.contract.run
    python = table.python or lab.runs.python
    return Plan(
        experiment=experiment,
        runs=chosen,
        tree=commit.tree,
        files=tuple(f for f in lab.repository.list_files(experiment.commit) if f not in left_out),
        left_out=left_out,
        command=tuple(part.replace("{python}", python) for part in table.command),
        budget=f"{table.budget.amount:,} {table.budget.unit}",
        sigma=spread_behind(history, verdict) if verdict and verdict.sigma else sigma,
    )


def keep_tree(lab: Lab, planned: Plan, folder: Path) -> None:
    """Write the files of a run into a new folder; raise InvalidStateError if it exists."""
    if folder.exists() or folder.is_symlink():
        raise InvalidStateError(
            f"{folder} already exists.", "Name a new folder with --keep.", reason="folder_exists"
        )
    lab.repository.export(planned.experiment.commit, folder, exclude=planned.left_out)


def replay(lab: Lab, planned: Plan, watch: Watch) -> Iterator[Replayed]:
    """Run them one by one. Whatever ends the wait, Ctrl-C included, no process of it is left.

    Raises InvalidStateError, RunStartError or OSError where a run cannot be started.
    """
    recorded = lab.history().reports
    for run in planned.runs:
        with _folder(lab.folder, lab.runs.executor) as folder:
            directory = RunDir(folder / run.id)
            report = _run(lab, run, planned.experiment.commit, directory, watch)
            name = lab.contract.sealed.checkpoint if lab.contract.sealed else ""
            both = (lab.runs.directory(run.id), directory)
            models = [_digest(one.out / name) if name else None for one in both]
        yield Replayed(
            run=run.id,
            seed=run.seed,
            recorded=recorded[run.id],
            replayed=report,
            sigmas=_sigmas(recorded[run.id], report, planned.sigma),
            same_model=None if None in models else models[0] == models[1],
        )


def _chosen(history: History, name: str, runs: int) -> tuple[Run, ...]:
    if name in history.runs:
        if name not in history.reports:
            raise InvalidStateError(
                f"{name} has not ended.", f"Wait for {name}, or stop it.", reason="run_goes_on"
            )
        return (history.runs[name],) * runs
    if name not in history.experiments:
        newest = ", ".join(list(history.experiments)[-5:])
        raise NotFoundError(
            f"There is no experiment or run {name!r}.",
            f"The newest experiments: {newest}; their runs are named e1-r1, e1-r2, …",
            reason="run_or_experiment",
        )
    ended = [run for run in history.runs_of(name) if run.id in history.reports]
    measured = [run for run in ended if history.reports[run.id].measurement is not None]
    chosen = measured or ended
    if not chosen:
        raise InvalidStateError(
            f"{name} has no run that ended, so there is nothing to compare with.",
            "Replay another, or let it run first.",
            reason="no_ended_run",
        )
    if runs > len(chosen):
        raise InvalidStateError(
            f"{name} has {len(chosen)} runs to replay, not {runs}.",
            f"Ask for at most {len(chosen)}, or replay one run several times: {chosen[0].id}.",
            reason="too_many_runs",
        )
    return tuple(chosen[:runs])


@contextlib.contextmanager
def _folder(lab_folder: Path, executor: Executor) -> Iterator[Path]:
    """A new folder, locked as long as it is in use; what dead replays left is removed."""
    below = lab_folder / FOLDER
    below.mkdir(exist_ok=True)
    with _alone(lab_folder):
        _sweep(below, executor)
        folder = Path(mkdtemp(prefix="replay-", dir=below))
        lock = try_lock(folder / "lock")
    if lock is None:
        raise InvalidStateError(
            f"{folder} was locked by another process.", "Replay it again.", reason="replay_locked"
        )
    try:
        yield folder
    finally:
        with (
            contextlib.suppress(InvalidStateError),
            _alone(lab_folder),
        ):  # else a later sweep removes it
            lock.release()
            remove_tree(folder)
        lock.release()


@contextlib.contextmanager
def _alone(lab_folder: Path) -> Iterator[None]:
    """Keep other replays from making, sweeping and removing folders meanwhile.

    A folder that is seen without its lock then has no owner any more, and nobody else removes it.
    """
    guard = FileLock(lab_folder / f"{FOLDER}.lock")
    try:
        guard.acquire(timeout=STOP_S)
    except Timeout:
        raise InvalidStateError(
            f"Another replay has kept {FOLDER} locked for {STOP_S:g} s.",
            "If a replay was suspended, resume it or end it; then try again.",
            reason="replays_locked",
        ) from None
    try:
        yield
    finally:
        guard.release()


def _sweep(below: Path, executor: Executor) -> None:
    """Remove what killed replays left; ask those that are still running to end."""
    for folder in below.iterdir():
        if not folder.is_dir() or time.time() - folder.stat().st_mtime < STOP_S:
            continue  # perhaps its supervisor starts at this moment, and holds no lock yet
        lock = try_lock(folder / "lock")
        if lock is None:
            continue
        lock.release()  # under the guard nobody else takes it
        going = [one for one in map(RunDir, folder.glob("*-r*")) if executor.alive(one)]
        for directory in going:
            directory.stop_file.touch()
        if not going:
            remove_tree(folder)


def _run(lab: Lab, run: Run, commit: str, directory: RunDir, watch: Watch) -> RunReport:
    executor = lab.runs.executor
    report = None
    try:
        watch(run, None)
        lab.runs.start_outside(run, commit, directory)
        while (report := executor.settle(directory)) is None:
            watch(run, directory.read_status())
            time.sleep(LOOK_S)
        return report
    finally:
        if report is None and directory.spec_file.exists():
            directory.stop_file.touch()
        _wait_for_its_end(executor, directory)


def _wait_for_its_end(executor: Executor, directory: RunDir) -> None:
    """Until its supervisor, which kills the whole tree, is gone; nothing, if it was not begun."""
    deadline = time.monotonic() + STOP_S
    while directory.spec_file.exists() and time.monotonic() < deadline:
        if executor.settle(directory) is not None and not executor.alive(directory):
            return
        time.sleep(LOOK_S)


def _digest(checkpoint: Path) -> str | None:
    """Return the hash of the file that a training left; None if it is not a plain file."""
    with contextlib.suppress(OSError):
        if stat.S_ISREG(checkpoint.lstat().st_mode):
            with checkpoint.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    return None


def _sigmas(recorded: RunReport, replayed: RunReport, sigma: float | None) -> float | None:
    if recorded.measurement is None or replayed.measurement is None or not sigma:
        return None
    return (replayed.measurement.value - recorded.measurement.value) / sigma


def progress(report: RunReport | None) -> str:
    """Describe a run's progress in a few words."""
    if report is None or report.state is RunState.QUEUED:
        return "waiting for a device"
    tokens = f", {report.tokens:,} tokens" if report.tokens else ""
    return f"{report.state}{tokens}"
