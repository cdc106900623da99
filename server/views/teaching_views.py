"""Turn the teacher's records into what a client gets: sentences, dates, a chart."""

import re
from typing import TYPE_CHECKING, Any

from autoresearch.sandboxes.base import all_confined
from curricula.exercise import Kind
from curricula.mastery.luck import PASSES
from curricula.mastery.standing import RULE, SkillStanding, Standing, State
from curricula.teacher_steps import HintShown, Marked, Step
from server.views.figures import count
from server.views.teaching_results import (
    HintResult,
    LastCheckShown,
    LessonResult,
    LessonShown,
    MarkedResult,
    ProgressResult,
    SectionShown,
    SkillShown,
)
from server.views.trust import loudly

if TYPE_CHECKING:
    from curricula.content.catalog import Course

DEFAULT = "microgpt"
MARKS = {State.NEW: "·", State.PRACTISED: "░", State.PASSED: "▒", State.MASTERED: "█"}


def lesson_result(
    course: "Course", step: Step, last: Marked | None, notes: tuple[str, ...]
) -> LessonResult:
    """Return start_lesson's answer: what to teach now."""
    total = len(step.done) + len(step.left)
    where = f"{step.lesson}: {len(step.done)} of {count(total, 'exercise')} passed"
    if step.placement:
        left = count(len(step.left), "test exercise")
        where = f"{step.lesson}: pass {left} without help, one for each skill, to skip the lesson"
    due = list(step.standing.due)
    return LessonResult(
        summary=f"{where}; {count(len(due), 'review')} due." if due else f"{where}.",
        next_step=_after_opening(course, step),
        course=course.id,
        lesson=step.lesson,
        title=step.title,
        goal=step.goal,
        teach=[one for title, text in step.sections for one in _sections(title, text)],
        listen_for=list(step.misconceptions),
        exercise=step.exercise or None,
        kind=step.kind or None,
        counts_for_mastery=Kind(step.kind).counts if step.kind else None,
        task=step.statement or None,
        workbook=str(step.workbook) if step.workbook else None,
        taught_file=str(step.taught_file) if step.taught_file else None,
        last_check=_last_check(last),
        done=list(step.done),
        left=list(step.left),
        due_reviews=due,
        notes=list(notes) or None,
    )


def marked_result(course: "Course", marked: Marked) -> MarkedResult:
    """Return submit_exercise's answer."""
    found = marked.grade
    passed = "passed" if found.passed else "not passed"
    if marked.already:
        passed = (
            f"already passed with exactly this text on {marked.already:%Y-%m-%d}; nothing new was "
            "recorded"
        )
    skill = skill_shown(course, marked.skill)
    return MarkedResult(
        summary=f"{marked.exercise}: {passed}. {found.words} {skill.skill} is {skill.state}."
        f"{loudly(found.sandbox)}",
        next_step=_after_marking(course, marked),
        **_check(marked),
        counts_for_mastery=marked.counts,
        why_not=marked.why_not or None,
        skill=skill,
        sandbox=found.sandbox if all_confined(found.sandbox) else found.sandbox.upper(),
    )


def hint_result(hint: HintShown) -> HintResult:
    """Return get_hint's answer: the next hint."""
    cost = (
        "a pass can still count for mastery"
        if hint.counts_still
        else "this exercise is practice, so it costs nothing"
        if hint.practice
        else "this instance is now practice; a new one can count for mastery"
    )
    return HintResult(
        summary=f"Hint {hint.level} of {hint.level + hint.left}, a {hint.name}: {cost}.",
        next_step="Give it in your own words without adding anything, and let the learner try "
        "again before the next one.",
        exercise=hint.exercise,
        level=hint.level,
        kind=hint.name,
        hint=hint.text,
        left=hint.left,
        can_still_count=hint.counts_still,
    )


def progress_result(
    course: "Course", standing: Standing, last: Marked | None, notes: tuple[str, ...]
) -> ProgressResult:
    """Return show_progress's answer."""
    every = [skill_shown(course, standing.skills[name]) for name in course.skills]
    skills = [skill for skill in every if skill.state != State.NEW]  # the chart has them all
    mastered = sum(skill.state == State.MASTERED for skill in skills)
    passed = sum(told.passed for told in standing.lessons.values())
    due = list(standing.due)
    return ProgressResult(
        summary=f"{passed} of {len(course.units)} lessons passed, {mastered} of {len(every)} "
        f"skills mastered, {count(len(due), 'review')} due.",
        next_step=f"{call(course, 'start_lesson', lesson='review')} reviews what is due, "
        "before anything new."
        if due
        else f"{call(course, 'start_lesson')} continues.",
        course=course.id,
        lessons=[
            LessonShown(lesson=u.id, title=u.lesson.front.title, state=_state(standing, u.id))
            for u in course.units
        ],
        skills=skills,
        mastery=RULE,
        last_check=_last_check(last),
        due_reviews=due,
        chart=chart(course, standing),
        notes=list(notes) or None,
    )


