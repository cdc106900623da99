"""The final code beside the original, on parts that nobody saw."""

import pytest

from autoresearch.finalization.confirmation import Pair, summarize, unseen_parts
from tests.support.told import BASELINE, Told


def pair(part: int, final: float | None, original: float | None) -> Pair:
    unseen = [None if value is None else value + 0.5 for value in (final, original)]
    return Pair(
        part=part,
        seeds=(1, 2),
        final=final,
        original=original,
        final_unseen=unseen[0],
        original_unseen=unseen[1],
    )


def test_gains_are_compared_pair_by_pair_so_that_shared_luck_cancels() -> None:
    pairs = [
        pair(n, 2.0 + luck, 2.1 + luck + off)
        for n, luck, off in ((0, 0.9, 0.01), (1, -0.7, -0.01), (2, 0.2, 0.0))
    ]
    found = summarize(pairs, lower_is_better=True, parts=(0, 1, 2))
    assert found.gain is not None
    assert found.gain.value == pytest.approx(0.1)
    assert found.gain.low is not None
    assert 0.07 < found.gain.low < 0.1
    assert found.unseen_gain is not None
    assert found.unseen_gain.value == pytest.approx(0.1)
    assert found.unseen is not None
    assert found.unseen.value == pytest.approx(2.0 + 0.4 / 3 + 0.5)
    assert found.holds


def test_a_higher_metric_is_better_where_the_contract_says_so() -> None:
    pairs = [pair(0, 2.0, 2.1), pair(1, 2.0, 2.12)]
    found = summarize(pairs, lower_is_better=False)
    assert found.gain is not None
    assert found.gain.value == pytest.approx(-0.11)
    assert not found.holds


def test_a_run_without_a_value_leaves_its_pair_out() -> None:
    found = summarize(
        [pair(0, None, 2.0), pair(1, 1.9, 2.0)], lower_is_better=True, failed="it died"
    )
    assert found.gain is not None
    assert (found.gain.value, found.gain.low) == (pytest.approx(0.1), None)
    assert not found.holds  # one pair has no interval
    assert summarize([pair(0, None, 2.0)], lower_is_better=True).gain is None


def test_only_parts_that_no_run_was_scored_on_are_unseen() -> None:
    told = Told(*BASELINE)
    told.propose()
    told.runs("e1", 3.0)
    assert unseen_parts(told.history, 4) == (1, 2, 3)
    assert unseen_parts(told.history, 4, taken=[2]) == (1, 3)
    assert unseen_parts(told.history, 1) == ()
    assert unseen_parts(told.history, 0) == ()
