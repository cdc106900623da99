"""A grade: run elsewhere, compared here, met with the belief it shows and never with the answer."""

import json
import re
from dataclasses import replace

import pytest
from inline_snapshot import snapshot

from curricula.content.instance import Instance
from curricula.errors import SubmissionError
from curricula.exercise import Exercise
from curricula.grading.grader import STRAY, Finding, Part, Reply, grade, read_reply
from tests.support.small_course import Instant, Says, right, small_course

SEED = "cases"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return small_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def total(course):
    return course.instance("write-total", "7")


def graded(instance, source, runner=None):
    return grade(instance, source, SEED, runner or Instant())


@pytest.mark.parametrize("which", [0, 1, 2])
def test_different_right_answers_pass(total, which):
    found = graded(total, right(total, which))
    assert found.passed
    assert found.finding is Finding.RIGHT
    assert found.words == snapshot("Right on all 6 fresh calls.")
    assert (found.failed, found.calls, found.misconception) == (0, 6, "")
    assert found.sandbox == "instant"


def test_a_wrong_answer_shows_its_belief_on_the_smallest_call_that_tells(total):
    found = graded(total, "def total(values):\n    return sum(values)\n")
    assert not found.passed
    assert found.misconception == "forgets-gain"
    assert re.fullmatch(r"\[\d+\]", found.shown_input)  # not [], where it happens to be right
    assert found.shown_answer == found.shown_input.strip("[]")
    assert found.failed == 5


def test_a_call_that_no_learner_would_write_is_shown_as_they_would(course, total):
    exercise = replace(total.exercise, shown=lambda p, values: f"total(of {len(values)} numbers)")
    found = graded(
        replace(total, exercise=exercise), "def total(values):\n    return sum(values)\n"
    )
    assert re.fullmatch(r"total\(of \d numbers\)", found.shown_input)


def test_a_belief_that_explains_a_part_of_a_list_says_which_entries_it_was_read_from(total):
    listed = replace(
        total.exercise,
        entry="answer",
        cases=lambda rng, p: [[]],
        reference=lambda p: [1, 2, 3, 4],
        misconceptions={"threes": lambda p: [1, 2, 9, 4]},
    )
    found = graded(replace(total, exercise=listed), "answer = [1, 7, 9, 4]\n")
    assert found.misconception == "threes"
    assert found.words == snapshot(
        "The answer differs, first in entry 2 of 4; what it shows is read from entry 3."
    )


def test_the_right_answer_is_in_no_part_of_a_grade(total):
    found = graded(total, "def total(values):\n    return -sum(values)\n")
    shown = json.loads(f"[{found.shown_input}]")
    told = " ".join([found.words, found.shown_input, found.shown_answer])
    assert str(total.params["gain"] * sum(*shown)) not in told.replace("-", " ").split()
    assert found.misconception == ""


def test_yesterdays_answer_fails_todays_instance(course, total):
    other = course.instance("write-total", "8")
    assert other.params != total.params
    assert not graded(other, right(total)).passed


def test_each_attempt_has_calls_of_its_own_and_a_seed_makes_them_again(total):
    assert total.cases("a") != total.cases("b")
    assert total.cases("a") == total.cases("a")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def other(values): ...", "total"),
        ("def total(values:\n", "SyntaxError"),
        ("1/0\n", "ZeroDivisionError: division by zero (line 1)"),
        ("raise SystemExit(0)\n", "SystemExit"),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt"),
        ("import torch\n", "ModuleNotFoundError"),
    ],
)
def test_code_that_does_not_run_says_why(total, source, words):
    found = graded(total, source)
    assert not found.passed
    assert found.finding is Finding.DID_NOT_RUN
    assert words in found.words
    assert found.failed == found.calls == 6


