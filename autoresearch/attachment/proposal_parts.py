"""A proposed contract: each part with its evidence and how certain it is.

Pure records; `wording.py` makes a contract's text of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Sureness(StrEnum):
    """Certainty of one part of a proposal."""

    SAID = "you said so"
    FOUND = "found"
    GUESSED = "a guess"


@dataclass(frozen=True, slots=True)
class Part(Generic[T_co]):
    """One part of a proposal."""

    value: T_co
    why: str  # the evidence, such as "README.md says `python train.py`"
    sure: Sureness = Sureness.FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Source of a metric's number: the fields of [metric] except its direction."""

    name: str
    scoring: str = "stdout"  # or "clock"
    pattern: str = ""
    file: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A contract in the making. None is what can't be known and must be asked."""

    name: Part[str]
    command: Part[tuple[str, ...]] | None = None
    metric: Part[Meter] | None = None
    direction: Part[str] | None = None  # "min" or "max"
    edit: Part[tuple[str, ...]] | None = None
    budget_s: Part[float]
    ends: bool = True  # by itself, so that the seconds are a time-out; else it spends them
    python: Part[str]  # a full path; "" is this product's own
    packages: Part[tuple[str, ...]] | None = None  # that uv installs, instead of `python`
    lock: Part[str] | None = None  # a uv.lock of the repository, instead of `packages`
    device: Part[str] | None = None  # None: a CPU
    memory_mb: Part[int] | None = None  # None: what a contract has that says nothing
    inputs: Part[tuple[str, ...]]
    network: Part[bool]
    guards: Part[Mapping[str, tuple[str, ...]]]
    env: Part[Mapping[str, str]]
    text: Part[str] | None = None  # a whole contract, where a recogniser wrote one
    goal: Part[float] | None = None  # a value that is good enough
    most: Part[Mapping[str, float]] = Part({}, "")  # experiments and hours, of [stop]
    needed: tuple[str, ...] = ()  # modules that it imports from elsewhere
    unknown: tuple[str, ...] = ()  # of these, what nothing has, declares, or knows
    submodules: tuple[str, ...] = ()  # of the repository
    notebooks: tuple[str, ...] = ()  # of the repository, where no program was found
    folder: str = ""  # of the repository in which the command starts; parts are relative to it
    leave_out: tuple[str, ...] = ()  # paths and variables that runs are to lack, as the user said
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by part, where several

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts that must be asked, in the order in which they are."""
        if self.text is not None:
            return ()
        return tuple(name for name in ASKED if getattr(self, name) is None)


ASKED = ("command", "edit", "metric", "direction")
OPTIONS = {
    "command": '--command "python work.py"',
    "edit": "--edit work.py",
    "metric": "--metric NAME",
    "direction": "--direction min",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers that the user gave, by options or at the prompt; None or empty where none."""

    command: str = ""
    metric: str = ""
    direction: str = ""
    edit: tuple[str, ...] = ()
    pattern: str = ""
    metric_file: str = ""  # a JSON file that the run writes into its tree
    budget_s: float | None = None
    inputs: tuple[str, ...] = ()
    python: str = ""
    packages: tuple[str, ...] = ()  # to install, though nothing declares them
    network: bool = False
    guards: tuple[str, ...] = ()  # "name=command"
    goal: float | None = None
    experiments: int | None = None
    hours: float | None = None
    env: tuple[str, ...] = ()  # "NAME=value", or "NAME" for the user's own value
    leave_out: tuple[str, ...] = ()  # paths and names of variables
