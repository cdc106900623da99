"""Coverage of the taught file: by tracing what the references run."""

import sys

import pytest

from curricula.authoring.coverage import measure, touched_by
from curricula.content.catalog import find_course
from tests.support.small_course import MEANS, MEANS_PY, TOTALS, write_course


def measured(folder, **changes):
    return measure(find_course("small", [write_course(folder, **changes)]))


def test_every_line_that_a_lesson_owns_and_runs_is_covered(tmp_path):
    found = measured(tmp_path)
    assert found.ok
    assert found.share == 1.0
    assert found.lines == {4, 5, 8, 10, 11, 12}  # docstrings are no code


def test_a_line_that_no_reference_runs_is_missed(tmp_path):
    found = measured(tmp_path, MEANS_PY=MEANS_PY.replace("[[], *some]", "some").replace(
        'p["gain"] * SUMS.mean(values)', 'p["gain"] * (SUMS.mean(values) if values else 0)'
    ))  # fmt: skip
    means = found.lessons[1]
    assert means.missed == (11,)
    assert not found.ok
    assert found.share == 5 / 6


@pytest.mark.slow
def test_a_line_that_nobody_owns_or_two_do_is_told(tmp_path):
    none = measured(tmp_path / "none", MEANS=MEANS.replace("owns: [mean]", "owns: ['8-11']"))
    assert (none.unowned, none.twice, none.ok) == ((12,), (), False)
    two = measured(tmp_path / "two", TOTALS=TOTALS.replace("[total]", "[total, mean]"))
    assert two.twice == (8, 10, 11, 12)
    assert not two.ok


def test_a_claim_alone_covers_nothing(tmp_path):
    claims = TOTALS.replace("owns: [total]", "owns: [total, mean]")
    found = measured(tmp_path, TOTALS=claims, MEANS=MEANS.replace("owns: [mean]", "owns: []"))
    assert set(found.lessons[0].missed) == {10, 11, 12}


def test_what_an_exercise_touches_is_what_its_lesson_owns_of_it(tmp_path):
    course = find_course("small", [write_course(tmp_path)])
    assert touched_by(course, "write-total") == {4, 5}
    assert touched_by(course, "write-mean") == {8, 10, 11, 12}


def test_tracing_leaves_no_trace_behind(tmp_path):
    before = sys.gettrace()
    measured(tmp_path)
    assert sys.gettrace() is before
