"""How far single runs of unchanged code lie apart, and what that makes of a difference of means.

Plain numbers in metric units; knows no gate, no ledger and no clock.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autoresearch.statistics.t_table import T_975


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The pooled spread of single runs of the same code."""

    sigma: float  # metric units
    freedom: int  # degrees of freedom it was estimated with


def measure_noise(groups: Sequence[Sequence[float]]) -> Noise | None:
    """Pool the spread within groups of runs of the same code; None below two runs in one group."""
    several = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in several)
    if freedom == 0:
        return None
    total = sum(squares(group) for group in several)
    # Identical runs mean a metric without noise: any difference then counts, so sigma is not 0.
    floor = 1e-12 * max(1.0, *(max(map(abs, group)) for group in several))
    return Noise(sigma=max(math.sqrt(total / freedom), floor), freedom=freedom)


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean."""
    # As statistics.fmean, in half its time; kept, so that old verdicts are derived to the last bit.
    return math.fsum(values) / len(values)


def squares(group: Sequence[float]) -> float:
    """The sum of squared distances from the group's mean."""
    middle = mean(group)
    return math.fsum([(value - middle) ** 2 for value in group])


def pooled(noise: Noise, candidate: Sequence[float]) -> Noise:
    """The noise with the candidate's own runs as one more group of runs of the same code."""
    freedom = noise.freedom + len(candidate) - 1
    total = noise.sigma**2 * noise.freedom + squares(candidate)
    return Noise(sigma=math.sqrt(total / freedom), freedom=freedom)


def interval(effect: float, noise: Noise, runs: int, controls: int) -> tuple[float, float]:
    """The 95 % interval of a difference of two means, metric units."""
    half = quantile(T_975, noise.freedom) * noise.sigma * math.sqrt(1 / runs + 1 / controls)
    return effect - half, effect + half


def quantile(table: Sequence[float], freedom: int) -> float:
    """Student's t quantile; the normal's beyond the table's end."""
    return table[min(freedom, len(table)) - 1]
