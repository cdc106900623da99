"""Scores of predictions against measured effects: the Brier score and the logarithmic score.

Both scores are proper: on average they are best for a forecaster who states what they believe
(Gneiting & Raftery 2007, https://doi.org/10.1198/016214506000001437).

- The Brier score (1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2) rates the
  sign: (confidence - improved)^2, where confidence is the stated probability that the metric
  improves, and improved is 1 if it does, else 0. Which of the two is true is not known for
  certain, so both are weighted by their probability given the measurement, p = Phi(effect / e),
  with the effect's standard error e: p (1 - confidence)^2 + (1 - p) confidence^2. If p is right,
  that equals the score against the truth on average, and it stays proper; scoring against the
  sign of a noisy effect, which near 0 is right only half the time, would not. Lower is better; a
  forecast of 0.5 for everything has 0.25, however noisy the measurement.
- The logarithmic score (Good 1952, https://doi.org/10.1111/j.2517-6161.1952.tb00104.x) rates the
  size, in nats: ln of the density that the prediction gave to the measured effect. A predicted
  effect m with confidence c stands for the normal distribution with mean m that has the share c
  above 0, so its standard deviation is s = m / z(c), with the normal quantile z. The measurement
  is uncertain too, so the density is that of N(m, s^2 + e^2), in units of sigma, the standard
  deviation of single runs. Higher is better.

Where m and c define no such distribution (they contradict each other, c is one half, or m is 0),
s is |m| or sigma, whichever is larger. For s, confidence is clipped to 1 % and 99 %, since nobody
means a distribution of width 0. Predictions without a measured effect, and experiments without a
prediction, are not scored.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist, fmean

from autoresearch.records import Prediction

COIN = 0.25  # the Brier score of 0.5 for everything
REFERENCE_SPREAD = 2.0  # sigma: standard deviation of the uninformed forecast, whose mean is 0
SUREST = 0.99  # confidence beyond this is clipped for the spread
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The prediction for one experiment and the effect that its verdict measured; metric units."""

    proposer: str
    prediction: Prediction | None
    effect: float | None  # positive is better
    low: float | None  # of the 95 % interval
    high: float | None
    sigma: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionScore:
    """One proposer's average scores."""

    scored: int  # number of predictions
    brier: float  # 0.25 for a coin; lower is better
    log_score: float  # nats; higher is better
    know_nothing: float  # the log score of N(0, (2 sigma)^2) on the same experiments


def score_predictions(items: Iterable[Forecast]) -> dict[str, PredictionScore]:
    """Return the average scores of each proposer, in order of name.

    Args:
        items: Predictions with the measured effects, metric units.

    Returns:
        Scores by proposer, for those with at least one prediction that can be scored.
    """
    scored: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for item in items:
        found = _scores(item)
        if found is not None:
            scored[item.proposer].append(found)
    return {
        name: PredictionScore(
            scored=len(rows),
            brier=fmean(row[0] for row in rows),
            log_score=fmean(row[1] for row in rows),
            know_nothing=fmean(row[2] for row in rows),
        )
        for name, rows in sorted(scored.items())
    }


def brier(prediction: Prediction, improved: float) -> float:
    """Return the expected Brier score, 0 (best) to 1 (worst).

    Args:
        prediction: Its `confidence` is the stated probability of an improvement.
        improved: The probability, 0 to 1, that the metric did improve.
    """
    said = prediction.confidence
    return improved * (1 - said) ** 2 + (1 - improved) * said**2


def chance_of_gain(effect: float, error: float) -> float:
    """Return the probability that the true effect is above 0, given its standard error.

    With an error of 0 the effect is known: it is a gain only if it is above 0.
    """
    return _NORMAL.cdf(effect / error) if error > 0 else float(effect > 0)


def log_score(mean: float, spread: float, effect: float) -> float:
    """Return the log density of the effect under N(mean, spread^2), nats; all in one unit."""
    return -((effect - mean) ** 2) / (2 * spread**2) - math.log(spread * math.sqrt(2 * math.pi))


def implied_spread(prediction: Prediction, sigma: float) -> float:
    """Return the standard deviation of the normal distribution that a prediction implies.

    Both the result and `sigma`, the noise of single runs, are in metric units.
    """
    sure = min(max(prediction.confidence, 1 - SUREST), SUREST)
    z = _NORMAL.inv_cdf(sure)
    if prediction.effect * z > 0:
        return prediction.effect / z
    return max(abs(prediction.effect), sigma)


def _scores(item: Forecast) -> tuple[float, float, float] | None:
    """Return Brier score, log score and the uninformed log score; None if it can't be scored."""
    prediction, effect, sigma = item.prediction, item.effect, item.sigma
    if prediction is None or effect is None or sigma is None or sigma <= 0:
        return None
    error = 0.0
    if item.low is not None and item.high is not None:
        error = (item.high - item.low) / (2 * _NORMAL.inv_cdf(0.975)) / sigma
    spread = math.hypot(implied_spread(prediction, sigma) / sigma, error)
    mean, measured = prediction.effect / sigma, effect / sigma
    reference = math.hypot(REFERENCE_SPREAD, error)
    return (
        brier(prediction, chance_of_gain(measured, error)),
        log_score(mean, spread, measured),
        log_score(0.0, reference, measured),
    )
