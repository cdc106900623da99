"""An exercise as its author defines it: how it is drawn, checked, solved and answered wrongly.

Its words (task, starter, hints) stand in the lesson's markdown; here is what a machine needs. All
of it stays in the grader's process: a learner's code sees no reference, solution or mutant.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import TypeAlias

# What JSON can say. Learners' answers come back as nothing else.
Plain: TypeAlias = "bool | int | float | str | Sequence[Plain] | Mapping[str, Plain] | None"
Params: TypeAlias = Mapping[str, Plain]
Case: TypeAlias = Sequence[Plain]  # the arguments of one call


class Kind(StrEnum):
    """The section that an exercise stands in."""

    PREDICT = "predict"
    FADED = "faded"
    WRITE = "write"
    BUG = "bug"
    TRANSFER = "transfer"

    @property
    def counts(self) -> bool:
        """Return whether a pass counts for mastery; other kinds are practice."""
        return self in (Kind.WRITE, Kind.BUG, Kind.TRANSFER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A wrong answer: one of the solutions with a text replaced, or a source of its own."""

    name: str
    find: str = ""  # occurs in the solution, before its parameters are filled in
    replace: str = ""
    of: int = 0  # which of the solutions
    source: str = ""  # instead of the three above; jinja, with the instance's parameters as `p`
    stands_for: str = ""  # the misconception that it shows, if it shows one
    equivalent: str = ""  # why it is no mutant after all, for one that must pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One exercise; each attempt gets fresh cases, each opening fresh parameters.

    `draw(rng)` gives the parameters `p` that its task, starter and solutions are filled in with.
    `cases(rng, p)` gives the calls that an attempt is checked with, the smallest first.
    `reference(p, *args)` gives the right answer of one call as plain data.
    `check(p, args, answer)` replaces the comparison with it: "" or what is violated, in words.
    `misconceptions` maps an id of the lesson's to what code that holds it returns, or raises.
    `shown(p, *args)` words a call, where its arguments are not what a learner would write.
    `driver` is the source of `drive(entry, *args)`, run beside the learner's code.
    """

    id: str
    skill: str
    entry: str  # the name that the learner's code must define
    draw: Callable[[Random], Params]
    cases: Callable[[Random, Params], Sequence[Case]]
    reference: Callable[..., Plain]
    solutions: tuple[str, ...]
    mutants: tuple[Mutant, ...]
    tolerance: float = 1e-6  # of floats, relative and absolute
    driver: str = ""
    shown: Callable[..., str] | None = None
    check: Callable[[Params, Case, Plain], str] | None = None
    misconceptions: Mapping[str, Callable[..., Plain]] = field(default_factory=dict)
