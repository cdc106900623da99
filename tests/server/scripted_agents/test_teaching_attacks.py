"""The attacks of the audit reach something without the defence, and nothing with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from curricula.content.catalog import Course, find_course
from curricula.exercise import Mutant
from curricula.grading.program_equality import fingerprint
from server.scripted_agents.teaching_attacks import (
    _DISGUISES,
    blindfolded,
    doctored_copy,
    second_hand,
)
from server.sessions.teaching_calls import TeachingCalls
from tests.support.small_course import Instant, right, write_course

WATCHED = '''

DRIVER = """\\
import gc

def drive(entry, values):
    gc.collect()
    gc.disable()
    try:
        return [entry(values), gc.collect()]
    finally:
        gc.enable()
"""
EXERCISES = [
    one if one.entry == "answer" else __import__("dataclasses").replace(
        one, driver=DRIVER, reference=lambda p, values: [scaled(p, values), 0], misconceptions={},
    )
    for one in EXERCISES
]
'''
RING = "def total(values):\n    me = []\n    me.append(me)\n    return {{ p.gain }} * sum(values)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_course(tmp_path / "courses")


@pytest.fixture
def course(folder: Path) -> Course:
    return find_course(str(folder))


def test_a_doctored_copy_reaches_nothing(folder: Path, tmp_path: Path) -> None:
    home, runner = tmp_path / "home", Instant()
    teacher = TeachingCalls(home, courses=(folder,), runner=runner).teacher("small")
    home.mkdir()
    assert list(doctored_copy(teacher, home, ["totals"], (folder,), runner)) == []
    assert not teacher.progress().skills["total"].passes


@pytest.mark.slow
def test_a_copy_taken_for_the_course_would_be_found(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Course, "identity", property(lambda self: self.id))
    monkeypatch.setattr(Course, "names", property(lambda self: frozenset({self.id})))
    home, runner = tmp_path / "home", Instant()
    home.mkdir()
    teacher = TeachingCalls(home, courses=(folder,), runner=runner).teacher("small")
    found = list(doctored_copy(teacher, home, ["totals"], (folder,), runner))
    assert [words.partition(":")[0] for words in found] == ["total"]


@pytest.mark.slow
def test_what_the_agent_wrote_masters_nothing(course: Course, tmp_path: Path) -> None:
    found = second_hand(course, tmp_path / "home", (), (), Instant())
    assert list(found) == []


def test_what_the_agent_wrote_would_be_found_if_it_were_not_known_again(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curricula.mastery.counted_attempts.outline", lambda *_: "")
    found = list(second_hand(course, tmp_path / "home", ["totals"], (), Instant()))
    assert [words.partition(":")[0] for words in found] == ["total"]


def test_each_disguise_is_seen_through(course: Course) -> None:
    instance = course.instance("write-total", "7")
    source = right(instance)
    for disguise in _DISGUISES:
        assert disguise(source) != source
        assert fingerprint(disguise(source), "total") == fingerprint(source, "total")


@pytest.mark.slow
def test_a_blindfold_hides_no_ring(folder: Path, tmp_path: Path) -> None:
    exercises = folder / "01-totals" / "exercises.py"
    exercises.write_text(exercises.read_text() + WATCHED)
    instance = find_course(str(folder)).instance("write-total", "7")
    ring = Mutant(name="ring", source=RING)
    watched = replace(instance, exercise=replace(instance.exercise, mutants=(ring,)))
    [source] = blindfolded(watched)
    from curricula.grading.grader import grade
    from server.sessions.answer_runner import SandboxRunner

    with SandboxRunner() as runner:
        assert grade(watched, right(watched), "cases", runner).passed
        assert not grade(watched, watched.wrong(ring), "cases", runner).passed
        assert not grade(watched, source, "cases", runner).passed
