"""The test that reverses a keep: whether its runs since then put it behind its base. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autoresearch.statistics.base_level import NOISELESS, measured_base
from autoresearch.statistics.gates import GATE, NOISE_OF_ANY_SHAPE_SINCE, Gate
from autoresearch.statistics.metric_scale import scale_for
from autoresearch.statistics.noise import Noise, interval, mean, measure_noise, pooled, squares


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalEvidence:
    """Evidence that a kept experiment, by its runs since then, is worse than its base."""

    effect: float  # metric units, positive is better; here below 0
    low: float
    high: float
    noise: Noise
    runs: int  # fresh runs that were looked at, from the first on
    controls: int
    reason: str


def falls_behind(
    fresh: Sequence[float],
    parent: Sequence[float],
    noise_groups: Sequence[Sequence[float]],
    *,
    lower_is_better: bool,
    gate: Gate = GATE,
    margin_sigmas: float = 0.0,
    log: bool = False,
) -> ReversalEvidence | None:
    """Return evidence that a kept experiment is behind its base, by runs made since it was kept.

    It looks only after 6, 12 and 20 fresh runs, since testing after every run until one test
    fails would raise the rate of false reversals (repeated significance tests, Pocock 1977,
    https://doi.org/10.1093/biomet/64.2.191). Between two looks the answer is that of the earlier
    one. docs/calibration.md has its error rates.

    Args:
        fresh: Measurements of the runs since it was kept, metric units, in order.
        parent: Measurements of its base's control runs.
        noise_groups: As in `judge`.
        lower_is_better: The metric's direction.
        gate: The settings.
        margin_sigmas: How much worse than its base it may be; for simplifications.
        log: As in `judge`.

    Returns:
        The evidence if the estimated effect is below minus the margin, else None; None too while
        no look is due.
    """
    look = max((look for look in gate.looks if look <= len(fresh)), default=0)
    noise = measure_noise(noise_groups)
    if look == 0 or noise is None or len(parent) < gate.fewest_controls:
        return None
    seen = fresh[:look]
    if gate.version < NOISE_OF_ANY_SHAPE_SINCE:
        compared = _compare_v3(seen, parent, noise, lower_is_better=lower_is_better)
    else:
        compared = _compare(
            seen, parent, noise_groups, gate, lower_is_better=lower_is_better, log=log
        )
    behind, all_noise, (effect, low, high) = compared
    if behind <= margin_sigmas:
        return None
    allowed = f", but only {margin_sigmas:g} is allowed" if margin_sigmas else ""
    return ReversalEvidence(
        effect=effect,
        low=low,
        high=high,
        noise=all_noise,
        runs=look,
        controls=len(parent),
        reason=f"its {look} runs since it was kept are {behind:.1f} sigma behind its base{allowed}",
    )


def _compare(
    seen: Sequence[float],
    parent: Sequence[float],
    noise_groups: Sequence[Sequence[float]],
    gate: Gate,
    *,
    lower_is_better: bool,
    log: bool,
) -> tuple[float, Noise, tuple[float, float, float]]:
    """Return by how many sigma the runs are behind, the noise, and the effect with its interval."""
    scale = scale_for([*seen, *parent], lower_is_better=lower_is_better, log=log)
    base = measured_base(parent, noise_groups, scale, gate)
    gains = scale.gains(seen)
    spread = math.sqrt(squares(gains) / (len(seen) - 1))
    sigma = max(base.sigma, spread, NOISELESS * max(1.0, abs(base.level)))
    difference = mean(gains) - base.level
    one = Noise(sigma=sigma, freedom=base.freedom)
    low, high = interval(difference, one, len(seen), len(parent))
    noise = Noise(sigma=scale.width(base.level, sigma), freedom=base.freedom)
    effect, low, high = (scale.effect(base.level, at) for at in (difference, low, high))
    return -difference / sigma, noise, (effect, low, high)


def _compare_v3(
    seen: Sequence[float], parent: Sequence[float], noise: Noise, *, lower_is_better: bool
) -> tuple[float, Noise, tuple[float, float, float]]:
    """Return the same as judge versions 2 and 3 had it."""
    all_noise = pooled(noise, seen)
    effect = _difference(parent, seen, lower_is_better)
    low, high = interval(effect, all_noise, len(seen), len(parent))
    return -effect / all_noise.sigma, all_noise, (effect, low, high)


def _difference(base: Sequence[float], runs: Sequence[float], lower_is_better: bool) -> float:
    """Return how much better the runs are than their base on average, metric units."""
    gain = mean(base) - mean(runs)
    return gain if lower_is_better else -gain
