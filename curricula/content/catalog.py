"""Finds courses, and puts each lesson's words and its exercises together.

A course is a folder: course.toml, and a folder a lesson with lesson.md and exercises.py. Those that
ship lie in `curricula/courses/`; others in the folders that the caller names. Loading a course runs
its exercises.py, as importing any Python does.
"""

import hashlib
import importlib.util
import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from curricula import subject
from curricula.content.instance import Instance
from curricula.content.lesson import Lesson, Problem, Slug, Task, read_lesson
from curricula.errors import LessonError, UnknownNameError
from curricula.exercise import Exercise

SHIPPED = Path(__file__).resolve().parent.parent / "courses"
COURSE_FILE = "course.toml"
PLACE = "@"  # between the id and the place in an identity; no id has one


class CourseFile(BaseModel):
    """course.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug
    title: str
    goal: str
    subject: str = ""  # the file it teaches, relative to the product; empty: none
    reads: tuple[str, ...] = ()  # files that the subject reads, relative to its folder


@dataclass(frozen=True, slots=True)
class Unit:
    """A lesson with its exercises, in the order of its text."""

    lesson: Lesson
    exercises: dict[str, Exercise]

    @property
    def id(self) -> str:
        """The lesson's."""
        return self.lesson.id

    def task(self, exercise: str) -> Task:
        """The words of that exercise."""
        return next(task for task in self.lesson.tasks if task.id == exercise)

    def owned_lines(self, path: str) -> frozenset[int]:
        """The numbers of the subject's code lines that it owns."""
        source = subject.locate(path).read_text(encoding="utf-8-sig")
        spans = [span_of(name, source) for name in self.lesson.front.owns]
        owned = {n for span in spans if span for n in range(span[0], span[1] + 1)}
        return frozenset(owned) & subject.code_lines(source)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A course, its lessons in the order of their folders."""

    folder: Path
    about: CourseFile
    units: tuple[Unit, ...]

    @property
    def id(self) -> str:
        """Its name in tools."""
        return self.about.id

    @property
    def name(self) -> str:
        """Name of the course: its folder's name."""
        return self.folder.name

    @property
    def identity(self) -> str:
        """The name in a record: its id if it ships, else its id and the place where it lies.

        So a copy is another course, whatever its course.toml says. A new release that takes an
        older one's place is the same.
        """
        folder = self.folder.resolve()
        if folder.parent == SHIPPED:
            return self.id
        place = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        return f"{self.id}{PLACE}{place}"

    @property
    def names(self) -> frozenset[str]:
        """The names under which a record may hold what was opened in this course.

        Version 0.1 knew a course that does not ship by its id alone.
        """
        ships = {folder.name for folder in SHIPPED.iterdir()}
        return frozenset({self.identity} if self.id in ships else {self.identity, self.id})

    @property
    def skills(self) -> dict[str, str]:
        """Every skill, in the order in which they are taught."""
        return {
            skill: words for unit in self.units for skill, words in unit.lesson.front.skills.items()
        }

    def unit(self, name: str) -> Unit:
        """The lesson of that id or number; raise Unknown with those there are."""
        for number, unit in enumerate(self.units, start=1):
            if name in (unit.id, str(number), unit.lesson.path.parent.name):
                return unit
        names = ", ".join(unit.id for unit in self.units)
        raise UnknownNameError(
            f"{self.id} has no lesson {name!r}.", f"Its lessons: {names}.", reason="lesson"
        )

    def unit_of(self, exercise: str) -> Unit:
        """The lesson that holds an exercise; raise Unknown with those there are."""
        for unit in self.units:
            if exercise in unit.exercises:
                return unit
        names = ", ".join(name for unit in self.units for name in unit.exercises)
        raise UnknownNameError(
            f"{self.id} has no exercise {exercise!r}.",
            f"Its exercises: {names}.",
            reason="exercise",
        )

    def instance(self, exercise: str, seed: str) -> Instance:
        """Return the exercise's instance with the parameters of that seed."""
        unit = self.unit_of(exercise)
        return Instance(unit.exercises[exercise], unit.task(exercise), seed)


