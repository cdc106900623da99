"""Judge version 1, kept unchanged so that its verdicts can be derived again to the last bit.

Nothing new is judged by it. docs/decisions/04-first-gate.md says what it was.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from autoresearch.records import Outcome
from autoresearch.statistics.gates import Gate, Judgement, undecided
from autoresearch.statistics.noise import Noise, interval, measure_noise, quantile
from autoresearch.statistics.t_table import T_999


def judge_v1(
    candidate: Sequence[float],
    controls: Sequence[float],
    noise_groups: Sequence[Sequence[float]],
    *,
    lower_is_better: bool,
    gate: Gate,
) -> Judgement:
    """Return the assessment of a candidate's measurements against the incumbent's control runs.

    Measurements are in metric units, in the order in which they were made.
    """
    noise = measure_noise(noise_groups)
    short = gate.fewest_controls - len(controls)
    if short > 0 or noise is None or not candidate:
        return undecided(candidate, max(short, 0), noise)
    sign = 1.0 if lower_is_better else -1.0
    gains = [sign * (fmean(controls) - value) for value in candidate]
    effect = fmean(gains)
    low, high = interval(effect, noise, len(candidate), len(controls))
    evidence = _weigh(gains, noise, len(controls), gate)
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


def _weigh(gains: Sequence[float], noise: Noise, controls: int, gate: Gate) -> float:
    """Return the log likelihood ratio, nats, of "better by the test's gain" and "no different"."""
    small_sample = quantile(T_999, min(noise.freedom, controls - 1)) / T_999[-1]
    spread = noise.sigma * small_sample * gate.widening * math.sqrt(1 + 1 / controls)
    sought = gate.gain.gain
    return sum(sought * (gain / spread - sought / 2) for gain in gains)


def _decide(
    gains: Sequence[float], noise: Noise, evidence: float, gate: Gate
) -> tuple[Outcome | None, str]:
    test = gate.gain
    first = gains[0] / noise.sigma
    if first < test.screen and len(gains) == 1:
        return Outcome.DISCARD, f"screened out: its first run was {-first:.1f} sigma worse"
    if len(gains) < gate.fewest_runs:
        return None, "one run, however good, is never enough: needs another"
    if evidence >= test.keep:
        return Outcome.KEEP, f"evidence {evidence:.1f} nats, {test.keep} keep"
    if evidence <= test.drop:
        return Outcome.DISCARD, f"evidence {evidence:.1f} nats, {test.drop} drop"
    if len(gains) >= gate.most_runs:
        return (
            Outcome.INCONCLUSIVE,
            f"evidence {evidence:.1f} nats after all {len(gains)} runs; {test.keep} keep",
        )
    left = gate.most_runs - len(gains)
    return (
        None,
        f"evidence {evidence:.1f} nats lies between {test.drop} (drop) and {test.keep} (keep): "
        f"needs another run, at most {left} more",
    )
