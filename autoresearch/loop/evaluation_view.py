"""Progress of an experiment as the lab shows it: pure, from its assessment and the history."""

from collections.abc import Mapping, Sequence

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.loop.incumbent import incumbent_view, sandbox_names
from autoresearch.records import Run, RunState
from autoresearch.scheduling.demands import rest_after_disturbances
from autoresearch.verdicts.assessment import BASELINE_RUNS, Assessment
from autoresearch.verdicts.ending import ending_of
from autoresearch.verdicts.evidence import built_on_reversed, controls_of, values
from autoresearch.verdicts.repetition import repeat_exactly, spread_of
from autoresearch.views import Controls, Evaluation, RunValue


def evaluation_view(
    assessment: Assessment,
    history: History,
    contract: Contract,
    *,
    now: float,
    states: Mapping[str, RunState] | None = None,
) -> Evaluation:
    """Return how far the experiment is.

    Args:
        assessment: Of the experiment, on the runs that ended in the history.
        history: The events up to now, which may be later than the assessment's by what followed
            from it: runs that were started and a verdict.
        contract: The lab's contract.
        now: Seconds since the epoch.
        states: Where its unfinished runs are, by run id.
    """
    experiment, evidence = assessment.experiment, assessment.evidence
    known = history.experiments[experiment]
    verdict = history.verdicts.get(experiment)
    so_far = assessment.judgement
    concerned = (experiment, known.base)
    unfinished = [run.id for run in history.unfinished() if run.experiment in concerned]
    return Evaluation(
        experiment=experiment,
        hypothesis=known.hypothesis,
        concluded=experiment in history.lessons,
        verdict=verdict,
        effect=verdict.effect if verdict else so_far.effect,
        low=verdict.low if verdict else so_far.low,
        high=verdict.high if verdict else so_far.high,
        sigma=_spread(assessment, history),
        runs=_run_values(history, experiment, states or {}) if known.base else (),
        controls=_controls(
            history, experiment, verdict.control_runs if verdict else evidence.controls
        ),
        running=tuple(unfinished),
        needs="" if verdict else _needs(assessment, history, now),
        incumbent=incumbent_view(history, contract),
        replayed_as=next(
            (e.id for e in history.experiments.values() if e.replay_of == experiment), None
        ),
        sandbox=sandbox_names(history, (*evidence.candidate, *evidence.controls)),
        taken_back=history.reversals.get(experiment),
        built_on_taken_back=built_on_reversed(history, experiment),
        ending=ending_of(history, contract, now),
    )


def _spread(assessment: Assessment, history: History) -> float | None:
    """Return the judge's sigma; 0.0 where all runs of the same code repeat exactly."""
    noise, evidence = assessment.judgement.noise, assessment.evidence
    groups = [values(history, group) for group in (*evidence.noise, evidence.candidate)]
    return 0.0 if noise and repeat_exactly(groups) else noise.sigma if noise else None


def _needs(assessment: Assessment, history: History, now: float) -> str:
    """Return what a verdict still needs, and why it waits if the machine rests."""
    rest = rest_after_disturbances(history, assessment.controlled_by)
    waits = f"; {rest.reason}" if rest is not None and rest.lasts(now) else ""
    if assessment.base is not None:
        judgement = assessment.judgement
        return judgement.reason + (waits if judgement.more_controls > 0 else "")
    missing = BASELINE_RUNS - len(assessment.evidence.candidate)
    return f"needs {missing} more runs to measure the noise{waits}" if missing > 0 else ""


def _run_values(
    history: History, experiment: str, states: Mapping[str, RunState]
) -> tuple[RunValue, ...]:
    """Return the candidate's runs; those since it was kept are controls of others."""
    found = []
    for run in _until_kept(history, experiment):
        report = history.reports.get(run.id)
        value = report.measurement.value if report and report.measurement else None
        state = report.state if report else states.get(run.id, RunState.QUEUED)
        found.append(RunValue(run=run.id, state=state, value=value))
    return tuple(found)


def _until_kept(history: History, experiment: str) -> Sequence[Run]:
    """Return the runs that were planned before it was kept, if it was; else all of them."""
    runs = history.runs_of(experiment)
    verdict = history.verdicts.get(experiment)
    if verdict is None or not verdict.moved_incumbent:
        return runs
    last = max(n for n, run in enumerate(runs) if run.id in verdict.candidate_runs)
    return runs[: last + 1]


def _controls(history: History, experiment: str, compared: Sequence[str]) -> Controls:
    """Sum up the controls that it is compared with; of e0, all that it has."""
    base = history.experiments[experiment].base
    controlled_by = base or experiment
    found = values(history, compared if base else controls_of(history, controlled_by))
    reports = history.reports_of(controlled_by)
    return Controls(
        experiment=controlled_by,
        count=len(found),
        mean=sum(found) / len(found) if found else None,
        sigma=spread_of([found]),
        lost=sum(report.state.repeated and not report.yielded for report in reports),
        yielded=sum(report.yielded for report in reports),
    )
