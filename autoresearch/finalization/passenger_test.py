"""The test of a keep at the end: is the code worse without it? Pure.

It is the judge's own test, on fresh runs: the code without the keep is the candidate, and the whole
code the control. A keep that claimed a gain is a passenger if the code without it is shown to be no
more than 1 sigma worse (non-inferiority), and stands if it is shown to be worse. Both errors are
bounded (Wald 1945): a gain of 1 sigma is dropped in at most 2.5 % of cases, and a change that does
nothing stays in at most .25 %, but for what estimating sigma adds. What is undecided after the last
run stays. `scripts/benchmarks/passenger_rates.py` prints the rates.

A simplification claims no gain: it is dropped only where the code without it is shown to be better,
by the test that keeps experiments.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from autoresearch.records import Outcome
from autoresearch.statistics.gates import GATE, Gate, Judgement
from autoresearch.statistics.sequential_test import judge

FIRST_RUNS, FIRST_CONTROLS = 4, 8  # of the first round
MORE_CONTROLS = 2  # of each later round, beside one run of each candidate
MOST_RUNS = 32  # of one candidate
DROPS = 3.7  # nats, ln(1 / 0.025): a gain of 1 sigma is dropped at most so often
STANDS = 6.0  # nats, ln(1 / 0.0025): a change that does nothing stays at most so often

assert GATE.no_worse is not None
REMOVAL: Gate = replace(
    GATE,
    no_worse=replace(GATE.no_worse, keep=DROPS, drop=-STANDS, screen=-4.0),
    most_runs=MOST_RUNS,
    most_controls=FIRST_CONTROLS + MORE_CONTROLS * (MOST_RUNS - FIRST_RUNS),
    few_controls=0,
)


class Standing(StrEnum):
    """Standing of a keep at the end."""

    GAIN = "gain"  # the code is worse without it
    SIMPLER = "simpler"  # it was kept for being simpler, and the code is not better without it
    PASSENGER = "passenger"  # the code is no worse without it
    COSTS = "costs"  # it was kept for being simpler, and the code is better without it
    BREAKS = "breaks"  # the code does not run without it
    NEEDED = "needed"  # a later keep changes what it wrote, so that it can't be left out
    GONE = "gone"  # a later keep replaced all of it
    RETURNED = "returned"  # it can be left out alone, but not together with other passengers
    UNDECIDED = "undecided"  # the runs did not tell, or there were not enough of them

    @property
    def dropped(self) -> bool:
        """Return True if the final code is without it."""
        return self in (Standing.PASSENGER, Standing.COSTS)


class Removal(NamedTuple):
    """The answer on one keep, or on several that are left out together."""

    standing: Standing | None  # None while more runs are needed
    judgement: Judgement  # of the code without, beside the whole


def judge_removal(
    without: Sequence[float],
    whole: Sequence[float],
    *,
    lower_is_better: bool,
    log: bool = False,
    simplification: bool = False,
) -> Removal:
    """Judge what leaving out a keep does, by fresh runs of the code without it and of all of it.

    Args:
        without: Measurements without the keep, metric units, in the order they were made.
        whole: Measurements of the whole code that were made beside them.
        lower_is_better: The metric's direction.
        log: Whether the metric is compared by its logarithm.
        simplification: Whether it was kept for being simpler and no worse.
    """
    found = judge(
        without,
        whole,
        [whole],
        lower_is_better=lower_is_better,
        gate=GATE if simplification else REMOVAL,
        simpler=not simplification,
        log=log,
    )
    kept = found.outcome is Outcome.KEEP
    if simplification:
        ended = Standing.COSTS if kept else Standing.SIMPLER
    elif kept:
        ended = Standing.PASSENGER
    else:
        ended = Standing.GAIN if found.outcome is Outcome.DISCARD else Standing.UNDECIDED
    return Removal(ended if found.outcome is not None else None, found)
