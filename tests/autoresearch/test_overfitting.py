"""What selection found by chance in the judged documents is not in the spare ones."""

import random

import pytest

from autoresearch.overfitting import Keep, measure_overfitting
from autoresearch.track_record import track_record
from tests.autoresearch.told import BASELINE, TINY, Told


def scores(
    rng: random.Random, count: int, judged: float, spare: float
) -> list[tuple[float, float]]:
    """Runs whose luck in training moves both parts, and whose documents move each a little."""
    luck = [rng.gauss(0, 0.01) for _ in range(count)]
    return [(judged + by + rng.gauss(0, 0.001), spare + by + rng.gauss(0, 0.001)) for by in luck]


def keeps(claimed: float, real: float) -> list[Keep]:
    rng = random.Random(7)
    return [
        Keep(candidate=scores(rng, 4, 3 - claimed, 3 - real), controls=scores(rng, 20, 3, 3))
        for _ in range(5)
    ]


def test_gains_that_are_real_are_on_the_spare_part_too() -> None:
    found = measure_overfitting(keeps(0.02, 0.02), lower_is_better=True)
    assert found is not None
    assert found.keeps == 5
    assert found.low < 0 < found.high
    assert found.spare_low < 0.1 < found.spare_high


def test_gains_that_the_judged_documents_alone_show_are_called_overfitted() -> None:
    found = measure_overfitting(keeps(0.03, 0.02), lower_is_better=True)
    assert found is not None
    assert found.excess == pytest.approx(0.05, abs=0.01)
    assert found.low > 0
    assert found.high - found.low < found.spare_high - found.spare_low


def test_the_sign_follows_the_metrics_direction() -> None:
    up = measure_overfitting(keeps(-0.03, -0.02), lower_is_better=False)
    assert up is not None
    assert up.claimed > up.spare > 0


def test_without_a_keep_or_without_spare_scores_nothing_is_said() -> None:
    assert measure_overfitting([], lower_is_better=True) is None
    one = Keep(candidate=[(1.0, 1.0)], controls=[])
    assert measure_overfitting([one], lower_is_better=True) is None


def test_a_labs_keeps_are_compared_on_both_parts() -> None:
    told = Told()
    told.runs("e0", *BASELINE, apart=0.5)
    told.propose()
    told.runs("e1", 3.0, 3.01, apart=0.6)
    assert track_record(told.history, TINY).overfitting is None
    told.judge("e1")
    found = track_record(told.history, TINY)
    assert found.overfitting is not None
    assert found.overfitting.claimed == pytest.approx(0.195)
    assert found.overfitting.excess == pytest.approx(0.1)
    assert found.candidates == 1
    assert 0 < found.false_keeps < 0.01
