"""A lesson that says otherwise than its verdict is marked; one that does not is left alone."""

import pytest

from autoresearch.memory.lesson_claims import Doubt, doubt_about
from autoresearch.records import Outcome
from tests.support.samples import judged

KEPT = judged("e1", "e0", moved=True).verdict  # effect 0.1, between 0.05 and 0.15
LOST = judged("e1", "e0", outcome=Outcome.DISCARD, effect=-0.1, low=-0.15, high=-0.05).verdict
UNCLEAR = judged("e1", "e0", outcome=Outcome.INCONCLUSIVE, effect=0.01, low=-0.1, high=0.2).verdict
CRASHED = judged("e1", "e0", outcome=Outcome.CRASHED, effect=None, low=None, high=None).verdict


@pytest.mark.parametrize(
    ("lesson", "verdict", "doubt"),
    [
        ("A longer warmup helped.", LOST, Doubt.HELPED),
        ("A longer warmup helped.", UNCLEAR, Doubt.HELPED),
        ("A longer warmup helped.", CRASHED, Doubt.HELPED),
        ("A longer warmup helped.", KEPT, None),
        ("It hurts: the first steps are too small.", KEPT, Doubt.HURT),
        ("It hurts: the first steps are too small.", LOST, None),
        ("It hurts: the first steps are too small.", UNCLEAR, None),
        ("A longer warmup did not help, nor is it better.", LOST, None),
        ("It isn't worse with half the heads.", KEPT, None),
        ("Half the rate would be better here.", LOST, None),
        ("Better at first, worse at the end.", LOST, None),
        ("It diverged. Smaller rates are better.", LOST, None),
        ("The rate is near its best value.", LOST, None),
        ("effect +0.1 bpb, as the theory says", KEPT, None),
        ("effect of +0.3 bpb", KEPT, Doubt.NUMBER),
        ("effect -0.1 bpb", KEPT, Doubt.NUMBER),
        ("gain \u22120.1 bpb, so no gain", LOST, None),
        ("a gain of +30% in the gradient's norm", LOST, None),
        ("the rate went from 0.01 to +0.02", KEPT, None),
        ("", LOST, None),
        ("It helped.", None, None),
    ],
)
def test_a_claim_is_compared_with_the_verdict(lesson, verdict, doubt):
    assert doubt_about(lesson, verdict, reversed_since=False) == doubt


def test_a_keep_that_was_reversed_bears_no_gain_out():
    assert doubt_about("It helped.", KEPT, reversed_since=True) is Doubt.HELPED
    assert doubt_about("It held for a day.", KEPT, reversed_since=True) is None
