"""A keep whose guard's number moved further than the contract says is none."""

import pytest

from autoresearch.contract import parse_contract
from autoresearch.records import Outcome, Verdict
from autoresearch.verdicts.verdicts import due_verdict, judge_again
from tests.support.repositories import CONTRACT
from tests.support.told import BASELINE, TINY, Told

MEMORY = """
[guards.memory]
command = ["{python}", "weigh.py"]
metric = "peak_mb"
may_grow = "5 %"
"""
GUARDED = parse_contract((CONTRACT + MEMORY).encode())
BETTER = (3.0, 3.01, 3.0, 3.01)


def verdict_on(
    *values: float, controls: tuple[float, ...], candidate: tuple[float, ...]
) -> tuple[Told, Verdict]:
    told = Told()
    for value, number in zip(BASELINE, controls, strict=True):
        told.runs("e0", value, guards=(("memory", number),))
    told.propose()
    for value, number in zip(values, candidate, strict=True):
        told.runs("e1", value, guards=(("memory", number),))
    verdict = due_verdict("e1", told.history, GUARDED)
    assert verdict is not None
    return told, verdict


SAME = (100.0,) * 6


def test_a_number_within_its_limit_leaves_a_keep_alone() -> None:
    told, verdict = verdict_on(*BETTER, controls=SAME, candidate=(105.0,) * 4)
    assert verdict == due_verdict("e1", told.history, TINY)
    assert verdict.outcome is Outcome.KEEP


def test_a_number_beyond_its_limit_is_no_keep_and_the_sentence_has_both_numbers() -> None:
    told, verdict = verdict_on(*BETTER, controls=SAME, candidate=(106.0, 107.0) * 2)
    assert (verdict.outcome, verdict.moved_incumbent) == (Outcome.DISCARD, False)
    for part in ("guard memory", "self-reported peak_mb", "106.5", "100", "may grow 5 %"):
        assert part in verdict.sentence
    assert "may grow 5 %" not in due_verdict("e1", told.history, TINY).sentence
    assert judge_again(told.history, verdict, GUARDED) == verdict


def test_one_odd_run_of_either_side_does_not_decide() -> None:
    _, kept = verdict_on(*BETTER, controls=(*SAME[:5], 9.0), candidate=(104.0,) * 4)
    assert kept.outcome is Outcome.KEEP
    _, held = verdict_on(*BETTER, controls=(*SAME[:5], 900.0), candidate=(106.0,) * 4)
    assert held.outcome is Outcome.DISCARD


@pytest.mark.parametrize("number", [50.0, 150.0])
def test_what_is_not_kept_anyway_is_worded_by_the_judge(number: float) -> None:
    told, verdict = verdict_on(3.5, 3.5, controls=SAME, candidate=(number, number))
    assert verdict == due_verdict("e1", told.history, TINY)
    assert verdict.outcome is Outcome.DISCARD
