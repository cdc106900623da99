"""The level of the incumbent and the spread of its runs, estimated from control runs.

Works on gains (statistics/metric_scale.py): more is better. Meant for noise of any shape:

- A control run far on the bad side of the others (an outlier) is moved to a fence, the median less
  so many scaled median absolute deviations (https://en.wikipedia.org/wiki/Median_absolute_deviation).
  That can only make the incumbent look better. Runs on the good side stay as they are: they show
  what luck can do.
- Where the level may drift, the runs from before the candidate began count as if their mean were
  off by `drift` sigma, and weigh less than those beside it (a random effect with a known variance).
- Older versions of the code give their spread only where it fits that of the incumbent's own runs
  and is no smaller, so that they can add caution and nothing else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from autoresearch.statistics.gates import Gate
from autoresearch.statistics.metric_scale import MetricScale
from autoresearch.statistics.noise import mean, squares

MAD_TO_SIGMA = 1.4826  # of a normal distribution
FEWEST_FENCED = 5  # runs from which on an outlier can be told
FIT = 2.0  # standard errors by which the logarithms of two variances may differ
NOISELESS = 1e-9  # of a value: below this runs are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLevel:
    """The incumbent by its control runs, in gains."""

    level: float  # with the weights that drift asks for
    uncertainty: float  # variance of `level`, in sigma^2
    plain_level: float  # the plain mean of all control runs
    sigma: float  # standard deviation of single runs; 0 if they are all the same
    freedom: int  # degrees of freedom of sigma
    runs: int
    fresh: int  # of the runs, those beside the candidate

    @property
    def exact(self) -> bool:
        """Return whether all control runs agree, so that the metric seems to have no noise."""
        return self.sigma == 0.0


def measured_base(
    controls: Sequence[float],
    noise_groups: Sequence[Sequence[float]],
    scale: MetricScale,
    gate: Gate,
    *,
    old: int = 0,
) -> BaseLevel:
    """Estimate the incumbent from measurements: on a scale, beside what older versions measured."""
    older = [
        scale.gains(group)
        for group in noise_groups
        if list(group) != list(controls) and scale.fits(group)
    ]
    return base_level(scale.gains(controls), old, older, gate)


def base_level(
    controls: Sequence[float], old: int, older: Sequence[Sequence[float]], gate: Gate
) -> BaseLevel:
    """Estimate the incumbent's level and spread.

    Args:
        controls: Gains of its control runs in the order in which they began, two or more.
        old: How many of them, from the first on, began before the candidate in a lab whose level
            may drift; 0 where it can't.
        older: Gains of the control runs of earlier versions, one group each.
        gate: The settings.
    """
    fenced = fence(controls, gate.fence)
    before, beside = fenced[:old], fenced[old:]
    parts = [part for part in (before, beside) if part]
    freedom = sum(len(part) - 1 for part in parts)
    if freedom == 0:  # one run on each side: their difference is all there is
        parts, freedom = [fenced], len(fenced) - 1
    variance = sum(squares(part) for part in parts) / freedom
    if math.sqrt(variance) <= NOISELESS * max(1.0, abs(fenced[0])):
        variance = 0.0
    else:
        variance, freedom = _with_older(variance, freedom, older, gate)
    level, uncertainty = _weighted(before, beside, gate.drift)
    return BaseLevel(
        level=level,
        uncertainty=uncertainty,
        plain_level=mean(fenced),
        sigma=math.sqrt(variance),
        freedom=freedom,
        runs=len(fenced),
        fresh=len(beside),
    )


def fence(runs: Sequence[float], widths: float) -> list[float]:
    """Move runs that are far worse than the others to the fence; `widths` in robust sigma."""
    middle = median(runs)
    width = MAD_TO_SIGMA * median(abs(run - middle) for run in runs)
    if len(runs) < FEWEST_FENCED or width == 0.0:
        return list(runs)
    return [max(run, middle - widths * width) for run in runs]


def _weighted(
    before: Sequence[float], beside: Sequence[float], drift: float
) -> tuple[float, float]:
    """Return the level, and its variance in sigma^2."""
    if not before:
        return mean(beside), 1 / len(beside)
    old = 1 / len(before) + drift**2
    if not beside:
        return mean(before), old
    fresh = 1 / len(beside)
    weight = fresh / (old + fresh)  # of the older runs
    return weight * mean(before) + (1 - weight) * mean(beside), old * fresh / (old + fresh)


def _with_older(
    variance: float, freedom: int, older: Sequence[Sequence[float]], gate: Gate
) -> tuple[float, int]:
    """Return the variance and its freedom, pooled with older groups that fit and are no smaller."""
    total, count = variance * freedom, freedom
    for group in older:
        if len(group) < 2:
            continue
        fenced = fence(group, gate.fence)
        more = len(fenced) - 1
        other = squares(fenced) / more
        error = math.sqrt(2 / more + 2 / freedom)  # of the logarithms' difference
        if other >= variance and math.log(other / variance) <= FIT * error:
            total, count = total + other * more, count + more
    return total / count, count
