"""Results of the teaching tools. A lesson's texts are markdown for the agent to teach from."""

from typing import Annotated

from pydantic import Field

from server.views.research_results import Result, Shown


class SkillShown(Shown):
    """The learner's standing in one skill."""

    skill: str
    can: Annotated[str, Field(description="what one can do with it")]
    state: Annotated[str, Field(description="new, practised, passed or mastered")]
    missing: Annotated[
        list[str] | None, Field(description="for mastery, once a pass has counted or luck ran out")
    ] = None
    review: Annotated[str | None, Field(description="date of the next review")] = None


class SectionShown(Shown):
    """A piece of a lesson's text; of an explanation there are two, to choose from."""

    section: str
    markdown: str


class CheckShown(Shown):
    """Result of an answer: what was observed, and what may be said about it."""

    exercise: str
    passed: bool
    seen: Annotated[str, Field(description="what the grader saw")]
    misconception: Annotated[str | None, Field(description="what the answer shows")] = None
    smallest_input: Annotated[str | None, Field(description="arguments that show it")] = None
    gave: Annotated[str | None, Field(description="what the learner's code gave for them")] = None
    praise_only_for: Annotated[list[str], Field(description="facts; none: do not praise")]
    tries: Annotated[int, Field(description="the learner's own, on this instance")]


class LastCheckShown(CheckShown):
    """The newest of the learner's checks, which you may not have seen."""

    at: str
    via: Annotated[str, Field(description="terminal, form or agent")]


class LessonResult(Result):
    """The learner's place, the section to teach now, and the exercise that follows."""

    course: str
    lesson: str
    title: str
    goal: str
    teach: Annotated[
        list[SectionShown], Field(description="explain this in your own words, one idea at a time")
    ]
    listen_for: Annotated[list[str], Field(description="misconceptions that this task shows")]
    exercise: str | None = None
    kind: str | None = None
    counts_for_mastery: Annotated[
        bool | None, Field(description="whether a pass can; predict and faded are practice")
    ] = None
    task: str | None = None
    workbook: Annotated[str | None, Field(description="the learner types here, not you")] = None
    taught_file: Annotated[
        str | None, Field(description="the learner's copy, to run and to try things in")
    ] = None
    last_check: LastCheckShown | None = None
    done: list[str]
    left: list[str]
    due_reviews: list[str]
    notes: list[str] | None = None


class MarkedResult(CheckShown, Result):
    """Result of a submission."""

    counts_for_mastery: bool
    why_not: str | None = None
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
    mastery: Annotated[str, Field(description="what it takes, for each skill")]
    last_check: LastCheckShown | None = None
    due_reviews: list[str]
    chart: Annotated[str, Field(description="a text chart to show")]
    notes: list[str] | None = None
