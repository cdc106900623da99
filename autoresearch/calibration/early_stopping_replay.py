"""Replay early stopping over whole curves that were recorded without it: what it saves and costs.

What a run measured is known here whether it would have been stopped or not, so the verdict with
early stopping stands beside the verdict without. Pure but for reading the record.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoresearch.calibration.trials import follow
from autoresearch.records import Outcome
from autoresearch.statistics.early_stopping import Curve, EarlyStop, find_early_stop
from autoresearch.statistics.gates import GATES

RECORDED_BY = GATES[3]  # asked for the runs that were recorded; a later one wants more


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """One run that trained to its end, unwatched."""

    ended: str  # its state
    value: float | None  # metric units; None where it was not measured
    cut: bool  # at a ceiling, before its budget was used
    cpu_s: float  # of the training
    losses: Curve
    cpu_at: Sequence[float]  # CPU seconds used when the newest of that hundredth was seen

    @property
    def measured(self) -> bool:
        """Return whether the judge counts the run."""
        return self.value is not None and not self.cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One candidate, with as many runs as the judge asked for."""

    name: str
    runs: tuple[RecordedRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSet:
    """Candidates on one incumbent."""

    target: str
    unit: str
    lower_is_better: bool
    controls: tuple[RecordedRun, ...]
    candidates: tuple[Recorded, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One candidate without early stopping and with it."""

    name: str
    without: Outcome
    stopped: EarlyStop | None
    effect: float | None  # of all its runs, metric units, positive is better
    cpu_s: float  # without
    cpu_s_with: float

    @property
    def with_it(self) -> Outcome:
        """The verdict where it may be stopped."""
        return self.without if self.stopped is None else Outcome.DISCARD


def replay_stops(recorded: RecordedSet) -> tuple[Row, ...]:
    """One row a candidate, in the order they were tried.

    Only the first run of a candidate can be stopped, as in the lab, and is then its only one.
    """
    controls = [run.losses for run in recorded.controls]
    values = [run.value for run in recorded.controls if run.value is not None]
    rows = []
    for candidate in recorded.candidates:
        first = candidate.runs[0]
        stopped = find_early_stop(first.losses, controls)
        whole = sum(run.cpu_s for run in candidate.runs)
        rows.append(
            Row(
                name=candidate.name,
                without=verdict(candidate.runs, values, lower_is_better=recorded.lower_is_better),
                stopped=stopped,
                effect=_effect(candidate, values, lower_is_better=recorded.lower_is_better),
                cpu_s=whole,
                cpu_s_with=whole if stopped is None else _known_at(first, stopped),
            )
        )
    return tuple(rows)


def stopped_controls(recorded: RecordedSet) -> tuple[EarlyStop, ...]:
    """Controls that would be stopped beside the others, though they are the same code."""
    curves = [run.losses for run in recorded.controls]
    found = (
        find_early_stop(curve, [*curves[:n], *curves[n + 1 :]]) for n, curve in enumerate(curves)
    )
    return tuple(one for one in found if one is not None)


def saved(rows: Sequence[Row]) -> float:
    """The share of the candidates' CPU seconds that early stopping saves."""
    return 1 - sum(row.cpu_s_with for row in rows) / sum(row.cpu_s for row in rows)


def verdict(
    runs: Sequence[RecordedRun], controls: Sequence[float], *, lower_is_better: bool
) -> Outcome:
    """Return the judge's verdict on these runs, all of which trained to their end."""
    if any(run.cut for run in runs):
        return Outcome.DISCARD
    if not all(run.measured for run in runs):
        return Outcome.CRASHED
    values = [run.value for run in runs if run.value is not None]
    return follow(values, controls, lower_is_better=lower_is_better, gate=RECORDED_BY).outcome


def read_recorded(path: Path) -> RecordedSet:
    """A record: a line on the target and its controls, then one a candidate."""
    head, *lines = map(json.loads, path.read_text().splitlines())
    return RecordedSet(
        target=head["target"],
        unit=head["unit"],
        lower_is_better=head["lower_is_better"],
        controls=tuple(map(_run, head["controls"])),
        candidates=tuple(
            Recorded(name=line["name"], runs=tuple(map(_run, line["runs"]))) for line in lines
        ),
    )


def _run(fields: Mapping[str, Any]) -> RecordedRun:
    return RecordedRun(**fields)


def _known_at(run: RecordedRun, stopped: EarlyStop) -> float:
    """CPU seconds at which a run would have been stopped: the next hundredth had begun."""
    later = zip(run.losses[stopped.point + 1 :], run.cpu_at[stopped.point + 1 :], strict=True)
    return next(seconds for loss, seconds in later if loss is not None)


def _effect(
    candidate: Recorded, controls: Sequence[float], *, lower_is_better: bool
) -> float | None:
    values = [run.value for run in candidate.runs if run.value is not None]
    if not values:
        return None
    gain = sum(controls) / len(controls) - sum(values) / len(values)
    return gain if lower_is_better else -gain
