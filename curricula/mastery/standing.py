"""From events to what a learner has mastered, and when it is due for review. Pure: no clock.

A skill is mastered once the learner's record shows, on `write`, `bug` or `transfer` exercises:
two passes of their own on different instances, the last a day or more after the first, each within
the first five tries on its instance, with no hint above level 2 and another program each time, at
least one of them outside the agent. Many misses ask for a third pass (`luck.py`).
docs/decisions/12-mastery.md says why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from curricula.mastery.counted_attempts import (
    FREE_HINTS,
    TRIES,
    ExerciseInfo,
    NotCounted,
    Try,
    tries,
)
from curricula.mastery.luck import PASSES, passes_needed
from curricula.records.events import UNSTAMPED, Event, Opened, Placed, Via

if TYPE_CHECKING:
    from fsrs import Card, Rating

__all__ = [
    "ExerciseInfo",
    "LessonStanding",
    "Missing",
    "MissingCause",
    "Pass",
    "SkillStanding",
    "Standing",
    "State",
    "standing",
]

APART = timedelta(hours=24)
OUTSIDE = ("terminal", "form")
_COUNTS = ("no", "one", "two", "three", "four", "five", "six")
OUTSIDE_TEXT = "one of them in a terminal or in the client's form"


def _number(count: int) -> str:
    return _COUNTS[count] if count < len(_COUNTS) else str(count)


def _whole(needed: int) -> str:
    return (
        f"{_number(needed)} passes on different instances, the last a day or more after the "
        f"first, each within {TRIES} tries and with no hint above level {FREE_HINTS}"
    )


RULE = f"{_whole(PASSES)}, {OUTSIDE_TEXT}"  # what a skill takes, unless many misses ask for more


class State(StrEnum):
    """A learner's state in one skill."""

    NEW = "new"  # nothing was tried
    PRACTISED = "practised"  # tried; nothing passed that goes beyond practice
    PASSED = "passed"  # an exercise beyond practice was passed by the learner
    MASTERED = "mastered"


class MissingCause(StrEnum):
    """Cause why a skill is not mastered yet."""

    ALL_PASSES = "all_passes"  # none counts yet
    TOO_CLOSE = "too_close"  # the passes lie less than a day apart
    MORE_PASSES = "more_passes"  # many misses ask for more
    OUTSIDE = "outside"  # none was made in a terminal or in the client's form


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One thing that a skill still lacks for mastery."""

    cause: MissingCause
    passes: int  # how many passes are lacking; 0 where it is not passes
    text: str
    not_before: datetime | None = None  # for TOO_CLOSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A pass of the learner's beyond practice."""

    at: datetime
    exercise: str
    instance: str
    via: Via
    hint: int  # the highest level seen on the instance; 0 is none
    padding: NotCounted | None  # why it does not count for mastery; None if it does


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillStanding:
    """A learner's standing in one skill."""

    skill: str
    state: State
    passes: tuple[Pass, ...]  # those that count
    others: tuple[Pass, ...]  # those that don't, each with why
    missed: int  # failed tries that could have counted
    needed: int  # passes that mastery takes after these
    missing: tuple[Missing, ...]  # for mastery; none once it is reached
    mastered_at: datetime | None
    due: datetime | None  # the next review, as fsrs says; None before the first attempt
    is_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonStanding:
    """A learner's standing in one lesson."""

    lesson: str
    passed: bool  # all its exercises were passed by the learner at least once, or it was skipped
    placed: bool  # skipped by a placement test
    unlocked: bool  # all that it builds on is passed
    open_exercises: tuple[str, ...]  # not passed yet
    extra: tuple[str, ...] = ()  # not passed yet, and the lesson is passed without them


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A learner's standing in one course, by the record."""

    skills: Mapping[str, SkillStanding]
    lessons: Mapping[str, LessonStanding]

    @property
    def due(self) -> tuple[str, ...]:
        """The skills to review now, the longest overdue first."""
        found = [(skill.due, skill.skill) for skill in self.skills.values() if skill.is_due]
        return tuple(name for _, name in sorted(found, key=lambda pair: pair[0] or UNSTAMPED))


def standing(
    exercises: Mapping[str, ExerciseInfo],
    skills: Sequence[str],
    events: Iterable[Event],
    now: datetime,
    *,
    lessons: Mapping[str, Sequence[str]] | None = None,
    course: str = "",
) -> Standing:
    """Return the standing that these events give at that time.

    `lessons` maps each lesson to those that it builds on; without it, none builds on another.
    `course` leaves out what was opened in another course.
    """
    kept = [event for event in events if _of_course(event, course)]
    by_skill: dict[str, list[Try]] = {skill: [] for skill in skills}
    for one in tries(exercises, kept):
        by_skill.setdefault(one.info.skill, []).append(one)
    passed = {
        one.exercise
        for found in by_skill.values()
        for one in found
        if one.own and one.attempt.passed
    }
    placed = {event.lesson for event in kept if isinstance(event, Placed)}
    if lessons is None:
        lessons = {info.lesson: () for info in exercises.values()}
    return Standing(
        skills={skill: _skill(skill, by_skill[skill], now) for skill in skills},
        lessons=_lessons(exercises, lessons, passed, placed),
    )


