"""One assessment a call: what it holds, what it leaves out, and that a call needs only one."""

from collections.abc import Callable
from typing import Any

import pytest

from autoresearch.lab import Lab
from autoresearch.records import RunState
from autoresearch.statistics.gates import GATE
from autoresearch.verdicts import assessment
from autoresearch.verdicts.assessment import MissingRuns, assess
from tests.support.pretend import Pretend
from tests.support.repositories import BETTER, propose
from tests.support.told import BASELINE, IN_SECONDS, TINY, Told

HOURS_LATER = 10_000.0


@pytest.fixture
def told() -> Told:
    found = Told(*BASELINE)
    found.propose()
    return found


def test_an_experiment_without_runs_misses_one(told: Told) -> None:
    found = assess("e1", told.history, TINY)
    assert (found.base, found.controlled_by, found.verdict) == ("e0", "e0", None)
    assert found.missing == MissingRuns(candidate=1, controls=0)


def test_where_a_verdict_is_due_or_given_nothing_is_missing(told: Told) -> None:
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    due = assess("e1", told.history, TINY)
    assert due.verdict is not None
    assert (due.given, due.missing) == (None, MissingRuns())
    given = told.judge("e1")
    found = assess("e1", told.history, TINY)
    assert (found.given, found.missing) == (given, MissingRuns())


def test_controls_too_old_for_a_candidate_that_begins_now_are_missing(told: Told) -> None:
    found = assess("e1", told.history, IN_SECONDS, now=HOURS_LATER)
    assert found.missing == MissingRuns(candidate=1, controls=GATE.fewest_controls)
    assert len(found.evidence.controls) == len(BASELINE), "they are shown until it begins"
    assert assess("e1", told.history, IN_SECONDS).missing.controls == 0
    assert assess("e1", told.history, TINY, now=HOURS_LATER).missing.controls == 0


def test_a_verdict_ends_an_experiment_early_whatever_the_judge_says(told: Told) -> None:
    told.runs("e1", 3.0, cut="its ceiling of 10 CPU seconds")
    found = assess("e1", told.history, TINY)
    assert found.verdict is not None
    assert found.judgement.outcome is None
    assert found.missing == MissingRuns()


@pytest.mark.slow
def test_a_call_of_evaluate_gathers_the_evidence_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"gather": 0, "judge_evidence": 0}

    def counted(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: object, **named: object) -> object:
            calls[name] += 1
            return work(*args, **named)

        return call

    for name in calls:
        monkeypatch.setattr(assessment, name, counted(name, getattr(assessment, name)))
    pretend = Pretend(lab, devices=2)
    experiment = propose(lab, BETTER)
    for n in range(1, 5):
        verdict = lab.evaluate(experiment).verdict
        assert calls == {"gather": n, "judge_evidence": n}
        if verdict is not None:
            break
        for run in lab.running:
            pretend.put(run, RunState.FINISHED, 9.0)
    assert verdict is not None
    lab.evaluate(experiment)
    assert calls["gather"] == n + 1
