"""Lines of the taught file that the exercises run, found by tracing.

Every line of code should be owned by one lesson and run while an instance of one of that lesson's
exercises is drawn and answered, through the references, which are made of the file's own functions.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FrameType
from typing import Any

from curricula import subject
from curricula.content.catalog import Course

_DRAWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonCoverage:
    """Lines of the file that one lesson owns, and those of them that its exercises ran."""

    lesson: str
    owned: frozenset[int]
    touched: frozenset[int]

    @property
    def missed(self) -> tuple[int, ...]:
        """Owned lines that no exercise of the lesson ran."""
        return tuple(sorted(self.owned - self.touched))


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The whole file."""

    path: str
    lines: frozenset[int]
    lessons: tuple[LessonCoverage, ...]

    @property
    def unowned(self) -> tuple[int, ...]:
        """Lines of code that no lesson owns."""
        owned = frozenset().union(*(lesson.owned for lesson in self.lessons))
        return tuple(sorted(self.lines - owned))

    @property
    def twice(self) -> tuple[int, ...]:
        """Lines that two lessons own."""
        seen: set[int] = set()
        found: set[int] = set()
        for lesson in self.lessons:
            found |= seen & lesson.owned
            seen |= lesson.owned
        return tuple(sorted(found))

    @property
    def share(self) -> float:
        """Share of all lines of code that are owned and run."""
        good = frozenset().union(*(lesson.owned & lesson.touched for lesson in self.lessons))
        return len(good & self.lines) / len(self.lines)

    @property
    def ok(self) -> bool:
        """Return whether every line is owned once and run by its owner's exercises."""
        return not self.unowned and not self.twice and not any(one.missed for one in self.lessons)


@cache
def touched_by(course: Course, exercise: str) -> frozenset[int]:
    """The lines that its lesson owns and that run when the exercise is drawn and answered."""
    path, unit = course.about.subject, course.unit_of(exercise)
    owned = unit.owned_lines(path) if path and unit.lesson.front.owns else frozenset()
    if not owned:
        return frozenset()
    ran = _run(course, exercise)
    at_import = subject.import_lines(path) if ran else ran  # a function that runs was defined
    return owned & (ran | at_import)


def measure(course: Course) -> Coverage:
    """Trace every exercise of the course."""
    path = course.about.subject
    source = subject.locate(path).read_text(encoding="utf-8-sig")
    lessons = tuple(
        LessonCoverage(
            lesson=unit.id,
            owned=unit.owned_lines(path),
            touched=frozenset().union(*(touched_by(course, name) for name in unit.exercises)),
        )
        for unit in course.units
    )
    return Coverage(path=path, lines=subject.code_lines(source), lessons=lessons)


def _run(course: Course, exercise: str) -> frozenset[int]:
    with _watching(course.about.subject) as ran, subject.without_gc():
        for n in range(_DRAWS):
            instance = course.instance(exercise, f"coverage/{n}")
            for case in instance.cases("coverage"):
                instance.exercise.reference(instance.params, *case)
    return frozenset(ran)


@contextmanager
def _watching(path: str) -> Iterator[set[int]]:
    """The lines of the file that run meanwhile, here and in programs started from here."""
    file = str(subject.locate(path))
    ran: set[int] = set()

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:  # noqa: ANN401 - as settrace has it
        if frame.f_code.co_filename != file:
            return None
        if event in ("call", "line"):
            ran.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    subject.watched_runs = ran
    sys.settrace(trace)
    try:
        yield ran
    finally:
        sys.settrace(before)
        subject.watched_runs = None
