"""Kinds of noise that simulated runs have: mean 0 and standard deviation 1, more being better."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Draws = NDArray[np.float64]
OUTLIER, OUTLIERS = 10.0, 0.05  # sigma of the others, share of the runs
MODE_NOISE = 0.1  # spread within a mode, of the distance between the two
LOG_SIGMA = 0.5  # of the log-normal noise
ITEMS, ACCURACY = 200, 0.8  # an accuracy measured on so many items


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Draws:
    """Normal runs."""
    return rng.standard_normal(shape)


def heavy_tails(rng: np.random.Generator, shape: tuple[int, ...]) -> Draws:
    """Student's t with 3 degrees of freedom."""
    return rng.standard_t(3, shape) / math.sqrt(3)


def lucky_tail(rng: np.random.Generator, shape: tuple[int, ...]) -> Draws:
    """Log-normal runs whose long tail is on the good side."""
    variance = LOG_SIGMA**2
    drawn = np.exp(LOG_SIGMA * rng.standard_normal(shape)) - math.exp(variance / 2)
    return drawn / math.sqrt(math.expm1(variance) * math.exp(variance))


def bad_tail(rng: np.random.Generator, shape: tuple[int, ...]) -> Draws:
    """Log-normal runs whose long tail is on the bad side, as times have."""
    return -lucky_tail(rng, shape)


def outliers(rng: np.random.Generator, shape: tuple[int, ...]) -> Draws:
    """Normal runs of which one in twenty lies 10 of their sigma off, on either side."""
    off = OUTLIER * rng.choice([-1.0, 1.0], shape) * (rng.random(shape) < OUTLIERS)
    return (rng.standard_normal(shape) + off) / math.sqrt(1 + OUTLIERS * OUTLIER**2)


def two_modes(share: float) -> Callable[[np.random.Generator, tuple[int, ...]], Draws]:
    """Return a noise whose runs fall into a good mode so often, and else into a bad one."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Draws:
        mode = (rng.random(shape) < share) - share
        drawn = mode + MODE_NOISE * rng.standard_normal(shape)
        return drawn / math.sqrt(share * (1 - share) + MODE_NOISE**2)

    return draw


def accuracy(rng: np.random.Generator, shape: tuple[int, ...]) -> Draws:
    """An accuracy on 200 items: few values, many ties."""
    drawn = rng.binomial(ITEMS, ACCURACY, shape) - ITEMS * ACCURACY
    return np.asarray(drawn / math.sqrt(ITEMS * ACCURACY * (1 - ACCURACY)), dtype=np.float64)


NOISES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Draws]] = {
    "normal": normal,
    "t, 3 degrees of freedom": heavy_tails,
    "log-normal, lucky tail": lucky_tail,
    "log-normal, bad tail": bad_tail,
    "5 % outliers at 10 sigma": outliers,
    "two modes, 1 in 2 good": two_modes(0.5),
    "two modes, 1 in 4 good": two_modes(0.25),
    "two modes, 1 in 10 good": two_modes(0.1),
    "accuracy on 200 items": accuracy,
}
