"""Read run reports that were written before a report had a cause.

The only place where a program reads `reason`: reports of today carry their cause.
"""

import re
from dataclasses import replace

from autoresearch.records import EndCause, RunReport, RunState

_BEGINNINGS = (  # of the sentences that were written then, and must stay as they were
    ("gave its device to an experiment", EndCause.PREEMPTED),
    ("the supervisor was told to end", EndCause.SUPERVISOR_TOLD_TO_END),
    ("the supervisor failed: ", EndCause.SUPERVISOR_FAILED),
    ("its supervisor died", EndCause.SUPERVISOR_DIED),
    ("its supervisor never started", EndCause.NEVER_STARTED),
    ("it did not start: ", EndCause.NEVER_STARTED),
    ("the sandbox could not be set up", EndCause.NO_SANDBOX),
    ("the scorer itself ", EndCause.SCORER_FAILED),
    ("asked to stop", EndCause.ASKED_TO_STOP),
    ("stopped early: ", EndCause.STOPPED_EARLY),
    ("out of memory: ", EndCause.OUT_OF_MEMORY),
    ("out of GPU memory: ", EndCause.OUT_OF_GPU_MEMORY),
    ("its command can't be started", EndCause.COMMAND_NOT_STARTED),
    ("hung: ", EndCause.HUNG),
    ("guard ", EndCause.GUARD_FAILED),
    ("killed by ", EndCause.SIGNAL),
    ("exit status ", EndCause.EXIT_STATUS),
    ("the training changed ", EndCause.TREE_CHANGED),
)
_OVER_MEMORY = re.compile(r"MB of memory, over its \d+ MB")


def with_cause(report: RunReport) -> RunReport:
    """Return the report of an earlier version with the cause that its reason tells, if any."""
    return replace(report, cause=cause_of_old_reason(report.state, report.reason))


def cause_of_old_reason(state: RunState, reason: str) -> EndCause | None:
    """Return the cause of a run whose report has none; None if it is not final, or unknown.

    A sentence that ends in another state than its cause does is not the one that it looks like.
    """
    if state is RunState.FINISHED:
        return EndCause.MEASURED
    found = next((cause for begins, cause in _BEGINNINGS if reason.startswith(begins)), None)
    if state is RunState.CRASHED and found is None and _OVER_MEMORY.search(reason):
        found = EndCause.OVER_MEMORY
    if state is RunState.TAINTED:
        beside = found is EndCause.OUT_OF_GPU_MEMORY
        return EndCause.GPU_CROWDED if beside else EndCause.DISTURBED
    return found if found is not None and found.state is state else None
