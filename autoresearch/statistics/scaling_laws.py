"""Scaling laws: power laws in compute, fitted to runs at several sizes. Pure, no files, no lab.

Baseline and candidate each follow y = floor + scale * (x / x0)^-exponent, with errors of one common
standard deviation. Such a law in compute, with an irreducible floor, is what Kaplan et al. 2020
(https://arxiv.org/abs/2001.08361) and Hoffmann et al. 2022 (https://arxiv.org/abs/2203.15556) fit
to the loss of language models. For a given exponent the law is a straight line, so exponents are
searched on a grid and everything else is exact. Intervals are by profile likelihood (Venzon &
Moolgavkar 1988, https://doi.org/10.2307/2347496): a value belongs to the 95 % interval if some law
with that value fits not much worse than the best one (by t^2 times the variance of the residuals).
That holds even where the exponent is poorly determined, as it usually is from a few sizes: the
interval far beyond the measured sizes is then as wide as it must be.

Needs numpy, and scipy from the extra `scaling`; both are imported when a fit is made.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from autoresearch.errors import LabError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[Any]

FEWEST_SIZES = 3
REACH = 10.0  # extrapolate to this many times the largest compute that was run
EXPONENTS = (0.02, 3.0)  # of the grid: nearly straight in log x, to flat almost at once
GRID = 120  # exponents
STEPS = 30  # of the chart's curves
SHARE = 0.95  # of the intervals
MISFIT = 0.01  # significance level of the test for lack of fit


@dataclass(frozen=True, slots=True)
class Point:
    """One run."""

    size: float  # value of the scaling knob
    compute: float  # at this size with this code, in any unit
    value: float  # metric units


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """y = floor + scale * (x / x0)^-exponent, x0 being the largest compute of all runs."""

    floor: Interval
    scale: Interval
    exponent: Interval
    fits: bool  # the test for lack of fit does not reject it


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """The predictions of both laws at one compute."""

    compute: float
    baseline: Interval
    candidate: Interval
    gain: Interval  # metric units, positive is better


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Two fitted laws, and the gain at the measured sizes and beyond them."""

    baseline: Law
    candidate: Law
    x0: float
    gain: Interval  # mean over the sizes that were run, at equal size, from the runs alone
    costs: float  # compute of the candidate over the baseline's, at equal size
    reach: At  # at REACH times the largest compute
    curve: tuple[At, ...]  # from the least compute of both to `reach`, for a chart
    spread: float  # standard deviation of single runs about their law, metric units

    @property
    def answer(self) -> str:
        """A few words on whether the gain holds at scale."""
        far, here = self.reach.gain, self.gain
        if far.low > 0:
            return "it holds"
        if far.high < 0:
            return "it turns into a loss" if here.high > 0 else "it stays a loss"
        return "it is not known whether it holds"


def require_scipy() -> None:
    """Raise LabError if scipy is not installed, before anything is run for a fit."""
    try:
        import scipy  # noqa: F401
    except ImportError as error:
        raise LabError(
            "Fitting a power law needs scipy, which is not installed.",
            "Install autoresearch-mcp[scaling].",
            reason="no_scipy",
        ) from error


