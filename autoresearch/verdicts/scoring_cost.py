"""Limits of what models may take while they are scored, and remarks on those that took more.

The limits come from the code that the lab was opened with, or from the oldest kept code whose
seconds were counted: from the newest, each keep could move them. They leave an honest model room: a
multiple of what that code took, and a share of what its training took.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.records import Measurement, RunReport
from autoresearch.verdicts.evidence import controls_of, lineage

MULTIPLE = 4.0  # of the most that runs of the lab's first code took
LEAST_S = 0.5  # that a model may take whatever others do: to import what it needs
SHARE = 0.1  # of the CPU seconds of a training, which a model may always take
_WIDER, _APART_S = 1.5, 0.1  # above which, over the controls' most, seconds are worth a remark


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringLimits:
    """CPU seconds for a model to load and to answer; 0.0 is no limit.

    `score_cpu_share`, of its own training's, allows more to the answers of a costlier model.
    """

    load_cpu_s: float = 0.0
    score_cpu_s: float = 0.0
    score_cpu_share: float = 0.0


def scoring_limits(history: History, experiment: str, contract: Contract) -> ScoringLimits:
    """Return the limits for a run of the experiment: the contract's, or by what was counted."""
    if contract.sealed is None:
        return ScoringLimits()
    load_s, score_s, share = contract.sealed.load_cpu_s, contract.sealed.score_cpu_s, 0.0
    counted = _first_counted(history, experiment)
    if counted:
        trained_s = sum(report.cpu_s for report in counted) / len(counted)
        least = max(LEAST_S, SHARE * trained_s)
        measured = [_measurement(report) for report in counted]
        if load_s is None:
            load_s = max(least, MULTIPLE * max(found.load_cpu_s for found in measured))
        if score_s is None:
            most = MULTIPLE * max(found.score_cpu_s for found in measured)
            score_s = max(least, most)
            # Tokens are counted and not seconds, so an honest model may be larger, and then its
            # training says so; where seconds are counted, every training takes as many.
            tokens = contract.run.budget.tokens is not None
            share = most / trained_s if tokens and trained_s > 0 else 0.0
    return ScoringLimits(
        load_cpu_s=load_s or 0.0, score_cpu_s=score_s or 0.0, score_cpu_share=share
    )


def scoring_remark(history: History, experiment: str, runs: Sequence[str]) -> str:
    """Return a clause on runs whose scoring took longer than the controls' did, or ""."""
    base = history.experiments[experiment].base
    if base is None:
        return ""
    controls = [_measurement(history.reports[run]) for run in controls_of(history, base)]
    reports = (history.reports.get(run) for run in runs)
    own = [report.measurement for report in reports if report and report.measurement]
    clauses = []
    for name, doing in (("load_cpu_s", "to load"), ("score_cpu_s", "to answer")):
        others = sorted(getattr(found, name) for found in controls if getattr(found, name) > 0)
        taken = sorted(getattr(found, name) for found in own)
        if others and taken and taken[0] > _WIDER * others[-1] + _APART_S:
            clauses.append(
                f"while scored, its model took {_range(taken)} CPU seconds {doing}, where the "
                f"controls' took {_range(others)}"
            )
    return "; ".join(clauses)


def _first_counted(history: History, experiment: str) -> list[RunReport]:
    """Return the runs of the oldest code below, or of e0 itself, whose seconds were counted."""
    line = lineage(history, experiment)
    for name in line[:-1] or line:
        reports = (r for r in history.reports_of(name) if r.measurement is not None and not r.cut)
        found = [report for report in reports if _measurement(report).score_cpu_s > 0]
        if found:
            return found
    return []


def _measurement(report: RunReport) -> Measurement:
    assert report.measurement is not None
    return report.measurement


def _range(values: Sequence[float]) -> str:
    """Return "0.8" or "0.8 to 1.1", of sorted values."""
    ends = dict.fromkeys((f"{values[0]:g}", f"{values[-1]:g}"))
    return " to ".join(ends)
