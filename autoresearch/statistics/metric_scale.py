"""The scale on which measurements are compared: gains, in metric units or in logarithms.

On either scale a larger gain is better. A time, a size or a rate is compared by its logarithm, so
that its noise is relative: what takes 42 ms, give or take 2, is as noisy as 0.2 ms, give or take
0.01. Pure functions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricScale:
    """Turn measurements into gains and differences of gains into metric units."""

    lower_is_better: bool
    log: bool = False

    def gains(self, values: Sequence[float]) -> list[float]:
        """Return the values so that more is better; in nats of the metric if `log`."""
        sign = -1.0 if self.lower_is_better else 1.0
        if self.log:
            return [sign * math.log(value) for value in values]
        return [sign * value for value in values]

    def fits(self, values: Sequence[float]) -> bool:
        """Return whether the scale is defined for all of these values."""
        return not self.log or all(value > 0 for value in values)

    def effect(self, level: float, difference: float) -> float:
        """Return a difference of gains in metric units, positive if better, at a level."""
        if not self.log:
            return difference
        sign = -1.0 if self.lower_is_better else 1.0
        base = math.exp(sign * level)
        return sign * (math.exp(sign * (level + difference)) - base)

    def width(self, level: float, sigma: float) -> float:
        """Return a standard deviation of gains in metric units at a level."""
        return math.exp(-level if self.lower_is_better else level) * sigma if self.log else sigma


def scale_for(values: Sequence[float], *, lower_is_better: bool, log: bool) -> MetricScale:
    """Return the scale for these measurements: logarithms only where all are above 0."""
    return MetricScale(lower_is_better, log and all(value > 0 for value in values))
