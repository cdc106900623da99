"""Repetition: whether runs of the same code give the same number, to the last bit.

Such a metric has no noise, so that any difference counts. It also shows that the lab's seed does
not reach the metric: further runs are then no further evidence. Pure, asked of a history.
"""

from collections.abc import Iterable, Sequence

from autoresearch.ledger.history import History
from autoresearch.records import Verdict
from autoresearch.statistics.noise import measure_noise
from autoresearch.verdicts.evidence import values


def all_equal(found: Sequence[float]) -> bool:
    """Return whether these are two numbers at least, and all the same."""
    return len(found) > 1 and min(found) == max(found)


def repeat_exactly(groups: Iterable[Sequence[float]]) -> bool:
    """Return whether no group of runs of the same code differs within itself, and one could."""
    several = [group for group in groups if len(group) > 1]
    return bool(several) and all(all_equal(group) for group in several)


def spread_of(groups: Sequence[Sequence[float]]) -> float | None:
    """Return the pooled sigma of runs, as views show it: 0.0 where runs repeat exactly.

    The judge works with a small floor there instead. None where no group has two runs.
    """
    if repeat_exactly(groups):
        return 0.0
    noise = measure_noise(groups)
    return noise.sigma if noise else None


def spread_behind(history: History, verdict: Verdict) -> float | None:
    """Return the sigma that a verdict rests on: 0.0 where runs of the same code repeat exactly."""
    if verdict.sigma is None:
        return None
    groups = [values(history, group) for group in (*verdict.noise_runs, verdict.candidate_runs)]
    return 0.0 if repeat_exactly(groups) else verdict.sigma
