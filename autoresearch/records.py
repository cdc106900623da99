"""Frozen records and enums that the lab's parts hand to each other.

Plain dataclasses, so that a supervisor starts without pydantic; the ledger validates them with
pydantic when it reads them back. Times are seconds since the epoch, durations seconds.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar


class Outcome(StrEnum):
    """Outcome of an experiment's verdict."""

    KEEP = "keep"
    DISCARD = "discard"
    INCONCLUSIVE = "inconclusive"
    CRASHED = "crashed"
    TAINTED = "tainted"


MOST_VALUE = 1e100  # of a metric, so that the judge can square what lies between two


class RunState(StrEnum):
    """State of a run; the last five are final."""

    QUEUED = "queued"
    TRAINING = "training"
    SCORING = "scoring"
    FINISHED = "finished"
    CRASHED = "crashed"
    STOPPED = "stopped"
    LOST = "lost"  # to no fault of its own: it is run again
    TAINTED = "tainted"  # the machine disturbed it, which was seen before its score was read

    @property
    def final(self) -> bool:
        """Return True if a run in this state will never change again."""
        return self not in (RunState.QUEUED, RunState.TRAINING, RunState.SCORING)

    @property
    def repeated(self) -> bool:
        """Return True if a run that ended so tells nothing about its code and is repeated."""
        return self in (RunState.LOST, RunState.TAINTED)


class EndCause(StrEnum):
    """Why a run ended: for programs, as its report's `reason` is for people.

    Ledgers keep these names: one can be added, none renamed.
    """

    MEASURED = "measured"

    COMMAND_NOT_STARTED = "command_not_started"
    EXCEPTION = "exception"
    EXIT_STATUS = "exit_status"
    SIGNAL = "signal"
    OUT_OF_MEMORY = "out_of_memory"  # it could not get more, or the kernel ended it
    OUT_OF_GPU_MEMORY = "out_of_gpu_memory"
    OVER_MEMORY = "over_memory"  # the supervisor saw it above its limit; so the next two
    TOO_MANY_PROCESSES = "too_many_processes"
    OVER_DISK = "over_disk"
    OVER_TIME = "over_time"
    HUNG = "hung"  # over its time, almost none of it on a CPU
    NO_CHECKPOINT = "no_checkpoint"
    BAD_CHECKPOINT = "bad_checkpoint"
    NO_NUMBER = "no_number"  # what it reports itself can't be read, or not believed
    MODEL_FAILED = "model_failed"  # while it was scored
    OVER_SCORING = "over_scoring"  # it took more seconds to load or to answer than a model may
    TREE_CHANGED = "tree_changed"
    GUARD_FAILED = "guard_failed"
    UNKILLABLE = "unkillable"

    ASKED_TO_STOP = "asked_to_stop"
    STOPPED_EARLY = "stopped_early"  # its curve fell behind the incumbent's

    PREEMPTED = "preempted"  # a control run that gave its device to an experiment
    NEVER_STARTED = "never_started"
    NO_DEVICE = "no_device"
    NO_SANDBOX = "no_sandbox"
    SCORER_FAILED = "scorer_failed"
    SUPERVISOR_TOLD_TO_END = "supervisor_told_to_end"  # as a logout tells it
    SUPERVISOR_FAILED = "supervisor_failed"
    SUPERVISOR_DIED = "supervisor_died"
    DATA_CHANGED = "data_changed"

    DISTURBED = "disturbed"
    GPU_CROWDED = "gpu_crowded"  # out of a GPU's memory that somebody else held

    @property
    def state(self) -> RunState:
        """The final state of a run that ended so."""
        return _STATES.get(self, RunState.CRASHED)

    @property
    def short_of_memory(self) -> bool:
        """Return True if more of the machine's own memory could have helped."""
        return self in (EndCause.OUT_OF_MEMORY, EndCause.OVER_MEMORY)


