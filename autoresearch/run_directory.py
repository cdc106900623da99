"""The run directory: the state of one run in files, readable while they are written.

    spec.json      what to do; written once, before the supervisor starts
    status.json    RunReport so far; replaced by atomic rename
    lock           held by the supervisor as long as it lives
    stop           present when somebody asked the run to stop
    yield          present when its device is wanted for an experiment: it ends as lost
    log            output of the training, capped
    processes.json boot id, pid and start of every process of the run, to end orphans by
    seen.json      the curve as the supervisor saw it, of a contract with early_stop
    controls.json  such curves of the incumbent, of a run that may be stopped early
    measurement.json what the scorer found, or why it failed
    supervisor.err what went wrong with the supervisor or the scorer themselves
    tree/          the experiment's code without .git; removed when the run ends. A run that is
                   not sealed may write there too
    lookups        what a recorded run looked for and left in its tree, in its own words
    committed/     the same as it was committed, where guards need it; removed likewise
    left/          where guards find what the run left, and the run itself an empty folder
    guard/         the run's own folders while a guard runs in their places; removed likewise
    evaluation/    those of a target's own evaluation function; removed likewise
    scratch/       home and temporary folder of the code under research; removed likewise
    out/           what the training leaves: checkpoint, curve.jsonl

Standard library only: a supervisor must start fast.
"""

import contextlib
import dataclasses
import json
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoresearch.common.files import replace_file
from autoresearch.old_records import with_cause
from autoresearch.records import EndCause, Measurement, RunReport, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """The whole input of a supervisor; it reads nothing else of the lab's."""

    run: str
    seed: int
    command: tuple[str, ...]  # argv in tree/, {python} already replaced
    python: str  # the interpreter that loads the model for scoring
    env: dict[str, str]  # the contract's own additions
    devices: tuple[str, ...]  # slots of which one, or `cpus` cores, are leased: cpu-0, gpu-0/2
    devices_dir: str  # where the leases of cores are
    budget_unit: str  # "tokens", "wall_s", "cpu_s", or "timeout_s"
    budget: float
    cpu_ceiling_s: float | None  # with a token budget
    wall_ceiling_s: float  # whole process, start-up included: nothing outlives it
    memory_mb: int
    documents: str  # file of documents, one a line, that only supervisor and scorer read
    split_seed: int  # which part is held out
    held_out: int  # documents scored
    spare_part: int  # which part of the rest of the held-out tenth is scored for comparison
    entry: str  # "train.py:load"
    checkpoint: str  # file name below out/
    checkpoint_mb: float
    score_s: float
    bulk: bool  # whole rows are scored at once, and a sample column by column
    sandbox: str  # its name, as `sandbox.make_sandbox` knows it
    hidden: tuple[str, ...]  # folders that no child may see, wherever they lie
    scoring: str = "sealed"  # as in the contract's [metric]
    metric: str = ""  # its name, as the run prints it
    pattern: str = ""  # the contract's pattern, file and block, of which at most one is given
    file: str = ""
    block: str = ""
    inputs: tuple[tuple[str, str], ...] = ()  # (where it lies, where the run sees it), read-only
    network: bool = False
    guards: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (name, argv)
    guard_metrics: tuple[tuple[str, str], ...] = ()  # (name, what it prints) of those with a number
    guarding: bool = False  # a guard runs in the run's place: its time is not the budget
    guard_s: float = 300.0
    gpu_memory_mb: int = 0
    needed_mb: float = 0.0  # of memory, before it begins: what is known; 0.0 where nothing is
    early_stop: bool = False  # watch the curve; it ends the run only beside those of controls
    cpus: int = 1  # cores leased together, at most those of `devices`; threads
    gpus: tuple[tuple[str, str, str], ...] = ()  # (name in `devices`, uuid, device file)
    gpu_leases: str = ""  # where GPUs are leased, for all labs of a user
    vocab: str = "characters"  # the kind of corpus that `documents` is
    context: int = 0  # of a token corpus: positions of a scored row
    samples: int = 0  # positions that are shown prefix by prefix
    tolerance: float = 0.0  # nats by which a position's cost may differ there
    function: str = ""  # of a target that evaluates answers itself: "evaluate.py:score"
    order: int | None = None  # draws the order in which its data are served; None: the seed does
    load_cpu_s: float = 0.0  # CPU seconds for a model to load; 0.0: no limit
    score_cpu_s: float = 0.0  # the same for its answers; or, if that is more,
    score_cpu_share: float = 0.0  # this share of the CPU seconds of its training
    steady: bool = False  # a slower machine does not change what it measures, though it has seconds
    records_lookups: bool = False  # its Pythons write down what they look for; never in the ledger

    @property
    def sealed(self) -> bool:
        """True if a model is scored, rather than a number read from the run or from a clock."""
        return self.scoring == "sealed"

    @property
    def timed(self) -> bool:
        """True if a slower machine means another number, so that its load taints the run."""
        return self.budget_unit != "tokens" and not self.steady

    @property
    def serves_tokens(self) -> bool:
        """True if the lab serves the training data; else the target brings its own."""
        return self.sealed and self.vocab != "arrays"

    def links(self, tree: Path, home: Path) -> tuple[tuple[Path, Path], ...]:
        """Return (source, place) of each input, for a process with that tree and home folder."""
        return tuple((Path(source), _seen_at(place, tree, home)) for source, place in self.inputs)


