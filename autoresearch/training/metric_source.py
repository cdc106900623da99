"""How a run that is not sealed gets its number: from what it printed, or from the lab's clock.

A sealed run's model is scored instead, by a process of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from autoresearch.errors import ScoringError
from autoresearch.records import MOST_VALUE, Measurement
from autoresearch.run_directory import RunDir, RunSpec
from autoresearch.run_output.stdout_metric import OutputReader
from autoresearch.training.training_process import TrainingEnd

Read = Callable[[TrainingEnd], Measurement]  # raises ScoringError


@dataclass(frozen=True, slots=True)
class Number:
    """Where the number of one run comes from."""

    listen: Callable[[bytes], object] | None  # is told all that the run prints
    read: Read
    metric: str

    def measure(self, end: TrainingEnd) -> Measurement:
        """The number of a run that ended well; raise ScoringError, in a sentence."""
        found = self.read(end)
        if not abs(found.value) <= MOST_VALUE:  # nor is NaN
            raise ScoringError(
                f"its {self.metric} is {found.value}, where a finite number of at most "
                f"{MOST_VALUE:g} is asked",
                reason="not_finite",
            )
        return found

    def void(self, end: TrainingEnd) -> str:
        """What is said of a number that a run printed though it did not end well, or ""."""
        if self.listen is None:
            return ""
        try:
            value = self.measure(end).value
        except ScoringError:
            return ""
        return f"; the {self.metric} of {value:.6g} that it printed counts for nothing"


def number_of(rundir: RunDir, spec: RunSpec) -> Number | None:
    """Where the number of that run comes from, None where its model is scored."""
    if spec.scoring == "stdout":
        reader = OutputReader(spec)
        return Number(reader.feed, lambda _: reader.finish(rundir.tree), spec.metric)
    if spec.scoring == "clock":
        return Number(None, lambda end: _clocked(end, spec.metric), spec.metric)
    return None


def _clocked(end: TrainingEnd, metric: str) -> Measurement:
    """Of the command itself, from its start to its exit, as the supervisor saw both."""
    seconds = {"wall_s": end.taken.wall_s, "cpu_s": end.taken.cpu_s}[metric]
    return Measurement(value=seconds, documents=0, tokens=0, score_s=0.0)
