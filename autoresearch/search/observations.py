"""Observations: what the ledger shows of settings that were tried, by whomever.

A search has no memory of its own: what it knows is told again from the ledger, so that it goes on
after a crash, and learns from an agent's experiments too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from autoresearch.ledger.history import History
from autoresearch.records import EndCause, Outcome, Verdict
from autoresearch.search.knobs import Settings
from autoresearch.verdicts.evidence import controls_of, measured, values

MEMORY = {EndCause.OUT_OF_MEMORY, EndCause.OUT_OF_GPU_MEMORY, EndCause.OVER_MEMORY}


SettingsAt = Callable[[str], Settings]  # by commit


class End(StrEnum):
    """End of a trial of settings."""

    MEASURED = "measured"
    STOPPED = "stopped"  # early, its curve being hopeless: worse than what was measured
    FAILED = "failed"  # it crashed: worse still
    INFEASIBLE = "infeasible"  # out of memory: no value at all, but a place to keep away from
    UNTRIED = "untried"  # refused, or disturbed by the machine: it says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The result of one trial of settings."""

    settings: Settings
    end: End
    gain: float | None = None  # over e0, metric units, positive is better
    effect: float | None = None  # over its base
    sigma: float | None = None  # of single runs
    runs: int = 0
    turned: Settings = field(default_factory=dict)  # knobs set otherwise than its base: as it had


def observe(
    history: History, experiment: str, settings_at: SettingsAt, *, lower: bool
) -> Observation:
    """Return what the verdict on an experiment says of its settings.

    Args:
        history: The lab's, with that verdict.
        experiment: An experiment on any base.
        settings_at: Gives the knobs of a commit's code.
        lower: Whether a smaller metric is a gain.
    """
    verdict = history.verdicts[experiment]
    settings = settings_at(history.experiments[experiment].commit)
    before = settings_at(history.experiments[verdict.base].commit)
    end = end_of(history, verdict)
    gain = None
    if end is End.MEASURED:
        gain = gain_over_start(history, verdict.base, lower=lower) + (verdict.effect or 0.0)
    return Observation(
        settings=settings,
        end=end,
        gain=gain,
        effect=verdict.effect if end is End.MEASURED else None,
        sigma=verdict.sigma,
        runs=len(verdict.candidate_runs),
        turned={n: before[n] for n, v in settings.items() if n in before and before[n] != v},
    )


def as_it_was(history: History, settings_at: SettingsAt) -> Observation:
    """Return e0 as a trial that gained nothing, so that a search knows the way back."""
    runs = controls_of(history, "e0")
    return Observation(
        settings=settings_at(history.experiments["e0"].commit),
        end=End.MEASURED,
        gain=0.0,
        runs=len(runs),
    )


def end_of(history: History, verdict: Verdict) -> End:
    """Return how the experiment of a verdict ended."""
    reports = history.reports_of(verdict.experiment)
    if any(report.cause in MEMORY for report in reports):
        return End.INFEASIBLE
    asked = any(report.cause is EndCause.ASKED_TO_STOP for report in reports)
    if verdict.outcome is Outcome.TAINTED or asked:
        return End.UNTRIED
    if verdict.outcome is Outcome.CRASHED:
        return End.FAILED
    if any(report.hopeless for report in reports):
        return End.STOPPED
    return End.MEASURED if verdict.effect is not None else End.FAILED


def gain_over_start(history: History, experiment: str, *, lower: bool) -> float:
    """Return the gain of a kept experiment over e0, metric units, by runs that were not chosen.

    Where a keep has no control runs yet, those that it was kept on stand in for them.
    """
    change = _level(history, "e0") - _level(history, experiment)
    return change if lower else -change


def observations(
    history: History,
    settings_at: SettingsAt,
    *,
    lower: bool,
    most: int = 300,
) -> Iterator[tuple[str, Observation]]:
    """Yield what e0 and the newest `most` judged experiments showed, the oldest first.

    `settings_at` gives the knobs of a commit's code.
    """
    yield "e0", as_it_was(history, settings_at)
    judged = [name for name in history.verdicts if history.experiments[name].base is not None]
    for name in judged[-most:]:
        yield name, observe(history, name, settings_at, lower=lower)


def _level(history: History, experiment: str) -> float:
    found = values(history, controls_of(history, experiment) or measured(history, experiment))
    return sum(found) / len(found) if found else 0.0
