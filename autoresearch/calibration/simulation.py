"""Candidates of known effect in simulated campaigns, judged by the lab's own judge.

Runs have a spread of 1 and are normal, or of a noise of calibration/noises.py. Every candidate is a
campaign of its own: its controls are drawn anew, and sigma is estimated from them anew. Where the
level drifts, a candidate begins anywhere in the campaign, and only some of its controls run beside
it: the others ran at the campaign's start.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from autoresearch.calibration.noises import NOISES
from autoresearch.calibration.rivals import SESSION, Rivals, compare
from autoresearch.calibration.trials import Tally, Trial, follow, tally
from autoresearch.records import Outcome
from autoresearch.statistics.gates import GATE, Gate
from autoresearch.statistics.reversal_test import falls_behind

NULLS = 10_000
OTHERS = 500  # candidates of each effect that is not 0
SIMPLER = 1_000  # simplifications of each effect
EFFECTS = (0.0, -2.0, 0.5, 1.0, 1.5, 2.0, 3.0)  # sigma
NOISE_EFFECTS = (0.0, 2.0, 4.0)
SIMPLER_EFFECTS = (0.0, -0.5, -1.0, -1.5, -2.0)
MOST = GATE.most_controls
CHUNK = 500  # candidates between two words of progress

Done = Callable[[int], None]  # told how many more candidates have their verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Facts about the incumbent that the judge has in one row of the table."""

    controls: int
    underestimated: float = 1.0  # how many times too low the controls make sigma look
    growing: bool = False  # from the fewest that can be judged, as the judge asks for more
    simpler: bool = False  # the candidates are simplifications
    noise: str = "normal"  # a name of NOISES
    spread: float = 1.0  # of the candidate's runs; the incumbent's is 1
    drift: float | None = None  # sigma over the campaign; None in a lab where nothing can drift
    earlier: float | None = None  # spread of 20 runs of an earlier version; None: it had none

    @property
    def label(self) -> str:
        """Label in the table's first column."""
        number = f"{GATE.fewest_controls} to {self.controls}" if self.growing else self.controls
        low = f", sigma / {self.underestimated:g}" if self.underestimated != 1 else ""
        return f"{number}{low}"

    @property
    def kind(self) -> str:
        """Name of what is special about its runs."""
        if self.spread != 1:
            return f"the candidate spreads {self.spread:g} times as far"
        if self.drift is not None:
            return f"the level drifts by {self.drift:g} sigma"
        if self.earlier is not None:
            return f"before, runs spread {self.earlier:g} times as far"
        return self.noise

    @property
    def beside(self) -> int:
        """Number of the controls that run beside the candidate."""
        return 0 if self.drift is None else min(GATE.most_fresh, self.controls // 2)


SETTINGS = (
    *(Setting(controls=number) for number in (3, 5, 10, 20, 60)),
    Setting(controls=60, underestimated=1.5),
    Setting(controls=MOST, growing=True),
)
RIVALRY = Setting(controls=60)  # what the judge has beside whom the rivals are shown
SEVERAL = (6, 20)  # controls, in the tables of noises
NOISE_SETTINGS = tuple(
    Setting(controls=number, noise=noise) for noise in NOISES for number in SEVERAL
)
SPREAD_SETTINGS = tuple(
    Setting(controls=number, spread=spread)
    for spread in (2.0, 3.0, 5.0, 10.0)
    for number in SEVERAL
)
DRIFT_SETTINGS = tuple(
    Setting(controls=number, drift=drift) for drift in (0.0, 1.0, -1.0) for number in SEVERAL
)
CHANGED_SETTINGS = tuple(
    Setting(controls=12, earlier=earlier) for earlier in (0.01, 0.1, 1.0, 10.0, 100.0)
)
SIMPLER_SETTINGS = tuple(Setting(controls=number, simpler=True) for number in (6, 20, 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting, one tally an effect."""

    setting: Setting
    tallies: tuple[Tally, ...]

    def at(self, effect: float) -> Tally:
        """The tally of that effect."""
        return next(one for one in self.tallies if one.effect == effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Results that `aa-test --simulate` prints."""

    seed: int
    judge_version: int
    rows: tuple[Row, ...]
    noises: tuple[Row, ...]
    simplifications: tuple[Row, ...]
    rivals: Rivals


def simulate(
    *,
    seed: int,
    nulls: int = NULLS,
    gate: Gate = GATE,
    done: Done = lambda _: None,
) -> Simulation:
    """Judge simulated candidates in every setting, and let the rivals judge the same nulls.

    `nulls` are candidates without a gain a setting; `done` is told as candidates end.
    """

    def number(setting: Setting, effect: float) -> int:
        if setting.simpler:
            return min(nulls, SIMPLER)
        return min(nulls, OTHERS) if effect else nulls

    def row(setting: Setting, effects: tuple[float, ...]) -> Row:
        tallies = [
            simulate_cell(
                setting,
                effect,
                number(setting, effect),
                seed=seed,
                gate=gate,
                done=done,
            )
            for effect in effects
        ]
        return Row(setting=setting, tallies=tuple(tallies))

    return Simulation(
        seed=seed,
        judge_version=gate.version,
        rows=tuple(row(setting, EFFECTS) for setting in SETTINGS),
        noises=tuple(
            row(setting, NOISE_EFFECTS)
            for setting in (*NOISE_SETTINGS, *SPREAD_SETTINGS, *DRIFT_SETTINGS, *CHANGED_SETTINGS)
        ),
        simplifications=tuple(row(setting, SIMPLER_EFFECTS) for setting in SIMPLER_SETTINGS),
        rivals=simulate_rivals(nulls, seed=seed, gate=gate),
    )


def broken_promises(found: Simulation) -> tuple[str, ...]:
    """The bounds of docs/calibration.md that a simulation does not keep, a sentence each."""
    by_label = {row.setting.label: row for row in found.rows}
    full, low = by_label["60"], by_label["60, sigma / 1.5"]
    bounds = [
        ("60 controls: false keeps", full.at(0).rate, 0.001),
        ("60 controls: runs per null", full.at(0).runs_each, 2.5),
        ("60 controls: runs at 2 sigma worse", full.at(-2).runs_each, 1.1),
        ("60 controls: missed at 1.5 sigma", 1 - full.at(1.5).rate, 0.35),
        ("60 controls: missed at 2 sigma", 1 - full.at(2).rate, 0.07),
        ("sigma 1.5 times too low: false keeps", low.at(0).rate, 0.012),
    ]
    bounds += [
        (f"{row.setting.label} controls: false keeps", row.at(0).rate, 0.002)
        for row in found.rows
        if row not in (full, low)
    ]
    for row in found.noises:
        bounds += _bounds_of_noise(row)
    return tuple(
        f"{what} {value:.4f}, but at most {most:g} is promised"
        for what, value, most in bounds
        if value > most
    )


def _bounds_of_noise(row: Row) -> Iterator[tuple[str, float, float]]:
    """Yield what is promised of one kind of noise: a description, the value, and its bound."""
    setting = row.setting
    name = f"{setting.controls} controls, {setting.kind}"
    plain = setting.spread == 1 and not setting.drift and setting.earlier is None
    normal = setting.noise == "normal" and plain
    yield f"{name}: false keeps", row.at(0).rate, 0.001 if normal else 0.002
    if setting.spread != 1:
        return
    if setting.earlier is not None:
        yield f"{name}: missed at 4 sigma", 1 - row.at(4).rate, 0.1
    if setting.drift is None:  # where it drifts, what looks like a gain takes some runs
        yield f"{name}: runs per null", row.at(0).runs_each, 2.5 if normal else 3.0
    if setting.controls == MOST:
        yield f"{name}: missed at 2 sigma", 1 - row.at(2).rate, 0.1 if normal else 0.2


def candidates_of(nulls: int) -> int:
    """Return the number of verdicts that `simulate` gives, for a progress bar."""
    others = min(nulls, OTHERS)
    simpler = min(nulls, SIMPLER) * len(SIMPLER_EFFECTS)
    noisy = len(NOISE_SETTINGS + SPREAD_SETTINGS + DRIFT_SETTINGS + CHANGED_SETTINGS)
    return (
        len(SETTINGS) * (nulls + others * (len(EFFECTS) - 1))
        + noisy * (nulls + others * (len(NOISE_EFFECTS) - 1))
        + len(SIMPLER_SETTINGS) * simpler
    )


def simulate_cell(
    setting: Setting,
    effect: float,
    candidates: int,
    *,
    seed: int,
    gate: Gate = GATE,
    done: Done = lambda _: None,
) -> Tally:
    """Judge that many candidates of one true effect (sigma) in one setting."""

    def trials() -> Iterator[Trial]:
        before = setting.controls - setting.beside
        known = gate.fewest_controls if setting.growing else before
        for values, controls, earlier in draw(
            setting, effect, candidates, seed=seed, gate=gate, done=done
        ):
            yield follow(
                values,
                controls,
                known=known,
                old=before if setting.beside else 0,
                earlier=earlier,
                gate=gate,
                simpler=setting.simpler,
            )

    return tally(effect, trials())


def draw(
    setting: Setting,
    effect: float,
    candidates: int,
    *,
    seed: int,
    gate: Gate = GATE,
    done: Done = lambda _: None,
) -> Iterator[tuple[list[float], list[float], list[float]]]:
    """Yield each candidate's runs, its campaign's controls, and runs of an earlier version.

    Less is better. The same arguments give the same runs.
    """
    rng = np.random.default_rng(_stream(seed, setting, effect))
    noise = NOISES[setting.noise]
    for first in range(0, candidates, CHUNK):
        size = min(CHUNK, candidates - first)
        controls = -noise(rng, (size, setting.controls))
        if setting.underestimated != 1:
            middle = controls.mean(1, keepdims=True)
            controls = middle + (controls - middle) / setting.underestimated
        values = -setting.spread * noise(rng, (size, gate.most_runs)) - effect
        if setting.drift is not None:
            drifted = setting.drift * rng.random((size, 1))
            controls[:, setting.controls - setting.beside :] -= drifted
            values -= drifted
        earlier = np.empty((size, 0))
        if setting.earlier is not None:
            earlier = setting.earlier * noise(rng, (size, MOST))
        yield from zip(values.tolist(), controls.tolist(), earlier.tolist(), strict=True)
        done(size)


def simulate_rivals(nulls: int, *, seed: int, gate: Gate = GATE) -> Rivals:
    """The rivals on the first runs of the nulls that the judge had beside 60 controls.

    Each session of 60 begins with a control of its first candidate's campaign; beside each
    candidate lies a fresh control of its own campaign.
    """
    number = max(SESSION, nulls - nulls % SESSION)
    drawn = [
        (values, controls)
        for values, controls, _ in draw(RIVALRY, 0.0, number, seed=seed, gate=gate)
    ]
    sessions = [drawn[i : i + SESSION] for i in range(0, len(drawn), SESSION)]
    return compare(
        starts=[session[0][1][0] for session in sessions],
        sessions=[[values[0] for values, _ in session] for session in sessions],
        fresh=[[controls[1] for _, controls in session] for session in sessions],
        sigma=1.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversedKeeps:
    """Candidates of one true effect that were kept, and how many were reversed later."""

    effect: float
    controls: int
    kept: int
    reverted: int


def simulate_reversals(
    effect: float, controls: int, candidates: int, *, seed: int
) -> ReversedKeeps:
    """Judge candidates, give those that are kept 20 fresh runs, and see which fall behind.

    They are compared with the same controls that they were kept against, as in the lab.
    """
    setting = Setting(controls=controls)
    fresh_rng = np.random.default_rng([seed, controls, 1])
    kept = reverted = 0
    for values, known, _ in draw(setting, effect, candidates, seed=seed):
        if follow(values, known).outcome is not Outcome.KEEP:
            continue
        kept += 1
        fresh = (fresh_rng.standard_normal(max(GATE.looks)) - effect).tolist()
        reverted += any(
            falls_behind(fresh[:look], known, [known], lower_is_better=True) for look in GATE.looks
        )
    return ReversedKeeps(effect=effect, controls=controls, kept=kept, reverted=reverted)


def _stream(seed: int, setting: Setting, effect: float) -> list[int]:
    """Return the seed of one cell, so that leaving a cell out changes no other."""
    about = (setting.controls, round(100 * setting.underestimated), setting.growing)
    special = (
        list(NOISES).index(setting.noise),
        round(100 * setting.spread),
        0 if setting.drift is None else round(100 * setting.drift) + 1000,
        0 if setting.earlier is None else round(100 * setting.earlier),
    )
    cell = [seed, *map(int, about), int(setting.simpler), round(100 * (effect + 10))]
    return [*cell, *special] if special != (0, 100, 0, 0) else cell
