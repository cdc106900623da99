"""Pure statistics on arrays: verdicts. Knows no files, no ledger and no clock.

A candidate's runs are compared one by one with the incumbent's. Each run adds to a log likelihood
ratio between "better by 1.25 s" and "no different", where s is the spread of single runs, widened
for the number of runs it was estimated from (Wald's sequential test with a small-sample factor).
One lucky run never keeps: two runs is the least. scripts/simulate_gate.py prints how often it is
fooled: about 0.2 % of candidates without a gain are kept with 6 controls, 0.02 % with 60.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from autoresearch.critical_values import T_975, T_999
from autoresearch.records import Outcome

JUDGE_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The settings of the sequential test, in units of s unless said otherwise."""

    gain: float = 1.25  # the smallest gain worth looking for
    keep: float = 6.8  # evidence, in nats, that keeps
    drop: float = -0.7  # evidence that discards
    screen: float = -0.25  # a first run further below the controls than this, in sigma, ends it
    widening: float = 1.1  # for a sigma that is underestimated
    fewest_runs: int = 2
    most_runs: int = 10
    fewest_controls: int = 6
    most_controls: int = 20


GATE = Gate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The pooled spread of single runs of unchanged code."""

    sigma: float  # metric units
    freedom: int  # degrees of freedom it was estimated with


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the arrays say so far; `outcome` is None while more runs are needed."""

    outcome: Outcome | None
    effect: float | None
    low: float | None
    high: float | None
    noise: Noise | None
    evidence: float | None
    more_runs: int  # of the candidate, to go on
    more_controls: int  # of the incumbent, to go on
    reason: str  # why this outcome, or what is still needed


def measure_noise(groups: Sequence[Sequence[float]]) -> Noise | None:
    """Pool the spread within groups of runs of the same code; None below two runs in one group."""
    several = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in several)
    if freedom == 0:
        return None
    squares = sum(_squares(group) for group in several)
    # Identical runs mean a metric without noise: any difference then counts, so sigma is not 0.
    floor = 1e-12 * max(1.0, *(abs(value) for group in several for value in group))
    return Noise(sigma=max(math.sqrt(squares / freedom), floor), freedom=freedom)


def _squares(group: Sequence[float]) -> float:
    """The sum of squared distances from the group's mean."""
    mean = fmean(group)
    return math.fsum((value - mean) ** 2 for value in group)


def interval(effect: float, noise: Noise, runs: int, controls: int) -> tuple[float, float]:
    """The 95 % interval of a difference of two means, metric units."""
    half = quantile(T_975, noise.freedom) * noise.sigma * math.sqrt(1 / runs + 1 / controls)
    return effect - half, effect + half


def quantile(table: Sequence[float], freedom: int) -> float:
    """Student's t quantile; the normal's beyond the table's end."""
    return table[min(freedom, len(table)) - 1]


def judge(
    candidate: Sequence[float],
    controls: Sequence[float],
    noise_groups: Sequence[Sequence[float]],
    *,
    lower_is_better: bool,
    gate: Gate = GATE,
) -> Judgement:
    """Judge a candidate's measurements against the incumbent's, in the order they were made."""
    noise = measure_noise(noise_groups)
    short = gate.fewest_controls - len(controls)
    if short > 0 or noise is None or not candidate:
        return _undecided(candidate, max(short, 0), noise)
    sign = 1.0 if lower_is_better else -1.0
    gains = [sign * (fmean(controls) - value) for value in candidate]
    effect = fmean(gains)
    low, high = interval(effect, noise, len(candidate), len(controls))
    evidence = weigh(gains, noise, len(controls), gate)
    outcome, reason = _decide(gains, noise, evidence, gate)
    wanted = min(gate.most_controls, 2 * (len(candidate) + 1))
    return Judgement(
        outcome=outcome,
        effect=effect,
        low=low,
        high=high,
        noise=noise,
        evidence=evidence,
        more_runs=0 if outcome else 1,
        more_controls=0 if outcome else max(0, wanted - len(controls)),
        reason=reason,
    )


def weigh(gains: Sequence[float], noise: Noise, controls: int, gate: Gate = GATE) -> float:
    """Log likelihood ratio of "better by gate.gain" against "no different", in nats.

    The factor t(.999, df) / z(.999) is the correction for few runs: of those that sigma comes from,
    or of the controls, whichever is fewer.
    """
    small_sample = quantile(T_999, min(noise.freedom, controls - 1)) / T_999[-1]
    spread = noise.sigma * small_sample * gate.widening * math.sqrt(1 + 1 / controls)
    return sum(gate.gain * (gain / spread - gate.gain / 2) for gain in gains)


def _undecided(candidate: Sequence[float], short: int, noise: Noise | None) -> Judgement:
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


def _decide(
    gains: Sequence[float], noise: Noise, evidence: float, gate: Gate
) -> tuple[Outcome | None, str]:
    first = gains[0] / noise.sigma
    if first < gate.screen and len(gains) == 1:
        return Outcome.DISCARD, f"screened out: its first run was {-first:.1f} sigma worse"
    if len(gains) < gate.fewest_runs:
        return None, "one run, however good, is never enough: needs another"
    if evidence >= gate.keep:
        return Outcome.KEEP, f"evidence {evidence:.1f} nats, {gate.keep} keep"
    if evidence <= gate.drop:
        return Outcome.DISCARD, f"evidence {evidence:.1f} nats, {gate.drop} drop"
    if len(gains) >= gate.most_runs:
        return (
            Outcome.INCONCLUSIVE,
            f"evidence {evidence:.1f} nats after all {len(gains)} runs; {gate.keep} keep",
        )
    left = gate.most_runs - len(gains)
    return (
        None,
        f"evidence {evidence:.1f} nats lies between {gate.drop} (drop) and {gate.keep} (keep): "
        f"needs another run, at most {left} more",
    )
