"""Pure statistics on arrays: verdicts. Knows no files, no ledger and no clock.

A candidate's runs are compared with the incumbent's by a sequential test (Wald's, truncated). Its
evidence is the log likelihood ratio, in nats, between "better by 1.4 sigma" and "no different",
given the mean of n runs, the mean of K controls, and the spread of single runs pooled over all of
them. On the way to a keep the effect is divided by t(.999, df) / z(.999), the price of a sigma
that comes from few runs; a drop pays no such price, for it claims nothing. 8 nats keep, -0.7 drop,
and after the tenth and last run 3.3 standard errors are enough. One lucky run never keeps.
`autoresearch-mcp aa-test --simulate` calls this very function and prints how often it is fooled.
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

ALIKE = 0.01  # of sigma: runs closer than this do not differ by their seeds
ALIKE_RUNS = 3  # so many runs alike are no coincidence
ALIKE_CONTROLS = 0.25  # of the controls, and a gate's fewest: more than chance makes alike
NOISELESS = 1e-9  # of a value: below this the metric has no noise that runs could share


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalEvidence:
    """A kept experiment that its own later runs put behind what it was built on."""

    effect: float  # metric units, positive is better; here below 0
    low: float
    high: float
    noise: Noise
    runs: int  # of the fresh ones, from the first: those the look was at
    controls: int
    reason: str


class _Standing(NamedTuple):
    """Where a candidate stands: its effect in sigma, and how well that is known."""

    effect: float
    runs: int
    controls: int
    freedom: int


class _Answer(NamedTuple):
    """What one test says of a standing."""

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
    """Judge a candidate's measurements against the incumbent's, in the order they were made.

    `noise_groups` are groups of runs of the same code, metric units; the controls are one of them.
    A simplification (`simpler`) is also kept if it is no worse by more than the gate's margin.
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
    standing = _Standing(effect / all_noise.sigma, runs, known, all_noise.freedom)
    test, answer = _ask(standing, gate, simpler)
    if (
        answer.outcome is Outcome.KEEP
        and _alike(candidate, noise, gate)
        and not _seedless(controls, noise, gate)
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
    """Whether a kept experiment's runs made since it was kept put it behind its base's controls.

    Looks only after 6, 12 and 20 fresh runs, so that it is not asked until it fails: between two
    looks the answer is that of the earlier one. Behind is an estimated effect below minus the
    margin, which is for what was kept as a simplification. None while no look is due or it is not
    behind. docs/calibration.md has its error rates.
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
    allowed = f", {margin_sigmas:g} were allowed" if margin_sigmas else ""
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
    """How many candidates would have been kept if none of them changed anything.

    One number of controls a candidate. That is an upper bound on the false keeps to expect among
    them, since those that do change something cannot be kept falsely. The rates are simulated
    (scripts/simulate_gate.py); between two that were, the higher one counts.
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
    """How much better the runs are than their base, on average; metric units."""
    gain = mean(base) - mean(runs)
    return gain if lower_is_better else -gain


def _ask(standing: _Standing, gate: Gate, simpler: bool) -> tuple[str, _Answer]:
    """Which test answers, and what: either one keeps, and only both together drop."""
    gain = _test(standing, gate.gain, gate)
    if not simpler or gate.no_worse is None or gain.outcome is Outcome.KEEP:
        return GAIN, gain
    no_worse = _test(standing, gate.no_worse, gate)
    if no_worse.outcome is Outcome.DISCARD and gain.outcome is not Outcome.DISCARD:
        return GAIN, gain
    reason = f"as a simplification, {gate.no_worse.shift:g} sigma worse allowed: {no_worse.reason}"
    return NON_INFERIORITY, _Answer(no_worse.outcome, no_worse.evidence, reason)


def _test(standing: _Standing, test: Test, gate: Gate) -> _Answer:
    """One test's answer; its evidence is what its outcome was decided by."""
    effect = standing.effect + test.shift
    cautious = effect / (quantile(test.tail, standing.freedom) / test.tail[-1])
    kept_by, dropped_by = (_evidence(size, standing, test) for size in (cautious, effect))
    if standing.runs < gate.fewest_runs and effect < test.screen:
        reason = f"screened out: its first run was {-standing.effect:.1f} sigma worse"
        return _Answer(Outcome.DISCARD, dropped_by, reason)
    if standing.runs < gate.fewest_runs:
        return _Answer(None, kept_by, "one run, however good, is never enough: needs another")
    so_far = f"evidence {kept_by:.1f} nats, {test.keep:g} keep"
    left = gate.most_runs - standing.runs
    if kept_by >= test.keep:
        return _Answer(Outcome.KEEP, kept_by, so_far)
    if left > 0 and dropped_by > test.drop:
        return _Answer(None, kept_by, f"{so_far}: needs another run, at most {left} more")
    return _last_word(cautious * math.sqrt(_weight(standing)), kept_by, dropped_by, test, left)


def _last_word(errors: float, kept_by: float, dropped_by: float, test: Test, left: int) -> _Answer:
    """The answer where the evidence drops, or where no run is left; `errors`: standard errors."""
    if left <= 0 and errors >= test.last_look:
        reason = f"{errors:.1f} standard errors after the last run, {test.last_look:g} keep"
        return _Answer(Outcome.KEEP, kept_by, reason)
    if dropped_by <= test.drop:
        reason = f"evidence {dropped_by:.1f} nats, {test.drop:g} drop"
        return _Answer(Outcome.DISCARD, dropped_by, reason)
    words = f"evidence {kept_by:.1f} nats, {test.keep:g} keep, and {errors:.1f} standard errors"
    return _Answer(
        Outcome.INCONCLUSIVE, kept_by, f"{words} after the last run, {test.last_look:g} keep"
    )


def _weight(standing: _Standing) -> float:
    """One over the variance of the difference of the two means, in 1 / sigma^2."""
    return 1 / (1 / standing.runs + 1 / standing.controls)


def _evidence(effect: float, standing: _Standing, test: Test) -> float:
    """Log likelihood ratio, nats, of a shifted effect of `test.gain` against one of 0."""
    return _weight(standing) * test.gain * (effect - test.gain / 2)


def _alike(runs: Sequence[float], noise: Noise, gate: Gate) -> bool:
    """Whether the runs hardly differ though the noise says that runs with other seeds do.

    Hardly: beside that noise, and beside their own size, or no code that got 100 times faster would
    be kept, whose times and their noise shrank together.
    """
    if len(runs) < 2 or noise.sigma < NOISELESS * max(1.0, abs(runs[0])):
        return False
    spread = math.sqrt(squares(runs) / (len(runs) - 1))
    return spread < ALIKE * noise.sigma and spread <= gate.alike_share * abs(mean(runs))


def _seedless(controls: Sequence[float], noise: Noise, gate: Gate) -> bool:
    """Whether so many runs of the incumbent are alike that seeds do not move it either.

    A fixed seed in the code, or a metric of few values: likeness then says nothing of a candidate.
    """
    if gate.alike_controls == 0:
        return False
    several = max(gate.alike_controls, math.ceil(ALIKE_CONTROLS * len(controls)))
    ordered = sorted(controls)
    windows = (ordered[n : n + several] for n in range(len(ordered) - several + 1))
    return any(_alike(window, noise, gate) for window in windows)


def _withhold(answer: _Answer, runs: int) -> _Answer:
    """Runs that do not depend on the lab's seed are one draw, and one draw never keeps."""
    reason = f"its {runs} runs hardly differ, as if the lab's seed did not reach them"
    if runs < ALIKE_RUNS:
        return _Answer(None, answer.evidence, f"{reason}: needs another run")
    return _Answer(Outcome.INCONCLUSIVE, answer.evidence, f"{reason}: they count as one run")
