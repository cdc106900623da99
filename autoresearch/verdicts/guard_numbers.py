"""Numbers of guards: what no keep may move further than the contract says."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.records import Outcome
from autoresearch.statistics.gates import Judgement
from autoresearch.verdicts.evidence import Evidence


def held_to_guards(
    judgement: Judgement, history: History, evidence: Evidence, contract: Contract
) -> Judgement:
    """Return the judge's answer; instead of a keep whose guard's number moved too far, a discard.

    The medians of the candidate's runs and of its controls are compared: the metric is what is
    tested, and a guard's number is only bounded.
    """
    if judgement.outcome is not Outcome.KEEP:
        return judgement
    for name, table in contract.guard_numbers.items():
        found = _median(history, evidence.candidate, name)
        incumbent = _median(history, evidence.controls, name)
        if found is None or incumbent is None:
            continue
        broken = table.breach(found, incumbent)
        if broken:
            reason = (
                f"guard {name}: its self-reported {table.metric} is {found:.6g}, the controls' "
                f"{incumbent:.6g}, and it {broken}"
            )
            return replace(judgement, outcome=Outcome.DISCARD, reason=reason)
    return judgement


def _median(history: History, runs: Sequence[str], guard: str) -> float | None:
    """Return the median of a guard's numbers; None where no run has one."""
    reports = (dict(history.reports[run].guard_numbers) for run in runs)
    numbers = [report[guard] for report in reports if guard in report]
    return statistics.median(numbers) if numbers else None