def fit_scaling(
    baseline: Sequence[Point], candidate: Sequence[Point], *, lower_is_better: bool
) -> Scaling:
    """Fit a power law to each side and compare them.

    Args:
        baseline: Runs of the incumbent, at least two for each size.
        candidate: Runs of the candidate, at least two for each size.
        lower_is_better: The metric's direction.

    Returns:
        Both laws, and the gain with 95 % intervals, over the sizes that both sides have.

    Raises:
        LabError: Fewer than FEWEST_SIZES common sizes, or too few runs to estimate the noise.
    """
    sizes = sorted({one.size for one in baseline} & {one.size for one in candidate})
    if len(sizes) < FEWEST_SIZES:
        raise LabError(
            f"{len(sizes)} sizes were measured for both; a power law needs {FEWEST_SIZES}.",
            "Fix what failed at the others, or name more sizes in [scaling].",
            reason="too_few_sizes",
        )
    sign = 1.0 if lower_is_better else -1.0
    sides = [[one for one in side if one.size in sizes] for side in (baseline, candidate)]
    x0 = max(one.compute for side in sides for one in side)
    freedom = sum(map(len, sides)) - 6
    if freedom < 1:
        raise LabError(
            "There are too few runs to tell the law from noise.",
            "Give 2 seeds per size.",
            reason="too_few_runs",
        )
    laws = [_Profile(side, x0) for side in sides]
    within = [_pure_error(side, sizes) for side in sides]
    rss = sum(law.best for law in laws)
    allowed = _quantile(freedom) ** 2 * rss / freedom
    for law in laws:
        law.narrow(allowed)
    least, most = max(min(one.compute for one in side) for side in sides), REACH * x0
    way = [least * (most / least) ** (n / STEPS) for n in range(STEPS + 1)]
    curve = tuple(_at(compute / x0, compute, laws, allowed, sign) for compute in way)
    return Scaling(
        baseline=laws[0].law(allowed, fits=_fits(laws[0].best, within[0], within)),
        candidate=laws[1].law(allowed, fits=_fits(laws[1].best, within[1], within)),
        x0=x0,
        gain=_gain_here(sides, sizes, sign),
        costs=_costs(sides, sizes),
        reach=curve[-1],
        curve=curve,
        spread=math.sqrt(rss / freedom),
    )


class _Profile:
    """One side's profile: the best straight line in x^-exponent for each exponent of a grid."""

    def __init__(self, points: Sequence[Point], x0: float) -> None:
        import numpy as np

        self._x = np.array([one.compute / x0 for one in points])
        self._y = np.array([one.value for one in points])
        self._walk(*EXPONENTS)
        self.best = self._least()

    def _walk(self, lowest: float, highest: float) -> None:
        import numpy as np

        self.exponents = np.geomspace(lowest, highest, GRID)
        u = self._x ** -self.exponents[:, None]  # (GRID, runs)
        self._middle = u.mean(axis=1)
        away = u - self._middle[:, None]
        self._squares = (away**2).sum(axis=1)
        self.slope = (away * self._y).sum(axis=1) / self._squares
        left = self._y - self._y.mean() - self.slope[:, None] * away
        self.rss: Floats = (left**2).sum(axis=1)

    def _around(self, inside: "Floats") -> tuple[float, float]:
        """Return the exponents just outside a stretch of the grid, by its indices."""
        return (
            float(self.exponents[max(0, inside[0] - 1)]),
            float(self.exponents[min(GRID - 1, inside[-1] + 1)]),
        )

    def _least(self) -> float:
        """Return the best law's residual sum of squares, also between exponents of the grid."""
        from scipy.optimize import minimize_scalar

        def rss(exponent: float) -> float:
            u = self._x**-exponent
            away = u - u.mean()
            slope = (away * self._y).sum() / (away**2).sum()
            return float(((self._y - self._y.mean() - slope * away) ** 2).sum())

        around = self._around((self.rss == self.rss.min()).nonzero()[0])
        found = minimize_scalar(rss, bounds=around, method="bounded")
        return min(float(found.fun), float(self.rss.min()))

    def narrow(self, allowed: float) -> None:
        """Refine the grid to the exponents that fit well enough."""
        self._walk(*self._around((self.rss - self.rss.min() <= allowed).nonzero()[0]))

    def at(self, x: float) -> "tuple[Floats, Floats]":
        """Return, by exponent, the line's value at x and its variance in units of the noise's."""
        away = x**-self.exponents - self._middle
        return self._y.mean() + self.slope * away, 1 / len(self._y) + away**2 / self._squares

    def law(self, allowed: float, *, fits: bool) -> Law:
        """Return the best law with the intervals of its parameters."""
        floor = self._y.mean() - self.slope * self._middle
        over = 1 / len(self._y) + self._middle**2 / self._squares
        inside = self.exponents[self.rss - self.best <= allowed]
        best = float(self.exponents[self.rss.argmin()])
        return Law(
            floor=_profiled(floor, over, self.rss, self.best, allowed),
            scale=_profiled(self.slope, 1 / self._squares, self.rss, self.best, allowed),
            exponent=Interval(best, *_ends(inside, best)),
            fits=fits,
        )


