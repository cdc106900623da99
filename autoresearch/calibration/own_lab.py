"""The gains that a lab can tell apart, by the noise of its control runs and a budget of more.

Control runs of the incumbent are the lab's own: they are recorded, and sharpen later verdicts.
Candidates are then drawn from their noise (a smoothed bootstrap, Efron 1979,
https://doi.org/10.1214/aos/1176344552) and judged by the lab's judge.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autoresearch.calibration.trials import Trial, follow, tally
from autoresearch.errors import LabError
from autoresearch.lab import Lab
from autoresearch.statistics.false_keeps import looks_normal
from autoresearch.statistics.gates import GATE
from autoresearch.statistics.metric_scale import MetricScale, scale_for
from autoresearch.statistics.noise import mean, squares
from autoresearch.verdicts.evidence import ages, controls_of, values
from autoresearch.verdicts.judgement import log_scale, lower_is_better

POWER = 0.9
NULLS = 4_000
EACH = 400  # candidates for each gain that is tried
STEPS = 7  # halvings of the gains between which the answer lies
WIDEST = 8.0  # sigma: the largest gain that is tried
FEWEST_RUNS = 6
POLL_S = 0.2

Watch = Callable[[int, int], None]  # (control runs that ended, of how many)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The smallest gain that a lab finds, and the error rates there."""

    runs: int  # control runs of the incumbent
    sigma: float  # metric units; 0 where the metric repeats exactly
    mean: float
    normal: bool  # the noise looks normal
    drifts: bool  # the lab's level may drift, so controls beside the candidate are needed
    gain: float  # metric units, found 9 times in 10
    gain_sigmas: float
    most_runs: int  # within so many runs of the candidate
    runs_each: float  # runs of a candidate with that gain
    false_keeps: float  # share of candidates without a gain
    null_runs: float  # runs of each of those


def measure_controls(lab: Lab, runs: int, watch: Watch) -> None:
    """Make so many further control runs of the incumbent and wait until they ended.

    Raises:
        LabError: They failed more often than they were measured.
    """
    incumbent = lab.history().kept[-1]
    before = len(controls_of(lab.history(), incumbent))
    asked = 0
    while True:
        lab.runs.absorb()
        history = lab.history()
        done = len(controls_of(history, incumbent)) - before
        watch(min(done, runs), runs)
        going = sum(run.experiment == incumbent for run in history.unfinished())
        if done >= runs:
            return
        if asked - done - going > max(2, runs):
            raise LabError(
                f"{asked - done - going} control runs of {incumbent} gave no measurement.",
                "See why with `autoresearch-mcp status`, then call it again.",
                reason="controls_fail",
            )
        if going < min(lab.runs.at_once(), runs - done):
            lab.start_run(incumbent)
            asked += 1
            continue
        time.sleep(POLL_S)


def resolution(lab: Lab, *, seed: int = 1) -> Resolution:
    """Simulate candidates with the noise of the incumbent's control runs.

    Raises:
        LabError: The lab has fewer than 6 control runs of its incumbent.
    """
    history, contract = lab.history(), lab.contract
    found = values(history, controls_of(history, history.kept[-1]))
    if len(found) < FEWEST_RUNS:
        raise LabError(
            f"{len(found)} control runs tell too little about the noise of {lab.name}.",
            f"Give --runs {FEWEST_RUNS - len(found)} or more.",
            reason="too_few_controls",
        )
    scale = scale_for(found, lower_is_better=lower_is_better(contract), log=log_scale(contract))
    return resolve(found, scale, drifts=ages(contract), seed=seed)


def resolve(
    found: Sequence[float], scale: MetricScale, *, drifts: bool = False, seed: int = 1
) -> Resolution:
    """Find the smallest gain that is found 9 times in 10.

    Args:
        found: Measurements of unchanged code, metric units.
        scale: The scale on which they are compared.
        drifts: Whether the level may drift, so that half of the controls run beside a candidate.
        seed: The same seed gives the same answer.
    """
    gains = scale.gains(found)
    level = mean(gains)
    sigma = math.sqrt(squares(gains) / (len(gains) - 1))
    known = min(len(gains), GATE.most_controls)

    def judged(size: float, candidates: int) -> tuple[float, float]:
        rng = np.random.default_rng([seed, round(1000 * size)])
        trials = _trials(gains, size * sigma, candidates, known, rng, drifts=drifts)
        one = tally(size, trials)
        return one.rate, one.runs_each

    exact = sigma == 0
    size, each = 0.0, float(GATE.fewest_runs)
    false_keeps, null_runs = (0.0, 1.0) if exact else judged(0.0, NULLS)
    if not exact:
        low, size = 0.0, WIDEST
        for _ in range(STEPS):
            middle = (low + size) / 2
            if judged(middle, EACH)[0] >= POWER:
                size = middle
            else:
                low = middle
        each = judged(size, EACH)[1]
    return Resolution(
        runs=len(found),
        sigma=scale.width(level, sigma),
        mean=mean(found),
        normal=looks_normal([gains]),
        drifts=drifts,
        gain=scale.effect(level, size * sigma),
        gain_sigmas=size,
        most_runs=GATE.most_runs,
        runs_each=each,
        false_keeps=false_keeps,
        null_runs=null_runs,
    )


def _trials(
    gains: Sequence[float],
    gain: float,
    candidates: int,
    controls: int,
    rng: np.random.Generator,
    *,
    drifts: bool,
) -> Iterator[Trial]:
    """Draw candidates and their controls from the noise of the gains, and judge them."""
    residuals = np.array(gains) - mean(gains)
    # Silverman's bandwidth; the sum is scaled so that the spread stays what it was.
    jitter = 1.06 * residuals.std(ddof=1) * len(residuals) ** -0.2
    spread = residuals.std(ddof=1)
    shrink = spread / math.sqrt(residuals.std() ** 2 + jitter**2)

    def draw(number: int) -> list[float]:
        drawn = rng.choice(residuals, number) + jitter * rng.standard_normal(number)
        return [shrink * float(value) for value in drawn]

    beside = min(GATE.most_fresh, controls // 2) if drifts else 0
    for _ in range(candidates):
        yield follow(
            [value + gain for value in draw(GATE.most_runs)],
            draw(controls),
            known=controls - beside,
            old=controls - beside if drifts else 0,
            lower_is_better=False,
        )
