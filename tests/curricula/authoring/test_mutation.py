"""Trying a course: wrong answers that pass and right ones that fail are found."""

from dataclasses import replace

import pytest

from curricula.authoring.mutation import STARTER, try_course
from curricula.content.catalog import find_course
from tests.support.small_course import TOTALS, TOTALS_PY, Instant, write_course

MORE = 'Mutant(name="nothing"'
PLAIN = "def total(values):\n    return {{ p.gain }} * sum(values)\n"


def tried(folder, runner=None, **changes):
    course = find_course("small", [write_course(folder, **changes)])
    [one] = try_course(course, runner or Instant(), only=["write-total"], instances=3)
    return one


@pytest.mark.slow
def test_a_sound_exercise_is_told_apart_on_fresh_instances(tmp_path):
    runner = Instant()
    one = tried(tmp_path, runner)
    assert one.ok
    assert (one.solutions, one.mutants) == (3, 3)
    assert [(row.mutant, row.named, row.tried) for row in one.shown] == [
        ("no-gain", 3, 3),
        ("first", 3, 3),
    ]
    assert runner.runs == 3 + 4 + 1  # solutions, mutants, and all that is always wrong in one


@pytest.mark.parametrize(
    ("old", "new", "answer", "passed"),
    [
        (MORE, 'Mutant(name="right", source=PLAIN), Mutant(name="nothing"', "right", True),
        ('equivalent="1.0 times"', 'equivalent=""', "float", True),
        ("return 1.0 *", "return 2 *", "float", False),
    ],
)
def test_a_mutant_that_comes_out_otherwise_is_named(tmp_path, old, new, answer, passed):
    assert old in TOTALS_PY
    one = tried(tmp_path, TOTALS_PY=TOTALS_PY.replace(old, new))
    assert not one.ok
    found = next(found for found in one.survived if found.answer == answer)
    assert found.passed is passed
    assert answer in found.text


def test_a_solution_that_fails_is_named_with_the_instance_and_the_call(tmp_path):
    one = tried(tmp_path, TOTALS_PY=TOTALS_PY.replace("+=", "="))
    assert not one.ok
    [words] = one.refused
    assert all(named in words for named in ("solution 0", "mutate/0", "{'gain': "))


def test_a_starter_that_ends_the_process_hides_no_paste_that_passes(tmp_path):
    class Ends(Instant):
        """Where parts are many, the first one ends the process."""

        def run(self, parts, **limits):
            told = super().run(parts, **limits)
            several = len({part.source for part in parts}) > 1 and "..." in parts[0].source
            return replace(told, lines=told.lines[:1]) if several else told

    text = TOTALS.replace("def total(values):\n    ...\n", PLAIN + "    ...\n")
    first = tried(tmp_path, Ends(), TOTALS=text).survived[0]
    assert (first.answer, first.passed) == (STARTER, True)


def test_a_starter_that_passes_is_found(tmp_path):
    text = TOTALS.replace("def total(values):\n    ...\n", PLAIN)
    first = tried(tmp_path, TOTALS=text).survived[0]
    assert (first.answer, first.passed) == (STARTER, True)


@pytest.mark.slow
def test_the_taught_function_pasted_whole_must_not_pass(tmp_path):
    pays = TOTALS_PY.replace('return p["gain"] * SUMS.total(values)', "return SUMS.total(values)")
    one = tried(tmp_path, TOTALS_PY=pays)
    pasted = [found for found in one.survived if "sums.py" in found.answer]
    assert any("total" in found.answer and found.passed for found in pasted)


def test_another_belief_than_the_mutant_stands_for_is_counted_against_it(tmp_path):
    swapped = TOTALS_PY.replace('stands_for="first-only"', 'stands_for="forgets-gain"')
    row = tried(tmp_path, TOTALS_PY=swapped).shown[1]
    assert (row.named, row.tried, row.instead) == (0, 3, "first-only")
