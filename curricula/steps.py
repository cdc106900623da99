"""What the teacher answers: the next step, a mark, a hint; for tools and commands to word."""

from dataclasses import dataclass
from pathlib import Path

from curricula.facts import Fact
from curricula.grader import Grade
from curricula.mastery import SkillStanding, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to teach now, and the exercise that follows."""

    lesson: str
    title: str
    goal: str
    sections: tuple[tuple[str, str], ...]  # (title, markdown) up to the exercise
    misconceptions: tuple[str, ...]  # to listen for
    exercise: str = ""  # "" where nothing is left to do in the lesson
    kind: str = ""
    statement: str = ""
    workbook: Path | None = None
    instance: str = ""
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()  # exercises of the lesson, this one included
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What came of a submission."""

    exercise: str
    lesson: str
    grade: Grade
    belief: str  # the misconception in words, "" where none was recognised
    facts: tuple[Fact, ...]  # what praise may rest on
    counts: bool  # whether this pass counts for mastery
    why_not: str  # why it does not
    tried: int  # own attempts on this instance
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
