"""The teacher: what comes next, what was kept, and no way around it."""

import pytest

from curricula.errors import CourseError, PrerequisiteError, SubmissionError
from curricula.grading.grader import LIMIT_S
from curricula.records.events import Attempt, Opened, Placed
from tests.support.small_course import Class, Says, right


@pytest.fixture
def room(tmp_path):
    return Class(tmp_path)


def events(room, kind):
    return [event for event in room.teacher.record.events() if isinstance(event, kind)]


def test_lessons_are_gone_through_one_exercise_after_another(room):
    assert [room.passes() for _ in range(5)] == [
        "guess-total", "write-total", "mend-total", "guess-mean", "write-mean",
    ]  # fmt: skip
    step = room.teacher.start("", room.desk)
    assert (step.lesson, step.exercise, step.left) == ("means", "", ())


def test_opening_again_goes_on_with_the_same_instance(room):
    first, again = (room.teacher.start("", room.desk) for _ in range(2))
    assert first.instance == again.instance
    assert len(events(room, Opened)) == 1


def test_an_attempt_is_kept_with_all_that_grading_it_again_takes(room):
    room.passes()
    [opened], [attempt] = events(room, Opened), events(room, Attempt)
    assert attempt.submission == right(room.teacher.instance_of(opened))
    assert attempt.first
    assert attempt.sandbox == "instant"
    assert len(attempt.course_version) == 12
    assert room.teacher.replays(opened, attempt)
    forged = attempt.model_copy(update={"submission": "answer = -1"})
    assert not room.teacher.replays(opened, forged)
    assert room.runner.limits == [LIMIT_S] * 3


def test_whether_the_clock_stopped_an_attempt_is_kept_with_it(room):
    room.teacher.start("", room.desk)
    room.teacher.submit("guess-total", "answer = 0", author="agent", via="agent")
    room.teacher._runner = Says((), "time")
    room.teacher.submit("guess-total", "answer = 0", author="agent", via="agent")
    wrong, stopped = events(room, Attempt)
    assert (wrong.out_of_time, stopped.out_of_time) == (False, True)
    assert "out_of_time" not in wrong.model_dump()


def test_the_seeds_of_two_attempts_differ(room):
    room.teacher.start("", room.desk)
    for _ in range(2):
        room.teacher.submit("guess-total", "answer = 0", author="learner", via="agent")
    first, second = events(room, Attempt)
    assert first.case_seed != second.case_seed
    assert (first.first, second.first) == (True, False)


def test_a_grade_that_failed_to_run_records_nothing(room):
    class Broken(Says):
        def run(self, parts, **limits):
            raise CourseError("No child.", "Try again.")

    room.teacher.start("", room.desk)
    room.teacher._runner = Broken(())
    with pytest.raises(CourseError, match="No child"):
        room.teacher.submit("guess-total", "answer = 0", author="learner", via="agent")
    assert events(room, Attempt) == []


def test_mastery_takes_two_passes_a_day_apart_one_of_them_in_a_terminal(room):
    for _ in range(3):
        room.passes(via="terminal")
    assert room.teacher.progress().skills["total"].state == "passed"
    room.clock.pass_days(30)
    assert room.passes("review", which=2) in ("write-total", "mend-total")
    assert room.teacher.progress().skills["total"].state == "mastered"


def test_the_same_program_twice_is_one_pass(room):
    room.passes()
    room.passes(which=1)
    step = room.teacher.start("", room.desk)
    same = room.answer_to("write-total", 1)
    marked = room.teacher.submit(step.exercise, same, author="learner", via="agent")
    assert not marked.counts


def test_a_review_takes_the_exercise_that_was_opened_least(room):
    for _ in range(3):
        room.passes()
    seen = []
    for which in (2, 1):
        room.clock.pass_days(400)
        seen.append(room.passes("review", which=which))
    assert seen == ["write-total", "mend-total"]


def test_a_hint_keeps_a_placement_from_counting(room):
    room.teacher.start("totals", room.desk, placement=True)
    room.teacher.hint("mend-total")
    source = room.answer_to("mend-total")
    marked = room.teacher.submit("mend-total", source, author="learner", via="agent")
    assert marked.grade.passed
    assert events(room, Placed) == []


def test_a_hint_on_practice_never_says_that_a_pass_could_count(room):
    opened = room.teacher.start("", room.folder).exercise
    practice = not room.teacher.exercise_infos()[opened].kind.counts
    assert room.teacher.hint(opened).counts_still is not practice
    for _ in range(2):  # the dear ones, too
        hint = room.teacher.hint(opened)
        assert hint.practice is practice
        assert not (hint.counts_still and practice)


def test_an_agent_cannot_place_its_learner(room):
    room.teacher.start("totals", room.desk, placement=True)
    source = room.answer_to("mend-total")
    assert room.teacher.submit("mend-total", source, author="agent", via="agent").grade.passed
    assert events(room, Placed) == []
    assert not room.teacher.progress().lessons["means"].unlocked


def test_a_lesson_without_anything_that_counts_is_not_skipped_by_a_failure(room, monkeypatch):
    for _ in range(3):
        room.passes()
    monkeypatch.setattr(room.teacher, "_placement", lambda unit: [])
    room.teacher.start("", room.desk)
    room.teacher.submit("guess-mean", "answer = -1", author="learner", via="agent")
    assert events(room, Placed) == []


def test_what_is_open_is_withheld_until_it_is_passed(room):
    room.passes()
    room.teacher.start("", room.desk)
    assert room.teacher.open_exercises() == ("write-total",)
    assert {n for span in room.teacher.withheld() for n in span} == {4, 5}
    source = room.answer_to("write-total")
    room.teacher.submit("write-total", source, author="learner", via="agent")
    assert room.teacher.withheld() == ()


def test_an_answer_to_another_exercise_than_was_named_is_refused(room):
    step = room.teacher.start("", room.desk)
    with pytest.raises(SubmissionError, match=r"guess-total.* write-total") as other:
        room.teacher.submit(
            step.instance, "answer = 0", author="learner", via="agent", named="write-total"
        )
    assert other.value.code == "submission.other_exercise"
    with pytest.raises(PrerequisiteError) as closed:
        room.teacher.hint("write-total")
    assert closed.value.code == "prerequisite.not_open"


def test_the_statement_holds_task_and_starter_and_no_answer(room):
    room.teacher.start("", room.desk)
    told = room.teacher.statement("guess-total")
    assert "answer = ..." in told
    assert room.answer_to("guess-total").removeprefix("answer = ") not in told
