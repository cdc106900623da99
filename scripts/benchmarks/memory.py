"""Benchmark a lab's memory: recall, open_lab and a proposal with a ledger of many experiments.

    uv run python scripts/benchmarks/memory.py [--experiments 10000] [--times 11]

The ledger is made up in bulk, in a lab on the shipped microgpt: per experiment a real commit and
five events (proposed, one run started and finished, judged, concluded), a keep every 250. What is
measured is real: `Lab` as a server calls it. Medians, with the time of the processor, since a
machine that does other work takes longer, and the slowest; "first" is the first call of a process,
which reads the ledger and brings the search index up to date.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from autoresearch.equivalence.normal_form import VERSION
from autoresearch.lab import Lab
from autoresearch.ledger import serialization
from autoresearch.ledger.anchor import Anchor, write_anchor
from autoresearch.ledger.events import Event
from autoresearch.ledger.ledger import FILE, INCUMBENT_REF, LEDGER_REF
from autoresearch.patches.patch import Edit
from autoresearch.records import (
    Concluded,
    EndCause,
    Experiment,
    FileChange,
    Judged,
    Measurement,
    Outcome,
    Prediction,
    Proposed,
    Proposer,
    Run,
    RunFinished,
    RunReport,
    RunStarted,
    RunState,
    Verdict,
)

KEEP_EVERY = 250
WORDS = (
    *("warmup", "decay", "rate", "momentum", "width", "heads", "depth", "embedding", "norm"),
    *("residual", "gate", "dropout", "batch", "schedule", "cosine", "clip", "init", "scale"),
    *("bias", "token", "context", "attention", "smoothing", "temperature"),
)
KNOBS = ("INIT_STD = 0.08", "BETA1 = 0.85", "BETA2 = 0.99 ", "LEARNING_RATE = 0.01", "BATCH = 64")
BY = Proposer(client="benchmark", model="none", worker="c1/w1")


@dataclass(slots=True)
class Ledger:
    """A ledger that is made up: texts of experiments first, then events with their commits."""

    lab: Lab
    count: int
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def write(self) -> None:
        """Import the experiments, then the events, then move the branches and the anchor."""
        repository, before = self.lab.repository, self.lab.history()
        first = before.experiments["e0"]
        bases, texts = self._texts(first.commit)
        commits = self._import(self._experiments(first.commit, bases, texts), self.count)
        entries = list(self._events(len(before.entries), bases, commits, first))
        stream = self._chain(before.head or "", commits, entries)
        made = self._import(stream, len(entries))
        head, total = made[len(entries)], len(before.entries) + len(entries)
        write_anchor(self.lab.folder / "ledger-head.json", Anchor(head=head, count=total))
        tip = commits[bases[-1]] if bases[-1] else first.commit
        moves = {LEDGER_REF: (head, before.head), INCUMBENT_REF: (tip, first.commit)}
        assert repository.move_refs(moves)

    def _texts(self, commit: str) -> tuple[list[int], list[bytes]]:
        """Return each experiment's base (0: e0) and its file; keeps change what follows."""
        text = self.lab.read_file("train.py", commit)
        base, bases, texts = 0, [0], [text.encode()]
        for number in range(1, self.count + 1):
            knob = self.dice.choice(KNOBS)
            name = knob.partition(" =")[0]
            line = next(line for line in text.splitlines() if line.startswith(f"{name} ="))
            changed = text.replace(line, f"{name} = {self.dice.uniform(0.001, 0.9):.6f}", 1)
            texts.append(changed.encode())
            bases.append(base)
            if number % KEEP_EVERY == 0:
                base, text = number, changed
        bases.append(base)  # of what would come next
        return bases, texts

    def _experiments(self, first: str, bases: list[int], texts: list[bytes]) -> Iterator[bytes]:
        for number in range(1, self.count + 1):
            parent = f":{bases[number]}" if bases[number] else first
            yield _commit(number, f"e{number}", [parent], "train.py", texts[number])

    def _chain(
        self, head: str, commits: list[str], entries: list[tuple[bytes, int]]
    ) -> Iterator[bytes]:
        for place, (blob, experiment) in enumerate(entries, start=1):
            parents = [f":{place - 1}" if place > 1 else head]
            parents += [commits[experiment]] if experiment else []
            yield _commit(place, "event", parents, FILE, blob, alone=True)

    def _import(self, stream: Iterator[bytes], count: int) -> list[str]:
        """Run one fast-import; return the commits by mark, from 1 on."""
        marks = self.lab.folder / "marks"
        said = b"".join(stream) + b"done\n"
        self.lab.repository.git.run(
            "fast-import",
            "--quiet",
            "--done",
            f"--export-marks={marks}",
            stdin=said,
            timeout_s=3600,
        )
        found = [""] * (count + 1)
        for line in marks.read_text().splitlines():
            mark, commit = line.split()
            found[int(mark[1:])] = commit
        return found

    def _events(
        self, n: int, bases: list[int], commits: list[str], first: Experiment
    ) -> Iterator[tuple[bytes, int]]:
        """Yield each event's text, with the experiment that a proposal is of."""
        for number in range(1, self.count + 1):
            for event in self._of(number, f"e{bases[number]}", commits[number], first):
                proposed = number if isinstance(event, Proposed) else 0
                yield serialization.encode(n, 1e9 + n, event), proposed
                n += 1

    def _of(self, number: int, base: str, commit: str, first: Experiment) -> Iterator[Event]:
        name, kept = f"e{number}", number % KEEP_EVERY == 0
        words = " ".join(self.dice.choices(WORDS, k=6))
        line = self.dice.randint(10, 240)
        effect = self.dice.gauss(-0.01, 0.02)
        yield Proposed(
            experiment=replace(
                first,
                id=name,
                base=base,
                commit=commit,
                hypothesis=f"{words} {number}",
                fingerprint=f"{number:064x}",
                normal_form=f"{number:064x}",
                normal_form_version=VERSION,
                changes=(FileChange(path="train.py", added=1, removed=1, spans=((line, line),)),),
                prediction=Prediction(effect=0.01, confidence=0.5),
                proposer=replace(BY, worker=f"c1/w{number % 4}"),
            )
        )
        run = f"{name}-r1"
        yield RunStarted(run=Run(id=run, experiment=name, seed=number))
        yield RunFinished(report=_report(run))
        yield Judged(verdict=_verdict(name, base, effect, kept=kept))
        yield Concluded(experiment=name, lesson=f"{words} is settled", proposer=BY)


