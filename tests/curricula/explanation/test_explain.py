"""A section explained: whose it is, what it holds, what is not told."""

import json
from dataclasses import asdict

import pytest

from curricula import subject
from curricula.errors import SubmissionError, UnknownNameError
from curricula.explanation.explain import (
    NO_VALUES_ARGUMENTS,
    NO_VALUES_NO_CODE,
    NO_VALUES_WITHHELD,
    WHENCE,
    WHY_WITHHELD,
    Owner,
    explain,
    find_lines,
)
from tests.support.paths import ROOT

SOURCE = (ROOT / "microgpt" / "gpt.py").read_text()
SOFTMAX = subject.symbols(SOURCE)["softmax"]
OWNERS = (
    Owner(
        "08-linear-softmax",
        "Linear, softmax, RMSNorm",
        (range(SOFTMAX[0], SOFTMAX[1] + 1),),
        ("What would change without the highest?", "What do the numbers sum to?"),
        ("Larger scores make a larger sum.",),
    ),
    Owner("09-attention", "One head", (range(113, 125),), ("Who asks?", "Who answers?"), ()),
)


@pytest.mark.parametrize(
    ("section", "lines"),
    [
        ("softmax", SOFTMAX),
        ("gpt.py:softmax", SOFTMAX),
        ("Value.backward", subject.symbols(SOURCE)["Value.backward"]),
        ("backward", subject.symbols(SOURCE)["Value.backward"]),
        ("gpt.py:101-110", (101, 110)),
        ("microgpt/gpt.py:190-999", (190, 200)),
        ("101", (101, 101)),
        ("gpt.py", (1, 200)),
        ("08-linear-softmax", SOFTMAX),
    ],
)
def test_a_section_is_found_by_lines_by_name_or_by_lesson(section, lines) -> None:
    found = find_lines(section, SOURCE, OWNERS)
    assert (found[0], found[-1]) == lines


@pytest.mark.parametrize(
    "section", ["softmaxx", "train.py:1-3", "gpt.py:300-310", "gpt.py:9-3", ""]
)
def test_what_is_not_there_is_answered_with_what_is(section: str) -> None:
    with pytest.raises(UnknownNameError) as refused:
        explain(section)
    assert "gpt.py" in str(refused.value)
    assert refused.value.remedy


def test_a_lesson_without_lines_of_its_own_is_said_to_have_none() -> None:
    with pytest.raises(UnknownNameError, match="01") as refused:
        explain("01", owners=[Owner("01", "Run it", (), ("a?", "b?"), ())])
    assert refused.value.code == "unknown_name.no_lines"


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=": softmax") as refused:
        explain("softmaks")
    assert refused.value.code == "unknown_name.symbol"


def test_an_example_with_unknown_letters_is_refused_before_anything_runs() -> None:
    with pytest.raises(SubmissionError, match="'ada'") as refused:
        explain("softmax", "Ada")
    assert refused.value.code == "submission.unknown_character"


@pytest.mark.slow
def test_a_section_tells_its_lesson_its_questions_and_its_values() -> None:
    found = explain("softmax", "emma", owners=OWNERS)
    assert (found.lesson, found.inside) == ("08-linear-softmax", "softmax")
    assert found.questions == OWNERS[0].questions
    assert found.misconceptions == OWNERS[0].misconceptions
    assert found.code.splitlines()[0] == f"{SOFTMAX[0]} def softmax(scores):"
    [scores] = [one for one in found.values[0].before if one.name == "scores"]
    assert scores.shape == "5"  # BOS, e, m, m, a
    assert "position 4" in found.summary
    assert "'a'" in found.summary


def test_a_section_that_is_wholly_withheld_tells_nothing_of_itself() -> None:
    found = explain("softmax", withheld=[range(SOFTMAX[0], SOFTMAX[1] + 1)], owners=OWNERS)
    assert found.values == ()
    assert "highest" not in json.dumps([found.code, found.note, found.summary])
    assert [(one.first, one.last) for one in found.withheld] == [SOFTMAX]
    assert found.note == NO_VALUES_WITHHELD
    assert WHY_WITHHELD in found.summary


@pytest.mark.slow
def test_lines_without_values_say_why() -> None:
    assert explain("main").note == NO_VALUES_ARGUMENTS
    assert explain("gpt.py:19-21").note == NO_VALUES_NO_CODE


@pytest.mark.slow
def test_what_a_withheld_line_makes_is_not_told_where_it_is_used() -> None:
    shares = next(n for n, text in enumerate(SOURCE.splitlines(), 1) if "shares = " in text)
    told = explain("attention", withheld=[range(shares, shares + 1)])
    names = {one.name for line in told.values for one in (*line.before, *line.after)}
    assert "shares" not in names
    assert {"query", "gathered"} <= names
    assert "softmax" not in told.code
    assert f"{shares} [withheld: {WHY_WITHHELD}]" in told.code


@pytest.mark.slow
def test_part_of_a_long_statement_withholds_the_whole_of_it() -> None:
    first, last = subject.symbols(SOURCE)["initial_weights"]
    told = explain("initial_weights", withheld=[range(last - 1, last)])
    assert "gauss" not in told.code
    assert [(one.first, one.last) for one in told.withheld] == [(last - 3, last)]
    assert "shapes = " in told.code
    assert told.code.startswith(f"{first} def")


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(
            section, marks=pytest.mark.slow if section == "attention" else pytest.mark.long
        )
        for section in ("gpt.py", "Value", "attention", "train", "gpt.py:93-134")
    ],
)
def test_an_answer_stays_small_and_says_what_it_left_out(section: str) -> None:
    told = explain(section, "abcdefghijklmnop", owners=OWNERS)
    assert len(json.dumps(asdict(told))) < 6_000
    asked = find_lines(section, SOURCE)
    shown = {int(row.split()[0]) for row in told.code.splitlines() if row != "..."}
    assert shown == set(asked) or "gpt.py:" in told.left_out


@pytest.mark.slow
def test_values_that_are_not_of_the_example_are_said_not_to_be() -> None:
    told = explain("invent", "ada")
    assert all(line.position is None for line in told.values)
    assert told.note == WHENCE["invent"]
    assert "position" not in told.summary


@pytest.mark.slow
def test_a_lesson_with_lines_here_and_there_shows_all_of_them() -> None:
    owner = Owner("12", "Adam", (range(17, 19), range(153, 155)), ("a?", "b?"), ())
    told = explain("12", owners=[owner])
    assert told.section == "gpt.py:17-18, 153-154"
    assert "\n...\n153 " in told.code
