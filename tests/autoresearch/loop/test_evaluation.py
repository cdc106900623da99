"""From runs to a verdict, without any process: what counts, what does not, what ends early."""

import time
from dataclasses import replace

import pytest

from autoresearch.contract import Contract
from autoresearch.errors import InvalidStateError, LedgerDamagedError
from autoresearch.lab import Lab
from autoresearch.ledger.history import History
from autoresearch.loop.evaluation import refuse_more_runs
from autoresearch.loop.evaluation_view import evaluation_view
from autoresearch.loop.incumbent import incumbent_view
from autoresearch.loop.recall import remember
from autoresearch.records import EndCause, Judged, Outcome, RunFinished, RunState
from autoresearch.statistics.gates import JUDGE_VERSION
from autoresearch.verdicts.assessment import assess
from autoresearch.verdicts.evidence import (
    HORIZON_S,
    controls_of,
    gather,
    measured,
    not_too_old,
    spare_part,
)
from autoresearch.verdicts.judgement import kept_as_simpler
from autoresearch.verdicts.verdicts import due_verdict, judge_again
from autoresearch.views import Evaluation
from server.views.research_views import incumbent_words, memory, run_result
from server.views.trust import after_verdict
from tests.support.pretend import Pretend
from tests.support.repositories import BETTER, propose
from tests.support.samples import finished, proposed, started
from tests.support.told import BASELINE, IN_SECONDS, TINY, Told

CUT = "its ceiling of 10 CPU seconds"


def view(
    experiment: str,
    history: History,
    contract: Contract,
    states: dict[str, RunState] | None = None,
) -> Evaluation:
    """How far it is, by an assessment of the same history."""
    found = assess(experiment, history, contract)
    return evaluation_view(found, history, contract, now=time.time(), states=states)


@pytest.fixture
def told() -> Told:
    found = Told(*BASELINE)
    found.propose()
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


def test_a_run_that_the_machine_disturbed_is_repeated_like_a_lost_one(told: Told) -> None:
    for n, state in ((1, RunState.TAINTED), (2, RunState.LOST)):
        told.tell(started(told.history, "e1"))
        told.tell(finished(f"e1-r{n}", state))
        refuse_more_runs("e1", told.history)
    assert due_verdict("e1", told.history, TINY) is None
    told.tell(started(told.history, "e1"))
    told.tell(finished("e1-r3", RunState.TAINTED))
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    assert verdict.outcome is Outcome.TAINTED
    assert "1 runs were lost and 2 runs were disturbed by the machine" in verdict.sentence


def test_a_crash_counts_however_often_the_machine_disturbed_other_runs(told: Told) -> None:
    for n, state in ((1, RunState.TAINTED), (2, RunState.CRASHED), (3, RunState.TAINTED)):
        told.tell(started(told.history, "e1"))
        told.tell(finished(f"e1-r{n}", state))
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    assert verdict.outcome is Outcome.CRASHED


def test_the_runs_that_a_keep_rests_on_are_no_controls_of_the_next(told: Told) -> None:
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    told.tell(Judged(verdict=verdict))
    assert told.history.incumbent == "e1"
    assert incumbent_view(told.history, TINY).mean == pytest.approx(3.005)
    told.runs("e1", 3.1, 3.12)
    assert controls_of(told.history, "e1") == ("e1-r5", "e1-r6")
    assert incumbent_view(told.history, TINY).mean == pytest.approx(3.11)
    told.tell(proposed(told.history, "c" * 40))
    assert gather(told.history, "e2", TINY, version=JUDGE_VERSION).controls == ("e1-r5", "e1-r6")


def test_a_verdict_is_derived_from_the_runs_and_not_from_what_it_says(told: Told) -> None:
    told.runs("e1", 3.4)
    honest = due_verdict("e1", told.history, TINY)
    assert honest is not None
    assert judge_again(told.history, honest, TINY) == honest
    forged = replace(honest, outcome=Outcome.KEEP, moved_incumbent=True, candidate_runs=())
    assert judge_again(told.history, forged, TINY) == honest
    told.tell(proposed(told.history, "c" * 40))
    with pytest.raises(LedgerDamagedError, match="do not support the"):
        judge_again(told.history, replace(honest, experiment="e2"), TINY)


