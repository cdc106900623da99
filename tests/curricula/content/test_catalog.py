"""Courses on disk: found by name, put together, and refused with what is wrong."""

import pytest

from curricula.content.catalog import course_folders, find_course, load_course, span_of
from curricula.errors import LessonError, UnknownNameError
from tests.support.small_course import MEANS, MEANS_PY, SUBJECT, TOTALS, TOTALS_PY, write_course


def test_a_course_of_ones_own_stands_beside_those_that_ship(tmp_path):
    folder = write_course(tmp_path)
    for extra in (tmp_path, folder):
        assert set(course_folders([extra])) >= {"microgpt", "small"}
        assert find_course("small", [extra]).id == "small"


def test_an_unknown_course_is_refused_with_those_there_are(tmp_path):
    write_course(tmp_path)
    with pytest.raises(UnknownNameError, match="microgpt, small") as refused:
        find_course("other", [tmp_path])
    assert refused.value.code == "unknown_name.course"


def test_lessons_and_exercises_come_in_the_order_of_the_folders(tmp_path):
    course = find_course("small", [write_course(tmp_path)])
    assert [unit.id for unit in course.units] == ["totals", "means"]
    assert list(course.units[0].exercises) == ["guess-total", "write-total", "mend-total"]
    assert list(course.skills) == ["total", "mean"]
    for name in ("means", "2", "02-means"):
        assert course.unit(name).id == "means"
    with pytest.raises(UnknownNameError, match="totals, means") as refused:
        course.unit("3")
    assert refused.value.code == "unknown_name.lesson"
    with pytest.raises(UnknownNameError, match="guess-total, ") as refused:
        course.unit_of("other")
    assert refused.value.code == "unknown_name.exercise"


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"COURSE": "id = 3"}, "unreadable", ""),
        ({"COURSE": "id = ["}, "unreadable", ""),
        ({"TOTALS_PY": "1/0\n"}, "exercises_error", "ZeroDivisionError: division by zero"),
        ({"TOTALS_PY": "def\n"}, "exercises_error", "SyntaxError"),
        ({"TOTALS_PY": "x = 1\n"}, "exercises_error", "AttributeError"),
        (
            {"TOTALS_PY": TOTALS_PY.replace('writing("mend-total"),', "")},
            "exercise_without_code",
            "`mend-total`",
        ),
        (
            {"TOTALS": TOTALS.replace("### mend-total:", "### other:")},
            "exercise_without_text",
            "`mend-total`",
        ),
        ({"TOTALS_PY": TOTALS_PY.replace('skill="total"', 'skill="x"')}, "unknown_skill", "`x`"),
        (
            {"TOTALS": TOTALS.replace("  first-only:", "  only-first:")},
            "unknown_misconception",
            "`first-only`",
        ),
        ({"MEANS_PY": MEANS_PY.replace("(FIRST,) * 3", "(FIRST,)")}, "solution_count", "1"),
        ({"MEANS": MEANS.replace("[totals]", "[others]")}, "prerequisite", "`others`"),
        ({"MEANS": MEANS.replace("id: means", "id: totals")}, "duplicate_name", "`totals`"),
        ({"MEANS": MEANS.replace("owns: [mean]", "owns: [nothing]")}, "owns_unknown", "`nothing`"),
    ],
)
def test_a_course_that_is_wrong_says_where_and_is_not_taught(tmp_path, changes, code, named):
    folder = write_course(tmp_path, **changes)
    _, problems = load_course(folder)
    assert any(one.code == code and named in one.message for one in problems), problems
    with pytest.raises(LessonError) as refused:
        find_course("small", [folder])
    assert "teach lint" in refused.value.remedy


def test_a_course_without_lessons_says_so(tmp_path):
    (tmp_path / "course.toml").write_text('id = "c"\ntitle = "C"\ngoal = "g"\n')
    with pytest.raises(LessonError) as refused:
        find_course(str(tmp_path))
    assert refused.value.code == "lesson.no_lessons"


def test_an_exercise_that_stands_twice_in_a_lesson_is_told(tmp_path):
    text = TOTALS.replace("### mend-total:", "### write-total:")
    _, problems = load_course(write_course(tmp_path, TOTALS=text))
    [twice] = [problem for problem in problems if problem.code == "duplicate_exercise"]
    assert "`write-total`" in twice.message


def test_the_line_of_an_exercises_mistake_is_named(tmp_path):
    folder = write_course(tmp_path, TOTALS_PY="x = 1\n\n1/0\n")
    line = (folder / "01-totals/exercises.py").read_text().split("\n").index("1/0") + 1
    assert any(problem.line == line for problem in load_course(folder)[1])


@pytest.mark.parametrize(
    ("name", "span"),
    [("total", (4, 5)), ("7", (7, 7)), ("2-3", (2, 3)), ("x", None), ("2-x", None), ("", None)],
)
def test_a_lesson_owns_symbols_or_lines(name, span):
    assert span_of(name, SUBJECT) == span
