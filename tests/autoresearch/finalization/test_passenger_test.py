"""Whether a keep is needed at the end, asked of plain numbers."""

import random

import pytest

from autoresearch.finalization.passenger_test import (
    FIRST_CONTROLS,
    FIRST_RUNS,
    MORE_CONTROLS,
    MOST_RUNS,
    Standing,
    judge_removal,
)


def ended(rng: random.Random, gain: float, *, simplification: bool = False) -> tuple[Standing, int]:
    """How a keep with this gain, in sigma, ends, and after how many runs without it."""
    whole = [rng.gauss(0, 1) for _ in range(FIRST_CONTROLS)]
    without = [rng.gauss(gain, 1) for _ in range(FIRST_RUNS)]
    while True:
        found = judge_removal(without, whole, lower_is_better=True, simplification=simplification)
        if found.standing is not None:
            return found.standing, len(without)
        whole += [rng.gauss(0, 1) for _ in range(MORE_CONTROLS)]
        without.append(rng.gauss(gain, 1))


def shares(gain: float, trials: int = 60) -> dict[Standing, float]:
    rng = random.Random(5)
    ends = [ended(rng, gain)[0] for _ in range(trials)]
    return {standing: ends.count(standing) / trials for standing in Standing}


def test_a_keep_that_does_nothing_is_a_passenger_nearly_always() -> None:
    assert shares(0.0)[Standing.PASSENGER] >= 0.95


def test_a_keep_worth_one_sigma_is_hardly_ever_dropped() -> None:
    assert shares(1.0)[Standing.PASSENGER] <= 0.05


@pytest.mark.parametrize("gain", [1.6, 3.0])
def test_a_clear_gain_stands(gain: float) -> None:
    assert shares(gain)[Standing.GAIN] >= 0.97


def test_a_keep_that_harms_is_dropped_too() -> None:
    assert shares(-2.0, 20)[Standing.PASSENGER] == 1.0


def test_no_keep_takes_more_runs_than_the_most() -> None:
    rng = random.Random(8)
    assert max(ended(rng, 0.5)[1] for _ in range(40)) <= MOST_RUNS


def test_a_simplification_goes_only_if_the_code_is_better_without_it() -> None:
    rng = random.Random(3)
    harmless = [ended(rng, 0.0, simplification=True)[0] for _ in range(30)]
    assert Standing.COSTS not in harmless
    assert ended(rng, -4.0, simplification=True)[0] is Standing.COSTS


def test_where_runs_repeat_exactly_any_loss_shows_that_a_keep_is_needed() -> None:
    whole = [2.0] * FIRST_CONTROLS
    same = judge_removal([2.0] * FIRST_RUNS, whole, lower_is_better=True)
    worse = judge_removal([2.001] * FIRST_RUNS, whole, lower_is_better=True)
    higher = judge_removal([2.001] * FIRST_RUNS, whole, lower_is_better=False)
    assert same.standing is Standing.PASSENGER
    assert worse.standing is Standing.GAIN
    assert higher.standing is Standing.PASSENGER
