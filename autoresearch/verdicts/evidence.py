"""The evidence: which runs a verdict rests on, asked of a history without a clock or files."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.records import Outcome, RunReport

HORIZON_S = 3600.0  # how long a machine's speed is taken to stay the same
AGEING_SINCE = 2  # the first judge version that lets controls grow old


@dataclass(frozen=True, slots=True)
class Evidence:
    """The run ids that a verdict rests on, in the order they were started."""

    candidate: tuple[str, ...]
    controls: tuple[str, ...]
    noise: tuple[tuple[str, ...], ...]


def lineage(history: History, experiment: str) -> tuple[str, ...]:
    """Return what the experiment was built on, e0 first, and the experiment itself.

    For a kept experiment that is the kept line up to it; it is defined for a reversed one, too.
    """
    line, name = [experiment], history.experiments[experiment].base
    while name is not None:
        line.append(name)
        name = history.experiments[name].base
    return tuple(reversed(line))


def was_kept(history: History, experiment: str) -> bool:
    """Return whether it is or was the incumbent, so that its further runs are control runs."""
    if history.experiments[experiment].base is None:
        return True
    verdict = history.verdicts.get(experiment)
    return verdict is not None and verdict.moved_incumbent


def overtaken(history: History, experiment: str) -> bool:
    """Return whether it was judged better than its base after another had become the incumbent."""
    verdict = history.verdicts.get(experiment)
    return verdict is not None and verdict.outcome is Outcome.KEEP and not verdict.moved_incumbent


def built_on_reversed(history: History, experiment: str) -> str | None:
    """Return the reversed keep that this experiment was built on; None if all below stands."""
    below = lineage(history, experiment)[:-1]
    return next((name for name in below if name in history.reversals), None)


def measured(history: History, experiment: str) -> tuple[str, ...]:
    """Return the experiment's runs that used their whole budget and have a measurement."""
    reports = history.reports_of(experiment)
    return tuple(r.run for r in reports if r.measurement is not None and not r.cut)


def failures(history: History, experiment: str) -> tuple[RunReport, ...]:
    """Return the reports of runs that gave no measurement, and only because of their code."""
    return tuple(
        report
        for report in history.reports_of(experiment)
        if (report.measurement is None or report.cut) and not report.state.repeated
    )


def disturbed_in_a_row(history: History, experiment: str) -> tuple[RunReport, ...]:
    """Return its latest runs as far back as each was lost or tainted, in the order they ended.

    Preempted runs are passed over: the machine did nothing to them.
    """
    ended = sorted(history.reports_of(experiment), key=lambda report: report.ended)
    row = takewhile(
        lambda report: report.state.repeated,
        (report for report in reversed(ended) if not report.yielded),
    )
    return tuple(row)[::-1]


def controls_of(history: History, experiment: str) -> tuple[str, ...]:
    """Return its measured runs without those it was kept on, which were chosen for being good."""
    verdict = history.verdicts.get(experiment)
    chosen = verdict.candidate_runs if verdict else ()
    return tuple(run for run in measured(history, experiment) if run not in chosen)


def ages(contract: Contract) -> bool:
    """Return whether old controls stop counting: where speed matters, as with seconds to spend."""
    return contract.load_sensitive


def not_too_old(controls: Sequence[RunReport], began: float) -> tuple[RunReport, ...]:
    """Return the controls that ended at most an hour before a candidate began, or after.

    A budget of seconds buys more or fewer steps as the machine's speed drifts, so a run long
    before the candidate can't be compared with it. `began` is in seconds since the epoch.
    """
    return tuple(report for report in controls if report.ended >= began - HORIZON_S)


def comparable(history: History, controls: Sequence[str], began: float | None) -> tuple[str, ...]:
    """Return the controls that are not too old; all of them while nothing has begun."""
    if began is None:
        return tuple(controls)
    return tuple(report.run for report in not_too_old(_reports(history, controls), began))


def began(history: History, runs: Sequence[str]) -> float | None:
    """Return when the first of these runs began to train; None if there is none."""
    return min((report.started for report in _reports(history, runs)), default=None)


def older_controls(history: History, evidence: Evidence) -> int:
    """Return how many of the control runs, from the first on, began before the candidate did."""
    first = began(history, evidence.candidate)
    if first is None:
        return len(evidence.controls)
    before = takewhile(lambda r: r.started < first, _reports(history, evidence.controls))
    return sum(1 for _ in before)


def gather(
    history: History,
    experiment: str,
    contract: Contract,
    *,
    version: int,
    now: float | None = None,
) -> Evidence:
    """Gather the evidence on an experiment and on what it was built on.

    `now` stands for the candidate's beginning where it has not begun: it tells which controls
    will still be young enough, and no verdict is given on it.
    """
    base = history.experiments[experiment].base
    candidate = measured(history, experiment)
    controls = controls_of(history, base) if base else ()
    if version >= AGEING_SINCE and ages(contract):
        first = began(history, candidate)
        controls = comparable(history, controls, now if first is None else first)
    return Evidence(
        candidate=candidate,
        controls=controls,
        noise=noise_groups(history, base) if base else (),
    )


def noise_groups(history: History, experiment: str) -> tuple[tuple[str, ...], ...]:
    """Return the controls of the experiment and of all it was built on, whatever their age."""
    return tuple(controls_of(history, kept) for kept in lineage(history, experiment))


def values(history: History, runs: Sequence[str]) -> list[float]:
    """Return the measurements of these runs, in metric units."""
    found = (report.measurement for report in _reports(history, runs))
    return [measurement.value for measurement in found if measurement is not None]


def stopped_beside(
    history: History, experiment: str, contract: Contract, now: float
) -> tuple[str, ...]:
    """Return the control runs beside whose curves a new run of it may be stopped early.

    There are some only for an experiment without a measurement. One run screens an experiment out,
    so one early stop may end it; but where a first run was good enough for another, the judge goes
    by measurements alone. There are none for a kept experiment, whose runs are controls themselves.
    """
    base = history.experiments[experiment].base
    if base is None or was_kept(history, experiment) or measured(history, experiment):
        return ()
    controls = controls_of(history, base)
    return comparable(history, controls, now) if ages(contract) else controls


def count_unfinished(history: History, experiment: str) -> int:
    """Return how many of its runs have not ended."""
    return sum(run.experiment == experiment for run in history.unfinished())


def spare_part(history: History, experiment: str) -> int:
    """Return which spare part of the held-out documents a new run is scored on for display.

    A candidate shares the part of the incumbent it is compared with, and every keep moves on to
    the next one, so that what many looks at one part give away serves no later keep. Parts come
    round again after the last, and after a reversal.
    """
    depth = len(lineage(history, experiment)) - 1
    return depth if was_kept(history, experiment) else depth - 1


def _reports(history: History, runs: Sequence[str]) -> list[RunReport]:
    return [history.reports[run] for run in runs]
