"""Follow a candidate run by run to its verdict, and count how candidates ended.

The judge is `statistics.sequential_test.judge`, the function that gives the lab's verdicts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autoresearch.records import Outcome
from autoresearch.statistics.gates import GATE, Gate
from autoresearch.statistics.sequential_test import judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The outcome of one candidate."""

    outcome: Outcome
    runs: int
    controls: int  # that its verdict rests on
    test: str = ""  # which test kept or dropped it; "" where it crashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Outcomes of the candidates with one true effect."""

    effect: float  # in sigma, positive is better
    candidates: int
    kept: int
    runs: int  # of all of them

    @property
    def rate(self) -> float:
        """The share that was kept."""
        return self.kept / self.candidates

    @property
    def runs_each(self) -> float:
        """Runs a candidate."""
        return self.runs / self.candidates


def follow(
    values: Sequence[float],
    controls: Sequence[float],
    *,
    known: int | None = None,
    old: int = 0,
    earlier: Sequence[float] = (),
    lower_is_better: bool = True,
    gate: Gate = GATE,
    simpler: bool = False,
) -> Trial:
    """Judge a candidate after each of its runs until there is a verdict.

    Args:
        values: what its runs measure, in order; where the gate asks for more, it is inconclusive.
        controls: what the incumbent's runs measure; sigma is estimated from them.
        known: how many of the controls there are when it starts, where more come as the judge
            asks for them, as in a young lab; None: all of them.
        old: how many of the controls ran before it where the level may drift; else 0.
        earlier: what runs of an earlier version measured.
        lower_is_better: the metric's direction.
        gate: the settings.
        simpler: judge it as a simplification.
    """
    runs = 1
    seen = len(controls) if known is None else known
    while True:
        here = controls if seen == len(controls) else controls[:seen]
        now = judge(
            values[:runs],
            here,
            [earlier, here] if earlier else [here],
            lower_is_better=lower_is_better,
            gate=gate,
            simpler=simpler,
            old=old,
        )
        more = min(now.more_controls, len(controls) - seen) if known is not None else 0
        spent = runs + now.more_runs > len(values) or not (now.more_runs or more)
        if now.outcome is not None or spent:
            ended = now.outcome or Outcome.INCONCLUSIVE  # where nobody could run more
            return Trial(outcome=ended, runs=runs, controls=seen, test=now.test)
        seen += more
        runs += now.more_runs


def tally(effect: float, trials: Iterable[Trial]) -> Tally:
    """Count how candidates of one true effect ended."""
    ended = list(trials)
    return Tally(
        effect=effect,
        candidates=len(ended),
        kept=sum(trial.outcome is Outcome.KEEP for trial in ended),
        runs=sum(trial.runs for trial in ended),
    )