@dataclass(frozen=True, slots=True)
class RunDir:
    """Paths of one run directory and atomic reads and writes of its two JSON files."""

    path: Path

    @property
    def spec_file(self) -> Path:
        """The run's input, a RunSpec."""
        return self.path / "spec.json"

    @property
    def status_file(self) -> Path:
        """The RunReport so far."""
        return self.path / "status.json"

    @property
    def lock_file(self) -> Path:
        """Held while the supervisor lives."""
        return self.path / "lock"

    @property
    def stop_file(self) -> Path:
        """Its presence asks the run to stop."""
        return self.path / "stop"

    @property
    def yield_file(self) -> Path:
        """Its presence asks a control run to give its device up."""
        return self.path / "yield"

    @property
    def log_file(self) -> Path:
        """Output of the training, capped."""
        return self.path / "log"

    @property
    def processes_file(self) -> Path:
        """Pid and start time of every process."""
        return self.path / "processes.json"

    @property
    def measurement_file(self) -> Path:
        """The scorer's measurement, or the reason why it failed."""
        return self.path / "measurement.json"

    @property
    def error_file(self) -> Path:
        """Errors of our own processes."""
        return self.path / "supervisor.err"

    @property
    def seen_file(self) -> Path:
        """The curve as the supervisor read it."""
        return self.path / "seen.json"

    @property
    def controls_file(self) -> Path:
        """The curves that its own is compared with."""
        return self.path / "controls.json"

    @property
    def scratch(self) -> Path:
        """Home and temporary folder of the code under research."""
        return self.path / "scratch"

    @property
    def tree(self) -> Path:
        """The experiment's code."""
        return self.path / "tree"

    @property
    def committed(self) -> Path:
        """The experiment's code once more, for guards."""
        return self.path / "committed"

    @property
    def left(self) -> Path:
        """Folder in which guards find what the run left; empty while it trains."""
        return self.path / "left"

    @property
    def out(self) -> Path:
        """The training's output folder."""
        return self.path / "out"

    @property
    def lookups_file(self) -> Path:
        """Look-ups of a recorded run."""
        return self.path / "lookups"

    @property
    def curve_file(self) -> Path:
        """The curve, as the training wrote it."""
        return self.out / "curve.jsonl"

    def write_spec(self, spec: RunSpec) -> None:
        """Write spec.json; the directory exists afterwards."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.spec_file, dataclasses.asdict(spec))

    def read_spec(self) -> RunSpec:
        """Return the spec; raise FileNotFoundError if there is none."""
        fields: dict[str, Any] = json.loads(self.spec_file.read_text())
        fields.update((k, _frozen(v)) for k, v in fields.items() if isinstance(v, list))
        return RunSpec(**fields)

    def write_status(self, report: RunReport) -> None:
        """Replace status.json."""
        write_json(self.status_file, dataclasses.asdict(report))

    def read_status(self) -> RunReport | None:
        """Return the report so far, None before the supervisor's first."""
        try:
            fields = json.loads(self.status_file.read_text())
        except FileNotFoundError:
            return None
        measurement = fields.pop("measurement")
        fields["state"] = RunState(fields["state"])
        told = "cause" in fields  # not by the supervisor of an earlier version
        fields["cause"] = EndCause(fields["cause"]) if fields.get("cause") else None
        fields["guard_numbers"] = _frozen(fields.get("guard_numbers", []))
        found = measurement_of(measurement) if measurement else None
        report = RunReport(**fields, measurement=found)
        return report if told else with_cause(report)

    def keep_only(self, checkpoint: str) -> None:
        """Remove all files that the training left, except its checkpoint and its curve.

        Even file names could tell the model what it must not know.
        """
        with contextlib.suppress(OSError):
            if not self.out.is_symlink():
                self.out.chmod(0o700)  # the training may have made it unreadable
            for path in list(self.out.iterdir()):
                if path.name not in (checkpoint, self.curve_file.name):
                    remove_tree(path)

    def remove_leftovers(self) -> None:
        """Remove the folders that nobody needs after the end, as far as possible."""
        others = (self.left, self.path / "guard", self.path / "evaluation")
        for folder in (self.tree, self.scratch, self.committed, *others):
            remove_tree(folder)


