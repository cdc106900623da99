"""Settings of every gate that ever gave a verdict, by judge version, and the gate's assessment.

Old versions stay as they were: `verify` derives old verdicts again with the gate that gave them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from autoresearch.records import Outcome
from autoresearch.statistics.noise import Noise
from autoresearch.statistics.t_table import T_975, T_999, T_9998

GAIN = "gain"
NON_INFERIORITY = "non-inferiority"


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A sequential test of "no better than `-shift`" against "better than that by `gain`".

    Effects are in sigma, evidence is in nats.
    """

    gain: float
    keep: float  # evidence from which on the candidate is kept
    drop: float  # evidence up to which the candidate is discarded
    screen: float  # a first run further below `-shift` than this, in sigma, discards
    last_look: float = math.inf  # standard errors above `-shift` that keep at the last run
    tail: tuple[float, ...] = T_999  # quantiles of t; their ratio to the normal's corrects sigma
    shift: float = 0.0
    own_tail: tuple[float, ...] = ()  # quantiles of t that a keep needs by its own spread alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The settings of one judge version."""

    version: int
    gain: Test
    no_worse: Test | None = None  # beside `gain`, for simplifications
    widening: float = 1.0  # factor on sigma, in case it is underestimated
    fewest_runs: int = 2
    most_runs: int = 10
    fewest_controls: int
    most_controls: int = 20
    looks: tuple[int, ...] = ()  # numbers of fresh runs at which a keep is compared with its base
    alike_share: float = math.inf  # largest spread of runs that count as alike, by their mean
    alike_controls: int = 0  # fewest alike control runs that show no effect of seeds; 0: unused
    # Of version 4 on:
    prior_freedom: float = 0.0  # runs that the incumbent's spread is worth beside a candidate's own
    few_controls: int = 0  # with fewer, `few_drop` discards in place of the tests' own `drop`
    few_drop: float = 0.0
    fence: float = math.inf  # robust sigma below the median beyond which a control is an outlier
    drift: float = 0.0  # sigma by which a level may have drifted since before the candidate began
    most_fresh: int = 0  # control runs beside the candidate that are asked for, where it may drift
    most_luck: float = 1.0  # largest chance that all runs hit a mode which no control run did


_NO_WORSE = Test(gain=1.0, keep=3.7, drop=-1.2, screen=-0.3, last_look=2.05, tail=T_975, shift=1.0)
_SECOND = Gate(
    version=2,
    gain=Test(gain=1.4, keep=8.0, drop=-0.7, screen=-0.3, last_look=3.3),
    no_worse=_NO_WORSE,
    fewest_controls=3,
    looks=(6, 12, 20),
)
GATES: dict[int, Gate] = {
    1: Gate(
        version=1,
        gain=Test(gain=1.25, keep=6.8, drop=-0.7, screen=-0.25),
        widening=1.1,
        fewest_controls=6,
    ),
    2: _SECOND,
    3: replace(_SECOND, version=3, alike_share=1e-3, alike_controls=3),
    4: replace(
        _SECOND,
        version=4,
        gain=replace(_SECOND.gain, drop=-0.66, last_look=2.9, own_tail=T_9998),
        no_worse=replace(_NO_WORSE, own_tail=T_975),
        most_runs=14,
        alike_share=1e-3,
        alike_controls=3,
        prior_freedom=3.0,
        few_controls=8,
        few_drop=0.15,
        fence=5.0,
        drift=0.7,
        most_fresh=10,
        most_luck=0.002,
    ),
}
JUDGE_VERSION = 4
NOISE_OF_ANY_SHAPE_SINCE = 4  # the first version that takes no noise to be normal
GATE = GATES[JUDGE_VERSION]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The assessment of the evidence so far; `outcome` is None while more runs are needed."""

    outcome: Outcome | None
    effect: float | None  # metric units, positive is better
    low: float | None
    high: float | None
    noise: Noise | None
    evidence: float | None  # nats, of the test that `outcome` rests on
    more_runs: int  # of the candidate, needed next
    more_controls: int  # of the incumbent, needed next
    reason: str  # for this outcome, or which runs are still needed
    test: str = GAIN  # or NON_INFERIORITY: the test that the outcome rests on


def undecided(candidate: Sequence[float], short: int, noise: Noise | None) -> Judgement:
    """Return the assessment while there are too few runs; `short` counts missing control runs."""
    needs = []
    if not candidate:
        needs.append("1 run of the experiment")
    if short:
        needs.append(f"{short} more control runs of the incumbent")
    return Judgement(
        outcome=None,
        effect=None,
        low=None,
        high=None,
        noise=noise,
        evidence=None,
        more_runs=0 if candidate else 1,
        more_controls=short,
        reason=f"needs {' and '.join(needs) or 'repeat runs to measure the noise'}",
    )
