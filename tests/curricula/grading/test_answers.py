"""Plain data from a learner's code: compared strictly, told without giving anything away."""

import math

import pytest
from inline_snapshot import snapshot

from curricula.grading.answers import difference, error_words, finite, same, shallow, shorten


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.0, 1.0 + 1e-9),
        (1, 1.0),
        (0.0, 1e-9),
        (1e9, 1e9 + 1),
        ("a", "a"),
        (None, None),
        (True, True),
        ([1, [2.0]], (1, [2.0])),
        ({"a": [1]}, {"a": [1.0]}),
        (10**400, 10**400),
    ],
)
def test_equal_data_is_equal(expected, got):
    assert same(expected, got, 1e-6)
    assert difference(expected, got, 1e-6) == ""


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        (1.0, 1.001, snapshot("the answer is another number")),
        (1.0, True, snapshot("the answer is true or false, not a number")),
        (1, None, snapshot("the answer is None, not a number")),
        (0, False, snapshot("the answer is true or false, not a number")),
        (1.0, "1.0", snapshot("the answer is a string, not a number")),
        ("a", "b", snapshot("the answer is another one")),
        (
            [1, 2],
            [1],
            snapshot("the answer has 1 entries, which is not the right number"),
        ),
        ([1, 2, 3], [1, 3, 2], snapshot("the answer differs, first in entry 2 of 3")),
        ([1, 2], 3, snapshot("the answer is a number, not a list")),
        ([1], "1", snapshot("the answer is a string, not a list")),
        ({"a": 1}, {"a": 1, "b": 2}, snapshot("the answer is another one")),
        (1.0, 10**400, snapshot("the answer is another number")),
        (10**400, 1.0, snapshot("the answer is another number")),
        (10**400, 10**400 + 1, snapshot("the answer is another number")),
    ],
)
def test_other_data_differs_and_the_words_hold_no_right_answer(expected, got, words):
    assert not same(expected, got, 1e-6)
    assert difference(expected, got, 1e-6) == words


@pytest.mark.parametrize("value", [math.nan, math.inf, [1, [-math.inf]], {"a": math.nan}])
def test_nan_and_infinity_are_found_wherever_they_are(value):
    assert not finite(value)


def test_a_number_that_is_not_finite_equals_nothing():
    assert not same(math.nan, math.nan, 1e-6)
    assert not same(math.inf, math.inf, 1e-6)


@pytest.mark.slow
def test_what_is_nested_deeply_is_known_without_walking_down():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert not shallow(deep)
    assert not shallow({"a": deep})
    assert shallow([[{"a": [1, 2]}], "text", None])


def test_an_error_is_one_line_that_a_terminal_can_show():
    said = {"type": "ValueError", "words": "a\n  b\x1b[2J\ud800", "line": 3}
    assert error_words(said) == "ValueError: a b\ufffd[2J\ufffd (line 3)"
    assert error_words(said).encode()


@pytest.mark.parametrize("said", [5, None, {}, {"type": ["x"], "line": "no"}, {"line": -1}])
def test_an_error_of_any_form_has_words(said):
    assert error_words(said)


def test_a_long_text_is_cut():
    assert len(shorten("x" * 1000)) == 400
    assert shorten("short") == "short"
