"""Attacks on the teacher that need more than the tools: a doctored course, and second-hand answers.

Each yields in words what it reached; a teacher that holds lets it reach nothing. A terminal and the
days between two passes are stand-ins here: whoever has a shell can have both.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from curricula.content.catalog import Course
from curricula.content.instance import Instance
from curricula.errors import CourseError
from curricula.exercise import Kind
from curricula.grading.grader import Runner
from curricula.grading.program_equality import outline
from curricula.mastery.standing import State
from curricula.teacher import Teacher
from server.sessions.teaching_calls import TeachingCalls

# What a wrong answer may do before it is graded, in the hope that nobody sees how it is wrong.
BLINDFOLD = """\
import builtins, gc, json, math, random, sys, threading, time
def _nothing(*_, **__): return 0
for _module, _names in (
    (sys, ("settrace", "setprofile", "gettrace", "getprofile", "_getframe")),
    (gc, ("collect", "enable", "disable", "get_count", "get_stats", "callbacks")),
    (gc, ("get_objects", "get_referrers", "get_referents", "freeze", "unfreeze")),
    (time, ("time", "perf_counter", "monotonic", "process_time")),
    (threading, ("settrace", "setprofile")),
    (math, ("isclose", "isfinite", "isnan")),
):
    for _name in _names:
        setattr(_module, _name, _nothing)
json.JSONEncoder.default = lambda self, value: 0
del _module, _name, _names
"""
_ANYTHING_IS_RIGHT = """

from dataclasses import replace as _replace
EXERCISES = [_replace(one, check=lambda *_: "") for one in EXERCISES]
"""
_MOST_INSTANCES = 20  # of an exercise, until each disguise was handed in
_DISGUISES: tuple[Callable[[str], str], ...] = (  # of an answer: each leaves what it does as it is
    lambda source: f'"""Mine."""\nunused = 0\n\n{source}',
    lambda source: f"def helper(x):\n    return x\n\n\n{source}\npass\nhelper\n",
)


def blindfolded(instance: Instance) -> Iterator[str]:
    """The wrong answers that the author of an exercise knows, with all replaced that watches."""
    for mutant in instance.exercise.mutants:
        if not mutant.equivalent:
            yield BLINDFOLD + instance.wrong(mutant)


def doctored_copy(
    teacher: Teacher, home: Path, only: Sequence[str], courses: Sequence[Path], runner: Runner
) -> Iterator[str]:
    """Copy the course, let its copy call anything right, and hand in nonsense in a terminal.

    By its path, as in `teach check FILE --course COPY`, and as a course of the user's own.
    """
    passed = {name for name, one in teacher.progress().skills.items() if one.state is State.PASSED}
    for folder in (home / "copy" / teacher.course.name, home / "other" / "name"):
        _doctor(teacher.course, folder)
        by_path = TeachingCalls(home, courses=courses, runner=runner, any_folder=True)
        by_name = TeachingCalls(home, courses=(folder, *courses), runner=runner)
        for school, name in ((by_path, str(folder)), (by_name, folder.name)):
            for exercise in _exercises(teacher.course, only):
                step = teacher.open_exercise(exercise, home)
                try:
                    copy = school.teacher(name)
                    entry = copy.course.unit_of(exercise).exercises[exercise].entry
                    nonsense = f"def {entry}(*_):\n    return 0\n"
                    copy.submit(step.instance, nonsense, author="learner", via="terminal")
                except CourseError:
                    continue  # refused, which is what is wanted
    for name, skill in teacher.progress().skills.items():
        if name not in passed and skill.state in (State.PASSED, State.MASTERED):
            yield f"{name}: {skill.state} by a doctored copy of the course"


def second_hand(
    course: Course, home: Path, only: Sequence[str], courses: Sequence[Path], runner: Runner
) -> Iterator[str]:
    """Hand in what the agent wrote on fresh instances as the learner's, a day apart, disguised."""
    clock = _Clock()
    for exercise in _exercises(course, only):
        school = TeachingCalls(
            home / exercise, courses=courses, runner=runner, clock=clock, any_folder=True
        )
        teacher = school.teacher(str(course.folder))
        unit = teacher.course.unit_of(exercise)
        kind = unit.task(exercise).kind
        if not kind.counts or kind is Kind.BUG:
            continue  # a fixed program is the same one whoever fixed it: decision 26
        # An instance can ask for a program of another form. The agent writes that one too, and the
        # learner hands it in as it is, so that a fresh instance is opened for the disguise.
        disguises: list[Callable[[str], str]] = [str, *_DISGUISES]
        written: set[str] = set()
        for _ in range(_MOST_INSTANCES):
            if not disguises:
                break
            step = teacher.open_exercise(exercise, home / "desk")
            [opened] = [o for o in teacher.openings().all() if o.instance == step.instance]
            instance = teacher.instance_of(opened)
            source = instance.fill(instance.exercise.solutions[0])
            form = outline(source, unit.exercises[exercise].entry)
            if form not in written:
                written.add(form)
                teacher.submit(step.instance, source, author="agent", via="agent")
            else:
                source = disguises.pop()(source)
            teacher.submit(step.instance, source, author="learner", via="terminal")
            clock.now += timedelta(hours=25)
        skill = unit.exercises[exercise].skill
        if teacher.progress().skills[skill].state is State.MASTERED:
            yield f"{skill}: mastered by {exercise}, which the agent wrote"


class _Clock:
    """A clock that is a second later each time."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def _exercises(course: Course, only: Sequence[str]) -> list[str]:
    return [name for unit in course.units if not only or unit.id in only for name in unit.exercises]


def _doctor(course: Course, folder: Path) -> None:
    if folder.exists():
        return
    shutil.copytree(course.folder, folder)
    for file in folder.glob("*/exercises.py"):
        file.write_text(file.read_text(encoding="utf-8") + _ANYTHING_IS_RIGHT, encoding="utf-8")