def call(course: "Course", tool: str, **arguments: str) -> str:
    """Return a tool call as text; it names the course where that is not the default one."""
    if course.id != DEFAULT:
        arguments["course"] = course.name
    return f"{tool}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def skill_shown(course: "Course", skill: SkillStanding) -> SkillShown:
    """Return one skill's standing."""
    return SkillShown(
        skill=skill.skill,
        can=course.skills[skill.skill],
        state=str(skill.state),
        missing=[one.text for one in skill.missing]
        if skill.passes or skill.needed > PASSES
        else None,
        review=f"{skill.due:%Y-%m-%d}" if skill.due else None,
    )


def chart(course: "Course", standing: Standing) -> str:
    """Return a line for each lesson, with its skills as marks, and a legend below."""
    width = max((len(unit.id) for unit in course.units), default=0)
    lines = [
        f"{unit.id:<{width}}  "
        + "".join(MARKS[standing.skills[s].state] for s in unit.lesson.front.skills)
        + f"  {_state(standing, unit.id)}"
        for unit in course.units
    ]
    meaning = "  ".join(f"{mark} {state}" for state, mark in MARKS.items())
    return "\n".join([*lines, meaning])


def _sections(title: str, text: str) -> list[SectionShown]:
    """Return a section whole, or each of its explanations separately."""
    first, *rest = re.split(r"^### ", text, flags=re.MULTILINE)
    if not rest:
        return [SectionShown(section=title, markdown=text)]
    found = [SectionShown(section=title, markdown=first.strip())] if first.strip() else []
    for part in rest:
        name, _, body = part.partition("\n")
        found.append(SectionShown(section=f"{title}: {name}", markdown=body.strip()))
    return found


def _check(marked: Marked) -> dict[str, Any]:
    found = marked.grade
    return {
        "exercise": marked.exercise,
        "passed": found.passed,
        "seen": found.words,
        "misconception": marked.belief or None,
        "smallest_input": found.shown_input or None,
        "gave": found.shown_answer or None,
        "praise_only_for": [fact.words for fact in marked.facts],
        "tries": marked.tried,
    }


def _last_check(marked: Marked | None) -> LastCheckShown | None:
    if marked is None:
        return None
    return LastCheckShown(**_check(marked), at=f"{marked.at:%Y-%m-%d %H:%M} UTC", via=marked.via)


def _state(standing: Standing, lesson: str) -> str:
    told = standing.lessons[lesson]
    if told.passed:
        return "placed" if told.placed else "passed"
    return "open" if told.unlocked else "locked"


def _after_opening(course: "Course", step: Step) -> str:
    if not step.exercise:
        ready = [
            u.id
            for u in course.units
            if step.standing.lessons[u.id].unlocked and not step.standing.lessons[u.id].passed
        ]
        then = (
            f"{call(course, 'start_lesson', lesson=ready[0])} is next."
            if ready
            else f"{call(course, 'show_progress')} shows the whole course."
        )
        return f"{step.lesson} is complete. Sum up what was learned and what is due. {then}"
    asks = "Ask what they expect first. " if step.kind == "predict" else ""
    teach = (
        "Teach the sections, then let"
        if step.sections
        else "No new text: explain only what the task needs and was not taught yet, then let"
    )
    return (
        f"{teach} the learner work on {step.exercise} in the workbook. {asks}"
        "When they say that it is ready, call "
        f"{call(course, 'submit_exercise', exercise=step.exercise, file=str(step.workbook))}."
    )


def _after_marking(course: "Course", marked: Marked) -> str:
    if not marked.grade.passed:
        if marked.belief and marked.grade.shown_input:
            return (
                "Say plainly that it is not right yet. Let them predict what their code returns "
                "for smallest_input, run it, and find the misconception themselves; call "
                "get_hint if they are stuck."
            )
        if not marked.grade.shown_input:
            return "Ask them how they arrived at each part of it; call get_hint if they are stuck."
        return "Let them run smallest_input by hand; call get_hint if they are stuck."
    if marked.lesson_passed:
        more = f" Unlocked: {', '.join(marked.newly_unlocked)}." if marked.newly_unlocked else ""
        return f"The lesson is passed.{more} {call(course, 'start_lesson')} continues."
    return f"{call(course, 'start_lesson')} opens the next part of this lesson."
