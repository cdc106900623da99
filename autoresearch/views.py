"""Answers of the lab: frozen records, made from the ledger and the run directories.

Effects are in metric units and positive is better, whatever the metric's direction.
"""

from dataclasses import dataclass

from autoresearch.memory.claims import Claim
from autoresearch.memory.dead_ends import ReopenedDeadEnd
from autoresearch.memory.lesson_claims import Doubt
from autoresearch.patches.code_sections import Knob, Span
from autoresearch.records import (
    EndCause,
    Experiment,
    FileChange,
    Outcome,
    Prediction,
    Proposer,
    Reversal,
    RunState,
    Verdict,
)
from autoresearch.run_output.curve import CurvePoint
from autoresearch.verdicts.ending import Ending
from autoresearch.verdicts.track_record import TrackRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run as it is now."""

    id: str
    experiment: str
    state: RunState
    reason: str
    seed: int
    progress: float | None  # 0 to 1 of the budget, where it is known
    elapsed_s: float
    cpu_s: float  # of the whole process tree
    tokens: int  # served to the run
    value: float | None  # the measurement, in the metric's unit
    device: str
    sandbox: str
    curve: tuple[CurvePoint, ...]
    log_digest: str  # untrusted output, cleaned and cut to about 2 KB
    exception: str | None  # the true exception, where the training raised one
    hopeless: str = ""  # why it was stopped early: its curve, beside the incumbent's
    peak_mb: float = 0.0  # of memory; 0.0 where nobody saw it
    gpu_peak_mb: float = 0.0
    cause: EndCause | None = None  # None while it goes on, and where an old record doesn't tell
    cut: str = ""  # the ceiling that ended the training before its budget was used

    @property
    def yielded(self) -> bool:
        """Return True if this control run was ended to make room for an experiment."""
        return self.cause is EndCause.PREEMPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Incumbent:
    """The tip of the kept line."""

    experiment: str
    commit: str
    runs: int
    cpu_s: float | None  # of one run, on average
    mean: float | None
    low: float | None  # 95 % interval of the mean, from the pooled noise
    high: float | None
    sigma: float | None  # spread of single runs; 0.0 where runs repeat exactly
    kept: tuple[str, ...]  # the kept line, e0 first
    instead_of: str | None = None  # the keep that was taken back, so that this is the tip again
    chosen: bool = False  # there are only the runs it was kept on, which were chosen for being good


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One earlier experiment, with what it showed."""

    experiment: str
    base: str | None  # what the effect is against
    hypothesis: str
    outcome: Outcome | None  # None while it is open
    effect: float | None
    low: float | None
    high: float | None
    lesson: str
    changes: tuple[FileChange, ...]
    taken_back: bool  # it was kept once
    built_on_taken_back: str | None  # what was below it and is kept no longer
    overtaken: bool = False  # better than its base, which was the incumbent no more
    sandbox: str  # of the runs that the effect rests on
    near_duplicate: bool = False  # of the patch that it is shown beside
    doubt: Doubt | None = None  # what its lesson claims and its verdict does not bear out
    proposer: Proposer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A definition in an editable file and how often experiments touched its lines."""

    path: str
    name: str
    first: int  # 1-based, inclusive
    last: int
    experiments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A look at the lab."""

    lab: str
    target: str
    description: str
    source: str
    notices: tuple[str, ...]  # uncommitted files that were not taken, a missing sandbox, ...
    metric: str
    unit: str
    direction: str  # "min" or "max"
    scoring: str
    editable: tuple[str, ...]
    budget: str
    devices: str  # what runs may lease, and whether somebody has it now
    sandbox: str
    brief: str
    incumbent: Incumbent
    outcomes: dict[str, int]
    running: tuple[str, ...]
    open_experiments: tuple[str, ...]  # proposed, without a verdict
    recent: tuple[Remembered, ...]  # the newest first
    untouched: tuple[Region, ...]
    taken_back: tuple[Reversal, ...]  # keeps that their own further runs did not bear out
    stackable: tuple[str, ...]  # near misses on lines of their own, in no stack yet
    record: TrackRecord
    ending: Ending | None = None
    reopened: tuple[ReopenedDeadEnd, ...] = ()  # dead ends worth another look
    claims: tuple[Claim, ...] = ()  # ideas that somebody holds now


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An accepted patch."""

    experiment: Experiment
    similar: tuple[Remembered, ...]
    claims: tuple[Claim, ...] = ()  # ideas that others hold now


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An idea that was claimed."""

    claim: Claim
    others: tuple[Claim, ...]  # that others hold
    similar: tuple[Remembered, ...]  # experiments with a similar hypothesis


@dataclass(frozen=True, slots=True, kw_only=True)
class RunValue:
    """One run in an evaluation."""

    run: str
    state: RunState
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The control runs that an experiment is compared with, all together."""

    experiment: str  # whose runs they are
    count: int  # measured, and not too old to compare
    mean: float | None  # metric units
    sigma: float | None  # their own spread; None below two, 0.0 where they repeat exactly
    lost: int  # lost or disturbed by the machine: not counted
    yielded: int  # ended to make room for an experiment: not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Progress of an experiment towards its verdict."""

    experiment: str
    hypothesis: str
    concluded: bool  # its lesson is written down
    verdict: Verdict | None
    effect: float | None  # so far
    low: float | None
    high: float | None
    sigma: float | None
    runs: tuple[RunValue, ...]  # the candidate's: none of e0, which has only controls
    controls: Controls  # of what it was built on; of e0, its own
    running: tuple[str, ...]
    needs: str  # one sentence; "" once there is a verdict
    incumbent: Incumbent
    replayed_as: str | None  # the same patch on the incumbent that came in between
    sandbox: str  # of the runs it rests on; several where they differ
    taken_back: Reversal | None  # it was kept once
    built_on_taken_back: str | None
    ending: Ending | None = None

    @property
    def settled(self) -> bool:
        """Return whether waiting brings nothing more: no verdict, and no confirmation of a goal."""
        if self.verdict is None and self.needs:
            return False
        confirmed = self.ending is None or not self.ending.unconfirmed
        return confirmed or self.experiment != self.incumbent.experiment or not self.running


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """A lesson beside its evidence."""

    experiment: str
    hypothesis: str
    lesson: str
    outcome: Outcome | None
    effect: float | None
    low: float | None  # 95 % interval of the effect
    high: float | None
    prediction: Prediction | None
    incumbent: Incumbent
    verdicts_without_keep: int  # the latest verdicts in a row that kept nothing
    stackable: tuple[str, ...]  # near misses that could be tried together
    sandbox: str  # of the runs it rests on
    ending: Ending | None = None
    doubt: Doubt | None = None  # what the lesson claims and the verdict does not bear out


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSection:
    """Lines of a file with what is known about them."""

    path: str
    first: int
    last: int
    total_lines: int
    code: str  # each line with its number
    editable: bool
    spans: tuple[Span, ...]  # outermost first
    knobs: tuple[Knob, ...]
    experiments: tuple[Remembered, ...]  # those that touched these lines
    commit: str  # the incumbent's
    rest: str | None  # the section to ask for next, where this one was cut
