"""Scaling: run an experiment and its base at several sizes to see whether its gain holds.

The contract's [scaling] names a constant of an editable file and the sizes. Each run is one of the
experiment's code, or of its base's, with that constant set to a size and everything else as it is,
with the same budget in training tokens. It is sandboxed and scored like any other, and no verdict
ever rests on it: how many there are is fixed before any is seen.

    scaling/<experiment>/<size>-r<n>   below the lab's folder: one run directory each

They are the whole record, and outlive the caller: `scale` collects what is there and starts what
is missing. A base's runs serve all that was built on it. Compute is what the supervisor measured of
the training: CPU seconds, or wall seconds on a GPU; of each size the least of its runs, since a
neighbour only adds to it.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from autoresearch.contract import Scaling as Sizes
from autoresearch.errors import InvalidStateError, LabError
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.runs import ORDERS, SEEDS
from autoresearch.patches.constants import find_constant, set_constant
from autoresearch.records import Run, RunReport
from autoresearch.run_directory import RunDir
from autoresearch.scheduling.scheduler import ActiveRun, Demand, plan_runs
from autoresearch.statistics.scaling_laws import Point, Scaling, fit_scaling, require_scipy

FOLDER = "scaling"  # below the lab's folder
RUNS = 3  # a size and side, each with a seed of its own
MOST_REPEATS = 2  # of a run that was lost or disturbed
CEILINGS = 10.0  # times the contract's: a larger size takes longer


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRuns:
    """The measurements of one side at one size."""

    experiment: str
    size: float
    values: tuple[float, ...]  # metric units
    compute: float | None  # seconds; None while nothing was measured
    failed: str = ""  # why a run gave no value, where one did


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingView:
    """The progress so far, and the answer once every run has ended."""

    experiment: str
    base: str
    knob: str
    metric: str
    unit: str
    lower_is_better: bool
    compute_unit: str  # "CPU seconds" or "seconds"
    sizes: tuple[SizeRuns, ...]  # the base's and then the experiment's, by size
    missing: int  # runs that have not ended
    going: int  # of them
    fit: Scaling | None
    why_not: str  # why there is no fit though no run is missing
    folder: Path  # of the experiment's runs
    sandbox: str


@dataclass(frozen=True, slots=True)
class _Planned:
    """One planned run, with all tries at it so far."""

    experiment: str
    size: float
    name: str
    tries: tuple[RunDir, ...]
    report: RunReport | None  # of the last try; None while it goes on, or there is none

    @property
    def due(self) -> bool:
        """Return whether it is to be started, for the first time or again."""
        return not self.tries or (self.report is not None and not self.ended)

    @property
    def ended(self) -> bool:
        """Return whether its last try counts, or was the last one allowed."""
        if self.report is None:
            return False
        return not self.report.state.repeated or len(self.tries) > MOST_REPEATS


def scale(lab: OpenLab, experiment: str, base: str = "") -> ScalingView:
    """Collect what ended, start what is missing as far as slots are free, and fit if all is there.

    Compares with what it was built on, or with another `base`, such as e0. Raises
    NotFoundError, InvalidStateError where the experiment can't be scaled, or LabError
    without scipy.
    """
    require_scipy()
    sizes, base = _scalable(lab, experiment, base)
    planned = list(_planned(lab, sizes, (base, experiment)))
    active = [ActiveRun(id=one.name) for one in planned if one.tries and one.report is None]
    due = [one for one in planned if one.due]
    machine = lab.runs.machine(lab.history())
    machine = replace(machine, active=(*machine.active, *active))
    demands = [Demand(experiment=one.experiment, runs=1) for one in due]
    started = len(plan_runs(machine, demands, time.time()).starts)
    for one in due[:started]:
        _start(lab, sizes, one)
    return _view(lab, sizes, base, experiment, planned, len(active) + started)


def _scalable(lab: OpenLab, experiment: str, other: str) -> tuple[Sizes, str]:
    """Return the sizes and the base; raise InvalidStateError if there is nothing to compare."""
    sizes, base = lab.contract.scaling, lab.history().experiment(experiment).base
    base = base and (other or base)
    if sizes is None:
        raise InvalidStateError(
            "The contract gives no sizes: it has no table [scaling].",
            'Add [scaling] knob = "NAME" and sizes = [...] (docs/scaling.md), and open a new lab.',
            reason="no_sizes",
        )
    if base is None:
        raise InvalidStateError(
            f"{experiment} is unchanged code, so it has no gain.",
            "Name an experiment that has a patch.",
            reason="no_patch",
        )
    if lab.contract.run.budget.tokens is None:
        raise InvalidStateError(
            "The budget is in seconds, so every size would cost the same.",
            "Scaling needs a contract whose budget is in training tokens.",
            reason="budget_in_seconds",
        )
    written = [_written(lab, name, sizes.knob) for name in (base, experiment)]
    if written[0] != written[1]:
        raise InvalidStateError(
            f"{experiment} changes {sizes.knob} itself, from {written[0][1]} to {written[1][1]}: "
            "comparing at equal sizes would undo that change.",
            f"The runs of {base} at several sizes already show what {sizes.knob} is worth.",
            reason="changes_the_knob",
        )
    return sizes, base


def _written(lab: OpenLab, experiment: str, knob: str) -> tuple[str, str]:
    """Return the editable file that assigns the knob, and the value as it is written there."""
    commit = lab.history().experiments[experiment].commit
    for path in lab.repository.matching(commit, lab.contract.edit.allow):
        if path.endswith(".py") and (value := find_constant(lab.read_file(path, commit), knob)):
            return path, value
    raise InvalidStateError(
        f"No editable file of {experiment} assigns {knob} once, at its top level.",
        "The contract's [scaling] knob must be such a constant, in the base and the experiment.",
        reason="knob_not_assigned",
    )


def _planned(lab: OpenLab, sizes: Sizes, names: tuple[str, str]) -> Iterator[_Planned]:
    """Yield every run, the first of each size before the second of any, both sides in turn."""
    for n in range(1, RUNS + 1):
        for size in sizes.sizes:
            for name in names:
                folder = lab.folder / FOLDER / name
                run = f"{size:g}-r{n}"
                tries = (run, *(f"{run}-again{m}" for m in range(1, MOST_REPEATS + 1)))
                made = tuple(RunDir(folder / one) for one in tries if (folder / one).exists())
                report = lab.runs.executor.settle(made[-1]) if made else None
                yield _Planned(name, size, run, made, report)


def _start(lab: OpenLab, sizes: Sizes, one: _Planned) -> None:
    again = f"-again{len(one.tries)}" if one.tries else ""
    run = Run(
        id=f"{one.name}{again}",
        experiment=one.experiment,
        seed=secrets.randbelow(SEEDS),
        order=secrets.randbelow(ORDERS),
    )
    commit = _sized(lab, one.experiment, sizes.knob, one.size)
    directory = RunDir(lab.folder / FOLDER / one.experiment / run.id)
    lab.runs.start_outside(run, commit, directory, ceilings=CEILINGS)


def _sized(lab: OpenLab, experiment: str, knob: str, size: float) -> str:
    """Return a commit of the experiment's code with the knob set; no branch ever names it."""
    commit = lab.history().experiments[experiment].commit
    path, _ = _written(lab, experiment, knob)
    text = set_constant(lab.read_file(path, commit), knob, size)
    tree = lab.repository.edit_tree(commit, {path: text.encode()})
    return lab.repository.commit_tree(tree, (commit,), f"{experiment} at {knob} = {size:g}")


