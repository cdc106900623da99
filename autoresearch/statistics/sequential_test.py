"""The judge: a sequential test on arrays. Pure; knows no files, no ledger and no clock.

A candidate's runs are compared with the incumbent's control runs by a truncated sequential
probability ratio test (Wald 1945, https://doi.org/10.1214/aoms/1177731118; it stops at a largest
number of runs). Its evidence is the log likelihood ratio, in nats, of "better by 1.4 sigma" and
"no different", given the difference of the two means and its standard error. Each side has a spread
of its own (Welch 1947, https://doi.org/10.1093/biomet/34.1-2.28): the incumbent's is sigma, as
statistics/base_level.py estimates it, and the candidate's is that of its own runs, shrunk towards
sigma. For a keep the effect is divided by t(.999, df) / z(.999), the price of spreads estimated
from few runs (Student's t); a discard pays no such price, for it claims nothing. 8 nats keep, -0.66
discard, and after the last run fewer standard errors keep.

Nothing is kept on so few runs that luck could give them whatever the noise: all runs of a metric
with two modes may fall into the one that no control run has hit. One lucky run never keeps. Where
runs repeat exactly, one confirming run decides. `autoresearch-mcp aa-test --simulate` calls this
very function and prints its rate of false keeps.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from autoresearch.records import Outcome
from autoresearch.statistics.base_level import NOISELESS, BaseLevel, measured_base
from autoresearch.statistics.gates import (
    GAIN,
    GATE,
    NOISE_OF_ANY_SHAPE_SINCE,
    NON_INFERIORITY,
    Gate,
    Judgement,
    Test,
    undecided,
)
from autoresearch.statistics.metric_scale import MetricScale, scale_for
from autoresearch.statistics.noise import Noise, mean, measure_noise, quantile, squares
from autoresearch.statistics.old_judges import judge_v1, judge_v3
from autoresearch.statistics.t_table import T_975

ALIKE = 0.01  # of sigma: runs closer than this do not depend on their seeds
ALIKE_RUNS = 3  # as many runs alike are no coincidence
ALIKE_CONTROLS = 0.25  # share of the control runs: more than chance makes alike
FRESH_SHARE = 0.8  # control runs beside the candidate that are asked for, for each of its runs


class _Comparison(NamedTuple):
    """A candidate beside the incumbent: its effect in sigma, and how well that is known."""

    effect: float
    variance: float  # of the effect, in sigma^2
    freedom: int  # degrees of freedom of the variance
    plain: float  # the effect beside all control runs alike, as if no level drifted
    plain_variance: float  # and the candidate had the incumbent's spread
    spread: float  # of the candidate's runs, at least 1, in sigma
    own_error: float  # standard error of the candidate's mean by its own runs alone, in sigma
    runs: int
    controls: int
    fresh_left: int  # control runs beside the candidate that may still be asked for


class _Answer(NamedTuple):
    """The answer of one test."""

    outcome: Outcome | None
    evidence: float
    reason: str
    more_runs: int = 1  # while there is no outcome
    promising: bool = False  # enough to ask for control runs beside the candidate


def judge(
    candidate: Sequence[float],
    controls: Sequence[float],
    noise_groups: Sequence[Sequence[float]],
    *,
    lower_is_better: bool,
    gate: Gate = GATE,
    simpler: bool = False,
    old: int = 0,
    log: bool = False,
) -> Judgement:
    """Assess a candidate's measurements against the incumbent's control runs.

    Args:
        candidate: Measurements of the candidate's runs, metric units, in the order they were made.
        controls: Measurements of the incumbent's control runs, likewise.
        noise_groups: Measurements by version of the code, the control runs among them: older
            versions may show that runs spread more than these control runs do.
        lower_is_better: The metric's direction.
        gate: The settings, of the present judge version by default.
        simpler: Whether the candidate is a simplification, which is also kept by a
            non-inferiority test: if it is no worse by more than the gate's margin.
        old: How many of the controls, from the first on, began before the candidate, in a lab
            where the level of runs may drift; 0 where it can't.
        log: Whether the metric is a time, a size or a rate, which is compared by its logarithm.

    Returns:
        The assessment: an outcome, or None and the runs that are still needed, with the effect
        and its 95 % interval in metric units.
    """
    if gate.version == 1:
        return judge_v1(
            candidate, controls, noise_groups, lower_is_better=lower_is_better, gate=gate
        )
    if gate.version < NOISE_OF_ANY_SHAPE_SINCE:
        return judge_v3(
            candidate,
            controls,
            noise_groups,
            lower_is_better=lower_is_better,
            gate=gate,
            simpler=simpler,
        )
    short = gate.fewest_controls - len(controls)
    if short > 0 or not candidate:
        return undecided(candidate, max(short, 0), measure_noise(noise_groups))
    scale = scale_for([*candidate, *controls], lower_is_better=lower_is_better, log=log)
    base = measured_base(controls, noise_groups, scale, gate, old=old)
    gains = scale.gains(candidate)
    if base.exact and _repeats(gains):
        return _judge_exact(candidate, controls, base, scale, gate, simpler)
    return _judge_noisy(candidate, controls, gains, base, scale, gate, simpler, old)


def _judge_noisy(
    candidate: Sequence[float],
    controls: Sequence[float],
    gains: Sequence[float],
    base: BaseLevel,
    scale: MetricScale,
    gate: Gate,
    simpler: bool,
    old: int,
) -> Judgement:
    sigma = base.sigma or math.sqrt(squares(gains) / (len(gains) - 1))
    fresh_left = max(0, gate.most_fresh - base.fresh) if old else 0
    compared = _compare(gains, base, sigma, gate, fresh_left)
    test, answer = _combine_tests(compared, gate, simpler)
    seedless = answer.outcome is Outcome.KEEP and _are_alike(candidate, gains, sigma, scale, gate)
    if seedless and not _ignore_seeds(controls, sigma, scale, gate):
        answer = _withhold(answer, len(gains))
    wanted = 0
    if answer.outcome is None:
        wanted = max(0, min(gate.most_controls, 2 * (len(gains) + 1)) - base.runs)
        if answer.promising:
            beside = math.ceil(FRESH_SHARE * (len(gains) + 1)) - base.fresh
            wanted = max(wanted, min(fresh_left, beside if answer.more_runs else fresh_left))
    half = quantile(T_975, compared.freedom) * math.sqrt(compared.variance)
    low, effect, high = (
        scale.effect(base.level, sigma * (compared.effect + side * half)) for side in (-1, 0, 1)
    )
    return Judgement(
        outcome=answer.outcome,
        effect=effect,
        low=low,
        high=high,
        noise=Noise(sigma=scale.width(base.level, sigma), freedom=base.freedom),
        evidence=answer.evidence,
        more_runs=0 if answer.outcome else answer.more_runs,
        more_controls=wanted,
        reason=answer.reason,
        test=test,
    )


def _compare(
    gains: Sequence[float], base: BaseLevel, sigma: float, gate: Gate, fresh_left: int
) -> _Comparison:
    """Compare a candidate's gains with the incumbent, by Welch's standard error."""
    runs = len(gains)
    own_freedom = gate.prior_freedom + runs - 1
    own = max(1.0, (gate.prior_freedom + squares(gains) / sigma**2) / own_freedom)
    # A candidate that spreads wider than the controls may show what they missed by luck.
    mine, theirs = own / runs, own * base.uncertainty
    freedom = (mine + theirs) ** 2 / (mine**2 / own_freedom + theirs**2 / base.freedom)
    own_error = math.sqrt(squares(gains) / (runs - 1) / runs) / sigma if runs > 1 else 0.0
    return _Comparison(
        effect=(mean(gains) - base.level) / sigma,
        variance=mine + theirs,
        freedom=max(1, int(freedom)),
        plain=(mean(gains) - base.plain_level) / sigma,
        plain_variance=1 / runs + 1 / base.runs,
        spread=math.sqrt(own),
        own_error=own_error,
        runs=runs,
        controls=base.runs,
        fresh_left=fresh_left,
    )


def _judge_exact(
    candidate: Sequence[float],
    controls: Sequence[float],
    base: BaseLevel,
    scale: MetricScale,
    gate: Gate,
    simpler: bool,
) -> Judgement:
    """Judge where all runs of either side repeat exactly: any difference counts."""
    difference = controls[0] - candidate[0] if scale.lower_is_better else candidate[0] - controls[0]
    if abs(difference) <= NOISELESS * max(1.0, abs(controls[0])):
        difference = 0.0
    effect = difference
    repeats = "the metric repeats exactly"
    test = GAIN
    outcome: Outcome | None = None
    if difference < 0:
        outcome, reason = Outcome.DISCARD, f"{repeats}, and it is worse"
    elif difference == 0 and not simpler:
        outcome, reason = Outcome.DISCARD, f"{repeats}, and nothing changed"
    elif len(candidate) < gate.fewest_runs:
        reason = f"{repeats}: needs one run more to confirm it"
    else:
        outcome = Outcome.KEEP
        test = GAIN if difference > 0 else NON_INFERIORITY
        reason = f"{repeats}, and {len(candidate)} runs confirm it"
    return Judgement(
        outcome=outcome,
        effect=effect,
        low=effect,
        high=effect,
        noise=Noise(sigma=0.0, freedom=base.freedom),
        evidence=0.0,
        more_runs=0 if outcome else 1,
        more_controls=0,
        reason=reason,
        test=test,
    )


def _combine_tests(compared: _Comparison, gate: Gate, simpler: bool) -> tuple[str, _Answer]:
    """Return the deciding test and its answer: either one keeps, only both together discard."""
    gain = _apply_test(compared, gate.gain, gate)
    if not simpler or gate.no_worse is None or gain.outcome is Outcome.KEEP:
        return GAIN, gain
    no_worse = _apply_test(compared, gate.no_worse, gate)
    if no_worse.outcome is Outcome.DISCARD and gain.outcome is not Outcome.DISCARD:
        return GAIN, gain
    reason = f"as a simplification, {gate.no_worse.shift:g} sigma worse allowed: {no_worse.reason}"
    return NON_INFERIORITY, no_worse._replace(reason=reason)


def _apply_test(compared: _Comparison, test: Test, gate: Gate) -> _Answer:
    """Return one test's answer, with the evidence that decided it."""
    plain = compared.plain + test.shift
    price = quantile(test.tail, compared.freedom) / test.tail[-1]
    cautious = (compared.effect + test.shift) / price
    # By the spread of the side that spreads wider: what is large by both is a gain.
    kept_by = _evidence(cautious / compared.spread, compared.variance / compared.spread**2, test)
    dropped_by = _evidence(plain, compared.plain_variance, test)
    if compared.runs < gate.fewest_runs:
        if plain >= test.screen:
            return _Answer(None, kept_by, "one run, however good, is never enough: needs another")
        reason = f"screened out: its first run was {-compared.plain:.1f} sigma worse"
        return _Answer(Outcome.DISCARD, dropped_by, reason)
    so_far = f"evidence {kept_by:.1f} nats, {test.keep:g} keep"
    left = gate.most_runs - compared.runs
    enough = luck_of_modes(compared.runs, compared.controls) <= gate.most_luck
    enough = enough and _stands_alone(compared, test)
    drop = max(test.drop, gate.few_drop) if compared.controls < gate.few_controls else test.drop
    if kept_by >= test.keep and enough:
        return _Answer(Outcome.KEEP, kept_by, so_far)
    promising = dropped_by > 0
    if left > 0 and (kept_by >= test.keep or dropped_by > drop):
        few = ", but so few runs can be luck" if kept_by >= test.keep else ""
        reason = f"{so_far}{few}: needs another run, at most {left} more"
        return _Answer(None, kept_by, reason, promising=promising)
    errors = cautious / math.sqrt(compared.variance) if enough else -math.inf
    if left <= 0 and errors < test.last_look and promising and compared.fresh_left:
        reason = f"{so_far}: needs more control runs beside it"
        return _Answer(None, kept_by, reason, more_runs=0, promising=True)
    return _final_answer(errors, kept_by, dropped_by, replace(test, drop=drop), left)