_STATES = {
    EndCause.MEASURED: RunState.FINISHED,
    EndCause.ASKED_TO_STOP: RunState.STOPPED,
    EndCause.STOPPED_EARLY: RunState.STOPPED,
    EndCause.PREEMPTED: RunState.LOST,
    EndCause.NEVER_STARTED: RunState.LOST,
    EndCause.NO_DEVICE: RunState.LOST,
    EndCause.NO_SANDBOX: RunState.LOST,
    EndCause.SCORER_FAILED: RunState.LOST,
    EndCause.SUPERVISOR_TOLD_TO_END: RunState.LOST,
    EndCause.SUPERVISOR_FAILED: RunState.LOST,
    EndCause.SUPERVISOR_DIED: RunState.LOST,
    EndCause.DATA_CHANGED: RunState.LOST,
    EndCause.DISTURBED: RunState.TAINTED,
    EndCause.GPU_CROWDED: RunState.TAINTED,
}  # all others crashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Effect and confidence that the proposer expects, recorded before any run."""

    effect: float  # metric units, positive is better
    confidence: float  # probability that the metric improves, 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposer:
    """Proposer of an experiment: the MCP client and the model, as they named themselves."""

    client: str
    client_version: str = ""
    model: str = ""
    worker: str = ""  # of a campaign, such as c1/w2; "": nobody's


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file of a patch, with the touched lines as (first, last) in the base, 1-based."""

    path: str
    added: int
    removed: int
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One hypothesis and one patch on one base commit. `e0` is the original code."""

    id: str
    hypothesis: str
    base: str | None  # experiment id; None for e0
    commit: str
    fingerprint: str  # of the normalised editable files, to know a repeat in disguise
    changes: tuple[FileChange, ...]
    brief_sha256: str
    prediction: Prediction | None
    proposer: Proposer
    replay_of: str | None = None  # the experiment whose patch this repeats on a newer incumbent
    stack: tuple[str, ...] = ()  # the near misses whose patches this one puts together
    simpler: int = 0  # syntax nodes fewer than its base, where that makes it a simplification
    simpler_version: int = 1  # of the measure that found it
    normal_form: str = ""  # of the editable files: the same for all ways to write them
    normal_form_version: int = 0  # of what is known to be the same; 0: none was recorded
    reopened_from: str | None = None  # the dead end that it tries again on newer code


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of an experiment's code, planned: its seed is drawn after the commit."""

    id: str  # e7-r2
    experiment: str
    seed: int
    spare_part: int = 0  # which spare part of the held-out documents its score is shown on too
    order: int | None = None  # draws the order of its data, which it is never told; None: its seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Measurement of one run by the scorer."""

    value: float  # in the metric's unit
    documents: int  # held-out documents scored; 0 where the number was not sealed
    tokens: int  # targets predicted
    score_s: float
    spare: float | None = None  # the same on documents that no verdict uses; None: not measured
    said: tuple[tuple[str, float], ...] = ()  # what the run printed beside it: never judged
    load_cpu_s: float = 0.0  # most of one process, to load the model; 0.0 where nobody counted
    score_cpu_s: float = 0.0  # of all processes of the model, to answer


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """End of one run: the last thing that its supervisor writes."""

    run: str
    state: RunState
    reason: str  # one sentence: how it ended, with the true exception if it crashed
    started: float
    ended: float
    wall_s: float
    cpu_s: float
    tokens: int  # training tokens served, 0 where the budget is not tokens
    device: str
    sandbox: str
    measurement: Measurement | None
    cut: str = ""  # the ceiling that ended the training before its budget was used
    peak_mb: float = 0.0  # of memory, as far as it was seen
    gpu_peak_mb: float = 0.0  # of its GPU's memory; 0.0 where it has none or nobody can tell
    hopeless: str = ""  # why it was ended early: its curve, beside the incumbent's
    cause: EndCause | None = None  # None while it goes on; see old_records for earlier versions'
    guard_numbers: tuple[tuple[str, float], ...] = ()  # that its guards printed, by guard

    @property
    def yielded(self) -> bool:
        """Return True if this control run was ended to make room for an experiment."""
        return self.cause is EndCause.PREEMPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judge's word on one experiment, with the numbers behind it."""

    experiment: str
    base: str
    outcome: Outcome
    effect: float | None  # metric units, positive is better; None where nothing was measured
    low: float | None  # 95 % interval of the effect
    high: float | None
    sigma: float | None  # spread of single runs
    evidence: float | None  # log likelihood ratio for "better" against "no different"
    candidate_runs: tuple[str, ...]
    control_runs: tuple[str, ...]
    noise_runs: tuple[tuple[str, ...], ...]  # the groups whose spread is sigma
    sentence: str
    judge_version: int
    moved_incumbent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """The judge's word that a kept experiment, by runs made since, is behind what it was built on.

    The incumbent is its base again. Numbers as in a verdict.
    """

    experiment: str
    base: str
    effect: float
    low: float
    high: float
    sigma: float
    candidate_runs: tuple[str, ...]  # made since it was kept
    control_runs: tuple[str, ...]
    noise_runs: tuple[tuple[str, ...], ...]
    sentence: str
    judge_version: int


Ruling = TypeVar("Ruling", Verdict, Reversal)  # of the judge


@dataclass(frozen=True, slots=True, kw_only=True)
class LabOpened:
    """The first event: what is researched, and the hashes of what must not change."""

    target: str
    source: str  # "shipped:microgpt" or the repository's path
    source_commit: str  # the user's HEAD, or "" for a shipped target
    contract_sha256: str
    sealed_sha256: str  # of the held-out data's source file, "" where there is none
    product_version: str
    split_sha256: str = ""  # commits to the secret split; see opening.commitment
    contract: str = ""  # its text, where the source's commit does not hold it
    inputs: tuple[tuple[str, str], ...] = ()  # (path, hash) of what git does not carry


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """An experiment was committed."""

    experiment: Experiment


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run was planned and its supervisor is being started."""

    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """A run reached a final state."""

    report: RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict was given."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverted:
    """A kept experiment was taken off the kept line again."""

    reversal: Reversal


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """A lesson was written down beside the evidence."""

    experiment: str
    lesson: str
    proposer: Proposer
