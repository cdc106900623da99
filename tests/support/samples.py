"""Events of a small lab, as a test wants them."""

from dataclasses import replace
from typing import Any

from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History
from autoresearch.records import (
    Concluded,
    EndCause,
    Experiment,
    FileChange,
    Judged,
    LabOpened,
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

PROPOSER = Proposer(client="test", model="m")
OPENED = LabOpened(
    target="microgpt",
    source="shipped:microgpt",
    source_commit="",
    contract_sha256="c",
    sealed_sha256="s",
    product_version="0.1.0",
)
CHANGE = FileChange(path="train.py", added=1, removed=1, spans=((3, 4), (9, 9)))


def proposed(history: History, commit: str, **changes: Any) -> Proposed:
    """The next experiment, on the incumbent."""
    name = history.next_experiment
    experiment = Experiment(
        id=name,
        hypothesis=f"hypothesis {name}",
        base=history.incumbent,
        commit=commit,
        fingerprint=f"fingerprint {name}",
        changes=(CHANGE,) if history.incumbent else (),
        brief_sha256="",
        prediction=Prediction(effect=0.01, confidence=0.6),
        proposer=PROPOSER,
    )
    return Proposed(experiment=replace(experiment, **changes))


def started(history: History, experiment: str) -> RunStarted:
    return RunStarted(run=Run(id=history.next_run(experiment), experiment=experiment, seed=7))


def finished(run: str, state: RunState = RunState.FINISHED) -> RunFinished:
    measurement = Measurement(value=2.5, documents=100, tokens=700, score_s=0.5)
    report = RunReport(
        run=run,
        state=state,
        reason="trained on 1,000 tokens",
        started=1.0,
        ended=3.0,
        wall_s=2.0,
        cpu_s=1.5,
        tokens=1_000,
        device="cpu-0",
        sandbox="none",
        measurement=measurement if state is RunState.FINISHED else None,
        cause=EndCause.MEASURED if state is RunState.FINISHED else None,
    )
    return RunFinished(report=report)


def judged(experiment: str, base: str, *, moved: bool = False, **changes: Any) -> Judged:
    verdict = Verdict(
        experiment=experiment,
        base=base,
        outcome=Outcome.KEEP if moved else Outcome.DISCARD,
        effect=0.1,
        low=0.05,
        high=0.15,
        sigma=0.01,
        evidence=7.0,
        candidate_runs=(),
        control_runs=(),
        noise_runs=(),
        sentence="it is better" if moved else "it is not better",
        judge_version=1,
        moved_incumbent=moved,
    )
    return Judged(verdict=replace(verdict, **changes))


def concluded(experiment: str, lesson: str) -> Concluded:
    return Concluded(experiment=experiment, lesson=lesson, proposer=PROPOSER)


def all_kinds(commit: str) -> tuple[Event, ...]:
    """One event of each kind, in an order that replays."""
    history = History()
    first = proposed(history, commit)
    return (
        OPENED,
        first,
        started(history, "e0"),
        finished("e0-r1"),
        judged("e0", "e0", candidate_runs=("e0-r1",), noise_runs=(("e0-r1",),)),
        concluded("e0", "as it was found"),
    )