def test_only_the_judge_asks_for_further_runs(told: Told) -> None:
    refuse_more_runs("e1", told.history)
    told.tell(started(told.history, "e1"))
    with pytest.raises(InvalidStateError, match="evaluate_metric"):
        refuse_more_runs("e1", told.history)
    told.tell(finished("e1-r1", RunState.LOST))
    refuse_more_runs("e1", told.history)
    told.runs("e0", *[3.2] * 14)
    with pytest.raises(InvalidStateError, match="20 control runs"):
        refuse_more_runs("e0", told.history)


def test_a_verdict_names_the_runs_it_rests_on_and_explains_itself(told: Told) -> None:
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    assert verdict.candidate_runs == ("e1-r1", "e1-r2", "e1-r3", "e1-r4")
    assert verdict.control_runs == tuple(f"e0-r{n}" for n in range(1, 7))
    assert verdict.noise_runs == (verdict.control_runs,)
    assert verdict.moved_incumbent
    assert verdict.sentence == (
        "+0.195 bits per byte (95 % interval 0.175 to 0.215) over 4 runs against 6 controls: keep"
    )


def test_a_verdict_is_derived_again_with_the_gate_of_the_version_that_gave_it(told: Told) -> None:
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    old = due_verdict("e1", told.history, TINY, 1)
    new = due_verdict("e1", told.history, TINY)
    assert old is not None
    assert old.judge_version == 1
    assert judge_again(told.history, old, TINY) == old
    assert new is not None
    assert new.evidence != old.evidence
    with pytest.raises(LedgerDamagedError, match="version 99 of the judge"):
        judge_again(told.history, replace(old, judge_version=99), TINY)


def test_with_a_budget_of_seconds_controls_grow_old_but_still_tell_the_noise() -> None:
    told = Told()
    told.runs("e0", *BASELINE, at=1_000.0)
    told.propose()
    told.runs("e1", 3.0, 3.01, 3.0, 3.01, at=10_000.0)
    assert len(gather(told.history, "e1", TINY, version=JUDGE_VERSION).controls) == 6
    aged = gather(told.history, "e1", IN_SECONDS, version=JUDGE_VERSION)
    assert aged.controls == ()
    assert len(aged.noise[0]) == 6
    assert due_verdict("e1", told.history, IN_SECONDS) is None
    assert "control runs" in view("e1", told.history, IN_SECONDS).needs
    told.runs("e0", *BASELINE, 3.20, 3.21, at=10_010.0)
    verdict = due_verdict("e1", told.history, IN_SECONDS)
    assert verdict is not None
    assert verdict.control_runs == tuple(f"e0-r{n}" for n in range(7, 15))
    assert judge_again(told.history, verdict, IN_SECONDS) == verdict


def test_a_control_is_young_enough_for_an_hour_before_the_candidate_began(told: Told) -> None:
    reports = told.history.reports_of("e0")
    edge = reports[0].ended + HORIZON_S
    assert not_too_old(reports, edge) == reports
    assert not_too_old(reports, edge + 0.1) == ()


def test_before_a_candidate_began_its_controls_are_as_old_as_they_are_now() -> None:
    told = Told(*BASELINE)
    told.propose()
    for now, young in ((100.0, 6), (10_000.0, 0)):
        found = gather(told.history, "e1", IN_SECONDS, version=JUDGE_VERSION, now=now)
        assert len(found.controls) == young


def test_a_simplification_is_kept_for_being_no_worse_and_says_so(told: Told) -> None:
    told.runs("e0", *BASELINE, *BASELINE)
    simpler = told.propose(simpler=42)
    told.runs(simpler, *BASELINE, *BASELINE, *BASELINE[:2])
    verdict = told.judge(simpler)
    assert verdict.outcome is Outcome.KEEP
    assert "simpler by 42 syntax nodes and shown to cost less than 1 sigma: " in verdict.sentence
    assert verdict.sentence.endswith("against 18 controls: keep")
    assert kept_as_simpler(told.history, simpler, TINY)


