"""`teach lint`, `coverage` and `mutate`: what an author runs before others learn by a course."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from curricula.content.catalog import Course, course_folders, find_course
from curricula.errors import CourseError
from server.commands.output import JsonOption, console, print_json, say, table
from server.sessions.answer_runner import SandboxRunner
from server.sessions.teaching_calls import own_courses
from server.views import figures

if TYPE_CHECKING:
    from curricula.authoring.mutation import Tried

LEAST_MUTANTS = 8  # an exercise, on average
LEAST_NAMED = 0.9  # of the grades of mutants that stand for a misconception
CourseName = Annotated[str, Parameter(help="A course's name, or its folder.")]


def lint(course: CourseName = "microgpt", /) -> int:
    """Read a course, run its worked examples, draw its exercises; list what must be fixed."""
    from curricula.authoring.lint import lint as find_problems

    folder = course_folders(own_courses()).get(course, Path(course))
    problems = find_problems(folder)
    for problem in problems:
        say(str(problem))
    say(f"{folder.name}: {figures.count(len(problems), 'problem')}")
    return 1 if problems else 0


def coverage(course: CourseName = "microgpt", /, *, json: JsonOption = False) -> int:
    """Trace which lines of the taught file its exercises run; exit 1 if any is missed."""
    from curricula.authoring.coverage import measure

    found = measure(_taught(course))
    if json:
        print_json(
            {
                "share": found.share,
                "unowned": found.unowned,
                "owned_twice": found.twice,
                "missed": {one.lesson: one.missed for one in found.lessons},
            }
        )
        return 0 if found.ok else 1
    shown = table("lesson", "owns", "ran", "missed")
    for one in found.lessons:
        missed = _spans(one.missed)
        shown.add_row(one.lesson, str(len(one.owned)), str(len(one.touched)), missed)
    console.print(shown)
    say(f"owned by no lesson: {_spans(found.unowned) or 'none'}")
    say(f"owned by two lessons: {_spans(found.twice) or 'none'}")
    say(
        f"{found.path}: {found.share:.0%} of {len(found.lines)} lines of code are owned by a "
        "lesson and run by an exercise of it"
    )
    return 0 if found.ok else 1


def mutate(
    *only: Annotated[str, Parameter(help="Lessons or exercises.")],
    every: Annotated[bool, Parameter(name="--all", help="Every exercise of the course.")] = False,
    course: Annotated[str, Parameter(help="A course's name, or its folder.")] = "microgpt",
    instances: Annotated[int, Parameter(help="Fresh instances for each solution.")] = 50,
    json: JsonOption = False,
) -> int:
    """Grade right and wrong answers; exit 1 if a wrong one passes or a right one fails.

    Every solution runs on fresh instances, every mutant must fail, and the misconception that its
    grade names must be the one that it stands for.
    """
    from curricula.authoring.mutation import try_course

    if bool(only) == every:
        raise CourseError(
            "Which exercises?", "Name lessons or exercises, or give --all.", reason="which"
        )
    taught = _taught(course)
    names = [*(u.id for u in taught.units), *(e for u in taught.units for e in u.exercises)]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise CourseError(
            f"{course} has no {unknown[0]!r}.", f"It has {', '.join(names)}.", reason="exercise"
        )
    total = sum(not only or u.id in only or e in only for u in taught.units for e in u.exercises)
    on = Console(stderr=True)
    with (
        SandboxRunner() as runner,
        Progress(
            MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=on
        ) as progress,
    ):
        bar = progress.add_task("", total=total)
        tried = []
        for one in try_course(
            taught,
            runner,
            only=only,
            instances=instances,
            watch=lambda name: progress.update(bar, description=name),
        ):
            tried.append(one)
            progress.advance(bar)
    if json:
        print_json(tried)
    else:
        _show(tried)
    return 0 if _good(tried) else 1


def audit(course: CourseName = "microgpt", /, *, json: JsonOption = False) -> int:
    """Let an agent that only wants to be done loose on the tools; exit 1 if it gets anything.

    It claims, stubs, pastes, asks for solutions and edits the record; and what it was told is
    searched for lines of solutions.
    """
    import asyncio
    import logging

    logging.getLogger("fastmcp").setLevel(logging.CRITICAL)  # its refusals are what is wanted
    from server.scripted_agents.teaching_audit import audit as run_audit

    on = Console(stderr=True)
    with Progress(TextColumn("{task.description}"), TimeElapsedColumn(), console=on) as progress:
        bar = progress.add_task("looks around")
        found = asyncio.run(
            run_audit(
                course,
                courses=tuple(own_courses()),
                watch=lambda name: progress.update(bar, description=name),
            )
        )
    if json:
        print_json(found)
        return 0 if found.ok else 1
    for what, words in (
        ("passed", found.passed),
        ("reached", found.mastered),
        ("leaked", found.leaked),
        ("not noticed", found.tampered),
    ):
        for one in words:
            say(f"{what}: {one}", "red")
    say(
        f"{found.calls} calls, {found.submissions} submissions: {len(found.passed)} passed, "
        f"{len(found.mastered)} skills or lessons reached, {len(found.leaked)} lines of solutions "
        f"leaked, {len(found.tampered)} edits of the record unnoticed"
    )
    return 0 if found.ok else 1


def _good(tried: Sequence["Tried"]) -> bool:
    shown = [row for one in tried for row in one.shown]
    named = sum(row.named for row in shown) / max(1, sum(row.tried for row in shown))
    enough = sum(one.mutants for one in tried) >= LEAST_MUTANTS * len(tried)
    return all(one.ok for one in tried) and enough and (not shown or named >= LEAST_NAMED)


def _show(tried: Sequence["Tried"]) -> None:
    shown = table("lesson", "exercise", "solutions", "mutants", "passed wrongly", "failed wrongly")
    for one in tried:
        counts = (one.solutions, one.mutants, len(one.survived), len(one.refused))
        shown.add_row(one.lesson, one.exercise, *map(str, counts))
    console.print(shown)
    for one in tried:
        for words in (*one.refused, *(surprise.text for surprise in one.survived)):
            say(f"{one.exercise}: {words}", "red")
    _show_named(tried)
    mutants = sum(one.mutants for one in tried)
    say(
        f"{figures.count(len(tried), 'exercise')}, "
        f"{mutants / max(1, len(tried)):.1f} mutants each; "
        f"{sum(len(one.survived) for one in tried)} wrong answers passed, "
        f"{sum(len(one.refused) for one in tried)} right answers failed"
    )


def _show_named(tried: Sequence["Tried"]) -> None:
    rows = [(one.exercise, row) for one in tried for row in one.shown]
    if not rows:
        return
    shown = table("exercise", "mutant", "stands for", "named", "instead")
    for name, row in rows:
        count = f"{row.named} of {row.tried}"
        shown.add_row(name, row.mutant, row.misconception, count, row.instead)
    console.print(shown)
    named, of = sum(row.named for _, row in rows), sum(row.tried for _, row in rows)
    say(f"misconceptions: {named} of {of} grades name the right one ({named / of:.1%})")


def _taught(name: str) -> Course:
    return find_course(name, own_courses())


def _spans(lines: Sequence[int]) -> str:
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