def _seen_at(place: str, tree: Path, home: Path) -> Path:
    return home / place[2:] if place.startswith("~/") else tree / place  # a full path stays one


def measurement_of(fields: dict[str, Any]) -> Measurement:
    """Return the measurement in the fields that JSON gives back."""
    return Measurement(**{key: _frozen(value) for key, value in fields.items()})


def _frozen(value: Any) -> Any:  # noqa: ANN401 - what JSON can hold
    """Turn lists, at any depth, back into tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def empty_report(run: str, state: RunState, reason: str) -> RunReport:
    """Return the report of a run that used nothing and left nothing."""
    now = time.time()
    return RunReport(
        run=run,
        state=state,
        reason=reason,
        started=now,
        ended=now,
        wall_s=0.0,
        cpu_s=0.0,
        tokens=0,
        device="",
        sandbox="",
        measurement=None,
    )


def ended_report(run: str, cause: EndCause, reason: str) -> RunReport:
    """The report of a run that ended before it took anything."""
    return with_end(empty_report(run, cause.state, ""), cause, reason)


def with_end(report: RunReport, cause: EndCause, reason: str) -> RunReport:
    """The report of a run so far, ended by that."""
    return dataclasses.replace(report, state=cause.state, cause=cause, reason=reason)


def weigh_folder(folder: Path, most: int) -> tuple[float, int]:
    """Return MB on disk and number of entries below a folder, counting `most` entries at most."""
    size, count, waiting = 0, 0, [folder]
    while waiting and count < most:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                count += 1
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                if count >= most:
                    break
    return size / 2**20, count


def remove_tree(folder: Path) -> None:
    """Remove a folder as far as possible, however deep or unwritable it is.

    Every folder below is moved up before it is emptied: no recursion, and no path gets too long.
    """
    with contextlib.suppress(OSError):
        if not stat.S_ISDIR(folder.lstat().st_mode):
            folder.unlink()
            return
    waiting = [folder]
    while waiting:
        with contextlib.suppress(OSError):
            emptied = waiting.pop()
            emptied.chmod(0o700)
            with os.scandir(emptied) as entries:
                below = list(entries)
            for entry in below:
                with contextlib.suppress(OSError):
                    if not entry.is_dir(follow_symlinks=False):
                        Path(entry.path).unlink()
                        continue
                    moved = folder / os.urandom(12).hex()
                    Path(entry.path).chmod(0o700)
                    waiting.append(Path(entry.path).rename(moved))
            if emptied != folder:
                emptied.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def write_json(path: Path, fields: object, *, durable: bool = True) -> None:
    """Replace a file by atomic rename; if `durable`, also safe against a loss of power."""
    replace_file(path, json.dumps(fields).encode(), durable=durable)
