"""The run directory: the truth about one run, readable while it is written.

    spec.json      what to do; written once, before the supervisor starts
    status.json    RunReport so far; replaced by atomic rename
    lock           held by the supervisor as long as it lives
    stop           present when somebody asked the run to stop
    log            output of the training, capped
    tree/          the experiment's code without .git; removed when the run ends
    out/           what the training leaves: checkpoint, curve.jsonl

Standard library only: a supervisor must start fast.
"""

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoresearch.records import Measurement, RunReport, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything a supervisor needs; it reads nothing else of the lab's."""

    run: str
    seed: int
    command: tuple[str, ...]  # argv in tree/, {python} already replaced
    python: str  # the interpreter that loads the model for scoring
    env: dict[str, str]  # the contract's own additions
    devices: tuple[str, ...]  # device names of which one is leased, such as cpu-0
    devices_dir: str  # where the leases are
    budget_unit: str  # "tokens", "wall_s" or "cpu_s"
    budget: float
    cpu_ceiling_s: float | None  # with a token budget
    wall_ceiling_s: float  # whole process, start-up included: nothing outlives it
    memory_mb: int
    documents: str  # file of documents, one a line, that only supervisor and scorer read
    split_seed: int  # which part is held out
    held_out: int  # documents scored
    entry: str  # "train.py:load"
    checkpoint: str  # file name below out/
    checkpoint_mb: float
    score_s: float


@dataclass(frozen=True, slots=True)
class RunDir:
    """Paths of one run directory and atomic reads and writes of its two JSON files."""

    path: Path

    @property
    def spec_file(self) -> Path:
        return self.path / "spec.json"

    @property
    def status_file(self) -> Path:
        return self.path / "status.json"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def stop_file(self) -> Path:
        return self.path / "stop"

    @property
    def log_file(self) -> Path:
        return self.path / "log"

    @property
    def tree(self) -> Path:
        return self.path / "tree"

    @property
    def out(self) -> Path:
        return self.path / "out"

    @property
    def curve_file(self) -> Path:
        return self.out / "curve.jsonl"

    def write_spec(self, spec: RunSpec) -> None:
        """Write spec.json; the directory exists afterwards."""
        self.path.mkdir(parents=True, exist_ok=True)
        _write_atomically(self.spec_file, dataclasses.asdict(spec))

    def read_spec(self) -> RunSpec:
        """Raise FileNotFoundError where there is none."""
        fields = json.loads(self.spec_file.read_text())
        return RunSpec(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})

    def write_status(self, report: RunReport) -> None:
        """Replace status.json."""
        _write_atomically(self.status_file, dataclasses.asdict(report))

    def read_status(self) -> RunReport | None:
        """None until the supervisor wrote its first status."""
        try:
            fields = json.loads(self.status_file.read_text())
        except FileNotFoundError:
            return None
        measurement = fields.pop("measurement")
        fields["state"] = RunState(fields["state"])
        return RunReport(
            **fields, measurement=Measurement(**measurement) if measurement else None
        )


def _write_atomically(path: Path, fields: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w") as file:
        json.dump(fields, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
