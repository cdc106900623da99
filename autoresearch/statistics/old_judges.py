"""Judge versions 1 to 3, kept unchanged so that their verdicts can be derived again exactly.

Nothing new is judged by them. Version 1 is described in docs/decisions/04-first-gate.md. Versions 2
and 3 are a truncated sequential probability ratio test on normal runs of one spread, pooled over
all versions of the code: docs/decisions/07-the-gate.md and 15-fixed-seeds.md.
"""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from autoresearch.records import Outcome
from autoresearch.statistics.gates import (
    GAIN,
    NON_INFERIORITY,
    Gate,
    Judgement,
    Test,
    undecided,
)
from autoresearch.statistics.noise import (
    Noise,
    interval,
    mean,
    measure_noise,
    pooled,
    quantile,
    squares,
)
from autoresearch.statistics.t_table import T_999

ALIKE = 0.01  # of sigma: runs closer than this do not depend on their seeds
ALIKE_RUNS = 3  # as many runs alike are no coincidence
ALIKE_CONTROLS = 0.25  # share of the control runs: more than chance makes alike
NOISELESS = 1e-9  # of a value: below this the metric has no noise


class _Estimate(NamedTuple):
    """A candidate's effect in sigma, and how well it is known."""

    effect: float
    runs: int
    controls: int
    freedom: int


class _Answer(NamedTuple):
    """The answer of one test."""

    outcome: Outcome | None
    evidence: float
    reason: str


def judge_v3(
    candidate: Sequence[float],
    controls: Sequence[float],
    noise_groups: Sequence[Sequence[float]],
    *,
    lower_is_better: bool,
    gate: Gate,
    simpler: bool,
) -> Judgement:
    """Return the assessment of a candidate's measurements against the incumbent's control runs.

    Measurements are in metric units, in the order in which they were made.
    """
    noise = measure_noise(noise_groups)
    short = gate.fewest_controls - len(controls)
    if short > 0 or noise is None or not candidate:
        return undecided(candidate, max(short, 0), noise)
    runs, known = len(candidate), len(controls)
    all_noise = pooled(noise, candidate)
    effect = _difference(controls, candidate, lower_is_better)
    low, high = interval(effect, all_noise, runs, known)
    estimate = _Estimate(effect / all_noise.sigma, runs, known, all_noise.freedom)
    test, answer = _combine_tests(estimate, gate, simpler)
    if (
        answer.outcome is Outcome.KEEP
        and _are_alike(candidate, noise, gate)
        and not _ignore_seeds(controls, noise, gate)
    ):
        answer = _withhold(answer, runs)
    wanted = min(gate.most_controls, 2 * (runs + 1))
    return Judgement(
        outcome=answer.outcome,
        effect=effect,
        low=low,
        high=high,
        noise=all_noise,
        evidence=answer.evidence,
        more_runs=0 if answer.outcome else 1,
        more_controls=0 if answer.outcome else max(0, wanted - known),
        reason=answer.reason,
        test=test,
    )


def _difference(base: Sequence[float], runs: Sequence[float], lower_is_better: bool) -> float:
    """Return how much better the runs are than their base on average, metric units."""
    gain = mean(base) - mean(runs)
    return gain if lower_is_better else -gain


def _combine_tests(estimate: _Estimate, gate: Gate, simpler: bool) -> tuple[str, _Answer]:
    """Return the deciding test and its answer: either one keeps, only both together discard."""
    gain = _apply_test(estimate, gate.gain, gate)
    if not simpler or gate.no_worse is None or gain.outcome is Outcome.KEEP:
        return GAIN, gain
    no_worse = _apply_test(estimate, gate.no_worse, gate)
    if no_worse.outcome is Outcome.DISCARD and gain.outcome is not Outcome.DISCARD:
        return GAIN, gain
    reason = f"as a simplification, {gate.no_worse.shift:g} sigma worse allowed: {no_worse.reason}"
    return NON_INFERIORITY, _Answer(no_worse.outcome, no_worse.evidence, reason)