def span_of(name: str, source: str) -> tuple[int, int] | None:
    """The lines that a lesson owns by that name: a symbol, "12-19" or "7"; None if it is none."""
    first, _, last = name.partition("-")
    if first.isdigit() and (not last or last.isdigit()):
        return int(first), int(last or first)
    return subject.symbols(source).get(name)


def course_folders(extra: Sequence[Path] = ()) -> dict[str, Path]:
    """Every course by the name of its folder; those that ship come first and are not overruled."""
    found: dict[str, Path] = {}
    for parent in (SHIPPED, *extra):
        folders = [parent] if (parent / COURSE_FILE).is_file() else sorted(parent.glob("*/"))
        for folder in folders:
            if (folder / COURSE_FILE).is_file():
                found.setdefault(folder.name, folder)
    return found


def find_course(name: str, extra: Sequence[Path] = ()) -> Course:
    """The course of that name or folder; raise Unknown or LessonError."""
    folders = course_folders(extra)
    folder = folders.get(name) or (Path(name) if (Path(name) / COURSE_FILE).is_file() else None)
    if folder is None:
        raise UnknownNameError(
            f"There is no course {name!r}.",
            f"Courses: {', '.join(folders) or 'none'}; AUTORESEARCH_COURSES=FOLDER adds your own.",
            reason="course",
        )
    course, problems = load_course(folder)
    if course is None or problems:
        raise LessonError(
            str(problems[0]),
            f"`autoresearch-mcp teach lint {folder}` lists all.",
            reason=problems[0].code,
        )
    return course


def version_of(unit: Unit) -> str:
    """A hash of a lesson's files: by which course an attempt was graded."""
    digest = hashlib.sha256()
    for name in ("lesson.md", "exercises.py"):
        digest.update((unit.lesson.path.parent / name).read_bytes())
    return digest.hexdigest()[:12]


def load_course(folder: Path) -> tuple[Course | None, list[Problem]]:
    """Return the course as far as it can be read, and every problem its author has to fix."""
    file = folder / COURSE_FILE
    try:
        about = CourseFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        words = " ".join(str(error).split())
        return None, [
            Problem(
                file, 1, "unreadable", f"It can't be read: {words}.", "See docs/write-a-course.md"
            )
        ]
    units, problems = [], []
    for path in sorted(folder.glob("[0-9][0-9]-*/")):
        lesson, found = read_lesson(path / "lesson.md")
        exercises, more = _exercises(path / "exercises.py")
        problems += [*found, *more]
        if lesson is not None:
            unit = Unit(lesson, exercises)
            if not more:  # else each exercise would be called missing
                problems += _mismatches(unit, path / "exercises.py")
            units.append(unit)
    beside = folder / about.subject
    if about.subject and beside.is_file():  # the author's own file
        about = about.model_copy(update={"subject": str(beside.resolve())})
    course = Course(folder, about, tuple(units))
    return course, [*problems, *_course_problems(course)]


def _exercises(file: Path) -> tuple[dict[str, Exercise], list[Problem]]:
    spec = importlib.util.spec_from_file_location(f"exercises_of_{file.parent.name}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        return {}, [
            Problem(
                file,
                1,
                "exercises_missing",
                "It is missing.",
                "It defines EXERCISES = [Exercise(…)].",
            )
        ]
    module: Any = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        found = {exercise.id: exercise for exercise in module.EXERCISES}
    except Exception as error:  # noqa: BLE001 - an author's file may raise anything
        line = getattr(error, "lineno", None) or _line_in(error, file)
        return {}, [
            Problem(
                file,
                line,
                "exercises_error",
                f"{type(error).__name__}: {error}.",
                "Fix that line.",
            )
        ]
    return found, []


