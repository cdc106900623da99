"""The incumbent as the lab shows it, and the sandboxes that its numbers come from."""

from collections.abc import Sequence

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.statistics.noise import interval, measure_noise
from autoresearch.verdicts.evidence import controls_of, measured, values
from autoresearch.verdicts.repetition import spread_of
from autoresearch.views import Incumbent


def incumbent_view(history: History, contract: Contract) -> Incumbent:
    """Return the experiment at the end of the kept line, with the interval of its mean."""
    incumbent = history.kept[-1]
    fresh = controls_of(history, incumbent)
    found = values(history, fresh or measured(history, incumbent))
    groups = [values(history, controls_of(history, kept)) for kept in history.kept]
    noise = measure_noise(groups)
    mean = sum(found) / len(found) if found else None
    low = high = None
    if mean is not None and noise is not None:
        # The interval of one mean: the other side of the difference is known exactly.
        low, high = interval(mean, noise, len(found), 10**9)
    reversals = list(history.reversals.values())
    last = reversals[-1] if reversals and reversals[-1].base == incumbent else None
    return Incumbent(
        experiment=incumbent,
        commit=history.experiments[incumbent].commit,
        runs=len(found),
        cpu_s=_mean_cpu_s(history, incumbent),
        mean=mean,
        low=low,
        high=high,
        sigma=spread_of(groups),
        kept=history.kept,
        instead_of=last.experiment if last else None,
        chosen=not fresh and bool(found),
    )


def sandbox_names(history: History, runs: Sequence[str]) -> str:
    """Return the names of the sandboxes of these runs, "" if none began."""
    names = {history.reports[run].sandbox for run in runs}
    return ", ".join(sorted(filter(None, names)))


def _mean_cpu_s(history: History, experiment: str) -> float | None:
    whole = [history.reports[run].cpu_s for run in measured(history, experiment)]
    return sum(whole) / len(whole) if whole else None
