"""Source of an unsealed run's metric: its output, or the lab's clock.

A sealed run's model is scored instead, by another process.
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
class MetricSource:
    """The source of one run's metric."""

    listen: Callable[[bytes], object] | None  # gets all output of the run
    read: Read
    metric: str

    def measure(self, end: TrainingEnd) -> Measurement:
        """Return the metric of a run that ended well; raise ScoringError if it has none."""
        found = self.read(end)
        if not abs(found.value) <= MOST_VALUE:  # nor is NaN
            raise ScoringError(
                f"its {self.metric} is {found.value}, not a finite number of at most "
                f"{MOST_VALUE:g}",
                reason="not_finite",
            )
        return found

    def void(self, end: TrainingEnd) -> str:
        """Return a remark on a number that a failed run printed, or ""."""
        if self.listen is None:
            return ""
        try:
            value = self.measure(end).value
        except ScoringError:
            return ""
        return f"; the {self.metric} of {value:.6g} that it printed does not count"


def metric_source_of(rundir: RunDir, spec: RunSpec) -> MetricSource | None:
    """Return the source of a run's metric; None if its model is scored."""
    if spec.scoring == "stdout":
        reader = OutputReader(spec)
        return MetricSource(reader.feed, lambda _: reader.finish(rundir.tree), spec.metric)
    if spec.scoring == "clock":
        return MetricSource(None, lambda end: _clocked(end, spec.metric), spec.metric)
    return None


def _clocked(end: TrainingEnd, metric: str) -> Measurement:
    """Return the time of the command itself, from start to exit, as the supervisor measured it."""
    seconds = {"wall_s": end.taken.wall_s, "cpu_s": end.taken.cpu_s}[metric]
    return Measurement(value=seconds, documents=0, tokens=0, score_s=0.0)
