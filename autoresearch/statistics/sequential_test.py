"""The judge: a sequential test on arrays. Pure; knows no files, no ledger and no clock.

A candidate's runs are compared with the incumbent's control runs by a truncated sequential
probability ratio test (Wald 1945, https://doi.org/10.1214/aoms/1177731118; it stops at a largest
number of runs). Its evidence is the log likelihood ratio, in nats, of "better by 1.4 sigma" and
"no different", given the mean of n runs, the mean of K control runs, and the standard deviation of
single runs pooled over all of them. For a keep the effect is divided by t(.999, df) / z(.999), the
price of a sigma estimated from few runs (Student's t); a discard pays no such price, for it claims
nothing. 8 nats keep, -0.7 discard, and after the tenth and last run 3.3 standard errors keep. One
lucky run never keeps. `autoresearch-mcp aa-test --simulate` calls this very function and prints
its rate of false keeps.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autoresearch.records import Outcome
from autoresearch.statistics.false_keep_rates import FALSE_KEEPS
from autoresearch.statistics.gate_v1 import judge_v1
from autoresearch.statistics.gates import (
    GAIN,
    GATE,
    GATES,
    JUDGE_VERSION,
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

__all__ = [
    "GATE",
    "GATES",
    "JUDGE_VERSION",
    "Gate",
    "Judgement",
    "Noise",
    "ReversalEvidence",
    "expected_false_keeps",
    "falls_behind",
    "interval",
    "judge",
    "measure_noise",
]

ALIKE = 0.01  # of sigma: runs closer than this do not depend on their seeds
ALIKE_RUNS = 3  # as many runs alike are no coincidence
ALIKE_CONTROLS = 0.25  # share of the control runs: more than chance makes alike
NOISELESS = 1e-9  # of a value: below this the metric has no noise


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalEvidence:
    """Evidence that a kept experiment, by its runs since then, is worse than its base."""

    effect: float  # metric units, positive is better; here below 0
    low: float
    high: float
    noise: Noise
    runs: int  # fresh runs that were looked at, from the first on
    controls: int
    reason: str


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


def judge(
    candidate: Sequence[float],
    controls: Sequence[float],
    noise_groups: Sequence[Sequence[float]],
    *,
    lower_is_better: bool,
    gate: Gate = GATE,
    simpler: bool = False,
) -> Judgement:
    """Assess a candidate's measurements against the incumbent's control runs.

    Args:
        candidate: Measurements of the candidate's runs, metric units, in the order they were made.
        controls: Measurements of the incumbent's control runs, likewise.
        noise_groups: Measurements by version of the code, whose pooled standard deviation is
            sigma; the control runs are one of the groups.
        lower_is_better: The metric's direction.
        gate: The settings, of the present judge version by default.
        simpler: Whether the candidate is a simplification, which is also kept by a
            non-inferiority test: if it is no worse by more than the gate's margin.

    Returns:
        The assessment: an outcome, or None and the runs that are still needed, with the effect
        and its 95 % interval in metric units.
    """
    if gate.version == 1:
        return judge_v1(
            candidate, controls, noise_groups, lower_is_better=lower_is_better, gate=gate
        )
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


def falls_behind(
    fresh: Sequence[float],
    parent: Sequence[float],
    noise_groups: Sequence[Sequence[float]],
    *,
    lower_is_better: bool,
    gate: Gate = GATE,
    margin_sigmas: float = 0.0,
) -> ReversalEvidence | None:
    """Return evidence that a kept experiment is behind its base, by runs made since it was kept.

    It looks only after 6, 12 and 20 fresh runs, since testing after every run until one test
    fails would raise the rate of false reversals (repeated significance tests, Pocock 1977,
    https://doi.org/10.1093/biomet/64.2.191). Between two looks the answer is that of the earlier
    one. docs/calibration.md has its error rates.

    Args:
        fresh: Measurements of the runs since it was kept, metric units, in order.
        parent: Measurements of its base's control runs.
        noise_groups: As in `judge`.
        lower_is_better: The metric's direction.
        gate: The settings.
        margin_sigmas: How much worse than its base it may be; for simplifications.

    Returns:
        The evidence if the estimated effect is below minus the margin, else None; None too while
        no look is due.
    """
    look = max((look for look in gate.looks if look <= len(fresh)), default=0)
    noise = measure_noise(noise_groups)
    if look == 0 or noise is None or len(parent) < gate.fewest_controls:
        return None
    seen = fresh[:look]
    all_noise = pooled(noise, seen)
    effect = _difference(parent, seen, lower_is_better)
    if effect >= -margin_sigmas * all_noise.sigma:
        return None
    low, high = interval(effect, all_noise, look, len(parent))
    allowed = f", but only {margin_sigmas:g} is allowed" if margin_sigmas else ""
    return ReversalEvidence(
        effect=effect,
        low=low,
        high=high,
        noise=all_noise,
        runs=look,
        controls=len(parent),
        reason=f"its {look} runs since it was kept are {-effect / all_noise.sigma:.1f} sigma "
        f"behind its base{allowed}",
    )


def expected_false_keeps(controls: Sequence[int]) -> float:
    """Return the expected number of keeps if no candidate changed anything.

    That is an upper bound on the false keeps to expect among the candidates, since one that does
    change something cannot be kept falsely. The rates are simulated (scripts/simulate_gate.py);
    between two simulated numbers of control runs, the higher rate counts.

    Args:
        controls: The number of control runs, for each candidate.
    """
    known = [number for number, _ in FALSE_KEEPS]
    total = 0.0
    for given in controls:
        number = min(given, known[-1])
        above = bisect_left(known, number)
        below = max(0, above - (known[above] != number))
        total += max(FALSE_KEEPS[above][1], FALSE_KEEPS[below][1])
    return total


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