def _of_course(event: Event, course: str) -> bool:
    return not course or not isinstance(event, Opened | Placed) or event.course in {course, ""}


def _skill(skill: str, found: Sequence[Try], now: datetime) -> SkillStanding:
    counting: list[Pass] = []
    others: list[Pass] = []
    missed, mastered_at = 0, None
    for one in found:
        if one.attempt.passed and one.own and one.info.kind.counts:
            (counting if one.counts else others).append(_pass(one))
        missed += one.chance and not one.attempt.passed
        if mastered_at is None and one.counts and not _missing(counting, missed):
            mastered_at = one.attempt.at
    due = _due(found)
    return SkillStanding(
        skill=skill,
        state=_state(found, bool(counting or others), mastered_at),
        passes=tuple(counting),
        others=tuple(others),
        missed=missed,
        needed=passes_needed(missed),
        missing=() if mastered_at else tuple(_missing(counting, missed)),
        mastered_at=mastered_at,
        due=due,
        is_due=due is not None and due <= now,
    )


def _state(found: Sequence[Try], passed: bool, mastered_at: datetime | None) -> State:
    if mastered_at:
        return State.MASTERED
    if passed:
        return State.PASSED
    return State.PRACTISED if found else State.NEW


def _pass(one: Try) -> Pass:
    return Pass(
        at=one.attempt.at,
        exercise=one.exercise,
        instance=one.attempt.instance,
        via=one.attempt.via,
        hint=one.hint,
        padding=one.padding,
    )


def _missing(passes: Sequence[Pass], missed: int) -> list[Missing]:
    """Return what is still missing for mastery; nothing if it is reached."""
    needed, missing = passes_needed(missed), []
    lacking = needed - len(passes)
    if not passes:
        missing.append(Missing(cause=MissingCause.ALL_PASSES, passes=needed, text=_whole(needed)))
    elif (later := passes[0].at + APART) > passes[-1].at:
        more = "a pass on another instance" if lacking < 2 else f"{_number(lacking)} more passes"
        missing.append(
            Missing(
                cause=MissingCause.TOO_CLOSE,
                passes=max(lacking, 1),
                text=f"{more}, a day or more after the first: from {later:%Y-%m-%d %H:%M} UTC",
                not_before=later,
            )
        )
    elif lacking > 0:
        more = "a pass" if lacking == 1 else f"{_number(lacking)} passes"
        missing.append(
            Missing(
                cause=MissingCause.MORE_PASSES,
                passes=lacking,
                text=f"{more} more, since {missed} tries failed: {_number(needed)} in all",
            )
        )
    if not any(one.via in OUTSIDE for one in passes):
        missing.append(Missing(cause=MissingCause.OUTSIDE, passes=0, text=OUTSIDE_TEXT))
    return missing


def _lessons(
    exercises: Mapping[str, ExerciseInfo],
    lessons: Mapping[str, Sequence[str]],
    passed: set[str],
    placed: set[str],
) -> dict[str, LessonStanding]:
    still_open: dict[str, list[str]] = {lesson: [] for lesson in lessons}
    extra: dict[str, list[str]] = {lesson: [] for lesson in lessons}
    for name, info in exercises.items():
        if name not in passed:
            (extra if info.optional else still_open).setdefault(info.lesson, []).append(name)
    done = {lesson for lesson in lessons if lesson in placed or not still_open[lesson]}
    return {
        lesson: LessonStanding(
            lesson=lesson,
            passed=lesson in done,
            placed=lesson in placed,
            unlocked=all(before in done for before in prerequisites),
            open_exercises=tuple(still_open[lesson]),
            extra=tuple(extra[lesson]),
        )
        for lesson, prerequisites in lessons.items()
    }


def _due(found: Sequence[Try]) -> datetime | None:
    """When fsrs would have the skill reviewed, after all that rated it."""
    card: Card | None = None
    for at, rating in _ratings(found):
        card = _reviewed(card, rating, at)
    return card.due if card else None


def _ratings(found: Sequence[Try]) -> list[tuple[datetime, "Rating"]]:
    """Yield the ratings of a skill's card: the first try on each instance, and a pass after it."""
    from fsrs import Rating

    ratings: list[tuple[datetime, Rating]] = []
    passed: set[str] = set()
    for one in found:
        attempt = one.attempt
        if not one.own or attempt.instance in passed:
            continue
        if attempt.passed:
            passed.add(attempt.instance)
            hard = one.hint > FREE_HINTS or one.number > 1
            ratings.append((attempt.at, Rating.Hard if hard else Rating.Good))
        elif one.number == 1:
            ratings.append((attempt.at, Rating.Again))
    return ratings


def _reviewed(card: "Card | None", rating: "Rating", at: datetime) -> "Card":
    from fsrs import Card, Scheduler

    scheduler = Scheduler(enable_fuzzing=False, learning_steps=(), relearning_steps=())
    at = at.astimezone(UTC)
    if card is None:
        card = Card(card_id=1, due=at)  # without these it would ask the clock, and wait for it
    return scheduler.review_card(card, rating, at)[0]
