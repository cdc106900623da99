"""Count what the processes of a model take while it is scored; say whose doing a failure is.

A training is bounded by its budget. A model that went on training while it is loaded, or while it
answers, would take more where nobody counts, so both have a limit of their own: CPU seconds of the
process and all below it. A GPU works while no CPU does: there wall seconds count if they are more.

As soon as code under research has run here, whatever fails is its own doing. Else a model that
makes the scorer fail would have its run called lost, and be given another seed.
"""

import contextlib
import traceback
from collections.abc import Iterator

from autoresearch.errors import ScoringError
from autoresearch.records import EndCause
from autoresearch.run_directory import RunDir, RunSpec

_DIGITS = 2  # of the seconds that are told, since a model could spell by them what it was shown


class ModelWatch:
    """The seconds that the processes of one model took, and their limits; 0.0 is no limit.

    Args:
        load_limit_s: For each process to load the model.
        answer_limit_s: For all answers of all processes together.
    """

    def __init__(self, *, load_limit_s: float = 0.0, answer_limit_s: float = 0.0) -> None:
        self._load_limit_s = load_limit_s
        self._answer_limit_s = answer_limit_s
        self._load_s = 0.0
        self._ended_s = 0.0
        self._going_s = 0.0
        self._begun = False

    @classmethod
    def of(cls, rundir: RunDir, spec: RunSpec) -> "ModelWatch":
        """Return the watch of a run's model; a costlier training may allow for more."""
        status = rundir.read_status()
        trained_s = status.cpu_s if status else 0.0
        return cls(
            load_limit_s=spec.load_cpu_s,
            answer_limit_s=max(spec.score_cpu_s, spec.score_cpu_share * trained_s),
        )

    @property
    def load_s(self) -> float:
        """The most that one process took to load the model, rounded."""
        return float(f"{self._load_s:.{_DIGITS}g}")

    @property
    def answer_s(self) -> float:
        """The seconds that all answers took, rounded."""
        return float(f"{self._ended_s + self._going_s:.{_DIGITS}g}")

    def begin(self) -> None:
        """Take note that code under research runs from now on."""
        self._begun = True

    def loading(self, seconds: float) -> None:
        """Take note of what a process has taken to load so far; ScoringError above the limit."""
        self._load_s = max(self._load_s, seconds)
        if 0 < self._load_limit_s < seconds:
            raise _over(f"{self._load_limit_s:g} CPU seconds to load", "load_cpu_s")

    def answering(self, seconds: float) -> None:
        """Take note of what a process's answers have taken; ScoringError above the limit."""
        self._going_s = max(self._going_s, seconds)
        if 0 < self._answer_limit_s < self._ended_s + self._going_s:
            raise _over(f"{self._answer_limit_s:.3g} CPU seconds to answer", "score_cpu_s")

    def end_process(self) -> None:
        """Take note that the process that answered is over."""
        self._ended_s, self._going_s = self._ended_s + self._going_s, 0.0

    @contextlib.contextmanager
    def blaming(self) -> Iterator[None]:
        """Turn whatever fails once the model's code has run into a ScoringError."""
        try:
            yield
        except ScoringError:
            raise
        except Exception as error:
            if not self._begun:
                raise
            traceback.print_tb(
                error.__traceback__
            )  # not its message, which the model may have made
            raise ScoringError(
                "no number could be made of what the model answered "
                f"({type(error).__name__} in the scorer)",
                reason="unscorable",
            ) from None


def _over(what: str, key: str) -> ScoringError:
    return ScoringError(
        f"the model took more than its {what}: a model is trained within its run's budget, not "
        f"while it is scored. If an honest one needs more here, set [sealed] {key} in the contract",
        reason=EndCause.OVER_SCORING,
    )
