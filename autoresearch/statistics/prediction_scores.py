"""Score predictions by what was measured: who has taste, and who only sounds as if.

Two scores, both proper: only saying what one believes makes them as good as they can be on average.

- Brier, for the sign: (confidence - improved)^2, where confidence is the stated probability that
  the metric improves, and improved is 1 if it does, else 0. Which of the two is not known for
  certain, so both are weighed with their probability by the measurement, p = Phi(effect / e), e
  being the standard error of the effect: p (1 - confidence)^2 + (1 - p) confidence^2. Where p is
  right that is on average the score against the truth, and it stays proper, which the sign of a
  noisy effect (near 0 right only half the time) is not. Lower is better; a coin (0.5 for
  everything) has 0.25, however noisy the measurement.
- The log score, for the size, in nats a sigma: ln of the density that the prediction gave to the
  effect that was measured. A predicted effect m with confidence c is the normal distribution with
  mean m that has the share c above 0, so its spread is s = m / z(c), z being the normal quantile.
  What is measured is uncertain itself, so the density is that of N(m, s^2 + e^2), in units of
  sigma, the spread of single runs. Higher is better.

Where m and c name no such distribution (they contradict each other, c is one half, or m is 0) the
spread is |m| or sigma, whichever is larger. Confidence is cut to 1 % and 99 % for the spread, since
nobody means a distribution without any. A prediction whose experiment has no measured effect, and
an experiment without a prediction, are not scored.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist, fmean

from autoresearch.records import Prediction

COIN = 0.25  # the Brier score of 0.5 for everything
REFERENCE_SPREAD = 2.0  # sigma: the know-nothing expects effects of 0, give or take so much
SUREST = 0.99
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What was predicted of one experiment, and what its verdict measured; metric units."""

    proposer: str
    prediction: Prediction | None
    effect: float | None  # positive is better
    low: float | None  # the 95 % interval
    high: float | None
    sigma: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionScore:
    """How good one proposer's predictions were, on average."""

    scored: int
    brier: float  # a coin has 0.25; lower is better
    log_score: float  # nats; higher is better
    know_nothing: float  # the log score of N(0, (2 sigma)^2) on the same experiments


def score_predictions(items: Iterable[Forecast]) -> dict[str, PredictionScore]:
    """The taste of each proposer that has at least one prediction to score, in order of name."""
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
    """The Brier score to be expected where it improved with that probability: 0 best, 1 worst."""
    said = prediction.confidence
    return improved * (1 - said) ** 2 + (1 - improved) * said**2


def chance_of_gain(effect: float, error: float) -> float:
    """How likely the true effect is above 0 by this measurement and its standard error.

    Without an error it is known: no effect is no gain.
    """
    return _NORMAL.cdf(effect / error) if error > 0 else float(effect > 0)


def log_score(mean: float, spread: float, effect: float) -> float:
    """The log density of the effect under N(mean, spread^2), nats; all in one unit."""
    return -((effect - mean) ** 2) / (2 * spread**2) - math.log(spread * math.sqrt(2 * math.pi))


def implied_spread(prediction: Prediction, sigma: float) -> float:
    """The spread of the normal distribution that a prediction stands for, metric units."""
    sure = min(max(prediction.confidence, 1 - SUREST), SUREST)
    z = _NORMAL.inv_cdf(sure)
    if prediction.effect * z > 0:
        return prediction.effect / z
    return max(abs(prediction.effect), sigma)


def _scores(item: Forecast) -> tuple[float, float, float] | None:
    """Brier, log score, and the know-nothing's log score; None where there is nothing to score."""
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
