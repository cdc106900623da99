"""Candidates of known effect in simulated campaigns, judged by the lab's own judge.

Runs are normal with a spread of 1. Every candidate is a campaign of its own: its controls are drawn
anew, and sigma is estimated from them anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from autoresearch.calibration.rivals import SESSION, Rivals, compare
from autoresearch.calibration.trials import Tally, Trial, follow, tally
from autoresearch.records import Outcome
from autoresearch.statistics.gates import GATE, Gate
from autoresearch.statistics.sequential_test import falls_behind

NULLS = 10_000
OTHERS = 500  # candidates of each effect that is not 0
SIMPLER = 1_000  # simplifications of each effect
EFFECTS = (0.0, -2.0, 0.5, 1.0, 1.5, 2.0, 3.0)  # sigma
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

    @property
    def label(self) -> str:
        """Label in the table's first column."""
        number = f"{GATE.fewest_controls} to {self.controls}" if self.growing else self.controls
        low = f", sigma / {self.underestimated:g}" if self.underestimated != 1 else ""
        return f"{number}{low}"


SETTINGS = (
    *(Setting(controls=number) for number in (3, 5, 10, 20, 60)),
    Setting(controls=60, underestimated=1.5),
    Setting(controls=MOST, growing=True),
)
RIVALRY = Setting(controls=60)  # what the judge has beside whom the rivals are shown
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
    return tuple(
        f"{what} {value:.4f}, but at most {most:g} is promised"
        for what, value, most in bounds
        if value > most
    )


def candidates_of(nulls: int) -> int:
    """Return the number of verdicts that `simulate` gives, for a progress bar."""
    others = min(nulls, OTHERS) * (len(EFFECTS) - 1)
    simpler = min(nulls, SIMPLER) * len(SIMPLER_EFFECTS)
    return len(SETTINGS) * (nulls + others) + len(SIMPLER_SETTINGS) * simpler


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
        known = gate.fewest_controls if setting.growing else None
        for values, controls in draw(setting, effect, candidates, seed=seed, gate=gate, done=done):
            yield follow(values, controls, known=known, gate=gate, simpler=setting.simpler)

    return tally(effect, trials())


def draw(
    setting: Setting,
    effect: float,
    candidates: int,
    *,
    seed: int,
    gate: Gate = GATE,
    done: Done = lambda _: None,
) -> Iterator[tuple[list[float], list[float]]]:
    """The runs of each candidate, and its campaign's controls; the same for the same arguments."""
    rng = np.random.default_rng(_stream(seed, setting, effect))
    for first in range(0, candidates, CHUNK):
        size = min(CHUNK, candidates - first)
        controls = rng.standard_normal((size, setting.controls))
        if setting.underestimated != 1:
            middle = controls.mean(1, keepdims=True)
            controls = middle + (controls - middle) / setting.underestimated
        values = rng.standard_normal((size, gate.most_runs)) - effect
        yield from zip(values.tolist(), controls.tolist(), strict=True)
        done(size)


def simulate_rivals(nulls: int, *, seed: int, gate: Gate = GATE) -> Rivals:
    """The rivals on the first runs of the nulls that the judge had beside 60 controls.

    Each session of 60 begins with a control of its first candidate's campaign; beside each
    candidate lies a fresh control of its own campaign.
    """
    drawn = list(draw(RIVALRY, 0.0, max(SESSION, nulls - nulls % SESSION), seed=seed, gate=gate))
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
    for values, known in draw(setting, effect, candidates, seed=seed):
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
    return [seed, *map(int, about), int(setting.simpler), round(100 * (effect + 10))]
