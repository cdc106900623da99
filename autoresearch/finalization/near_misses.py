"""Near misses that the lab offers as a stack, brought to a verdict through the normal door."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from autoresearch.errors import InvalidStateError, LabError, PatchRefusedError
from autoresearch.finalization.fresh_runs import LOOK_S, Allowance, Watch
from autoresearch.lab import Lab
from autoresearch.ledger.history import History
from autoresearch.loop.touched_lines import stackable
from autoresearch.records import Outcome, Proposer

FINALIZER = Proposer(client="autoresearch-mcp finalize")
MOST_STACKS = 3  # one after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class StackAnswer:
    """Near misses that were tried together, or why they were not."""

    stack: tuple[str, ...]
    experiment: str = ""  # "" where it was refused
    outcome: Outcome | None = None  # None while it has no verdict
    sentence: str = ""  # the verdict's, or why there is none


def offered(lab: Lab) -> tuple[str, ...]:
    """Return the near misses that would be stacked next."""
    return stackable(lab, lab.history())


class NearMisses:
    """Tries stacks, one after the other, as long as there are runs and time."""

    def __init__(
        self,
        lab: Lab,
        allowance: Allowance,
        watch: Watch,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; `now` is the clock that the allowance is read by."""
        self._lab, self._allowance, self._watch, self._now = lab, allowance, watch, now

    def try_all(self) -> tuple[StackAnswer, ...]:
        """Bring open stacks of an earlier finalize to a verdict, then new ones; tell of all."""
        history = self._lab.history()
        answers = [self._to_verdict(name) for name in _stacks(history)]
        for _ in range(MOST_STACKS):
            stack = offered(self._lab)
            if not stack or not self._affordable():
                break
            answer = self._try(stack)
            answers.append(answer)
            if answer.outcome is None:
                break
        return tuple(answers)

    def _try(self, stack: tuple[str, ...]) -> StackAnswer:
        words = f"The near misses {', '.join(stack)} together: each alone leaned up, unproved."
        try:
            made = self._lab.propose(words, stack=stack, proposer=FINALIZER)
        except (PatchRefusedError, InvalidStateError) as refused:
            return StackAnswer(stack=stack, sentence=str(refused))
        return self._to_verdict(made.experiment.id)

    def _to_verdict(self, name: str) -> StackAnswer:
        stack = self._lab.history().experiments[name].stack
        while (verdict := self._lab.history().verdicts.get(name)) is None:
            if not self._affordable():
                words = "no verdict yet: the runs or the hours were used up"
                return StackAnswer(stack=stack, experiment=name, sentence=words)
            self._watch(f"the near misses {', '.join(stack)} together", runs_of_stacks(self._lab))
            try:
                found = self._lab.evaluate(name)
            except LabError as error:
                return StackAnswer(stack=stack, experiment=name, sentence=str(error))
            if found.verdict is None and found.running:
                time.sleep(LOOK_S)
        return StackAnswer(
            stack=stack, experiment=name, outcome=verdict.outcome, sentence=verdict.sentence
        )

    def _affordable(self) -> bool:
        return self._allowance.covers(runs_of_stacks(self._lab), 1, self._now())


def stacks_left(lab: Lab) -> bool:
    """Return whether a stack could be tried, or has no verdict yet."""
    history = lab.history()
    return bool(offered(lab)) or any(name not in history.verdicts for name in _stacks(history))


def runs_of_stacks(lab: Lab) -> int:
    """Return how many runs the stacks of every finalize have had."""
    history = lab.history()
    return sum(len(history.runs_of(name)) for name in _stacks(history))


def _stacks(history: History) -> tuple[str, ...]:
    every = history.experiments.values()
    return tuple(one.id for one in every if one.stack and one.proposer == FINALIZER)
