"""Overfitting of keeps to the held-out documents that verdicts use, measured on spare ones.

Every run is scored on two parts of the held-out documents. Verdicts see only the first. A gain
that selection found by chance in those documents is missing in the spare ones. Pure functions on
arrays. Both scores are of the same runs, so luck in training moves both and is not seen here.

An excess differs from keep to keep by more than the runs' noise, since two sets of documents never
agree exactly: from three keeps on their spread widens its interval, and fewer say little.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from autoresearch.statistics.noise import measure_noise, quantile
from autoresearch.statistics.t_table import T_975

FEWEST_KEEPS = 3  # from which on their spread is used
Scores = Sequence[tuple[float, float]]  # one run: on the judged part, on the spare part


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The runs that one keep rests on."""

    candidate: Scores
    controls: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """Sums over all keeps, metric units; positive is better. Intervals are 95 %."""

    keeps: int
    claimed: float  # sum of the effects on the judged part
    spare: float  # sum of the same runs' effects on the spare part
    spare_low: float
    spare_high: float
    excess: float  # claimed - spare: the estimated overfitting
    low: float
    high: float


def measure_overfitting(keeps: Sequence[Keep], *, lower_is_better: bool) -> Overfitting | None:
    """Estimate how much of the gain that keeps claimed is missing on spare documents.

    Args:
        keeps: The scores, metric units, that each keep rests on.
        lower_is_better: The metric's direction.

    Returns:
        The estimate with 95 % intervals by Student's t, or None if no keep has two runs on one
        side that were scored on both parts.
    """
    scored = [keep for keep in keeps if keep.candidate and keep.controls]
    sign = 1.0 if lower_is_better else -1.0
    groups = [group for keep in scored for group in (keep.candidate, keep.controls)]
    spare_noise = measure_noise([[spare for _, spare in group] for group in groups])
    # Paired within each run, so that luck shared by both parts cancels.
    apart = measure_noise([[judged - spare for judged, spare in group] for group in groups])
    if not scored or spare_noise is None or apart is None:
        return None
    claimed = sign * sum(_difference(keep, 0) for keep in scored)
    spare = sign * sum(_difference(keep, 1) for keep in scored)
    runs = sum(1 / len(keep.candidate) + 1 / len(keep.controls) for keep in scored)
    wide = quantile(T_975, spare_noise.freedom) * spare_noise.sigma * math.sqrt(runs)
    excesses = [sign * (_difference(keep, 0) - _difference(keep, 1)) for keep in scored]
    narrow = max(
        quantile(T_975, apart.freedom) * apart.sigma * math.sqrt(runs),
        _half_width(excesses),
    )
    return Overfitting(
        keeps=len(scored),
        claimed=claimed,
        spare=spare,
        spare_low=spare - wide,
        spare_high=spare + wide,
        excess=claimed - spare,
        low=claimed - spare - narrow,
        high=claimed - spare + narrow,
    )


def _half_width(excesses: Sequence[float]) -> float:
    """Return half the width of their sum's 95 % interval, from their spread; 0 below three."""
    if len(excesses) < FEWEST_KEEPS:
        return 0.0
    spread = quantile(T_975, len(excesses) - 1) * stdev(excesses)
    return spread * math.sqrt(len(excesses))


def _difference(keep: Keep, part: int) -> float:
    """Return the mean of the control runs minus the mean of the candidate's runs."""
    controls = fmean(scores[part] for scores in keep.controls)
    return controls - fmean(scores[part] for scores in keep.candidate)