def test_a_simplification_that_is_better_is_kept_as_a_gain(told: Told) -> None:
    simpler = told.propose(simpler=42)
    told.runs(simpler, 3.0, 3.01, 3.0, 3.01)
    sentence = told.judge(simpler).sentence
    assert sentence.startswith("+0.195")
    assert sentence.endswith(": keep, and simpler by 42 syntax nodes")
    assert not kept_as_simpler(told.history, simpler, TINY)


def test_candidate_and_controls_share_a_spare_part_and_every_keep_moves_on(told: Told) -> None:
    assert [spare_part(told.history, name) for name in ("e0", "e1")] == [0, 0]
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    told.judge("e1")
    told.propose()
    assert [spare_part(told.history, name) for name in ("e0", "e1", "e2")] == [0, 1, 1]


def test_what_is_shown_of_an_unfinished_run_is_where_it_really_is(told: Told) -> None:
    told.tell(started(told.history, "e1"))
    for state in (RunState.QUEUED, RunState.SCORING):
        [run] = view("e1", told.history, TINY, {"e1-r1": state}).runs
        assert run.state is state


def test_an_evaluation_names_what_held_the_runs_it_rests_on(told: Told) -> None:
    told.runs("e1", 3.4)
    assert view("e1", told.history, TINY).sandbox == "none"


def test_a_keep_whose_incumbent_moved_meanwhile_is_called_overtaken(told: Told) -> None:
    first, second = "e1", told.propose()
    for name in (first, second):
        told.runs(name, 3.0, 3.01, 3.0, 3.01)
    assert "overtaken" not in told.judge(first).sentence
    late = told.judge(second)
    assert (late.outcome, late.moved_incumbent) == (Outcome.KEEP, False)
    assert late.sentence.endswith(": keep, but overtaken: e1 had become the incumbent by then")
    in_time, behind = remember(told.history, [first, second])
    assert (in_time.overtaken, behind.overtaken) == (False, True)
    assert (memory(in_time).outcome, memory(behind).outcome) == ("keep", "overtaken")
    assert after_verdict(told.history, second) == (
        "better than its base, but the incumbent had moved on: not on the kept line"
    )


def test_the_incumbents_runs_are_named_for_what_they_are(told: Told) -> None:
    def words() -> str:
        return incumbent_words(incumbent_view(told.history, TINY), "bpb")

    assert words().endswith("over 6 runs")
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    told.judge("e1")
    assert words().endswith("over the 4 runs it was kept on")
    told.runs("e1", 3.02)
    assert words().endswith("over 1 run since it was kept")


def test_controls_are_summed_up_however_many_there_are(told: Told) -> None:
    for cause in (EndCause.PREEMPTED, EndCause.SUPERVISOR_TOLD_TO_END):
        begun = started(told.history, "e0")
        told.tell(begun)
        ended = finished(begun.run.id, RunState.LOST).report
        told.tell(RunFinished(report=replace(ended, cause=cause)))
    found = view("e1", told.history, TINY).controls
    assert (found.experiment, found.count, found.lost, found.yielded) == ("e0", 6, 1, 1)
    assert found.mean == pytest.approx(3.2)
    assert found.sigma == pytest.approx(0.01414, abs=1e-5)
    told.runs("e0", *[3.2] * 6)
    own = view("e0", told.history, TINY)
    assert own.runs == ()
    assert (own.controls.count, own.controls.lost, own.controls.yielded) == (12, 1, 1)


def test_what_was_kept_shows_the_runs_it_was_kept_on_and_not_its_controls(told: Told) -> None:
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    told.judge("e1")
    told.runs("e1", 3.02, 3.0)
    kept_on = [f"e1-r{n}" for n in range(1, 5)]
    assert [run.run for run in view("e1", told.history, TINY).runs] == kept_on


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_control_that_made_room_is_called_yielded(lab: Lab) -> None:
    pretend = Pretend(lab, devices=1)
    lab.tend()
    lab.start_run(propose(lab, BETTER))
    pretend.give_up()
    lab.tend()
    found = run_result(lab.view_run("e0-r7"), lab.contract.metric, detail=False)
    assert found.state == "yielded"
    assert found.summary.startswith("e0-r7 yielded: “gave its device up")
    assert "lost" not in found.summary + found.next_step
