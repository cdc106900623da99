"""Demands for runs, read from a history: by evaluations, by callers, and for idle slots.

Pure: the time is passed to the scheduler, and nothing is started here.
"""

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.scheduling.scheduler import Demand, Rest
from autoresearch.statistics.gates import GATE
from autoresearch.verdicts.assessment import Assessment
from autoresearch.verdicts.ending import Ending
from autoresearch.verdicts.evidence import (
    ages,
    began,
    comparable,
    controls_of,
    count_unfinished,
    disturbed_in_a_row,
    failures,
    measured,
    was_kept,
)

MOST_FAILED = 2  # runs of the incumbent; beyond it something is wrong with the target or machine
MOST_DISTURBED = 3  # runs in a row that were lost or tainted; after them the machine gets a rest
REST_S = 60.0


def requested_run(history: History, experiment: str) -> Demand:
    """Return the demand of somebody who asks for one run: it starts, if need be to wait.

    A control run is preempted for a candidate's run, never for another control run.
    """
    preempts = not was_kept(history, experiment)
    return Demand(experiment=experiment, runs=1, preempts=preempts, queues=True)


def evaluation_demands(assessment: Assessment, history: History) -> tuple[Demand, ...]:
    """Return what a verdict still needs: the candidate's runs first, then controls.

    A candidate preempts a control run, but not where the judge needs the controls first: they would
    be started and preempted again for every further run.
    """
    missing, controlled_by = assessment.missing, assessment.controlled_by
    rest = rest_after_disturbances(history, controlled_by)
    controls = Demand(experiment=controlled_by, runs=missing.controls, rest=rest)
    if assessment.base is None:
        return (controls,)
    candidate = Demand(
        experiment=assessment.experiment,
        runs=missing.candidate,
        preempts=assessment.controls_suffice,
    )
    return candidate, controls


def confirming_demands(ending: Ending, history: History) -> tuple[Demand, ...]:
    """Return the control runs that a goal which seems to be reached needs; () if there are none."""
    incumbent = ending.experiment
    runs = ending.missing - count_unfinished(history, incumbent)
    if not ending.unconfirmed or runs <= 0 or broken_baseline(history, incumbent):
        return ()
    rest = rest_after_disturbances(history, incumbent)
    return (Demand(experiment=incumbent, runs=runs, rest=rest),)


def idle_demands(history: History, contract: Contract) -> tuple[Demand, ...]:
    """Return the control runs that idle slots should make, the most urgent first; () if enough.

    The incumbent's, up to what the gate can use. With a budget of seconds its parent's too, up to
    the fewest that the gate needs: they are compared, and those from before the keep grow old.
    """
    incumbent = history.kept[-1]
    wanted = []
    if len(history.kept) > 1 and ages(contract):
        parent = history.kept[-2]
        fresh = controls_of(history, incumbent)
        beside = comparable(history, controls_of(history, parent), began(history, fresh))
        enough = min(len(fresh), GATE.fewest_controls)
        wanted.append((parent, enough - len(beside) - count_unfinished(history, parent)))
    have = len(controls_of(history, incumbent)) + count_unfinished(history, incumbent)
    wanted.append((incumbent, GATE.most_controls - have))
    return tuple(
        Demand(experiment=name, runs=runs, rest=rest_after_disturbances(history, name))
        for name, runs in wanted
        if runs > 0 and not broken_baseline(history, name)
    )


def broken_baseline(history: History, experiment: str) -> str:
    """Return why a kept experiment's runs are not worth another try; "" while they are.

    A preempted run failed at nothing, and a lost or tainted one says nothing of the code:
    `rest_after_disturbances` is for those.
    """
    failed = failures(history, experiment)
    if len(failed) <= MOST_FAILED or len(failed) <= len(measured(history, experiment)):
        return ""
    last = failed[-1]
    return f"{len(failed)} runs of the incumbent {experiment} failed: {last.cut or last.reason}"


def rest_after_disturbances(history: History, experiment: str) -> Rest | None:
    """Return the pause before its next control run if the machine disturbed the last ones.

    Without it a machine that loses every run would be given one after another. With it the lab
    continues by itself once the disturbance is over.
    """
    disturbed = disturbed_in_a_row(history, experiment)
    if len(disturbed) < MOST_DISTURBED:
        return None
    last = disturbed[-1]
    return Rest(
        since=last.ended,
        until=last.ended + REST_S,
        reason=f"the last {len(disturbed)} runs of {experiment} were lost or disturbed by the "
        f"machine; the next one starts {REST_S:g} s later: {last.reason}",
    )
