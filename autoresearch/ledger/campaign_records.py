"""Records of campaigns and of claimed ideas, as the ledger holds them. Frozen, plain dataclasses.

Times are seconds since the epoch, durations seconds. Ledgers keep the names of the enums: one can
be added, none renamed.
"""

from dataclasses import dataclass
from enum import StrEnum


class CampaignEnd(StrEnum):
    """Why a campaign ended."""

    HOURS = "hours"
    EXPERIMENTS = "experiments"
    RUNS = "runs"
    DEVICE_HOURS = "device_hours"
    TOKENS = "tokens"
    MONEY = "money"
    TARGET = "target"  # the value that the user asked for, confirmed
    PLATEAU = "plateau"  # nothing was kept for as many experiments as the user set
    CONTRACT = "contract"  # the contract's own goal or limit
    STOPPED = "stopped"  # the user's word
    NO_WORKERS = "no_workers"  # every worker gave up


class Steering(StrEnum):
    """Instruction of a user to a campaign that goes on."""

    TELL = "tell"  # words for its agents
    VETO = "veto"  # a glob of files that no patch may touch any more
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


class StartCause(StrEnum):
    """Why a worker's agent was started."""

    FIRST = "first"
    EXITED = "exited"  # the last one ended by itself
    FAILED = "failed"  # the last one ended with an error
    SILENT = "silent"  # the last one called no tool for too long
    REPEATING = "repeating"  # the last one made one refused call again and again
    STUCK = "stuck"  # the ladder's step
    RESUMED = "resumed"  # the campaign went on after a pause or a restart of the machine


class WorkerEnd(StrEnum):
    """Why a worker's agent ended."""

    EXITED = "exited"
    FAILED = "failed"
    SILENT = "silent"
    REPEATING = "repeating"
    STUCK = "stuck"
    NOT_CONNECTED = "not_connected"  # the client did not start, or not this server
    PAUSED = "paused"
    ENDED = "ended"  # with its campaign
    LOST = "lost"  # the supervisor died, or the machine restarted


class LadderStep(StrEnum):
    """Step of the ladder when nothing is kept; in this order."""

    REGION = "region"  # look at other code
    REVISIT = "revisit"  # a reopened dead end, or a stack of near misses
    SEARCH = "search"  # a search takes a wave
    RESTART = "restart"  # fresh agents with a fresh brief
    PLATEAU = "plateau"  # the end


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignBudget:
    """The limits of a campaign: the first that is reached ends it. None: no such limit."""

    hours: float | None = None
    experiments: int | None = None
    runs: int | None = None
    device_hours: float | None = None
    tokens: int | None = None  # of language models, as their clients report them
    money: float | None = None  # US dollars, as the clients estimate them
    target: float | None = None  # of the metric
    plateau: int | None = None  # experiments in a row of which none was kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker of a campaign."""

    name: str  # w1
    agent: str  # "claude-code", "codex", "search" or a command line


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStarted:
    """A campaign was started; its id follows from its place in the ledger."""

    campaign: str  # c1
    budget: CampaignBudget
    workers: tuple[Worker, ...]
    silence_s: float  # without a tool call, after which an agent counts as hung
    grace_s: float  # after the budget's end, for verdicts that are under way
    machine: str  # the machine's id, so that no second machine takes the lab


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSteered:
    """The user told the campaign something."""

    campaign: str
    steering: Steering
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted:
    """A worker's agent was started."""

    campaign: str
    worker: str
    start: int  # 1 for its first
    cause: StartCause
    brief: str  # at most 2 kB, as the agent was given it


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEnded:
    """A worker's agent ended."""

    campaign: str
    worker: str
    start: int
    cause: WorkerEnd
    sentence: str
    session: str = ""  # the client's id of it
    tokens: int = 0
    money: float = 0.0  # US dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRetired:
    """A worker is started no more; the campaign goes on with the others."""

    campaign: str
    worker: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStepped:
    """A step of the ladder was taken."""

    campaign: str
    step: LadderStep
    after: str  # the last experiment that had a verdict
    words: str  # what agents are told to do now


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignEnded:
    """A campaign ended; its last word."""

    campaign: str
    cause: CampaignEnd
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdeaClaimed:
    """Somebody holds an idea for a while, so that nobody else spends runs on it."""

    idea: str  # one line
    area: str  # a path, or a path and a name in it; "" for none
    holder: str  # a campaign's worker, or a client by its name
    until: float


CampaignEvent = (
    CampaignStarted
    | CampaignSteered
    | WorkerStarted
    | WorkerEnded
    | WorkerRetired
    | CampaignStepped
    | CampaignEnded
)