def _stands_alone(compared: _Comparison, test: Test) -> bool:
    """Return whether the effect is large by the candidate's own spread, whatever sigma says.

    A candidate whose runs only spread wider would else be kept whenever its first ones are lucky.
    """
    needed = quantile(test.own_tail, compared.runs - 1) * compared.own_error
    return compared.effect + test.shift >= needed


def _final_answer(
    errors: float, kept_by: float, dropped_by: float, test: Test, left: int
) -> _Answer:
    """Return the answer if evidence discards or no run is left; `errors`: standard errors."""
    if left <= 0 and errors >= test.last_look:
        reason = f"{errors:.1f} standard errors after the last run, {test.last_look:g} keep"
        return _Answer(Outcome.KEEP, kept_by, reason)
    if dropped_by <= test.drop:
        reason = f"evidence {dropped_by:.1f} nats, {test.drop:.2g} drop"
        return _Answer(Outcome.DISCARD, dropped_by, reason)
    reason = f"evidence {kept_by:.1f} nats, {test.keep:g} keep, and {errors:.1f} standard errors"
    return _Answer(
        Outcome.INCONCLUSIVE, kept_by, f"{reason} after the last run, {test.last_look:g} keep"
    )


def _evidence(effect: float, variance: float, test: Test) -> float:
    """Return the log likelihood ratio, nats, of a shifted effect of `test.gain` and one of 0."""
    return test.gain * (effect - test.gain / 2) / variance


