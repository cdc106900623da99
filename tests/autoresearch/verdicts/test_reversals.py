"""A keep is reversed when its own further runs fall behind; what was built on it is known."""

from dataclasses import replace

import pytest

from autoresearch.errors import LedgerDamagedError
from autoresearch.loop.evaluation_view import evaluation_view
from autoresearch.loop.incumbent import incumbent_view
from autoresearch.records import Outcome, Reversal, Reverted
from autoresearch.statistics.gates import GATE
from autoresearch.verdicts.assessment import assess
from autoresearch.verdicts.evidence import built_on_reversed
from autoresearch.verdicts.reversals import due_reversal
from autoresearch.verdicts.verdicts import due_verdict, judge_again
from tests.support.told import BASELINE, IN_SECONDS, TINY, Told


@pytest.fixture
def kept() -> Told:
    """e1 was kept, and looked 0.2 better."""
    told = Told(*BASELINE)
    told.propose()
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    assert told.judge("e1").moved_incumbent
    return told


def taken_back(told: Told) -> Reversal:
    reversal = due_reversal(told.history, TINY)
    assert reversal is not None
    told.tell(Reverted(reversal=reversal))
    return reversal


def test_a_keep_that_was_luck_is_taken_back_by_runs_made_since(kept: Told) -> None:
    for n in range(GATE.looks[0]):
        assert due_reversal(kept.history, TINY) is None, n
        kept.runs("e1", 3.25)
    reversal = taken_back(kept)
    assert reversal.candidate_runs == tuple(f"e1-r{n}" for n in range(5, 11))
    assert reversal.control_runs == tuple(f"e0-r{n}" for n in range(1, 7))
    assert kept.history.incumbent == "e0"
    assert incumbent_view(kept.history, TINY).instead_of == "e1"
    assert reversal.sentence.startswith("-0.050 bits per byte (95 % interval -0.0")
    assert reversal.sentence.endswith(
        "over 6 runs since e1 was kept against 6 controls of e0: reversed"
    )


def test_a_keep_that_holds_stays(kept: Told) -> None:
    kept.runs("e1", *[3.15] * GATE.looks[-1])
    assert due_reversal(kept.history, TINY) is None


def test_the_baseline_cannot_be_taken_back() -> None:
    assert due_reversal(Told(*BASELINE, *[4.0] * 10).history, TINY) is None


def test_a_simplification_is_only_taken_back_beyond_its_margin() -> None:
    told = Told(*BASELINE, *BASELINE, *BASELINE)
    told.propose(simpler=42)
    told.runs("e1", *BASELINE, *BASELINE, *BASELINE[:2])
    verdict = told.judge("e1")
    assert verdict.sentence.startswith("simpler by 42")
    told.runs("e1", *[value + 0.007 for value in BASELINE])
    assert due_reversal(told.history, TINY) is None
    told.runs("e1", *[value + 0.03 for value in BASELINE])
    assert due_reversal(told.history, TINY) is not None


def test_taking_back_is_derived_from_the_runs_and_not_from_what_it_says(kept: Told) -> None:
    kept.runs("e1", *[3.25] * 6)
    honest = due_reversal(kept.history, TINY)
    assert honest is not None
    assert judge_again(kept.history, honest, TINY) == honest
    forged = replace(honest, effect=-9.0, candidate_runs=("e1-r1",))
    assert judge_again(kept.history, forged, TINY) == honest
    with pytest.raises(LedgerDamagedError, match="not support the reversal of e1"):
        judge_again(Told(*BASELINE).history, honest, TINY)


def test_runs_of_another_hour_take_nothing_back_where_seconds_are_the_budget(kept: Told) -> None:
    kept.runs("e1", *[3.25] * 6, at=50_000.0)
    assert due_reversal(kept.history, TINY) is not None
    assert due_reversal(kept.history, IN_SECONDS) is None
    kept.runs("e0", *BASELINE, at=50_000.0)
    reversal = due_reversal(kept.history, IN_SECONDS)
    assert reversal is not None
    assert reversal.control_runs == tuple(f"e0-r{n}" for n in range(7, 13))


def test_what_was_built_on_it_is_known_and_judged_against_it_still(kept: Told) -> None:
    kept.runs("e1", *BASELINE[:5])
    kept.propose()
    kept.runs("e1", 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9)
    taken_back(kept)
    assert built_on_reversed(kept.history, "e2") == "e1"
    assert built_on_reversed(kept.history, "e1") is None
    found = assess("e2", kept.history, TINY)
    assert evaluation_view(found, kept.history, TINY, now=0.0).built_on_taken_back == "e1"
    kept.runs("e2", 1.0, 1.2, 1.0, 1.2)
    verdict = due_verdict("e2", kept.history, TINY)
    assert verdict is not None
    assert verdict.base == "e1"
    assert verdict.outcome is Outcome.KEEP
    assert not verdict.moved_incumbent
    on_the_old = kept.propose()
    assert kept.history.experiments[on_the_old].base == "e0"
    assert built_on_reversed(kept.history, on_the_old) is None
