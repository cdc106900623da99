"""The teacher's answers as records: the next step, a mark, a hint. Others put them in words."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from curricula.grading.grader import Grade
from curricula.mastery.counted_attempts import NotCounted
from curricula.mastery.facts import Fact
from curricula.mastery.standing import SkillStanding, Standing
from curricula.records.events import Via


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The section to teach now, and the exercise that follows."""

    lesson: str
    title: str
    goal: str
    sections: tuple[tuple[str, str], ...]  # (title, markdown) up to the exercise
    misconceptions: tuple[str, ...]  # to listen for
    exercise: str = ""  # "" where nothing is left to do in the lesson
    kind: str = ""
    statement: str = ""
    workbook: Path | None = None
    taught_file: Path | None = None  # the learner's own copy
    instance: str = ""
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()  # exercises of the lesson or of its test, this one included
    placement: bool = False  # a test of what is known already: one exercise a skill
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Result of a submission."""

    exercise: str
    lesson: str
    grade: Grade
    belief: str  # the misconception in words, "" where none was recognised
    facts: tuple[Fact, ...]  # what praise may rest on
    counts: bool  # whether this pass counts for mastery
    not_counted: NotCounted | None  # why a pass does not; None if it counts or there was no pass
    why_not: str  # the same as a clause; "" where there is no cause
    tried: int  # own attempts on this instance
    at: datetime
    via: Via
    already: datetime | None = None  # passed then with the same text, so nothing was recorded now
    skill: SkillStanding
    lesson_passed: bool
    newly_unlocked: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HintShown:
    """One rung of the ladder."""

    exercise: str
    level: int
    name: str
    text: str
    left: int
    counts_still: bool  # whether a pass of this instance can count for mastery
    practice: bool = False  # no pass of this exercise ever counts
