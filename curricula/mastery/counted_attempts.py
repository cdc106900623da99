"""A record's attempts in their circumstances: which could count for mastery, and why others don't.

A pass that proves little is called padded here; mastery doesn't count it, and praise is silent.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from curricula.exercise import Kind
from curricula.grading.program_equality import fingerprint, outline
from curricula.records.events import Attempt, Event, Hint, Opened

TRIES = 5  # tries on one instance that can count; afterwards it is for practice
FREE_HINTS = 2  # the highest level of a hint that leaves a pass its worth


class NotCounted(StrEnum):
    """Why a pass does not count for mastery; `not_counted_text` explains each."""

    PRACTICE = "practice"  # exercises of this kind never count
    AGENT_WROTE = "agent_wrote"
    AGENT_WROTE_BEFORE = "agent_wrote_before"
    PASSED_BEFORE = "passed_before"
    HINTED = "hinted"
    TOO_MANY_TRIES = "too_many_tries"
    SAME_PROGRAM = "same_program"
    AGENT_PROGRAM = "agent_program"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseInfo:
    """Facts about an exercise that mastery needs."""

    skill: str
    kind: Kind
    lesson: str
    optional: bool = False  # the lesson is passed without it
    entry: str = ""  # the name that an answer defines; "" where it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt, with what had happened before it."""

    attempt: Attempt
    exercise: str
    info: ExerciseInfo
    number: int  # of the learner's tries on this instance, from 1; 0 for the agent's
    hint: int  # the highest level seen on this instance by then; 0 is none
    failed: int  # of the learner's tries on this instance before it
    padding: NotCounted | None  # why a pass of it proves little; None if it would prove something

    @property
    def own(self) -> bool:
        """Return whether the learner wrote the answer."""
        return self.attempt.author == "learner"

    @property
    def chance(self) -> bool:
        """Return whether the attempt could count for mastery, so that a failure is a miss."""
        return self.info.kind.counts and not self.padding

    @property
    def counts(self) -> bool:
        """Return whether the attempt counts for mastery."""
        return self.attempt.passed and self.chance

    @property
    def not_counted(self) -> NotCounted | None:
        """Why this pass does not count for mastery; None if it counts, or was no pass."""
        if self.counts or not self.attempt.passed:
            return None
        return self.padding or NotCounted.PRACTICE


@dataclass(slots=True)
class _Instance:
    """Events on one instance so far."""

    hint: int = 0
    tries: int = 0
    failed: int = 0
    passed: bool = False
    agent_wrote: bool = False


@dataclass(slots=True)
class _Seen:
    instances: dict[str, _Instance] = field(default_factory=lambda: defaultdict(_Instance))
    # The programs that passed, and all that the agent wrote, for each skill.
    programs: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    # Outlines of what the agent wrote and saw pass, or not fail in time, for each skill.
    agents: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def tries(exercises: Mapping[str, ExerciseInfo], events: Iterable[Event]) -> Iterator[Try]:
    """The attempts on these exercises, in order. Others, and those never opened, are left out."""
    events = tuple(events)
    opened = {event.instance: event.exercise for event in events if isinstance(event, Opened)}
    seen = _Seen()
    for event in events:
        if isinstance(event, Hint):
            instance = seen.instances[event.instance]
            instance.hint = max(instance.hint, event.level)
        elif isinstance(event, Attempt):
            exercise = opened.get(event.instance, "")
            info = exercises.get(exercise)
            if info is not None:
                yield _tried(event, exercise, info, seen)


def _tried(attempt: Attempt, exercise: str, info: ExerciseInfo, seen: _Seen) -> Try:
    instance = seen.instances[attempt.instance]
    own = attempt.author == "learner"
    instance.tries += own
    found = Try(
        attempt=attempt,
        exercise=exercise,
        info=info,
        number=instance.tries if own else 0,
        hint=instance.hint,
        failed=instance.failed,
        padding=_padding(attempt, instance) or _seen_before(attempt, info, seen),
    )
    if attempt.passed or not own:
        seen.programs[info.skill].add(fingerprint(attempt.submission, info.entry))
    if (attempt.passed or attempt.out_of_time) and not own:
        seen.agents[info.skill].add(outline(attempt.submission, info.entry))
    instance.failed += own and not attempt.passed
    instance.passed |= own and attempt.passed
    instance.agent_wrote |= not own
    return found


def _seen_before(attempt: Attempt, info: ExerciseInfo, seen: _Seen) -> NotCounted | None:
    """Why a pass is no new program of the learner's, if it is none."""
    if not attempt.passed:
        return None
    programs, agents = seen.programs[info.skill], seen.agents[info.skill]
    if programs and fingerprint(attempt.submission, info.entry) in programs:
        return NotCounted.SAME_PROGRAM
    # A fixed program is the same one whoever fixed it, so there the agent's says nothing.
    fixed = info.kind is Kind.BUG
    if agents and not fixed and outline(attempt.submission, info.entry) in agents - {""}:
        return NotCounted.AGENT_PROGRAM
    return None


def _padding(attempt: Attempt, instance: _Instance) -> NotCounted | None:
    """Why a pass proves little; the instance's tries include this one."""
    causes = {
        NotCounted.AGENT_WROTE: attempt.author == "agent",
        NotCounted.AGENT_WROTE_BEFORE: instance.agent_wrote,
        NotCounted.PASSED_BEFORE: instance.passed,
        NotCounted.HINTED: instance.hint > FREE_HINTS,
        NotCounted.TOO_MANY_TRIES: instance.tries > TRIES,
    }
    for cause, holds in causes.items():
        if holds:
            return cause
    return None


def not_counted_text(cause: NotCounted, attempt: Try) -> str:
    """Return the cause as a clause, for example "a hint of level 3 was taken"."""
    return {
        NotCounted.PRACTICE: f"a {attempt.info.kind} exercise is practice",
        NotCounted.AGENT_WROTE: "the agent wrote it",
        NotCounted.AGENT_WROTE_BEFORE: "the agent wrote an answer to the same instance before",
        NotCounted.PASSED_BEFORE: "the same instance was passed before",
        NotCounted.HINTED: f"a hint of level {attempt.hint} was taken",
        NotCounted.TOO_MANY_TRIES: f"it took more than {TRIES} tries",
        NotCounted.SAME_PROGRAM: "it is the same program as an earlier one",
        NotCounted.AGENT_PROGRAM: "it is a program that the agent wrote before, with other numbers "
        "or names",
    }[cause]