def _view(
    lab: OpenLab,
    sizes: Sizes,
    base: str,
    experiment: str,
    planned: list[_Planned],
    going: int,
) -> ScalingView:
    missing = sum(not one.ended for one in planned)
    found = tuple(
        _at_size(experiment, size, planned)
        for experiment in (base, experiment)
        for size in sizes.sizes
    )
    lower = lab.contract.metric.direction == "min"
    fit, why_not = None, ""
    if not missing:
        try:
            fit = fit_scaling(
                _points(found, base), _points(found, experiment), lower_is_better=lower
            )
        except LabError as error:
            why_not = f"{error.message} {error.remedy}"
    reports = [one.report for one in planned if one.report is not None]
    return ScalingView(
        experiment=experiment,
        base=base,
        knob=sizes.knob,
        metric=lab.contract.metric.name,
        unit=lab.contract.metric.unit,
        lower_is_better=lower,
        compute_unit="CPU seconds" if all(map(_on_cpu, reports)) else "seconds",
        sizes=found,
        missing=missing,
        going=going,
        fit=fit,
        why_not=why_not,
        folder=lab.folder / FOLDER / experiment,
        sandbox=", ".join(sorted({report.sandbox for report in reports if report.sandbox})),
    )


def _at_size(experiment: str, size: float, planned: list[_Planned]) -> SizeRuns:
    reports = [
        one.report
        for one in planned
        if (one.experiment, one.size) == (experiment, size) and one.ended and one.report
    ]
    good = [report for report in reports if report.measurement is not None and not report.cut]
    bad = [report for report in reports if report not in good]
    return SizeRuns(
        experiment=experiment,
        size=size,
        values=tuple(r.measurement.value for r in good if r.measurement is not None),
        compute=min((_compute(report) for report in good), default=None),
        failed=bad[0].cut or bad[0].reason if bad else "",
    )


def _points(found: tuple[SizeRuns, ...], experiment: str) -> list[Point]:
    """Return the points of the sizes at which no run failed."""
    return [
        Point(one.size, one.compute, value)
        for one in found
        if one.experiment == experiment and not one.failed and one.compute
        for value in one.values
    ]


def _compute(report: RunReport) -> float:
    return report.cpu_s if _on_cpu(report) else report.wall_s


def _on_cpu(report: RunReport) -> bool:
    return not report.device or report.device.startswith("cpu")
