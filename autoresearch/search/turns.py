"""Whose turn it is: which knobs the next trial sets, the others staying as the incumbent has them.

A patch of one knob is a patch whose verdict says something about that knob, and it keeps no
passenger. So most trials turn one.
"""

import random
from collections import Counter

from autoresearch.search.observations import End
from autoresearch.search.searchers import Standing
from autoresearch.search.surrogate import Surrogate, changed

PAIRS = 0.2  # share of trials that turn two knobs, once each was turned alone
NEAR_TRIES = 2  # of a knob near a structural keep, before any other is turned
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


def random_turn(standing: Standing, rng: random.Random) -> tuple[str, ...]:
    """Return one to three knobs, drawn by lot."""
    names = [knob.name for knob in standing.space]
    return tuple(rng.sample(names, min(len(names), rng.randint(1, 3))))


def tried_alone(standing: Standing) -> Counter[str]:
    """Count for each knob how often a trial set it to another value than the incumbent has now."""
    tried: Counter[str] = Counter()
    for one in standing.seen:
        if one.end is not End.UNTRIED:
            turned = [n for n in changed(one.settings, standing.now) if n in standing.now]
            tried.update(turned if len(turned) <= 2 else ())
    return tried