def _line_in(error: BaseException, file: Path) -> int:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _mismatches(unit: Unit, file: Path) -> Iterator[Problem]:
    """Yield mismatches between a lesson's text and its code."""
    front, told = unit.lesson.front, {task.id: task for task in unit.lesson.tasks}
    for task in unit.lesson.tasks:
        if told[task.id] is not task:
            path = unit.lesson.path
            yield Problem(
                path,
                task.line,
                "duplicate_exercise",
                f"`{task.id}` appears twice here.",
                "Rename one.",
            )
    for name in sorted(told.keys() - unit.exercises.keys(), key=lambda name: told[name].line):
        where = told[name].line
        yield Problem(
            unit.lesson.path,
            where,
            "exercise_without_code",
            f"`{name}` is not in exercises.py.",
            "Add it there.",
        )
    for name, exercise in unit.exercises.items():
        if name not in told:
            yield Problem(
                file,
                1,
                "exercise_without_text",
                f"`{name}` has no text in lesson.md.",
                "Add `### " + name + ": Title`.",
            )
        if exercise.skill not in front.skills:
            known = ", ".join(front.skills)
            yield Problem(
                file,
                1,
                "unknown_skill",
                f"{name}: no skill `{exercise.skill}`.",
                f"There is {known}.",
            )
        shown = {m.stands_for for m in exercise.mutants if m.stands_for}
        for unknown in sorted(
            (shown | exercise.misconceptions.keys()) - front.misconceptions.keys()
        ):
            yield Problem(
                file,
                1,
                "unknown_misconception",
                f"{name}: no misconception `{unknown}`.",
                "Say it in the front matter.",
            )
        if len(exercise.solutions) < 3:
            yield Problem(
                file,
                1,
                "solution_count",
                f"{name} has {len(exercise.solutions)} solutions.",
                "At least three.",
            )


def _course_problems(course: Course) -> Iterator[Problem]:
    seen: dict[str, Path] = {}
    taught: set[str] = set()
    if not course.units:
        file = course.folder / COURSE_FILE
        yield Problem(
            file, 1, "no_lessons", "It has no lessons.", "Each is a folder like 01-its-name."
        )
    for unit in course.units:
        path = unit.lesson.path
        for needed in unit.lesson.front.prerequisites:
            if needed not in taught:
                yield Problem(
                    path,
                    1,
                    "prerequisite",
                    f"Its prerequisite `{needed}` is not an earlier lesson.",
                    "Fix the list.",
                )
        taught.add(unit.id)
        for name in (unit.id, *unit.exercises, *unit.lesson.front.skills):
            if seen.setdefault(name, path) != path:
                yield Problem(
                    path,
                    1,
                    "duplicate_name",
                    f"`{name}` is a name of {seen[name]} too.",
                    "Rename one.",
                )
        yield from _owning_problems(unit, course.about.subject)
    yield from _unread(course)


def _beside(folder: Path, name: str) -> bool:
    file = (folder / name).resolve()
    return file.is_relative_to(folder.resolve()) and file.is_file()


def _unread(course: Course) -> Iterator[Problem]:
    about, file = course.about, course.folder / COURSE_FILE
    for name in about.reads:
        if not about.subject:
            yield Problem(
                file,
                1,
                "reads_without_subject",
                f"`reads` names {name}, but no subject.",
                "Set subject.",
            )
        elif not _beside(subject.locate(about.subject).parent, name):
            remedy = "`reads` names files in the subject's folder, which learners get a copy of."
            yield Problem(
                file, 1, "reads_missing", f"There is no {name} beside the subject.", remedy
            )


def _owning_problems(unit: Unit, path: str) -> Iterator[Problem]:
    if not unit.lesson.front.owns:
        return
    if not path:
        yield Problem(
            unit.lesson.path,
            1,
            "owns_no_file",
            "It owns lines of no file.",
            "Set subject in course.toml.",
        )
        return
    source = subject.locate(path).read_text(encoding="utf-8-sig")
    for name in unit.lesson.front.owns:
        if span_of(name, source) is None:
            yield Problem(
                unit.lesson.path,
                1,
                "owns_unknown",
                f"{path} has no `{name}`.",
                "A symbol, or 12-19.",
            )
