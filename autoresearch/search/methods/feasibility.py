"""Settings that run out of memory, learned from those that did.

An out-of-memory trial has no value, so no model of values may see it as a bad one. What it says
is: not here, nor farther out in the same direction. Settings are refused whose nearest trial, of
all that are known, ran out of memory, and those that lie beyond one.
"""

from collections.abc import Sequence

from autoresearch.search.knobs import Settings, Space
from autoresearch.search.observations import End, Observation


class Feasibility:
    """Memory of settings, by the trials so far."""

    def __init__(self, space: Space, seen: Sequence[Observation], now: Settings) -> None:
        """Take in the trials; `now` are the incumbent's settings, which do run."""
        self._space, self._now = space, now
        ran = (End.MEASURED, End.STOPPED)
        self._good = [now, *(one.settings for one in seen if one.end in ran)]
        self._bad = [one.settings for one in seen if one.end is End.INFEASIBLE]

    def allows(self, settings: Settings) -> bool:
        """Return whether these settings may well run."""
        if not self._bad:
            return True
        if any(self._beyond(settings, bad) for bad in self._bad):
            return False
        nearest = min(self._distance(settings, bad) for bad in self._bad)
        return min(self._distance(settings, good) for good in self._good) <= nearest

    def _beyond(self, settings: Settings, bad: Settings) -> bool:
        """Return whether each knob that the bad ones turned is turned as far, or farther."""
        steps = [
            (mine - here, theirs - here)
            for mine, theirs, here in zip(
                self._shares(settings), self._shares(bad), self._shares(self._now), strict=True
            )
            if theirs != here
        ]
        return bool(steps) and all(
            mine >= theirs if theirs > 0 else mine <= theirs for mine, theirs in steps
        )

    def _distance(self, one: Settings, other: Settings) -> float:
        pairs = zip(self._shares(one), self._shares(other), strict=True)
        return sum((a - b) ** 2 for a, b in pairs)

    def _shares(self, settings: Settings) -> list[float]:
        filled = {**self._now, **settings}
        return [knob.share(filled.get(knob.name, knob.value)) for knob in self._space]