def luck_of_modes(runs: int, controls: int) -> float:
    """Return the largest chance that all runs, and no control run, fall into one mode of the noise.

    Whatever share p of runs falls there, it is p^runs (1 - p)^controls, largest where p is the
    runs' share of all.
    """
    total = runs + controls
    return math.exp(runs * math.log(runs) + controls * math.log(controls) - total * math.log(total))


def _repeats(gains: Sequence[float]) -> bool:
    """Return whether all runs are the same."""
    return max(gains) - min(gains) <= NOISELESS * max(1.0, abs(gains[0]))


def _are_alike(
    runs: Sequence[float], gains: Sequence[float], sigma: float, scale: MetricScale, gate: Gate
) -> bool:
    """Return whether the runs hardly differ, although runs with other seeds do by the noise.

    They must be close by that noise and by their own size; else no code that got 100 times faster
    could be kept, since its times and their noise shrink together.
    """
    if len(gains) < 2:
        return False
    spread = math.sqrt(squares(gains) / (len(gains) - 1))
    size = 1.0 if scale.log else abs(mean(runs))
    return spread < ALIKE * sigma and spread <= gate.alike_share * size


def _ignore_seeds(controls: Sequence[float], sigma: float, scale: MetricScale, gate: Gate) -> bool:
    """Return whether so many control runs are alike that seeds do not move the incumbent either.

    The code may fix its seed, or the metric have few values: then it does not count against a
    candidate that its runs are alike.
    """
    several = max(gate.alike_controls, math.ceil(ALIKE_CONTROLS * len(controls)))
    ordered = sorted(controls)
    windows = (ordered[n : n + several] for n in range(len(ordered) - several + 1))
    return any(_are_alike(window, scale.gains(window), sigma, scale, gate) for window in windows)


def _withhold(answer: _Answer, runs: int) -> _Answer:
    """Withhold a keep: runs that ignore the lab's seed are a single draw, which never keeps."""
    reason = f"its {runs} runs hardly differ, as if the lab's seed did not reach them"
    if runs < ALIKE_RUNS:
        return _Answer(None, answer.evidence, f"{reason}: needs another run")
    return _Answer(Outcome.INCONCLUSIVE, answer.evidence, f"{reason}: they count as one run")
