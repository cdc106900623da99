"""Scores of predictions: proper, explained at the edges, and fair to an uncertain measurement."""

import math
import random

import pytest

from autoresearch.records import Prediction
from autoresearch.statistics.prediction_scores import (
    COIN,
    Forecast,
    PredictionScore,
    chance_of_gain,
    implied_spread,
    log_score,
    score_predictions,
)


def forecast(
    effect: float, confidence: float, measured: float | None, who: str = "m", **changes: float
) -> Forecast:
    half = changes.get("half", 0.0)
    return Forecast(
        proposer=who,
        prediction=Prediction(effect=effect, confidence=confidence),
        effect=measured,
        low=None if measured is None else measured - half,
        high=None if measured is None else measured + half,
        sigma=changes.get("sigma", 1.0),
    )


def only(*items: Forecast) -> PredictionScore:
    (taste,) = score_predictions(items).values()
    return taste


def test_a_coin_has_a_quarter_and_who_is_sure_and_right_has_nothing() -> None:
    assert only(forecast(1.0, 0.5, 2.0), forecast(1.0, 0.5, -2.0)).brier == COIN
    assert only(forecast(1.0, 1.0, 2.0)).brier == 0
    assert only(forecast(1.0, 1.0, -0.1)).brier == 1
    assert only(forecast(1.0, 1.0, 0.0)).brier == 1, "no change is no gain"


def test_a_sign_that_the_measurement_leaves_open_counts_by_its_probability() -> None:
    assert chance_of_gain(0.0, 1.0) == 0.5
    assert chance_of_gain(1.959964, 1.0) == pytest.approx(0.975)
    assert only(forecast(1.0, 1.0, 0.001, half=2.0)).brier == pytest.approx(0.5, abs=0.001)
    assert only(forecast(1.0, 0.5, 0.3, half=2.0)).brier == pytest.approx(COIN)


def test_on_noisy_measurements_the_score_is_on_average_that_against_the_truth() -> None:
    rng = random.Random(2)
    error = 1.5
    # Drawn around the measurement, for that is what its standard error claims.
    found = [rng.gauss(0.5, 2.0) for _ in range(4000)]
    improved = [effect + rng.gauss(0.0, error) > 0 for effect in found]
    share = sum(improved) / len(improved)
    honest, sure, timid = (
        only(*(forecast(1.0, chance, effect, half=1.959964 * error) for effect in found)).brier
        for chance in (share, 0.95, 0.3)
    )
    assert honest < min(sure, timid)
    assert honest == pytest.approx(share * (1 - share), abs=0.01)
    assert sure == pytest.approx(share * 0.05**2 + (1 - share) * 0.95**2, abs=0.01)


def test_effect_and_confidence_imply_the_spread_that_puts_so_much_above_zero() -> None:
    assert implied_spread(Prediction(effect=2.0, confidence=0.841345), 1.0) == pytest.approx(
        2.0, rel=1e-5
    )
    assert implied_spread(Prediction(effect=-2.0, confidence=0.158655), 1.0) == pytest.approx(
        2.0, rel=1e-5
    )


@pytest.mark.parametrize(
    ("effect", "confidence", "spread"),
    [
        (3.0, 0.5, 3.0),  # nothing is said of the sign
        (3.0, 0.2, 3.0),  # the sign contradicts the chance
        (-3.0, 0.8, 3.0),
        (0.1, 0.3, 0.5),  # sigma, where that is larger
        (0.0, 0.9, 0.5),
        (0.0, 0.5, 0.5),
        (2.326348, 1.0, 1.0),  # as if 99 %: nobody means no spread at all
    ],
)
def test_where_no_such_distribution_exists_the_spread_is_the_size_or_sigma(
    effect: float, confidence: float, spread: float
) -> None:
    prediction = Prediction(effect=effect, confidence=confidence)
    assert implied_spread(prediction, 0.5) == pytest.approx(spread, rel=1e-5)


def test_the_log_score_is_the_log_density_in_units_of_sigma() -> None:
    assert log_score(0.0, 1.0, 0.0) == pytest.approx(-0.5 * math.log(2 * math.pi))
    right = only(forecast(2.0, 0.841345, 2.0))
    assert right.log_score == pytest.approx(log_score(0.0, 2.0, 0.0), rel=1e-5)
    in_other_units = only(forecast(0.02, 0.841345, 0.02, sigma=0.01))
    assert in_other_units.log_score == pytest.approx(right.log_score)


def test_an_uncertain_measurement_punishes_a_miss_less() -> None:
    sharp, vague = forecast(2.0, 0.99, 6.0), forecast(2.0, 0.99, 6.0, half=2 * 1.959964)
    assert only(vague).log_score > only(sharp).log_score + 2


def test_saying_what_one_believes_scores_best_on_average() -> None:
    rng = random.Random(1)
    effects = [rng.gauss(1.0, 1.5) for _ in range(4000)]
    honest_chance = 0.747507  # Phi(1 / 1.5)
    honest, boasting, timid = (
        only(*(forecast(effect, chance, found) for found in effects))
        for effect, chance in ((1.0, honest_chance), (3.0, 0.99), (0.2, 0.55))
    )
    assert honest.brier < min(boasting.brier, timid.brier)
    assert honest.log_score > max(boasting.log_score, timid.log_score)
    assert honest.log_score > honest.know_nothing
    assert honest.brier < COIN


def test_what_has_no_measured_effect_or_no_prediction_is_not_scored() -> None:
    blank = Forecast(proposer="n", prediction=None, effect=1.0, low=0.0, high=2.0, sigma=1.0)
    found = score_predictions([forecast(1.0, 0.6, None), blank, forecast(1.0, 0.6, 1.0, "a")])
    assert list(found) == ["a"]
    assert found["a"].scored == 1
    assert score_predictions([]) == {}


def test_each_proposer_is_scored_alone() -> None:
    found = score_predictions([forecast(1.0, 0.9, 1.0, "b"), forecast(1.0, 0.9, -1.0, "a")])
    assert list(found) == ["a", "b"]
    assert found["b"].brier < COIN < found["a"].brier
