"""Lint: file, line and remedy of all that keeps a course from being taught."""

import pytest

from curricula.authoring.lint import lint
from tests.support.small_course import COURSE, TOTALS, TOTALS_PY, write_course

NO_SUBJECT = COURSE.replace('subject = "{subject}"', "")


def test_a_sound_course_has_no_problems(tmp_path):
    assert lint(write_course(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"TOTALS": TOTALS.replace("```text\n3", "```text\n4")}, "example_output", "'3'"),
        ({"TOTALS": TOTALS.replace("```text", "```txt")}, "example_output_missing", "```text"),
        (
            {"TOTALS": TOTALS.replace("gpt.total([1", "gpt.other([1")},
            "example_raises",
            "AttributeError",
        ),
        ({"TOTALS": TOTALS.replace("print(gpt", "exit(gpt")}, "example_raises", "SystemExit"),
        ({"TOTALS": TOTALS.replace("{{ p.gain }} of them", "{{ p.x }} of")}, "lesson.template", ""),
        (
            {"TOTALS_PY": TOTALS_PY.replace("SUMS.total(values)", "values[0]")},
            "draw_error",
            "IndexError",
        ),
        ({"TOTALS_PY": TOTALS_PY.replace("SUMS.total(values)", "{1}")}, "draw_error", "TypeError"),
        ({"TOTALS_PY": TOTALS_PY.replace("[[]]", "[]")}, "no_calls", "guess-total"),
        (
            {"TOTALS_PY": 'def draw(rng):\n    return {"gain": 2, "last": 3}\n' + TOTALS_PY},
            "few_tasks",
            "1",
        ),
        (
            {"TOTALS": TOTALS.replace("### guess-total", "### guess")},
            "exercise_without_code",
            "`guess`",
        ),
        ({"COURSE": ""}, "unreadable", ""),
        ({"COURSE": COURSE + 'reads = ["x.txt"]\n'}, "reads_missing", "x.txt"),
        ({"COURSE": COURSE + 'reads = ["/etc/hostname"]\n'}, "reads_missing", "/etc/hostname"),
        ({"COURSE": 'reads = ["x.txt"]\n' + NO_SUBJECT}, "reads_without_subject", "x.txt"),
    ],
)
def test_what_is_to_be_mended_is_told_with_a_remedy(tmp_path, changes, code, named):
    folder = write_course(tmp_path, **changes)
    found = [one for one in lint(folder) if one.code == code and named in one.message]
    assert found, lint(folder)
    assert found[0].remedy
    assert found[0].line >= 1


def test_a_skill_that_nothing_counts_for_is_told(tmp_path):
    text = TOTALS.replace("skills:\n", "skills:\n  other: do something else\n")
    [problem] = lint(write_course(tmp_path, TOTALS=text))
    assert problem.code == "skill_without_exercise"
    assert "`other`" in problem.message


def test_exercises_that_cannot_be_loaded_are_one_problem(tmp_path):
    [problem] = lint(write_course(tmp_path, TOTALS_PY="1/0\n"))
    assert problem.code == "exercises_error"


def test_a_folder_without_a_course_is_one_problem(tmp_path):
    [problem] = lint(tmp_path)
    assert problem.file == tmp_path / "course.toml"