def test_an_error_in_a_call_names_the_learners_line(total):
    found = graded(total, "def total(values):\n    return values[0]\n")
    assert found.finding is Finding.WRONG
    assert "IndexError: list index out of range (line 2)" in found.words
    assert found.shown_input == "[]"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            "float('nan')",
            snapshot("Wrong on 6 of 6 fresh calls: the answer holds NaN or infinity."),
        ),
        (
            "float('inf')",
            snapshot("Wrong on 6 of 6 fresh calls: the answer holds NaN or infinity."),
        ),
        ("10**400", snapshot("Wrong on 6 of 6 fresh calls: the answer is another number.")),
        (
            "object()",
            snapshot(
                "Wrong on 6 of 6 fresh calls: it raised TypeError: the answer must be numbers, "
                "texts, lists and dicts; this object is not."
            ),
        ),
        (
            "...",
            snapshot(
                "Wrong on 6 of 6 fresh calls: it raised TypeError: the answer is `...`, which "
                "stands for what is still to be written."
            ),
        ),
        (
            "[1, ...]",
            snapshot(
                "Wrong on 6 of 6 fresh calls: it raised TypeError: entry 2 is `...`, which "
                "stands for what is still to be written."
            ),
        ),
        (
            "{1, 2}",
            snapshot(
                "Wrong on 6 of 6 fresh calls: it raised TypeError: the answer must be numbers, "
                "texts, lists and dicts; this set is not."
            ),
        ),
        (
            "lambda: 1",
            snapshot(
                "Wrong on 6 of 6 fresh calls: it raised TypeError: the answer must be numbers, "
                "texts, lists and dicts; this function is not."
            ),
        ),
        (
            "'x' * 10",
            snapshot("Wrong on 6 of 6 fresh calls: the answer is a string, not a number."),
        ),
    ],
)
def test_what_is_no_plain_right_answer_is_a_failure_in_words(total, value, words):
    found = graded(total, f"def total(values):\n    return {value}\n")
    assert not found.passed
    assert found.finding is Finding.WRONG
    assert found.words == words
    assert len(found.shown_answer) <= 400


def test_a_number_too_long_to_be_written_is_a_failure_with_pythons_own_error(total):
    found = graded(total, "def total(values):\n    return 10**5000\n")
    assert found.finding is Finding.WRONG
    assert "ValueError" in found.words


LIES = """\
class Lie({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __le__(self, other): return True
    def __sub__(self, other): return 0.0
    def __rsub__(self, other): return 0.0
    def __abs__(self): return 0.0
    def __hash__(self): return 0
    def __float__(self): return 0.0
    def __len__(self): return 10**9
    def __iter__(self): return iter([1])
    def __repr__(self): return "0"
    def __str__(self): return "0"
    def items(self): return [("a", self)] if {base} is not dict else [("a", 1)]
def total(values):
    return Lie({value})
"""


@pytest.mark.parametrize(
    ("base", "value"),
    [("float", "1.5"), ("int", "3"), ("str", "'1'"), ("list", "[1]"), ("dict", "a=1")],
)
def test_a_value_with_lying_methods_arrives_as_plain_data(total, base, value):
    assert not graded(total, LIES.format(base=base, value=value)).passed


def test_patched_modules_change_nothing_here(total, monkeypatch):
    source = (
        "import math\nmath.isclose = lambda *a, **k: True\ndef total(values):\n    return 0.0\n"
    )
    lines = ['{"part": 0}', *['{"value": 0.0}'] * 6]
    assert not graded(total, source, Says(tuple(lines))).passed


def part():
    return Part(source="", entry="f", driver="", cases=[[1], [2]])


def replied(*lines, parts=1, ended="exit"):
    return read_reply(Reply(lines=lines, ended=ended, sandbox=""), [part()] * parts)


@pytest.mark.parametrize(
    "stray",
    [
        "noise", "", "[]", "7", '{"value": 1, "error": 2}', '{"other": 1}', "[" * 100_000,
        '{"part": 1}', '{"part": 0}', '{"value": ' + "1" * 5000 + "}",
    ],
)  # fmt: skip
def test_lines_that_nobody_asked_for_fail_the_part_they_stand_in(stray):
    assert replied('{"part": 0}', '{"value": 1}', stray) == [STRAY]


def test_a_stray_line_fails_that_part_and_all_after_it_but_none_before():
    good = ('{"part": 0}', '{"value": 1}', '{"value": 2}')
    first, second, third = replied(*good, '{"part": 1}', "noise", '{"part": 2}', parts=3)
    assert [answer.value for answer in first] == [1, 2]
    assert second == third == STRAY


