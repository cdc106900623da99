"""`teach check`, `progress`, `picture`, `export`, `import`, `replay`: what a learner runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from autoresearch.common.files import create_file
from curricula.content.catalog import PLACE
from curricula.errors import CourseError, UnknownNameError
from curricula.records.events import Attempt, Opened
from curricula.workbook import read_workbook
from server.commands.output import JsonOption, print_json, say
from server.sessions.teaching_calls import TeachingCalls
from server.views import figures

if TYPE_CHECKING:
    from curricula.teacher import Teacher
    from server.views.teaching_results import MarkedResult

CourseOption = Annotated[str, Parameter(name="--course", help="A course's name, or its folder.")]


NOT_A_TERMINAL = (
    "This was not a terminal (input or output is a pipe or a file), so the answer is recorded as "
    "given through an agent. Type the command in a terminal for one that counts as yours alone."
)


def check(
    file: Annotated[Path, Parameter(help="A workbook that start_lesson made.")],
    /,
    *,
    course: CourseOption = "microgpt",
    json: JsonOption = False,
) -> int:
    """Grade a workbook on fresh checks and record the result. Exit 1 if it did not pass.

    Typed by you at a terminal, a pass counts as one outside the agent.
    """
    from server.views.teaching_views import marked_result

    teacher = TeachingCalls(any_folder=True).teacher(course)
    instance, source = read_workbook(file)
    via: Literal["terminal", "agent"] = "terminal" if _at_a_terminal() else "agent"
    marked = teacher.submit(instance, source, author="learner", via=via)
    shown = marked_result(teacher.course, marked)
    if json:
        print_json(shown.model_dump())
    else:
        _show(shown)
        if via == "agent":
            say(NOT_A_TERMINAL, "yellow")
    return 0 if shown.passed else 1


def progress(*, course: CourseOption = "microgpt", json: JsonOption = False) -> None:
    """Show skills, mastery, and what is due for review."""
    from server.views.teaching_views import progress_result

    teacher = TeachingCalls(any_folder=True).teacher(course)
    notes = teacher.record.notes
    shown = progress_result(teacher.course, teacher.progress(), teacher.last_check(""), notes)
    if json:
        print_json(shown.model_dump())
        return
    say(shown.chart)
    for skill in shown.skills:
        if skill.state != "new":
            review = f"; review {skill.review}" if skill.review else ""
            say(f"{skill.skill}: {skill.state}{review}")
            for missing in skill.missing or ():
                say(f"  for mastery: {missing}")
    say(f"mastery of a skill: {shown.mastery}")
    for note in shown.notes or ():
        say(note, "yellow")
    say(shown.summary)


def picture(
    kind: Annotated[
        Literal["attention", "loss", "embedding", "graph"], Parameter(help="What it shows.")
    ],
    /,
    *,
    example: Annotated[
        str, Parameter(help="A name, for attention; an expression such as 'a*b + a', for graph.")
    ] = "",
    file: Annotated[
        Path | None, Parameter(help="The file to write; it must not exist yet. Default: KIND.png.")
    ] = None,
) -> None:
    """Draw what the trained model of the course really holds, as a PNG file."""
    from curricula.explanation.pictures import drawing

    drawn, to = drawing(kind, example), file or Path(f"{kind}.png")
    try:
        create_file(to, drawn.png)
    except FileExistsError as error:
        raise CourseError(
            f"{to} exists already.", "Name another with --file.", reason="file_exists"
        ) from error
    say(f"{drawn.shows}: written to {to}")


def export(
    file: Annotated[Path, Parameter(help="The file to write; it must not exist yet.")],
    /,
) -> None:
    """Write the learner's whole record into one file, for another machine or for safety."""
    count = TeachingCalls(any_folder=True).record().export(file)
    say(f"{figures.count(count, 'event')} written to {file}")


def import_(
    file: Annotated[Path, Parameter(help="A file that `teach export` wrote.")],
    /,
    *,
    course: CourseOption = "microgpt",
) -> int:
    """Import an exported record; each pass is graded again, and left out if it does not pass."""
    school = TeachingCalls(any_folder=True)
    teacher = school.teacher(course)

    def teacher_of(name: str) -> "Teacher":
        own, theirs = teacher.course, name.partition(PLACE)[0]
        return teacher if theirs == own.id else school.teacher(theirs)

    def here(name: str) -> str:
        try:
            found = teacher_of(name).course
        except UnknownNameError:
            return name
        return found.identity if PLACE in found.identity else name

    def replays(opened: Opened, attempt: Attempt) -> bool:
        graded_by = teacher_of(opened.course)
        return opened.course in graded_by.course.names and graded_by.replays(opened, attempt)

    came = teacher.record.import_record(file, replays, here)
    for refused in came.refused:
        say(refused.text, "red")
    say(f"{figures.count(came.taken, 'event')} imported, {came.known} already known")
    return 1 if came.refused else 0


def replay(*, course: CourseOption = "microgpt") -> int:
    """Grade every recorded attempt again, by its seeds; exit 1 if one comes out differently."""
    teacher = TeachingCalls(any_folder=True).teacher(course)
    events = teacher.events()
    opened = {event.instance: event for event in events if isinstance(event, Opened)}
    ours = {name for unit in teacher.course.units for name in unit.exercises}
    attempts = [
        event
        for event in events
        if isinstance(event, Attempt)
        and event.instance in opened
        and opened[event.instance].exercise in ours
    ]
    other = [a for a in attempts if not teacher.replays(opened[a.instance], a)]
    for attempt in other:
        name = opened[attempt.instance].exercise
        was = "passed" if attempt.passed else "failed"
        say(f"{name}, {attempt.at:%Y-%m-%d %H:%M}: {was} then, not now", "red")
    same = len(attempts) - len(other)
    say(f"{same} of {figures.count(len(attempts), 'attempt')} come out as recorded")
    return 1 if other else 0


def _at_a_terminal() -> bool:
    """An agent's shell has no terminal; a person's has."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _show(shown: "MarkedResult") -> None:
    say(shown.summary, "green" if shown.passed else "red")
    for label, words in (
        ("what it shows", shown.misconception),
        ("try it with", shown.smallest_input),
        ("it gave", shown.gave),
        ("does not count for mastery", shown.why_not),
    ):
        if words:
            say(f"{label}: {words}")
    for fact in shown.praise_only_for:
        say(fact)
    for missing in shown.skill.missing or ():
        say(f"for mastery of {shown.skill.skill}: {missing}")
