"""False keeps to expect, by simulated rates and the shape of the lab's own noise."""

import random

import pytest

from autoresearch.statistics.false_keep_rates import NORMAL, WORST
from autoresearch.statistics.false_keeps import expected_false_keeps, looks_normal


@pytest.mark.parametrize(("normal", "rates"), [(True, dict(NORMAL)), (False, dict(WORST))])
def test_they_add_up_and_between_two_rows_the_higher_rate_counts(normal, rates) -> None:
    assert expected_false_keeps([], normal=normal) == 0
    found = expected_false_keeps([20, 20, 3], normal=normal)
    assert found == pytest.approx(2 * rates[20] + rates[3])
    assert expected_false_keeps([7], normal=normal) == max(rates[6], rates[8])
    assert expected_false_keeps([500], normal=normal) == rates[60]
    assert max(rates.values()) <= 0.002


def test_only_enough_runs_without_a_tail_look_normal() -> None:
    rng = random.Random(1)
    normal = [[rng.gauss(level, 1) for _ in range(15)] for level in (0, 50)]
    assert looks_normal(normal)
    assert not looks_normal([normal[0]])
    assert not looks_normal([])
    assert not looks_normal([[5.0] * 30])
    tail = [rng.expovariate(1) ** 2 for _ in range(40)]
    assert not looks_normal([tail])
    assert not looks_normal([[*normal[0], *normal[0], 40.0]])


def test_normal_runs_mostly_look_normal() -> None:
    rng = random.Random(2)
    seen = [looks_normal([[rng.gauss(0, 1) for _ in range(20)]]) for _ in range(200)]
    assert sum(seen) > 180
