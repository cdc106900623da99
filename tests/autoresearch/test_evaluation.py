"""From runs to a verdict, without any process: what counts, what does not, what ends early."""

from dataclasses import replace

import pytest

from autoresearch.contract import parse_contract
from autoresearch.errors import LedgerDamaged, NotNow
from autoresearch.evaluation import (
    controls_of,
    due_verdict,
    gather,
    incumbent_view,
    judge_again,
    measured,
    refuse_more_runs,
    view,
)
from autoresearch.history import History
from autoresearch.records import Entry, Event, Judged, Outcome, RunFinished, RunState
from tests.autoresearch.samples import OPENED, finished, proposed, started
from tests.repositories import CONTRACT

TINY = parse_contract(CONTRACT.encode())
CUT = "its ceiling of 10 CPU seconds"


class Told:
    """A history that is told one event after the other."""

    def __init__(self) -> None:
        self.history = History()
        self.tell(OPENED)
        self.tell(proposed(self.history, "a" * 40))

    def tell(self, event: Event) -> None:
        n = len(self.history.entries)
        self.history.apply(Entry(n=n, at=float(n), commit=f"{n:040x}", event=event))

    def runs(self, experiment: str, *values: float, cut: str = "") -> None:
        for value in values:
            begun = started(self.history, experiment)
            self.tell(begun)
            ended = finished(begun.run.id).report
            assert ended.measurement is not None
            report = replace(ended, measurement=replace(ended.measurement, value=value), cut=cut)
            self.tell(RunFinished(report=report))


@pytest.fixture
def told() -> Told:
    found = Told()
    found.runs("e0", 3.20, 3.21, 3.19, 3.20, 3.22, 3.18)
    found.tell(proposed(found.history, "b" * 40))
    return found


def test_a_candidate_that_met_a_ceiling_is_not_judged_by_what_it_scored(told: Told) -> None:
    told.runs("e1", 2.5, cut=CUT)
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    assert verdict.outcome is Outcome.DISCARD
    assert verdict.effect is None
    assert "cut at its ceiling of 10 CPU seconds after 1,000 training tokens" in verdict.sentence


def test_a_run_of_the_incumbent_that_met_a_ceiling_is_no_control(told: Told) -> None:
    told.runs("e0", 9.0, cut=CUT)
    assert "e0-r7" not in measured(told.history, "e0")
    assert incumbent_view(told.history, TINY).mean == pytest.approx(3.2)


def test_a_lost_run_neither_counts_nor_ends_anything(told: Told) -> None:
    told.tell(started(told.history, "e1"))
    told.tell(finished("e1-r1", RunState.LOST))
    assert due_verdict("e1", told.history, TINY) is None
    assert "1 run of the experiment" in view("e1", told.history, TINY).needs


def test_nothing_is_decided_while_a_run_of_the_candidate_is_going(told: Told) -> None:
    told.runs("e1", 3.0, 3.0)
    told.tell(started(told.history, "e1"))
    assert due_verdict("e1", told.history, TINY) is None
    told.tell(finished("e1-r3", RunState.CRASHED))
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    assert verdict.outcome is Outcome.CRASHED


def test_an_experiment_whose_runs_are_lost_three_times_is_tainted_and_closed(told: Told) -> None:
    for n in (1, 2, 3):
        assert due_verdict("e1", told.history, TINY) is None
        told.tell(started(told.history, "e1"))
        told.tell(finished(f"e1-r{n}", RunState.LOST))
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    assert verdict.outcome is Outcome.TAINTED
    assert "3 runs were lost" in verdict.sentence


def test_the_runs_that_a_keep_rests_on_are_no_controls_of_the_next(told: Told) -> None:
    told.runs("e1", 3.0, 3.01)
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    told.tell(Judged(verdict=verdict))
    assert told.history.incumbent == "e1"
    assert incumbent_view(told.history, TINY).mean == pytest.approx(3.005)
    told.runs("e1", 3.1, 3.12)
    assert controls_of(told.history, "e1") == ("e1-r3", "e1-r4")
    assert incumbent_view(told.history, TINY).mean == pytest.approx(3.11)
    told.tell(proposed(told.history, "c" * 40))
    assert gather(told.history, "e2").controls == ("e1-r3", "e1-r4")


def test_a_verdict_is_derived_from_the_runs_and_not_from_what_it_says(told: Told) -> None:
    told.runs("e1", 3.4)
    honest = due_verdict("e1", told.history, TINY)
    assert honest is not None
    assert judge_again(told.history, honest, TINY) == honest
    forged = replace(honest, outcome=Outcome.KEEP, moved_incumbent=True, candidate_runs=())
    assert judge_again(told.history, forged, TINY) == honest
    told.tell(proposed(told.history, "c" * 40))
    with pytest.raises(LedgerDamaged, match="allow none"):
        judge_again(told.history, replace(honest, experiment="e2"), TINY)


def test_only_the_judge_asks_for_further_runs(told: Told) -> None:
    refuse_more_runs("e1", told.history)
    told.tell(started(told.history, "e1"))
    with pytest.raises(NotNow, match="evaluate_metric"):
        refuse_more_runs("e1", told.history)
    told.tell(finished("e1-r1", RunState.LOST))
    refuse_more_runs("e1", told.history)
    told.runs("e0", *[3.2] * 14)
    with pytest.raises(NotNow, match="20 control runs"):
        refuse_more_runs("e0", told.history)


def test_a_verdict_names_the_runs_it_rests_on_and_explains_itself(told: Told) -> None:
    told.runs("e1", 3.0, 3.01)
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    assert verdict.candidate_runs == ("e1-r1", "e1-r2")
    assert verdict.control_runs == tuple(f"e0-r{n}" for n in range(1, 7))
    assert verdict.noise_runs == (verdict.control_runs,)
    assert verdict.moved_incumbent
    assert verdict.sentence == (
        "+0.195 bits per byte (95 % interval 0.165 to 0.225) over 2 runs against 6 controls: "
        "keep (evidence 13.7 nats, 6.8 keep)"
    )