def _at(x: float, compute: float, laws: Sequence[_Profile], allowed: float, sign: float) -> At:
    (one, one_over), (other, other_over) = (law.at(x) for law in laws)
    base = _profiled(one, one_over, laws[0].rss, laws[0].best, allowed)
    candidate = _profiled(other, other_over, laws[1].rss, laws[1].best, allowed)
    gain = _profiled(
        sign * (one[:, None] - other),
        one_over[:, None] + other_over,
        laws[0].rss[:, None] + laws[1].rss,
        laws[0].best + laws[1].best,
        allowed,
    )
    return At(compute=compute, baseline=base, candidate=candidate, gain=gain)


def _profiled(
    values: "Floats", over: "Floats", rss: "Floats", best: float, allowed: float
) -> Interval:
    """Return the best value with its profile likelihood interval over all exponents."""
    import numpy as np

    room = best + allowed - rss
    half = np.sqrt(np.clip(room, 0, None) * over)
    inside = room >= 0
    at = np.unravel_index(int(rss.argmin()), rss.shape)
    value = float(values[at])
    if not inside.any():
        return Interval(value, value, value)
    low, high = (values - half)[inside].min(), (values + half)[inside].max()
    return Interval(value, float(low), float(high))


def _ends(inside: "Floats", otherwise: float) -> tuple[float, float]:
    return (float(inside.min()), float(inside.max())) if inside.size else (otherwise, otherwise)


def _gain_here(sides: Sequence[Sequence[Point]], sizes: Sequence[float], sign: float) -> Interval:
    """Return the mean over sizes of the difference of means, with the variance within sizes."""
    groups = [[[p.value for p in side if p.size == size] for size in sizes] for side in sides]
    gains = [sign * (fmean(one) - fmean(other)) for one, other in zip(*groups, strict=True)]
    within = [_pure_error(side, sizes) for side in sides]
    freedom = sum(one.freedom for one in within)
    if freedom < 1:
        raise LabError(
            "One run per size says nothing about the noise.",
            "Give 2 seeds per size.",
            reason="one_run_a_size",
        )
    variance = sum(one.squares for one in within) / freedom
    means = sum(1 / len(group) for side in groups for group in side)
    error = math.sqrt(variance * means) / len(sizes)
    half = _quantile(freedom) * error
    gain = fmean(gains)
    return Interval(gain, gain - half, gain + half)


@dataclass(frozen=True, slots=True)
class _PureError:
    """Sum of squares of the runs about their size's mean: pure error, which no law explains."""

    squares: float
    freedom: int
    sizes: int


def _pure_error(side: Sequence[Point], sizes: Sequence[float]) -> _PureError:
    groups = [[p.value for p in side if p.size == size] for size in sizes]
    squares = sum((value - fmean(group)) ** 2 for group in groups for value in group)
    return _PureError(squares, sum(len(group) - 1 for group in groups), len(groups))


def _fits(rss: float, own: _PureError, every: Sequence[_PureError]) -> bool:
    """Return whether the F test for lack of fit at 1 % accepts the law.

    With three sizes it always does: any three means lie on such a law.
    """
    from scipy.stats import f

    more, freedom = own.sizes - 3, sum(one.freedom for one in every)
    if more < 1 or freedom < 1:
        return True
    noise = sum(one.squares for one in every) / freedom
    return bool(f.sf((rss - own.squares) / more / noise, more, freedom) >= MISFIT)


def _costs(sides: Sequence[Sequence[Point]], sizes: Sequence[float]) -> float:
    """Return the candidate's compute over the baseline's, as a geometric mean over sizes."""
    logs = [
        [math.log(fmean(p.compute for p in side if p.size == size)) for size in sizes]
        for side in sides
    ]
    return math.exp(fmean(other - one for one, other in zip(*logs, strict=True)))


def _quantile(freedom: int) -> float:
    """Return the quantile of Student's t for a two-sided interval."""
    from scipy.stats import t

    return float(t.ppf((1 + SHARE) / 2, freedom))
