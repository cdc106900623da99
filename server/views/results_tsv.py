"""The results.tsv of karpathy/autoresearch, written out for whoever expects one.

Its convention has three statuses and writes a crash as 0.000000; the ledger does neither, and is
the record.
"""

from autoresearch.contract_tables.metric import Metric
from autoresearch.ledger.history import History
from autoresearch.records import Experiment, Outcome, RunReport
from autoresearch.verdicts.evidence import measured, values
from server.views.trust import after_verdict

_CRASHED = ("0.000000", "0.0")  # by that convention only
_SAID_MB = "peak_vram_mb"


def results_tsv(history: History, metric: Metric) -> str:
    """A header and a row for each experiment with a verdict, e0 first; ends with a line feed."""
    rows: list[tuple[str, ...]] = [("commit", metric.name, "memory_gb", "status", "description")]
    for experiment in history.experiments.values():
        row = _row(history, experiment, metric)
        if row is not None:
            rows.append(row)
    return "".join("\t".join(row) + "\n" for row in rows)


def _row(history: History, experiment: Experiment, metric: Metric) -> tuple[str, ...] | None:
    """None where there is nothing to say yet: no verdict, or runs that were all disturbed."""
    status, note = _status(history, experiment)
    found = values(history, measured(history, experiment.id))
    if status == "crash":
        numbers = _CRASHED
    elif status and found:
        numbers = (f"{sum(found) / len(found):.6f}", _memory_gb(history, experiment))
    else:
        return None
    told = experiment.hypothesis if experiment.base else f"baseline ({metric.provenance})"
    words = f"{told} ({note})" if note else told
    return (experiment.commit[:7], *numbers, status, " ".join(words.split()))


def _status(history: History, experiment: Experiment) -> tuple[str, str]:
    """Its status there, "" for none, and what that status does not say."""
    if experiment.base is None:
        return "keep", ""
    verdict = history.verdicts.get(experiment.id)
    if verdict is None or verdict.outcome is Outcome.TAINTED:
        return "", ""
    if verdict.outcome is Outcome.CRASHED:
        return "crash", ""
    if experiment.id in history.kept:
        return "keep", ""
    if verdict.outcome is Outcome.DISCARD:
        return "discard", ""
    return "discard", after_verdict(history, experiment.id) or str(verdict.outcome)


def _memory_gb(history: History, experiment: Experiment) -> str:
    """The most that any of its runs took, of a GPU if one was used or the run names one's."""
    most = max((_peak_mb(report) for report in history.reports_of(experiment.id)), default=0.0)
    return f"{most / 1024:.1f}"


def _peak_mb(report: RunReport) -> float:
    said = dict(report.measurement.said) if report.measurement else {}
    return report.gpu_peak_mb or said.get(_SAID_MB) or report.peak_mb
