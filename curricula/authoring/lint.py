"""Find what an author has to fix before a course can be taught: file, line, remedy."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

from curricula import subject
from curricula.content.catalog import Course, Unit, load_course
from curricula.content.instance import as_json
from curricula.content.lesson import Lesson, Problem
from curricula.errors import LessonError
from curricula.exercise import Kind

DRAWS = 20


def lint(folder: Path, draws: int = DRAWS) -> list[Problem]:
    """Return all problems of the course in that folder; each exercise is drawn `draws` times."""
    course, problems = load_course(folder)
    if course is None:
        return problems
    for unit in course.units:
        problems += _examples(unit.lesson, course.about.subject)
        problems += _balance(unit)
        for name in unit.exercises:
            if any(task.id == name for task in unit.lesson.tasks):
                problems += _drawing(course, unit, name, draws)
    return problems


def _examples(lesson: Lesson, path: str) -> Iterator[Problem]:
    """Run the worked example and compare what it prints."""
    space: dict[str, object] = {"__name__": "example"}
    if path:
        space["gpt"] = subject.load(path)
    for example in lesson.examples:
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), subject.without_gc():
                exec(compile(example.source, str(lesson.path), "exec"), space)  # noqa: S102
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's may raise anything
            words = f"The example raises {type(error).__name__}: {error}."
            yield Problem(lesson.path, example.line, "example_raises", words, "Fix it.")
            return
        if example.prints is not None and printed.getvalue().rstrip() != example.prints.rstrip():
            words = f"The example prints {printed.getvalue().rstrip()!r}."
            yield Problem(
                lesson.path,
                example.line,
                "example_output",
                words,
                "Put that into the ```text block.",
            )
        if example.prints is None and printed.getvalue():
            words = "The example prints something, but no ```text block shows what."
            yield Problem(
                lesson.path,
                example.line,
                "example_output_missing",
                words,
                "Add the block below it.",
            )


def _balance(unit: Unit) -> Iterator[Problem]:
    kinds = {task.kind for task in unit.lesson.tasks}
    for needed in (Kind.PREDICT, Kind.WRITE):
        if needed not in kinds:
            yield Problem(
                unit.lesson.path, 1, "kind_missing", f"It has no {needed} exercise.", "Add one."
            )
    for skill in unit.lesson.front.skills if unit.exercises else ():
        counting = [
            task.id
            for task in unit.lesson.tasks
            if task.kind.counts
            and task.id in unit.exercises
            and unit.exercises[task.id].skill == skill
        ]
        if not counting:
            yield Problem(
                unit.lesson.path,
                1,
                "skill_without_exercise",
                f"Nothing that counts for mastery exercises `{skill}`.",
                "A skill needs an exercise in Your own writing, Find the bug or Transfer.",
            )


def _drawing(course: Course, unit: Unit, name: str, draws: int) -> Iterator[Problem]:
    """Draw it a few times: its words must fill in, and instances must differ."""
    task, seen = unit.task(name), set()
    for n in range(draws):
        try:
            instance = course.instance(name, f"lint/{n}")
            texts = [instance.statement, instance.starter, *map(instance.hint, range(1, 6))]
            cases = instance.cases("lint")
            for case in cases:
                as_json(instance.exercise.reference(instance.params, *case))
        except LessonError as error:
            yield Problem(unit.lesson.path, task.line, error.code, error.message, error.remedy)
            return
        except Exception as error:  # noqa: BLE001 - an author's functions may raise anything
            words = f"{name} can't be drawn or answered: {type(error).__name__}: {error}."
            file = unit.lesson.path.parent / "exercises.py"
            yield Problem(
                file,
                1,
                "draw_error",
                words,
                "draw, cases and reference take and return plain data.",
            )
            return
        seen.add(texts[0] + texts[1])
        if len(cases) < 1:
            yield Problem(
                unit.lesson.path, task.line, "no_calls", f"{name} makes no calls.", "See `cases`."
            )
            return
    if len(seen) < 5:
        yield Problem(
            unit.lesson.path,
            task.line,
            "few_tasks",
            f"{name} has {len(seen)} different tasks in {draws}.",
            "Put drawn parameters into its text, so that yesterday's answer does not pass today.",
        )
