"""The runs that a history calls for: by evaluations, by whoever asks, and for idle slots."""

from dataclasses import replace

import pytest

from autoresearch.records import RunFinished, RunState
from autoresearch.scheduling.demands import (
    REST_S,
    evaluation_demands,
    idle_demands,
    requested_run,
)
from autoresearch.scheduling.scheduler import Demand
from autoresearch.statistics.gates import GATE
from autoresearch.verdicts.assessment import BASELINE_RUNS, assess
from tests.support.samples import finished, started
from tests.support.told import BASELINE, IN_SECONDS, TINY, Told


@pytest.fixture
def told() -> Told:
    found = Told(*BASELINE)
    found.propose()
    return found


def needed(told: Told, experiment: str) -> list[tuple[str, int, bool]]:
    """What its evaluation demands: whose runs, how many, and whether controls are preempted."""
    demands = evaluation_demands(assess(experiment, told.history, TINY), told.history)
    return [(one.experiment, one.runs, one.preempts) for one in demands]


def test_an_evaluation_needs_its_run_first_and_then_controls(told: Told) -> None:
    assert needed(told, "e1") == [("e1", 1, True), ("e0", 0, False)]
    told.runs("e1", 3.15)
    assert needed(told, "e1") == [("e1", 1, True), ("e0", 0, False)]
    told.tell(started(told.history, "e1"))
    assert needed(told, "e1") == [("e1", 0, True), ("e0", 0, False)]


def test_a_candidate_does_not_preempt_controls_that_the_judge_needs_first() -> None:
    told = Told(*BASELINE[:2])
    told.propose()
    assert needed(told, "e1") == [("e1", 1, True), ("e0", GATE.fewest_controls - 2, False)]
    told.runs("e1", 3.15)
    assert needed(told, "e1") == [("e1", 0, False), ("e0", GATE.fewest_controls - 2, False)]
    told.tell(started(told.history, "e0"))
    assert needed(told, "e1") == [("e1", 0, False), ("e0", GATE.fewest_controls - 3, False)]


def test_the_baseline_needs_its_own_runs_and_none_twice() -> None:
    told = Told(3.2)
    told.tell(started(told.history, "e0"))
    assert needed(told, "e0") == [("e0", BASELINE_RUNS - 2, False)]


def test_one_run_that_is_asked_for_queues_and_preempts_controls_unless_it_is_one(
    told: Told,
) -> None:
    assert requested_run(told.history, "e1") == Demand(
        experiment="e1", runs=1, preempts=True, queues=True
    )
    assert not requested_run(told.history, "e0").preempts


def test_all_that_idle_slots_can_do_is_demanded_at_once() -> None:
    told = Told(*BASELINE)
    told.propose()
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    told.judge("e1")
    told.runs("e1", 3.1, 3.1, at=50_000.0)
    left = GATE.most_controls - 2
    assert [(one.experiment, one.runs) for one in idle_demands(told.history, TINY)] == [
        ("e1", left)
    ]
    assert [(one.experiment, one.runs) for one in idle_demands(told.history, IN_SECONDS)] == [
        ("e0", 2),
        ("e1", left),
    ]


def test_a_demand_for_controls_rests_after_three_disturbed_runs() -> None:
    told = Told(3.2)
    for second in (10.0, 11.0, 12.0):
        begun = started(told.history, "e0")
        told.tell(begun)
        report = finished(begun.run.id, RunState.TAINTED).report
        told.tell(RunFinished(report=replace(report, measurement=None, ended=second)))
    [demand] = idle_demands(told.history, TINY)
    assert demand.rest is not None
    assert (demand.rest.since, demand.rest.until) == (12.0, 12.0 + REST_S)
