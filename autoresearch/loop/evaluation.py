"""The evaluation: bring an experiment to its verdict one step at a time, then to its lesson.

Each call does what can be done now and returns; nothing waits here.
"""

import time
from dataclasses import replace

from autoresearch.errors import InvalidStateError
from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.loop.arguments import checked
from autoresearch.loop.evaluation_view import evaluation_view
from autoresearch.loop.incumbent import incumbent_view, sandbox_names
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.proposals import repropose
from autoresearch.loop.recall import verdicts_without_keep
from autoresearch.loop.runs import Runs
from autoresearch.loop.touched_lines import stackable
from autoresearch.memory.lesson_claims import doubt_about
from autoresearch.records import Concluded, Judged, Proposer, Verdict
from autoresearch.scheduling.demands import (
    broken_baseline,
    confirming_demands,
    evaluation_demands,
)
from autoresearch.scheduling.scheduler import plan_runs
from autoresearch.statistics.gates import GATE
from autoresearch.verdicts.assessment import Assessment, assess
from autoresearch.verdicts.ending import ending_of
from autoresearch.verdicts.evidence import controls_of, count_unfinished
from autoresearch.verdicts.reversals import reverse_if_due
from autoresearch.verdicts.scoring_cost import scoring_remark
from autoresearch.views import Conclusion, Evaluation


def evaluate(lab: OpenLab, experiment: str) -> Evaluation:
    """Take one step towards a verdict and return how far the experiment is.

    Runs that ended are recorded and a due reversal is written down. Then a due verdict is given, or
    the runs are started that it still needs. The experiment is assessed once, on what had ended.
    A goal of the contract that the incumbent seems to reach gets the control runs that confirm it.

    Raises:
        NotFoundError: There is no such experiment.
        InvalidStateError: Runs of the base keep failing, or none can be started.
    """
    lab.history().experiment(experiment)
    lab.runs.absorb()
    reverse_if_due(lab.ledger, lab.contract)
    history, now = lab.history(), time.time()
    assessment = assess(experiment, history, lab.contract, now=now)
    if assessment.given is None and assessment.verdict is not None:
        _give(_with_remark(assessment.verdict, history), lab.ledger)
    elif assessment.given is None:
        _start_missing(assessment, history, lab.runs, now)
    repropose(lab, experiment)
    _confirm_goal(lab, now)
    history = lab.history()
    states = {run.id: lab.runs.state(run.id) for run in history.unfinished()}
    return evaluation_view(assessment, history, lab.contract, now=now, states=states)


def conclude(lab: OpenLab, experiment: str, lesson: str, proposer: Proposer) -> Conclusion:
    """Record the lesson of an experiment; raise InvalidStateError if it has no verdict yet."""
    lesson = checked("lesson", lesson)
    history = lab.history()
    known = history.experiment(experiment)
    if known.base is not None and experiment not in history.verdicts:
        raise InvalidStateError(
            f"{experiment} has no verdict yet, so there is no evidence to learn from.",
            f"Call evaluate_metric with experiment={experiment!r}.",
            reason="no_verdict",
        )
    lab.ledger.append(lambda _: Concluded(experiment=experiment, lesson=lesson, proposer=proposer))
    history = lab.history()
    verdict = history.verdicts.get(experiment)
    return Conclusion(
        experiment=experiment,
        hypothesis=known.hypothesis,
        lesson=lesson,
        outcome=verdict.outcome if verdict else None,
        effect=verdict.effect if verdict else None,
        low=verdict.low if verdict else None,
        high=verdict.high if verdict else None,
        prediction=known.prediction,
        incumbent=incumbent_view(history, lab.contract),
        verdicts_without_keep=verdicts_without_keep(history),
        stackable=stackable(lab, history),
        sandbox=sandbox_names(history, verdict.candidate_runs if verdict else ()),
        ending=ending_of(history, lab.contract, time.time()),
        doubt=doubt_about(lesson, verdict, reversed_since=experiment in history.reversals),
    )


def refuse_more_runs(experiment: str, history: History) -> None:
    """Raise InvalidStateError if another run would be one more than the judge asked for.

    A proposer who could add runs at will, seeing each value, could stop at a lucky one.
    """
    known = history.experiment(experiment)
    unfinished = count_unfinished(history, experiment)
    if experiment in history.kept:
        if (
            len(controls_of(history, experiment)) + count_unfinished(history, experiment)
            < GATE.most_controls
        ):
            return
        raise InvalidStateError(
            f"{experiment} already has its {GATE.most_controls} control runs.",
            "Propose an experiment.",
            reason="enough_controls",
        )
    if experiment in history.verdicts:
        raise InvalidStateError(
            f"{experiment} already has its verdict: {history.verdicts[experiment].outcome}.",
            "Propose another experiment.",
            reason="has_verdict",
        )
    if unfinished or any(not r.state.repeated for r in history.reports_of(known.id)):
        raise InvalidStateError(
            f"{experiment} has already had its first run.",
            f"evaluate_metric with experiment={experiment!r} starts any more that it needs.",
            reason="has_first_run",
        )


def _with_remark(verdict: Verdict, history: History) -> Verdict:
    """Return the verdict, its sentence with what is unusual about how its model was scored."""
    remark = scoring_remark(history, verdict.experiment, verdict.candidate_runs)
    return replace(verdict, sentence=f"{verdict.sentence}; {remark}") if remark else verdict


def _give(verdict: Verdict, ledger: Ledger) -> None:
    def build(history: History) -> Event | None:
        if verdict.experiment in history.verdicts:
            return None
        if verdict.moved_incumbent and history.incumbent != verdict.base:
            raise InvalidStateError(
                "The incumbent changed while this was being judged.",
                "Call evaluate_metric again.",
                reason="incumbent_moved",
            )
        return Judged(verdict=verdict)

    ledger.append(build)


def _start_missing(assessment: Assessment, history: History, runs: Runs, now: float) -> None:
    """Start what the verdict needs, as far as slots are free.

    Raises InvalidStateError if the incumbent itself does not run: nothing can be compared.
    """
    broken = broken_baseline(history, assessment.controlled_by)
    if broken:
        raise InvalidStateError(
            broken,
            "Fix the target (command, data, python, ceilings) or this machine "
            "(`autoresearch-mcp doctor`), and open it as a new lab.",
            reason="broken_baseline",
        )
    runs.carry_out(plan_runs(runs.machine(history), evaluation_demands(assessment, history), now))


def _confirm_goal(lab: OpenLab, now: float) -> None:
    """Start the control runs, as far as slots are free, that a reached goal still needs."""
    history = lab.history()
    demands = confirming_demands(ending_of(history, lab.contract, now), history)
    if demands:
        lab.runs.carry_out(plan_runs(lab.runs.machine(history), demands, now))
