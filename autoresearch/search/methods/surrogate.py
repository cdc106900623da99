"""The surrogate: what a search expects of settings that it has not tried.

A Gaussian process of the gain over the incumbent, whose kernel is a sum over knobs (Duvenaud,
Nickisch & Rasmussen 2011, https://arxiv.org/abs/1112.4394): gains add up until measured otherwise,
so that a dozen experiments say something about a dozen knobs. Where it knows little, it answers
with what changes of this lab have been worth so far.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoresearch.records import Prediction
from autoresearch.search.knobs import Settings
from autoresearch.search.observations import End, Observation
from autoresearch.search.searchers import Standing

LENGTH = 0.3  # of the kernel, in shares of a knob's range
FARTHEST = 20.0  # sigma: a loss beyond it says no more than one of it
CONTROLS = 6  # runs behind the incumbent's own level, at least
PLACES = 9  # of a knob's range that are looked at for its promise
PRIOR_BETTER, PRIOR_TRIED = 1.0, 5.0  # one change in five improves, before any was tried

Floats = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """The gain of some settings over the incumbent's."""

    mean: float  # metric units
    deviation: float
    known: float  # share of the prior variance that the trials explain, 0 to 1


class Surrogate:
    """Fitted to the trials of one lab, as they stand beside its incumbent."""

    def __init__(self, standing: Standing) -> None:
        """Fit it; a knob that a trial did not have counts as set as the incumbent has it."""
        self._space, self._now = standing.space, standing.now
        seen = standing.seen
        told = [one for one in seen if one.end is End.MEASURED and one.gain is not None]
        sigmas = sorted(one.sigma for one in told if one.sigma)
        sigma = sigmas[len(sigmas) // 2] if sigmas else 1.0
        effects = sorted(one.effect for one in told if one.effect is not None)
        better, tried = sum(e > 0 for e in effects), sum(_says_much(one) for one in seen)
        self._rate = (better + PRIOR_BETTER) / (tried + PRIOR_TRIED)
        self._usual = effects[len(effects) // 2] if effects else 0.0
        self._origin = self._shares([self._now])
        self._inputs = self._shares([one.settings for one in told])
        gains = np.array([one.gain for one in told], dtype=float) - standing.level
        gains = np.maximum(gains, -FARTHEST * sigma)
        self._variances = np.array([self._variance(k.name, told, sigma) for k in self._space])
        # The incumbent's own error is in all gains alike.
        noise = sigma**2 / CONTROLS + np.diag([sigma**2 / max(1, one.runs) for one in told])
        self._inverse: Floats = np.linalg.inv(self._kernel(self._inputs, self._inputs) + noise)
        self._weights: Floats = self._inverse @ gains

    def expect(self, settings: Settings) -> Expected:
        """Return the gain of settings over the incumbent's."""
        [mean], [deviation], [known] = self._expect(self._shares([settings]))
        return Expected(float(mean), float(deviation), float(known))

    def predict(self, settings: Settings) -> Prediction:
        """Return the effect and the chance of a gain, as a proposer states them before any run.

        Both are the process's own where the trials speak, and the lab's record where they don't.
        """
        found = self.expect(settings)
        chance = 0.5
        if found.deviation > 0:
            chance = 0.5 * (1 + math.erf(found.mean / found.deviation / math.sqrt(2)))
        confidence = found.known * chance + (1 - found.known) * self._rate
        return Prediction(
            effect=float(f"{found.known * found.mean + (1 - found.known) * self._usual:.3g}"),
            confidence=round(min(max(confidence, 0.02), 0.98), 2),
        )

    def promises(self) -> dict[str, float]:
        """Return the most that turning each knob alone may bring: its mean and one deviation."""
        tried = []
        for knob in self._space:
            values = {knob.at(place / (PLACES - 1)) for place in range(PLACES)} - {knob.value}
            tried += [(knob.name, value) for value in values]
        best = {knob.name: 0.0 for knob in self._space}
        if tried:
            settings = [{**self._now, name: value} for name, value in tried]
            mean, deviation, _ = self._expect(self._shares(settings))
            for (name, _), most in zip(tried, (mean + deviation).tolist(), strict=True):
                best[name] = max(best[name], most)
        return best

    def _expect(self, places: Floats) -> tuple[Floats, Floats, Floats]:
        """Return means, deviations, and the shares of the prior variance that are explained."""
        across = self._kernel(places, self._inputs)
        before = np.array([self._kernel(place[None], place[None])[0, 0] for place in places])
        explained = np.einsum("ij,jk,ik->i", across, self._inverse, across)
        after = np.clip(before - explained, 0.0, before)
        known = np.where(before > 0, 1 - after / np.where(before > 0, before, 1.0), 1.0)
        return across @ self._weights, np.sqrt(after), known

    def _shares(self, settings: Sequence[Settings]) -> Floats:
        rows = [
            [k.share(one.get(k.name, self._now[k.name])) for k in self._space] for one in settings
        ]
        return np.array(rows).reshape(len(rows), len(self._space))

    def _kernel(self, left: Floats, right: Floats) -> Floats:
        """Return the covariance of gains over the incumbent, whose own gain is 0."""
        here = self._origin
        total: Floats = self._plain(left, right) - self._plain(left, here)
        return total - self._plain(here, right) + self._plain(here, here)

    def _plain(self, left: Floats, right: Floats) -> Floats:
        apart = (left[:, None, :] - right[None, :, :]) / LENGTH
        for column, knob in enumerate(self._space):
            if knob.nominal:
                apart[:, :, column] = 10.0 * (apart[:, :, column] != 0)  # none is near another
        each: Floats = np.exp(-0.5 * apart**2)
        total: Floats = each @ self._variances
        return total

    def _variance(self, knob: str, told: Sequence[Observation], sigma: float) -> float:
        """Return how much turning a knob matters: as any knob's, until its own trials tell."""
        bound = FARTHEST * sigma
        every = [(one, min(abs(one.effect), bound)) for one in told if one.effect is not None]
        usual = sum(size**2 for _, size in every) / max(1, len(every))
        own = [size**2 / len(one.turned) for one, size in every if knob in one.turned]
        return max((usual + sum(own)) / (1 + len(own)), sigma**2 / 4)


def _says_much(one: Observation) -> bool:
    """Return whether it is a change that was tried; e0 is measured, but has no effect."""
    if one.end is End.MEASURED:
        return one.effect is not None
    return one.end in (End.STOPPED, End.FAILED)


def noise_of(seen: Sequence[Observation]) -> float | None:
    """Return the spread of single runs, as the newest verdict had it."""
    return next((one.sigma for one in reversed(seen) if one.sigma), None)


def changed(settings: Settings, now: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of the knobs that settings turn away from where they are now."""
    return tuple(name for name, value in settings.items() if now.get(name) != value)
