"""The end of the research: whether the contract's goal is reached, and its limits are used up.

Pure, asked of a history; the time is passed in. A goal counts as confirmed once the incumbent's
control runs reach it: the runs that it was kept on were chosen for being good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from autoresearch.contract import Contract, Stop
from autoresearch.contract_tables.metric import Metric
from autoresearch.ledger.history import History
from autoresearch.verdicts.evidence import controls_of, measured, values
from autoresearch.verdicts.repetition import all_equal

CONFIRMING = 3  # control runs that confirm a goal
CONFIRMING_EXACTLY = 1  # where every run gives the same number
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The state of the research against the end that the contract sets."""

    experiment: str  # the incumbent
    goal: float | None  # None: the contract names none
    value: float | None  # the incumbent's mean, as it is compared with the goal
    reached: bool  # that value is the goal or better
    controls: int  # the incumbent's control runs
    missing: int  # control runs before a goal that is reached counts as confirmed
    experiments: int  # proposed, without e0 and what the lab proposed again by itself
    most_experiments: int | None
    hours: float  # since the first of them
    most_hours: float | None
    sentence: str  # that it is over, or that the goal waits to be confirmed; "" before that

    @property
    def unconfirmed(self) -> bool:
        """Return whether the goal seems to be reached and needs control runs to be sure."""
        return self.reached and self.missing > 0

    @property
    def done(self) -> bool:
        """Return whether the goal is reached and confirmed."""
        return self.reached and self.missing == 0

    @property
    def used_up(self) -> str:
        """Return the limit of `[stop]` that is used up: "experiments", "hours" or ""."""
        if self.most_experiments is not None and self.experiments >= self.most_experiments:
            return "experiments"
        return "hours" if self.most_hours is not None and self.hours >= self.most_hours else ""

    @property
    def over(self) -> bool:
        """Return whether no further experiment is taken."""
        return self.done or bool(self.used_up)


def ending_of(history: History, contract: Contract, now: float) -> Ending:
    """Return how far the research is from its end; `now` is in seconds since the epoch."""
    incumbent, metric = history.kept[-1], contract.metric
    controls = values(history, controls_of(history, incumbent))
    runs = values(history, measured(history, incumbent))
    value = _mean(controls or runs)
    missing = max(0, _wanted(history, incumbent, runs) - len(controls))
    asked = [e.id for e in history.experiments.values() if e.base and e.replay_of is None]
    hours = max(0.0, now - min((history.proposed_at[name] for name in asked), default=now)) / HOUR_S
    goal = ""
    if value is not None and _reaches(value, metric):
        goal = _goal_words(incumbent, value, len(controls), missing, metric)
    limit = "" if goal and not missing else _limit_words(contract.stop, len(asked), hours)
    return Ending(
        experiment=incumbent,
        goal=metric.goal,
        value=value,
        reached=bool(goal),
        controls=len(controls),
        missing=missing,
        experiments=len(asked),
        most_experiments=contract.stop.experiments if contract.stop else None,
        hours=hours,
        most_hours=contract.stop.hours if contract.stop else None,
        sentence=f"{goal} {limit}".strip(),
    )


def _reaches(value: float, metric: Metric) -> bool:
    if metric.goal is None:
        return False
    return value <= metric.goal if metric.direction == "min" else value >= metric.goal


def _wanted(history: History, incumbent: str, runs: Sequence[float]) -> int:
    """Return how many control runs confirm a goal; e0's first run is itself one of them."""
    if not all_equal(runs):
        return CONFIRMING
    return CONFIRMING_EXACTLY + (history.experiments[incumbent].base is None)


def _mean(found: Sequence[float]) -> float | None:
    """Return the mean; of equal numbers that number, which a division could miss by a bit."""
    if not found:
        return None
    return found[0] if min(found) == max(found) else fsum(found) / len(found)


def _goal_words(incumbent: str, value: float, controls: int, missing: int, metric: Metric) -> str:
    shown = f"{metric.name} is {value:.6g} {metric.unit}".rstrip()
    if missing:
        more = f"{missing} more control run{'s' * (missing != 1)} must confirm it"
        said = f"{incumbent} seems to reach the goal of {metric.goal:g}: {shown}; {more}"
    else:
        runs = f"{controls} control run{'s' * (controls != 1)}"
        said = (
            f"The goal is reached and confirmed: {shown} over {runs} of {incumbent}, and the "
            f"goal is {metric.goal:g}"
        )
    return f"{metric.attributed(said)}."


def _limit_words(stop: Stop | None, experiments: int, hours: float) -> str:
    if stop is not None and stop.experiments is not None and experiments >= stop.experiments:
        return (
            f"The limit is used up: {experiments} experiments were proposed, and [stop] in the "
            f"contract takes {stop.experiments}."
        )
    if stop is not None and stop.hours is not None and hours >= stop.hours:
        return (
            f"The time is up: the first experiment was proposed {hours:.1f} hours ago, and [stop] "
            f"in the contract takes {stop.hours:g}."
        )
    return ""
