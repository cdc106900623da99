"""Factorial waves: up to eight knobs at once, each trial turning about half of them.

A wave turns each of its knobs one step, one way. When all its trials have ended, what each knob
is worth follows by additivity, and those that are clearly worth something are tried together. That
trial also tests whether they add up. The next wave takes the knobs that have waited longest, the
other way round.
"""

import itertools
import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from autoresearch.search.knobs import Knob
from autoresearch.search.methods.designs import MOST_KNOBS, design, estimate
from autoresearch.search.methods.surrogate import noise_of
from autoresearch.search.observations import End, Observation
from autoresearch.search.searchers import Standing, Suggestion
from autoresearch.search.sites import Value

STEP = 0.3  # of a knob's range, in shares
CONTROLS = 6  # runs that the incumbent has at least
CLEAR = 2.0  # standard errors by which an effect is above 0


@dataclass
class Wave:
    """One wave on its way."""

    knobs: tuple[str, ...]
    base: dict[str, Value]  # the incumbent's settings when it began
    turned: dict[str, Value]  # the other level of each knob
    rows: tuple[tuple[bool, ...], ...]
    waiting: list[int]  # rows that nobody has asked for yet
    going: dict[int, int] = field(default_factory=dict)  # ticket: row
    results: dict[int, Observation] = field(default_factory=dict)  # by row
    level: float = 0.0  # gain of the incumbent over e0 when it began

    def with_turned(self, chosen: Collection[str]) -> dict[str, Value]:
        """Return the settings of its knobs with the chosen ones turned, the rest as it began.

        Not as the incumbent has them: one of the wave's own trials may have become that.
        """
        return {n: self.turned[n] if n in chosen else self.base[n] for n in self.knobs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """Sum that a wave promised by additivity, beside the gain of its knobs together."""

    knobs: tuple[str, ...]
    expected: float  # gain over the wave's base, metric units
    error: float
    brought: float | None = None  # None while it is tried, or where it gave no number


class FactorialSearcher:
    """Waves, one after the other."""

    def __init__(self, seed: int | None = None) -> None:
        """Make it. `seed` makes it repeat itself, for tests."""
        self._rng = random.Random(seed)
        self._tickets = itertools.count(1)
        self._wave: Wave | None = None
        self._given: dict[int, Wave] = {}  # by ticket, of waves that were dropped too
        self._waves: Counter[str] = Counter()  # by knob
        self._together: int | None = None  # the ticket of the knobs that are tried together
        self._started = 0.0  # the level from which they are counted
        self.sums: list[Summed] = []  # one for each wave that found something

    def ask(self, standing: Standing) -> Suggestion | None:
        """Return a trial of the wave, or its knobs together; None while results are missing."""
        if self._together is not None:
            return None
        names = {knob.name for knob in standing.space}
        if self._wave is not None and not names.issuperset(self._wave.knobs):
            self._wave = None  # its knobs are gone
        if self._wave is None:
            self._wave = self._begin(standing)
        wave = self._wave
        if wave.waiting:
            row = wave.waiting.pop(0)
            ticket = next(self._tickets)
            wave.going[ticket] = row
            self._given[ticket] = wave
            chosen = {n for n, on in zip(wave.knobs, wave.rows[row], strict=True) if on}
            why = f"trial {row + 1} of {len(wave.rows)} in a wave over {len(wave.knobs)} knobs"
            return Suggestion(
                ticket=ticket, settings=standing.now | wave.with_turned(chosen), why=why
            )
        if wave.going:
            return None
        self._wave = None
        return self._add_up(wave, standing) or self.ask(standing)

    def tell(self, ticket: int, observation: Observation) -> None:
        """Take in how a suggestion ended."""
        if ticket == self._together:
            self._together = None
            last = self.sums[-1]
            self.sums[-1] = Summed(
                knobs=last.knobs,
                expected=last.expected,
                error=last.error,
                brought=None if observation.gain is None else observation.gain - self._started,
            )
            return
        wave = self._given.pop(ticket)
        wave.results[wave.going.pop(ticket)] = observation

    def learn(self, observation: Observation) -> None:
        """Take in a trial that it did not suggest: a wave rests on its own trials alone."""

    def _begin(self, standing: Standing) -> Wave:
        order = sorted(
            standing.space,
            key=lambda k: (k.name not in standing.near, self._waves[k.name], self._rng.random()),
        )
        chosen = order[:MOST_KNOBS]
        turned = {knob.name: self._turned(knob) for knob in chosen}
        self._waves.update(list(turned))
        rows = design(len(chosen))
        return Wave(
            knobs=tuple(turned),
            base=standing.now,
            turned=turned,
            rows=rows,
            waiting=list(range(len(rows))),
            level=standing.level,
        )

    def _turned(self, knob: Knob) -> Value:
        """Return the value one step away: towards the middle at first, then the other way."""
        here = knob.share(knob.value)
        if knob.nominal:
            return self._rng.choice([c for c in knob.choices if c != knob.value])
        way = 1 if here < 0.5 else -1
        if self._waves[knob.name] % 2:
            way = -way
        step = STEP / (1 + self._waves[knob.name] // 2)
        for share in (here + way * step, here - way * step):
            inside = min(max(share, 0.0), 1.0)
            value = knob.at(inside)
            if abs(inside - here) >= step / 3 and value != knob.value:
                return value
        return knob.at(1.0 if here < 0.5 else 0.0)

    def _add_up(self, wave: Wave, standing: Standing) -> Suggestion | None:
        """Return the knobs that are clearly worth something, turned together; None if none is."""
        told = {n: one for n, one in wave.results.items() if one.end is not End.UNTRIED}
        measured = {n: one.gain for n, one in told.items() if one.gain is not None}
        if not measured:
            return None
        # One that was stopped early or crashed is no better than the worst that was measured.
        worst = min([wave.level, *measured.values()])
        bad = [n for n, one in told.items() if one.end in (End.STOPPED, End.FAILED)]
        gains = measured | dict.fromkeys(bad, worst)
        nothing = (False,) * len(wave.knobs)
        found = estimate(
            [nothing, *(wave.rows[n] for n in gains)],
            [wave.level, *gains.values()],
            [CONTROLS, *(max(1, told[n].runs) for n in gains)],
            noise_of(standing.seen) or noise_of(list(told.values())) or 1.0,
        )
        worth = [
            (name, effect, error)
            for name, effect, error in zip(wave.knobs, found.each, found.error, strict=True)
            if effect > CLEAR * error
        ]
        names = tuple(name for name, _, _ in worth)
        settings = standing.now | wave.with_turned(names)
        if not worth or settings == standing.now:
            return None
        ticket = self._together = next(self._tickets)
        self._started = wave.level
        expected = sum(effect for _, effect, _ in worth)
        error = sum(error**2 for _, _, error in worth) ** 0.5
        self.sums.append(Summed(knobs=names, expected=expected, error=error))
        return Suggestion(
            ticket=ticket,
            settings=settings,
            why=f"a wave's best together, {expected:+.3g} by additivity",
        )