def _apply_test(estimate: _Estimate, test: Test, gate: Gate) -> _Answer:
    """Return one test's answer, with the evidence that decided it."""
    effect = estimate.effect + test.shift
    cautious = effect / (quantile(test.tail, estimate.freedom) / test.tail[-1])
    kept_by, dropped_by = (_evidence(size, estimate, test) for size in (cautious, effect))
    if estimate.runs < gate.fewest_runs and effect < test.screen:
        reason = f"screened out: its first run was {-estimate.effect:.1f} sigma worse"
        return _Answer(Outcome.DISCARD, dropped_by, reason)
    if estimate.runs < gate.fewest_runs:
        return _Answer(None, kept_by, "one run, however good, is never enough: needs another")
    so_far = f"evidence {kept_by:.1f} nats, {test.keep:g} keep"
    left = gate.most_runs - estimate.runs
    if kept_by >= test.keep:
        return _Answer(Outcome.KEEP, kept_by, so_far)
    if left > 0 and dropped_by > test.drop:
        return _Answer(None, kept_by, f"{so_far}: needs another run, at most {left} more")
    return _final_answer(cautious * math.sqrt(_weight(estimate)), kept_by, dropped_by, test, left)


def _final_answer(
    errors: float, kept_by: float, dropped_by: float, test: Test, left: int
) -> _Answer:
    """Return the answer if evidence discards or no run is left; `errors`: standard errors."""
    if left <= 0 and errors >= test.last_look:
        reason = f"{errors:.1f} standard errors after the last run, {test.last_look:g} keep"
        return _Answer(Outcome.KEEP, kept_by, reason)
    if dropped_by <= test.drop:
        reason = f"evidence {dropped_by:.1f} nats, {test.drop:g} drop"
        return _Answer(Outcome.DISCARD, dropped_by, reason)
    reason = f"evidence {kept_by:.1f} nats, {test.keep:g} keep, and {errors:.1f} standard errors"
    return _Answer(
        Outcome.INCONCLUSIVE, kept_by, f"{reason} after the last run, {test.last_look:g} keep"
    )


def _weight(estimate: _Estimate) -> float:
    """Return the inverse variance of the difference of the two means, in 1 / sigma^2."""
    return 1 / (1 / estimate.runs + 1 / estimate.controls)


def _evidence(effect: float, estimate: _Estimate, test: Test) -> float:
    """Return the log likelihood ratio, nats, of a shifted effect of `test.gain` and one of 0."""
    return _weight(estimate) * test.gain * (effect - test.gain / 2)


def _are_alike(runs: Sequence[float], noise: Noise, gate: Gate) -> bool:
    """Return whether the runs hardly differ, although runs with other seeds do by the noise.

    They must be close by that noise and by their own size; else no code that got 100 times faster
    could be kept, since its times and their noise shrink together.
    """
    if len(runs) < 2 or noise.sigma < NOISELESS * max(1.0, abs(runs[0])):
        return False
    spread = math.sqrt(squares(runs) / (len(runs) - 1))
    return spread < ALIKE * noise.sigma and spread <= gate.alike_share * abs(mean(runs))


def _ignore_seeds(controls: Sequence[float], noise: Noise, gate: Gate) -> bool:
    """Return whether so many control runs are alike that seeds do not move the incumbent either.

    The code may fix its seed, or the metric have few values: then it does not count against a
    candidate that its runs are alike.
    """
    if gate.alike_controls == 0:
        return False
    several = max(gate.alike_controls, math.ceil(ALIKE_CONTROLS * len(controls)))
    ordered = sorted(controls)
    windows = (ordered[n : n + several] for n in range(len(ordered) - several + 1))
    return any(_are_alike(window, noise, gate) for window in windows)


def _withhold(answer: _Answer, runs: int) -> _Answer:
    """Withhold a keep: runs that ignore the lab's seed are a single draw, which never keeps."""
    reason = f"its {runs} runs hardly differ, as if the lab's seed did not reach them"
    if runs < ALIKE_RUNS:
        return _Answer(None, answer.evidence, f"{reason}: needs another run")
    return _Answer(Outcome.INCONCLUSIVE, answer.evidence, f"{reason}: they count as one run")


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
    evidence = _weigh_v1(gains, noise, len(controls), gate)
    outcome, reason = _decide_v1(gains, noise, evidence, gate)
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


def _weigh_v1(gains: Sequence[float], noise: Noise, controls: int, gate: Gate) -> float:
    """Return the log likelihood ratio, nats, of "better by the test's gain" and "no different"."""
    small_sample = quantile(T_999, min(noise.freedom, controls - 1)) / T_999[-1]
    spread = noise.sigma * small_sample * gate.widening * math.sqrt(1 + 1 / controls)
    sought = gate.gain.gain
    return sum(sought * (gain / spread - sought / 2) for gain in gains)


def _decide_v1(
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
