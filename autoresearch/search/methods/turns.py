"""Turns of knobs: which the next trial sets, the others staying as the incumbent has them.

A patch of one knob is a patch whose verdict says something about that knob, and it keeps no
passenger. So most trials turn one.
"""

import random
from collections import Counter
from collections.abc import Sequence

from autoresearch.search.methods.surrogate import Surrogate, changed
from autoresearch.search.observations import End
from autoresearch.search.searchers import Standing
from autoresearch.search.sites import Value

PAIRS = 0.2  # share of trials that turn two knobs, once each was turned alone
NEAR_TRIES = 2  # of a knob near a structural keep, before any other is turned
MOST_TOGETHER = 3  # knobs of a trial that still says something about each
LEAST_ROOM = 0.1  # of a range, for a step that way
TIE = 1e-3  # of the best promise: within it chance decides


def promising_turn(standing: Standing, rng: random.Random) -> tuple[str, ...]:
    """Return the knobs of the most promising trial: near a structural keep, or by the surrogate."""
    promises = Surrogate(standing).promises()
    names = [knob.name for knob in standing.space]
    busy = {name for one in standing.pending for name in changed(one, standing.now)}
    free = [name for name in names if name not in busy] or names
    tries = tried_alone(standing)
    due = [name for name in free if name in standing.near and tries[name] < NEAR_TRIES]
    if due:
        return (min(due, key=lambda name: (tries[name], rng.random())),)
    promise = {name: promises[name] for name in free}
    best = max(promise.values())
    first = rng.choice([name for name in free if promise[name] >= best * (1 - TIE)])
    if all(tries[name] for name in names) and rng.random() < PAIRS and len(free) > 1:
        others = sorted((name for name in free if name != first), key=lambda n: -promise[n])
        return first, others[0]
    return (first,)


def first_steps(standing: Standing, chosen: Sequence[str]) -> dict[str, Value]:
    """Return values for those of the chosen knobs that were not turned both ways yet.

    The first step goes half the way to the farther end of the range, the second half the way to
    the nearer one; after them, a sampler has something to go by.
    """
    steps: dict[str, Value] = {}
    for knob in standing.space:
        if knob.name not in chosen or knob.nominal:
            continue
        here = knob.share(knob.value)
        tried = [
            knob.share(value) - here
            for one in standing.seen
            if one.end is not End.UNTRIED
            and knob.name in one.turned
            and len(one.turned) <= MOST_TOGETHER
            for value in (one.settings[knob.name], one.turned[knob.name])  # if kept, here and back
        ]
        for end in sorted((0.0, 1.0), key=lambda end: -abs(end - here)):
            room = end - here
            value = knob.at(here + room / 2)
            untried = not any(step * room > 0 for step in tried)
            if abs(room) >= LEAST_ROOM and untried and value != knob.value:
                steps[knob.name] = value
                break
    return steps


def random_turn(standing: Standing, rng: random.Random) -> tuple[str, ...]:
    """Return one to three knobs, drawn by lot."""
    names = [knob.name for knob in standing.space]
    return tuple(rng.sample(names, min(len(names), rng.randint(1, 3))))


def tried_alone(standing: Standing) -> Counter[str]:
    """Count for each knob how many trials turned it, alone or with a few others."""
    tried: Counter[str] = Counter()
    for one in standing.seen:
        if one.end is not End.UNTRIED and len(one.turned) <= MOST_TOGETHER:
            tried.update(name for name in one.turned if name in standing.now)
    return tried
