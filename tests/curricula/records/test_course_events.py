"""To which course the events of a record belong: never to an altered copy of it."""

import shutil
from pathlib import Path

import pytest

from curricula.content.catalog import SHIPPED, Course, find_course
from curricula.mastery.standing import State
from curricula.records.course_events import course_events
from curricula.records.events import Attempt, Hint, Opened, Placed, content_id
from curricula.records.openings import Openings
from curricula.teacher import Teacher
from tests.support.refusals import raises
from tests.support.small_course import Class, write_course


@pytest.fixture
def room(tmp_path: Path) -> Class:
    return Class(tmp_path)


def copied(course: Course, to: Path) -> Course:
    """A copy of the course that calls any answer right."""
    shutil.copytree(course.folder, to)
    for file in to.glob("*/exercises.py"):
        file.write_text(
            file.read_text() + "\nfrom dataclasses import replace\n"
            'EXERCISES = [replace(one, check=lambda *_: "") for one in EXERCISES]\n'
        )
    return find_course(str(to))


def in_copy(room: Class, course: Course) -> Teacher:
    return Teacher(course, room.teacher.record, room.runner, room.clock)


@pytest.mark.slow
def test_a_course_that_ships_is_known_by_its_id_wherever_the_product_lies() -> None:
    shipped = [find_course(folder.name) for folder in SHIPPED.iterdir()]
    assert [course.identity for course in shipped] == [course.id for course in shipped]
    assert [course.names for course in shipped] == [{course.id} for course in shipped]
    assert {course.id for course in shipped} == {folder.name for folder in SHIPPED.iterdir()}


@pytest.mark.slow
def test_a_copy_of_a_shipped_course_is_another_course(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "microgpt", tmp_path / "microgpt")
    copy = find_course(str(tmp_path / "microgpt"))
    assert copy.id == "microgpt"
    assert copy.identity != "microgpt"
    assert "microgpt" not in copy.names


def test_a_course_of_ones_own_stays_the_same_when_its_content_changes(room: Class) -> None:
    before = room.teacher.course.identity
    room.passes()
    lesson = room.teacher.course.units[0].lesson.path
    lesson.write_text(lesson.read_text().replace("Sums are everywhere", "Sums are anywhere"))
    again = in_copy(room, find_course(str(room.teacher.course.folder)))
    assert again.course.identity == before
    assert again.progress().skills["total"].state is State.PRACTISED


@pytest.mark.slow
@pytest.mark.parametrize("place", ["small", "named/otherwise"])
def test_an_altered_copy_writes_nothing_into_the_courses_record(
    room: Class, tmp_path: Path, place: str
) -> None:
    for _ in range(2):
        room.passes(via="terminal")
    step = room.teacher.start("", room.desk)
    before = room.teacher.events(), room.teacher.progress()
    copy = in_copy(room, copied(room.teacher.course, tmp_path / "copy" / place))
    nonsense = "def total(values):\n    return 'anything'\n"
    with raises("submission.other_course", step.exercise, str(copy.course.folder)):
        copy.submit(step.instance, nonsense, author="learner", via="terminal")
    theirs = copy.open_exercise("mend-total", room.desk)
    assert copy.submit(theirs.instance, nonsense, author="learner", via="terminal").grade.passed
    assert copy.progress().skills["total"].state is State.PASSED  # in a record of its own
    after = room.teacher.events(), room.teacher.progress()
    assert after == before
    assert room.teacher.open_exercises() == (step.exercise,)


def test_what_version_0_1_opened_goes_on_and_a_copy_still_can_t_answer_it(
    room: Class, tmp_path: Path
) -> None:
    """It wrote the id alone, and in an attempt no course at all."""
    record = room.teacher.record
    old = Opened(course="small", lesson="totals", exercise="write-total", instance="0" * 12,
                 task_seed=7)  # fmt: skip
    record.append(old)
    source = room.answer_to("write-total", 1)
    copy = in_copy(room, copied(room.teacher.course, tmp_path / "copy"))
    nonsense = "def total(values):\n    return 'anything'\n"
    assert copy.submit(old.instance, nonsense, author="learner", via="terminal").grade.passed
    assert not any(isinstance(event, Attempt) for event in room.teacher.events())
    assert room.teacher.open_exercises() == ("write-total",)
    assert room.teacher.submit(old.instance, source, author="learner", via="terminal").counts
    [attempt] = [event for event in room.teacher.events() if isinstance(event, Attempt)]
    as_it_was = attempt.model_copy(update={"course": ""})
    assert course_events(room.teacher.course, [old, as_it_was]) == (old, as_it_was)


