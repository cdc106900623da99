"""What a lab can tell apart, from its own control runs."""

import random
from pathlib import Path

import pytest

from autoresearch.calibration.own_lab import measure_controls, resolution, resolve
from autoresearch.lab import Lab
from autoresearch.statistics.metric_scale import MetricScale
from server.commands.calibration import resolution_words
from tests.support.refusals import raises
from tests.support.repositories import make_repository

LOWER = MetricScale(lower_is_better=True)


def runs(number: int, sigma: float = 0.01) -> list[float]:
    rng = random.Random(5)
    return [rng.gauss(3.2, sigma) for _ in range(number)]


@pytest.mark.long
def test_the_gain_that_is_found_follows_the_noise_and_the_number_of_controls() -> None:
    few, many, noisy = (resolve(one, LOWER) for one in (runs(6), runs(20), runs(20, 0.1)))
    assert 1.5 < many.gain_sigmas < 2.4
    assert few.gain_sigmas > many.gain_sigmas
    assert noisy.gain == pytest.approx(10 * many.gain, rel=0.01)
    assert many.false_keeps <= 0.002
    assert many.null_runs < 3
    assert resolve(runs(20), LOWER) == many


@pytest.mark.long
def test_where_the_level_may_drift_less_is_found() -> None:
    assert resolve(runs(20), LOWER, drifts=True).gain > resolve(runs(20), LOWER).gain


def test_a_metric_that_repeats_exactly_shows_any_difference() -> None:
    found = resolve([7.0] * 6, LOWER)
    assert (found.sigma, found.gain) == (0, 0)
    [words] = resolution_words("tiny", found, "bytes")
    assert "any difference is found" in words


@pytest.mark.long
def test_a_budget_of_control_runs_is_made_recorded_and_used(lab: Lab) -> None:
    told: list[tuple[int, int]] = []
    measure_controls(lab, 4, lambda done, of: told.append((done, of)))
    assert told[-1] == (4, 4)
    assert len(lab.history().reports_of("e0")) == 10
    found = resolution(lab)
    assert found.runs == 10
    words = " ".join(resolution_words(lab.name, found, "bits per byte"))
    assert "found 9 times in 10 within 14 runs" in words


@pytest.mark.slow
def test_a_lab_without_enough_control_runs_says_how_many_to_give(tmp_path: Path) -> None:
    lab = Lab.open(str(make_repository(tmp_path / "repository")), home=tmp_path / "home")
    with raises("lab_error.too_few_controls", "--runs 6"):
        resolution(lab)
