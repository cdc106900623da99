"""Benchmark what not being fooled costs: a sandbox's start, and sealed scoring in a microgpt run.

    uv run python scripts/benchmarks/sealing.py [--starts N] [--runs N]

Starts are compared with the same program started without a sandbox, one after the other in turn;
scoring with what a training that scores itself would take: the same documents, in bulk, in its own
process. A run is training and scoring together. Medians.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from autoresearch.errors import LabError
from autoresearch.lab import Lab
from autoresearch.records import Run, RunReport
from autoresearch.run_directory import RunDir
from autoresearch.sandboxes.base import Confinement, Sandbox
from autoresearch.sandboxes.selection import NAMES, make_sandbox

OWN_SCORE = """
import os, sys, time
import numpy as np
sys.path.insert(0, sys.argv[1])
import train
from tensor import Tensor, cross_entropy, no_grad
with np.load(sys.argv[2]) as arrays:
    weights = {name: Tensor(arrays[name]) for name in arrays.files}
documents = open(sys.argv[3], encoding="utf-8").read().split()
everything = open(sys.argv[4], encoding="utf-8").read().split()
ids = {c: n for n, c in enumerate(sorted(set("".join(everything))))}
bos = len(ids)
started = time.perf_counter()
nats = tokens = 0
for first in range(0, len(documents), 512):
    batch = documents[first : first + 512]
    rows = [[bos, *(ids[c] for c in d), bos][: train.CONTEXT + 1] for d in batch]
    inputs, targets, shares = train.pad(rows)
    with no_grad():
        nats += cross_entropy(train.forward(weights, inputs), targets, shares).item() * shares.sum()
    tokens += shares.sum()
print(time.perf_counter() - started)
"""


@dataclass(frozen=True, slots=True)
class Scored:
    """One run: seconds of its training, of its sealed scoring, and of scoring by itself."""

    train_s: float
    sealed_s: float
    own_s: float


def start_ms(sandbox: Sandbox, folder: Path) -> float:
    """From the start of a program that does nothing to its end."""
    confinement = Confinement(
        argv=("/bin/true",),
        cwd=folder,
        env={},
        interpreter=sys.executable,
        readable=(folder,),
        writable=(),
        scratch=folder,
        memory_mb=512,
        file_mb=8,
    )
    started = time.perf_counter()
    sandbox.start(confinement).wait()
    elapsed = time.perf_counter() - started
    sandbox.release()
    return elapsed * 1000


def bench_starts(starts: int) -> None:
    """Print a line a sandbox."""
    bare = make_sandbox("unsandboxed")
    for name in NAMES[:-1]:
        try:
            sandbox = make_sandbox(name)
        except LabError as error:
            print(f"{name}: not here: {error}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            pairs = [
                (start_ms(bare, Path(folder)), start_ms(sandbox, Path(folder)))
                for _ in range(starts)
            ]
        without, within = (median(column) for column in zip(*pairs, strict=True))
        print(
            f"{name}: a start {within:.1f} ms, without {without:.1f} ms: "
            f"{within - without:.1f} ms overhead"
        )


def bench_scoring(runs: int) -> None:
    """Print what sealed scoring adds to a run."""
    with tempfile.TemporaryDirectory() as home:
        lab = Lab.open("microgpt", home=Path(home))
        found = [scored(lab, Path(home) / f"e0-r{n}") for n in range(1, runs + 1)]
        sandbox = lab.overview().sandbox
    sealed, own = median(s.sealed_s for s in found), median(s.own_s for s in found)
    added = median((s.sealed_s - s.own_s) / (s.train_s + s.sealed_s) for s in found)
    print(
        f"microgpt in {sandbox}: training {median(s.train_s for s in found):.2f} s, sealed scoring "
        f"{sealed:.2f} s, in process {own:.2f} s: sealing is {added:.0%} of a run"
    )


def scored(lab: Lab, folder: Path) -> Scored:
    """Train and score once, as the lab does; then score the same checkpoint in one process."""
    commit = lab.history().experiments["e0"].commit
    rundir = RunDir(folder)
    run = Run(id=folder.name, experiment="e0", seed=secrets.randbelow(2**31))
    lab.runs.start_outside(run, commit, rundir)
    report = settle(lab, rundir)
    assert report.measurement is not None, report.reason
    tree = folder / "again"
    lab.repository.export(commit, tree)
    return Scored(
        train_s=report.ended - report.started - report.measurement.score_s,
        sealed_s=report.measurement.score_s,
        own_s=own_score_s(lab, tree, rundir),
    )


def settle(lab: Lab, rundir: RunDir) -> RunReport:
    """Wait for the end of a run."""
    while (report := lab.runs.executor.settle(rundir)) is None:
        time.sleep(0.02)
    return report


def own_score_s(lab: Lab, tree: Path, rundir: RunDir) -> float:
    """What scoring the held-out documents takes where nothing is sealed."""
    from autoresearch.data.held_out_split import split_corpus
    from autoresearch.data.token_feed import read_corpus

    corpus = read_corpus(lab.runs.documents)
    count = lab.contract.sealed.held_out
    split = split_corpus(corpus, split_seed=lab.runs.split_seed, held_out=count)
    held_out = rundir.path / "held-out.txt"
    held_out.write_text("\n".join(split.held_out))
    arguments = [tree, rundir.out / "model.npz", held_out, lab.runs.documents]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-c", OWN_SCORE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return float(said.stdout)


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=100, help="of each sandbox (100)")
    parser.add_argument("--runs", type=int, default=5, help="of microgpt (5)")
    arguments = parser.parse_args()
    bench_starts(arguments.starts)
    bench_scoring(arguments.runs)


if __name__ == "__main__":
    main()