def test_an_attempt_of_version_0_1_keeps_its_hash(room: Class) -> None:
    room.passes()
    [attempt] = [event for event in room.teacher.events() if isinstance(event, Attempt)]
    assert attempt.course == room.teacher.course.identity
    fields = attempt.model_copy(update={"course": ""}).model_dump(mode="json")
    assert "course" not in fields
    again = Attempt.model_validate(fields)
    assert content_id(again) == content_id(attempt.model_copy(update={"course": ""}))


def test_hints_go_with_their_instance_and_placements_with_their_course(room: Class) -> None:
    course = room.teacher.course
    ours = Opened(course=course.identity, lesson="totals", exercise="write-total",
                  instance="a" * 12, task_seed=1)  # fmt: skip
    other = ours.model_copy(update={"course": "small@0", "instance": "b" * 12})
    hints = [Hint(instance=one.instance, level=1) for one in (ours, other)]
    placed = [Placed(lesson="totals", course=name) for name in (course.identity, "small@0", "")]
    kept = course_events(course, [ours, other, *hints, *placed])
    assert kept == (ours, hints[0], placed[0], placed[2])


def test_a_course_that_was_moved_takes_its_record_along_by_an_export(
    room: Class, tmp_path: Path
) -> None:
    room.passes(via="terminal")
    record = room.teacher.record
    record.export(tmp_path / "all.json")
    moved = in_copy(room, find_course(str(write_course(tmp_path / "moved"))))
    assert moved.progress().skills["total"].state is State.NEW
    for taken in (2, 0):
        came = record.import_record(
            tmp_path / "all.json", moved.replays, lambda name: moved.course.identity
        )
        assert came.refused == ()
        assert (came.taken, came.known) == (taken, 2 - taken)
    assert moved.progress().skills["total"].state is State.PRACTISED


def test_an_import_can_t_say_for_whom_its_passes_were_graded(room: Class, tmp_path: Path) -> None:
    """A forged export names the course in its attempts; a copy that grades them stands in it."""
    room.passes(via="terminal")
    step = room.teacher.start("", room.desk)
    forger = Class(tmp_path / "forger")
    forged = Opened(course="small@1", lesson="totals", exercise=step.exercise,
                    instance=step.instance, task_seed=1)  # fmt: skip
    forger.teacher.record.append(forged)
    forger.teacher.record.append(
        Attempt(instance=step.instance, case_seed=1, submission="total = 0", author="learner",
                via="terminal", passed=True, first=True, sandbox="",
                course=room.teacher.course.identity)
    )  # fmt: skip
    forger.teacher.record.export(tmp_path / "forged.json")
    before = room.teacher.progress()
    asked = []

    def replays(opened: Opened, attempt: Attempt) -> bool:
        asked.append(opened.course)
        return opened.course == "small@1"  # the copy calls all of its own right

    room.teacher.record.import_record(tmp_path / "forged.json", replays)
    assert asked == [room.teacher.course.identity]  # the opening that is known here wins
    assert room.teacher.progress() == before


def test_openings_of_a_copy_are_never_gone_on_with(room: Class, tmp_path: Path) -> None:
    first = room.teacher.start("", room.desk)
    copy = in_copy(room, copied(room.teacher.course, tmp_path / "copy"))
    second = copy.start("", room.desk)
    assert first.exercise == second.exercise
    assert first.instance != second.instance
    assert first.workbook != second.workbook
    assert [o.instance for o in Openings(copy.course, copy.record).all()] == [second.instance]
