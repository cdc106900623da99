"""Naming a belief: only where every answer is the one that it gives."""

import pytest

from curricula.exercise import Exercise
from curricula.grading.answers import Answer
from curricula.grading.diagnosis import WRONG_FORM, diagnose, violated
from curricula.grading.grader import Finding, grade
from tests.support.small_course import Instant, right, small_course

CASES = [[0], [1], [2]]


def exercise(**changes):
    fields = {
        "id": "e", "skill": "s", "entry": "f",
        "draw": lambda rng: {}, "cases": lambda rng, p: CASES,
        "reference": lambda p, x: 3 * x, "solutions": (), "mutants": (),
        "misconceptions": {"doubles": lambda p, x: 2 * x, "fails": lambda p, x: 1 // 0},
    }  # fmt: skip
    return Exercise(**fields | changes)


def answers(*values):
    return [Answer(value) for value in values]


def test_the_belief_that_gives_all_these_answers_is_named_with_the_calls_that_show_it():
    assert diagnose(exercise(), {}, CASES, answers(0, 2, 4)) == ("doubles", [[1], [2]], [])


def test_a_belief_that_explains_only_some_answers_is_not_named():
    assert diagnose(exercise(), {}, CASES, answers(0, 2, 5)) == ("", [], [])


def test_a_belief_may_be_one_that_raises():
    raised = [Answer(error={"type": "ZeroDivisionError", "words": "…"})] * 3
    assert diagnose(exercise(), {}, CASES, raised)[0] == "fails"


@pytest.mark.parametrize("error", [{}, {"type": "ValueError"}, {"type": 5}])
def test_another_error_is_another_belief(error):
    assert diagnose(exercise(), {}, CASES, [Answer(error=error)] * 3) == ("", [], [])


def test_right_answers_show_no_misconception():
    same = exercise(misconceptions={"not-wrong": lambda p, x: x + x + x})
    assert diagnose(same, {}, CASES, answers(0, 3, 6)) == ("", [], [])


def test_a_belief_cannot_change_the_calls_it_is_asked_about():
    spoils = exercise(misconceptions={"spoils": lambda p, values: values.clear() or 0},
                      reference=lambda p, values: len(values))  # fmt: skip
    cases = [[[1, 2]]]
    assert diagnose(spoils, {}, cases, answers(0)) == ("spoils", [[[1, 2]]], [])
    assert cases == [[[1, 2]]]


LISTED = {
    "lists_zero": lambda p: [0, 2, 3, 4],
    "doubles-two": lambda p: [1, 4, 6, 4],
    "doubles-all": lambda p: [2, 4, 6, 8],
}


@pytest.mark.parametrize(
    ("answer", "belief"),
    [
        ([0, 2, 3, 4], "lists_zero"),  # the whole of it
        ([0, 2, 3, 9], "lists_zero"),  # and a slip of another kind
        ([0, 4, 6, 4], "lists_zero"),  # the only one with an entry that no other explains
        ([1, 4, 6, 5], ""),
        ([1, 4, 3, 4], ""),  # two beliefs agree there
        ([1, 2, 3, 9], ""),
        ([1, 2, 3], ""),
        (7, ""),
    ],
)
def test_of_a_list_with_several_faults_a_belief_is_named_by_the_entries_it_alone_explains(
    answer, belief
):
    predicted = exercise(reference=lambda p: [1, 2, 3, 4], misconceptions=LISTED)
    assert diagnose(predicted, {}, [[]], answers(answer))[0] == belief


def checked():
    return exercise(
        check=lambda p, case, answer: "" if abs(answer - 3 * case[0]) < 1e-6 else "not three times",
        misconceptions={"halves": lambda p, case, answer: answer * 2 == case[0]},
    )


def test_with_a_check_a_belief_must_show_in_every_wrong_answer():
    assert diagnose(checked(), {}, CASES, answers(0, 0.5, 1.0)) == ("halves", [[1], [2]], [])
    assert diagnose(checked(), {}, CASES, answers(0, 0.5, 1.5)) == ("", [], [])


@pytest.mark.parametrize("answer", [None, "text", [1], {}, 10**400])
def test_a_check_meets_any_form_of_answer_without_failing_itself(answer):
    assert violated(checked(), {}, [1], Answer(answer))
    assert diagnose(checked(), {}, CASES, [Answer(answer)] * 3) == ("", [], [])


def test_a_lesson_with_a_check_is_graded_by_it(tmp_path):
    instance = small_course(tmp_path).instance("write-mean", "1")
    assert grade(instance, right(instance), "c", Instant()).passed
    unscaled = "def mean(values):\n    return sum(values) / len(values) if values else 0\n"
    found = grade(instance, unscaled, "c", Instant())
    assert found.misconception == "forgets-gain-again"
    text = grade(instance, "def mean(values):\n    return 'a lot'\n", "c", Instant())
    assert text.finding is Finding.WRONG
    assert WRONG_FORM in text.words