def test_lines_before_the_first_part_are_stray():
    assert replied('{"value": 1}', '{"part": 0}') == [STRAY]


@pytest.mark.parametrize(
    "error", ["5", "null", "[1]", '"x"', '{"type": [[[]]]}', '{"line": 1e999}']
)
def test_an_error_line_of_any_form_is_an_error(total, error):
    lines = ('{"part": 0}', *['{"error": %s}' % error] * 6)  # noqa: UP031
    found = graded(total, "x = 1", Says(lines))
    assert not found.passed
    assert found.finding is Finding.WRONG
    assert found.words


def test_an_answer_that_is_nested_without_end_is_refused_in_words(total):
    deep = "[" * 900 + "]" * 900
    found = graded(total, "", Says(('{"part": 0}', *[f'{{"value": {deep}}}'] * 6)))
    assert found.finding is Finding.WRONG
    assert "ValueError" in found.words


@pytest.mark.parametrize(
    ("ended", "finding", "words"),
    [
        (
            "time",
            Finding.TIME,
            snapshot("It had not ended after 10 s; 1 of 6 calls were answered."),
        ),
        (
            "size",
            Finding.SIZE,
            snapshot("Its answers are far too long; 1 of 6 calls were answered."),
        ),
        (
            "exit",
            Finding.ENDED_EARLY,
            snapshot("Its process ended before it had answered; 1 of 6 calls were answered."),
        ),
    ],
)
def test_an_early_end_says_how_far_it_came_and_on_what_it_stopped(total, ended, finding, words):
    cases = total.cases(SEED)
    found = graded(total, "", Says(('{"part": 0}', '{"value": 0}'), ended))
    assert found.finding is finding
    assert found.words == words
    assert found.shown_input == json.dumps(cases[1][0])
    assert not found.passed


def test_more_answers_than_calls_are_no_pass(total):
    answers = [json.dumps({"value": total.exercise.reference(total.params, *case)})
               for case in total.cases(SEED)]  # fmt: skip
    assert graded(total, "", Says(('{"part": 0}', *answers))).passed
    found = graded(total, "", Says(('{"part": 0}', *answers, answers[-1])))
    assert not found.passed
    assert found.finding is Finding.EXTRA_ANSWERS


@pytest.mark.parametrize("source", ["x" * 64_001, "a\0b", "é" * 32_001, "'\ud800'"])
def test_what_cannot_be_a_program_is_refused_before_it_runs(total, source):
    runner = Instant()
    with pytest.raises(SubmissionError) as refused:
        graded(total, source, runner)
    assert refused.value.remedy
    assert runner.runs == 0


def test_code_sees_inputs_and_neither_reference_nor_parameters(total):
    seen = []

    class Watching(Instant):
        def run(self, parts, **limits):
            seen.extend(parts)
            return super().run(parts, **limits)

    graded(total, right(total), Watching())
    assert [sorted(vars_of(one)) for one in seen] == [["cases", "driver", "entry", "source"]]


def vars_of(one):
    return one.__dataclass_fields__


def test_a_call_that_changes_its_arguments_changes_nobody_elses(total):
    source = "def total(values):\n    found = {{ p.gain }} * sum(values)\n    values.clear()\n"
    assert graded(total, total.fill(source + "    return found\n")).passed


def test_learners_code_is_compiled_as_it_stands_and_inherits_no_future(total):
    source = "def total(values: 1/1):\n    return total.__annotations__['values']\n"
    assert graded(total, source).shown_answer == "1.0"


def test_a_driver_runs_beside_the_learners_code(course, total):
    words = total.exercise
    driven = Exercise(
        id="write-total", skill="total", entry="Adder", draw=words.draw, cases=words.cases,
        reference=words.reference, solutions=(), mutants=(),
        driver="def drive(entry, values):\n    a = entry()\n    a.add(values)\n    return a.sum\n",
    )  # fmt: skip
    instance = Instance(driven, total.task, "7")
    source = instance.fill(
        "class Adder:\n    def add(self, values):\n        self.sum = {{ p.gain }} * sum(values)\n"
    )
    assert graded(instance, source).passed
    assert not graded(instance, source.replace("sum(values)", "len(values)")).passed
