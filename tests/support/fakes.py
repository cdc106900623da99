"""A tiny target that trains in milliseconds, and run directories around any `train.py`.

Targets here are text; a test gives the text of a training that misbehaves and reads its report.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import psutil

from autoresearch.devices import Probe
from autoresearch.devices.disturbance import Counters
from autoresearch.executors.local import LocalExecutor
from autoresearch.records import RunReport
from autoresearch.run_directory import RunDir, RunSpec
from autoresearch.sandboxes.selection import current_sandbox
from autoresearch.training.supervisor import supervise
from tests.support.paths import ROOT

T = TypeVar("T")

# Counts of character pairs: a real model, trained in one pass over the stream.
BIGRAM = """
import json, os
import numpy as np

def load(path):
    counts = np.load(path) + 0.1
    logits = np.log(counts / counts.sum(axis=1, keepdims=True))
    return lambda tokens: logits[tokens[:, -1]]

def main():
    vocab, out = int(os.environ["AUTORESEARCH_VOCAB"]), os.environ["AUTORESEARCH_OUT"]
    counts = np.zeros((vocab, vocab))
    with open(os.environ["AUTORESEARCH_DATA"], "rb") as stream:
        ids = np.frombuffer(stream.read(), "<u2")
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    with open(out + "/curve.jsonl", "w") as curve:
        curve.write(json.dumps({"tokens": len(ids) - 1, "loss": 2.5}) + "\\n")
    np.save(out + "/saving.npy", counts)
    os.replace(out + "/saving.npy", out + "/model.npy")
    print("trained on", len(ids) - 1, "tokens")

if __name__ == "__main__":
    main()
"""

NAMES = tuple(
    a + b + c
    for a in ("ba", "de", "ki", "lo", "mu")
    for b in ("n", "r", "s")
    for c in ("a", "o", "")
)


def model_target(body: str) -> str:
    """A target that trains as BIGRAM does and whose model is this line of code."""
    model = f"""def load(path):
    vocab = np.load(path).shape[1]
    def model(tokens):
        {body}
    return model

def main():"""
    return BIGRAM.replace("def load(", "def _bigram(").replace("def main():", model)


def make_run(folder: Path, train: str = BIGRAM, **changes: Any) -> RunDir:
    """A run directory, ready to submit, for this text of train.py; `changes` go to its spec."""
    rundir = RunDir(folder / "e1-r1")
    documents = folder / "documents.txt"
    if not documents.exists():
        documents.write_text("\n".join(NAMES) + "\n")
    rundir.tree.mkdir(parents=True)
    (rundir.tree / "train.py").write_text(train)
    if changes.get("guards"):
        shutil.copytree(rundir.tree, rundir.committed)
    rundir.write_spec(make_spec(folder, **{"documents": str(documents), **changes}))
    return rundir


def make_spec(folder: Path, **changes: Any) -> RunSpec:
    """A spec with short limits."""
    fields: dict[str, Any] = {
        "run": "e1-r1",
        "seed": 7,
        "command": (sys.executable, "train.py"),
        "python": sys.executable,
        "env": {},
        "devices": ("cpu-0", "cpu-1", "cpu-2", "cpu-3"),
        "devices_dir": str(folder / "devices"),
        "budget_unit": "tokens",
        "budget": 500,
        "cpu_ceiling_s": 20.0,
        "wall_ceiling_s": 20.0,
        "memory_mb": 600,
        "documents": str(folder / "documents.txt"),
        "split_seed": 3,
        "held_out": 4,
        "spare_part": 0,
        "entry": "train.py:load",
        "checkpoint": "model.npy",
        "checkpoint_mb": 1.0,
        "score_s": 20.0,
        "bulk": False,
        "sandbox": current_sandbox().name,
        "hidden": (),
    }
    return RunSpec(**{**fields, **changes})


def wait_for(look: Callable[[], T | None], within_s: float = 300.0) -> T:
    """What `look` answers, as soon as it is true; the time only ends a test that hangs."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.03)
    raise AssertionError(f"nothing came of {look} in {within_s} s")


def final_report(rundir: RunDir) -> RunReport:
    """Wait until the supervisor has written how it ended, and let go of its lock."""
    report = wait_for(lambda: _final(rundir))
    executor = LocalExecutor(sys.executable)
    wait_for(lambda: not executor.alive(rundir))
    return report


def run_to_end(
    folder: Path,
    train: str = BIGRAM,
    *,
    quiet: bool = False,
    executor: LocalExecutor | None = None,
    **changes: Any,
) -> tuple[RunDir, RunReport]:
    """Run this text of train.py as the lab would, `quiet` on a machine that seems idle."""
    rundir = make_run(folder, train, **changes)
    executor = executor or (QuietExecutor() if quiet else LocalExecutor(sys.executable))
    executor.submit(rundir)
    return rundir, final_report(rundir)


def supervise_on_an_idle_machine(path: str) -> None:
    """Own a run where nothing else takes processor time, however loaded the real machine is."""
    supervise(Path(path), idle_machine)


def idle_machine() -> Counters:
    """Nothing but the run takes anything."""
    return Counters(at=time.monotonic(), cores=2, busy_s=0.0, stalled_s=0.0, free_mb=4096.0)


def supervise_on_a_full_machine(path: str) -> None:
    """Own a run where 1,000 MB of memory are free and will be."""
    supervise(Path(path), lambda: replace(idle_machine(), free_mb=1000.0), patience_s=0.0)


class QuietExecutor(LocalExecutor):
    """Runs real supervisors, to whom the machine seems idle however loaded it is.

    For runs whose budget is in seconds, which a busy machine would taint.
    """

    supervises = (
        "tests.support.fakes:supervise_on_an_idle_machine"  # a function that is given the path
    )

    def __init__(self, probe: Probe | None = None) -> None:
        super().__init__(sys.executable, probe)

    def _spawn(self, rundir: RunDir) -> int:
        module, _, name = self.supervises.partition(":")
        own = f"import sys; from {module} import {name} as own"
        with rundir.error_file.open("ab") as errors:
            argv = (sys.executable, "-c", f"{own}; own(sys.argv[1])", str(rundir.path))
            subprocess.run(  # the shell ends at once, so that nobody has to wait for its child
                ["/bin/sh", "-c", '"$@" &', "sh", *argv],
                check=True,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        wait_for(rundir.read_status)
        return 0


class OnAFullMachine(QuietExecutor):
    """Runs supervisors that see little free memory."""

    supervises = "tests.support.fakes:supervise_on_a_full_machine"


def supervise_on_a_busy_machine(path: str) -> None:
    """Own a run beside processes that leave it no core."""
    supervise(Path(path), lambda: replace(idle_machine(), busy_s=10 * time.monotonic()))


class OnABusyMachine(QuietExecutor):
    """Runs supervisors that see a neighbour on every core."""

    supervises = "tests.support.fakes:supervise_on_a_busy_machine"


def processes_with(mark: str) -> list[psutil.Process]:
    """Every process whose command line carries this mark, this one apart."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and any(mark in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _final(rundir: RunDir) -> RunReport | None:
    report = rundir.read_status()
    return report if report is not None and report.state.final else None
