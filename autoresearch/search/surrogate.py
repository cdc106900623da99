"""The surrogate: what a search expects of settings that it has not tried.

A Gaussian process whose kernel is a sum over knobs (Duvenaud, Nickisch & Rasmussen 2011,
https://arxiv.org/abs/1112.4394): gains add up until measured otherwise, so that a dozen
experiments say something about a dozen knobs. Where it knows little, it answers with what changes
of this lab have been worth so far.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoresearch.records import Prediction
from autoresearch.search.knobs import Knob, Settings, Space
from autoresearch.search.observations import End, Observation

LENGTH = 0.3  # of the kernel, in shares of a knob's range
FARTHEST = 20.0  # sigma: a loss beyond it says no more than one of it
PRIOR_BETTER, PRIOR_TRIED = 1.0, 5.0  # one change in five improves, before any was tried

Floats = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """The gain of some settings over others."""

    mean: float  # metric units
    deviation: float
    known: float  # share of the prior variance that the trials explain, 0 to 1


class Surrogate:
    """Fitted to the trials of one lab; ask it about settings of the same knobs."""

    def __init__(self, space: Space, seen: Sequence[Observation], now: Settings) -> None:
        """Fit it; `now` are the incumbent's settings, with which missing ones are filled in."""
        self._space, self._now = space, now
        told = [one for one in seen if one.end is End.MEASURED and one.gain is not None]
        sigmas = sorted(one.sigma for one in told if one.sigma)
        self._sigma = sigmas[len(sigmas) // 2] if sigmas else 1.0
        self._effects = sorted(one.effect for one in told if one.effect is not None)
        self._better = sum(effect > 0 for effect in self._effects)
        self._tried = sum(one.end not in (End.UNTRIED, End.INFEASIBLE) for one in seen)
        self._inputs = np.array([self._shares(one.settings) for one in told])
        gains = np.array([one.gain for one in told], dtype=float)
        self._fit(gains, np.array([1 / max(1, one.runs) for one in told]))

    def _fit(self, gains: Floats, shares: Floats) -> None:
        self._weights: Floats = np.zeros(0)
        self._inverse: Floats = np.zeros((0, 0))
        self._variance = self._sigma**2
        if not len(gains):
            return
        middle = float(np.median(gains))
        bound = FARTHEST * self._sigma
        clipped = np.clip(gains - middle, -bound, bound)
        self._variance = max(float(np.var(clipped)), self._sigma**2)
        # The level that all share is one more unknown, as wide as the gains themselves.
        covariance = self._kernel(self._inputs, self._inputs) + self._variance
        covariance[np.diag_indices(len(gains))] += self._sigma**2 * shares
        self._inverse = np.linalg.inv(covariance)
        self._weights = self._inverse @ clipped

    def expect(self, settings: Settings, instead_of: Settings) -> Expected:
        """Return the gain of settings over others; with no trial, nothing but the prior."""
        both = np.array([self._shares(settings), self._shares(instead_of)])
        prior = self._kernel(both, both)
        before = max(float(prior[0, 0] + prior[1, 1] - 2 * prior[0, 1]), 0.0)
        if not len(self._weights) or before == 0.0:
            return Expected(0.0, math.sqrt(before), 0.0)
        across = self._kernel(both, self._inputs)
        slope = across[0] - across[1]
        after = min(max(before - float(slope @ self._inverse @ slope), 0.0), before)
        return Expected(float(slope @ self._weights), math.sqrt(after), 1 - after / before)

    def predict(self, settings: Settings, instead_of: Settings) -> Prediction:
        """Return the effect and the chance of a gain, as a proposer states them before any run.

        Both are the process's own where the trials speak, and the lab's record where they don't.
        """
        found = self.expect(settings, instead_of)
        chance = 0.5
        if found.deviation > 0:
            chance = 0.5 * (1 + math.erf(found.mean / found.deviation / math.sqrt(2)))
        rate = (self._better + PRIOR_BETTER) / (self._tried + PRIOR_TRIED)
        usual = self._effects[len(self._effects) // 2] if self._effects else 0.0
        confidence = found.known * chance + (1 - found.known) * rate
        return Prediction(
            effect=float(f"{found.known * found.mean + (1 - found.known) * usual:.3g}"),
            confidence=round(min(max(confidence, 0.02), 0.98), 2),
        )

    def promise(self, knob: Knob, places: int = 9) -> float:
        """Return the most that turning one knob alone may bring: its mean and one deviation."""
        best = 0.0
        for place in range(places):
            value = knob.at(place / (places - 1))
            if value != self._now.get(knob.name, knob.value):
                found = self.expect({**self._now, knob.name: value}, self._now)
                best = max(best, found.mean + found.deviation)
        return best

    def _shares(self, settings: Settings) -> list[float]:
        return [
            knob.share(settings.get(knob.name, self._now.get(knob.name, knob.value)))
            for knob in self._space
        ]

    def _kernel(self, left: Floats, right: Floats) -> Floats:
        apart = (left[:, None, :] - right[None, :, :]) / LENGTH
        for column, knob in enumerate(self._space):
            if knob.nominal:
                apart[:, :, column] = 10.0 * (apart[:, :, column] != 0)  # no choice is near another
        each: Floats = np.exp(-0.5 * apart**2)
        total: Floats = self._variance * each.mean(axis=2)
        return total


def noise_of(seen: Sequence[Observation]) -> float | None:
    """Return the spread of single runs, as the newest verdict had it."""
    return next((one.sigma for one in reversed(seen) if one.sigma), None)


def changed(settings: Settings, now: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of the knobs that settings turn away from where they are now."""
    return tuple(name for name, value in settings.items() if now.get(name) != value)