def main() -> None:
    """Make the ledger, ask it, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--experiments", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=11)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        started = time.perf_counter()
        Ledger(Lab.open("microgpt", home=home), options.experiments).write()
        events = len(Lab.reopen("microgpt", home=home).history().entries)
        took = time.perf_counter() - started
        print(f"{options.experiments:,} experiments, {events:,} events, made in {took:.0f} s")
        _measure(Lab.reopen("microgpt", home=home), options.times)


def _measure(lab: Lab, times: int) -> None:
    _show("read the ledger, first", [_timed(lab.history)])
    _show("recall, first: builds the index", [_timed(lambda: lab.recall(words="warmup"))])
    asked: dict[str, Callable[[], object]] = {
        "recall by words": lambda: lab.recall(words="cosine warmup schedule"),
        "recall by code": lambda: lab.recall(path="train.py", lines=(20, 30)),
        "recall by effect": lambda: lab.recall(min_effect=0.02),
        "recall by who": lambda: lab.recall(by="c1/w2"),
        "recall by words, effect and who": lambda: lab.recall(
            words="decay", min_effect=0.0, by="c1/w1"
        ),
        "recall the newest": lab.recall,
        "open_lab": lab.overview,
    }
    for what, ask in asked.items():
        _show(what, [_timed(ask) for _ in range(times)])
    values = iter(range(10**6))

    def add() -> None:
        find = next(
            line
            for line in lab.read_file("train.py", lab.history().incumbent_commit or "").splitlines()
            if line.startswith("EPSILON =")
        )
        change = f"EPSILON = {1e-7 * (1 + next(values)):.9g}"
        edits = [Edit(path="train.py", find=find, replace=change)]
        lab.propose("a larger epsilon steadies the step", edits=edits, proposer=BY)

    _show("propose one experiment", [_timed(add) for _ in range(times)])
    claims = iter(range(10**6))
    claim = [
        _timed(lambda: lab.claim(f"idea {WORDS[next(claims) % len(WORDS)]} alone", "", BY))
        for _ in range(times)
    ]
    _show("claim an idea", claim)


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one call: as they passed, and of the processor, git's included."""

    wall_s: float
    cpu_s: float


def _timed(work: Callable[[], object]) -> Took:
    started, before = time.perf_counter(), sum(os.times()[:4])
    work()
    return Took(time.perf_counter() - started, sum(os.times()[:4]) - before)


def _show(what: str, took: list[Took]) -> None:
    wall, cpu = median(one.wall_s for one in took), median(one.cpu_s for one in took)
    slowest = max(one.wall_s for one in took)
    print(
        f"{what:34} {wall * 1e3:9.1f} ms, CPU {cpu * 1e3:9.1f} ms, slowest {slowest * 1e3:9.1f} ms"
    )


def _commit(
    mark: int, message: str, parents: list[str], path: str, content: bytes, *, alone: bool = False
) -> bytes:
    lines = [
        "commit refs/benchmark/import",
        f"mark :{mark}",
        "committer benchmark <benchmark@localhost> 1000000000 +0000",
        f"data {len(message)}\n{message}",
        f"from {parents[0]}",
        *(f"merge {parent}" for parent in parents[1:]),
        *(["deleteall"] if alone else []),
        f"M 100644 inline {path}",
        f"data {len(content)}",
    ]
    return "\n".join(lines).encode() + b"\n" + content + b"\n"


def _report(run: str) -> RunReport:
    return RunReport(
        run=run,
        state=RunState.FINISHED,
        reason="made up",
        started=1.0,
        ended=2.0,
        wall_s=1.0,
        cpu_s=1.0,
        tokens=1,
        device="cpu-0",
        sandbox="bubblewrap",
        measurement=Measurement(value=2.9, documents=1, tokens=1, score_s=0.1),
        cause=EndCause.MEASURED,
    )


def _verdict(name: str, base: str, effect: float, *, kept: bool) -> Verdict:
    return Verdict(
        experiment=name,
        base=base,
        outcome=Outcome.KEEP if kept else Outcome.DISCARD,
        effect=effect,
        low=effect - 0.01,
        high=effect + 0.01,
        sigma=0.004,
        evidence=1.0,
        candidate_runs=(f"{name}-r1",),
        control_runs=(),
        noise_runs=(),
        sentence="made up",
        judge_version=1,
        moved_incumbent=kept,
    )


if __name__ == "__main__":
    main()
