"""What the teaching tools answer. Texts of a lesson are markdown for the agent to teach from."""

from typing import Annotated

from pydantic import Field

from server.results import Result, Shown


class SkillShown(Shown):
    """Where the learner stands in one skill."""

    skill: str
    can: Annotated[str, Field(description="what one can do with it")]
    state: Annotated[str, Field(description="new, practised, passed or mastered")]
    missing: Annotated[list[str], Field(description="for mastery")]
    review: Annotated[str | None, Field(description="date of the next review")] = None


class LessonResult(Result):
    """Where the learner is, what to teach now, and the exercise that follows."""

    course: str
    lesson: str
    title: str
    goal: str
    teach: Annotated[str, Field(description="explain this in your own words, one idea at a time")]
    listen_for: Annotated[list[str], Field(description="misconceptions of this lesson")]
    exercise: str | None = None
    kind: str | None = None
    counts_for_mastery: Annotated[
        bool | None, Field(description="whether a pass can; predict and faded are practice")
    ] = None
    task: str | None = None
    workbook: Annotated[str | None, Field(description="the learner types here, not you")] = None
    done: list[str]
    left: list[str]
    due_reviews: list[str]
    notes: list[str] | None = None


class MarkedResult(Result):
    """What came of a submission."""

    exercise: str
    passed: bool
    seen: Annotated[str, Field(description="what the grader saw")]
    misconception: Annotated[str | None, Field(description="what the answer shows")] = None
    smallest_input: Annotated[str | None, Field(description="arguments that show it")] = None
    gave: Annotated[str | None, Field(description="what the learner's code gave for them")] = None
    praise_only_for: Annotated[list[str], Field(description="facts; none: do not praise")]
    counts_for_mastery: bool
    why_not: str | None = None
    tries: Annotated[int, Field(description="the learner's own, on this instance")]
    skill: SkillShown
    sandbox: str


class HintResult(Result):
    """One rung of the ladder."""

    exercise: str
    level: int
    kind: Annotated[str, Field(description="question, place, concept, pseudocode, worked sibling")]
    hint: str
    left: int
    can_still_count: Annotated[bool, Field(description="for mastery")]


class LessonShown(Shown):
    """One lesson in the list."""

    lesson: str
    title: str
    state: Annotated[str, Field(description="locked, open, passed or placed")]


class ProgressResult(Result):
    """The learner's standing."""

    course: str
    lessons: list[LessonShown]
    skills: list[SkillShown]
    due_reviews: list[str]
    chart: Annotated[str, Field(description="a text chart to show")]
    notes: list[str] | None = None
