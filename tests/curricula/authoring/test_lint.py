"""Lint: file, line and remedy of all that keeps a course from being taught."""

import pytest

from curricula.authoring.lint import lint
from tests.support.small_course import COURSE, TOTALS, TOTALS_PY, write_course

NO_SUBJECT = COURSE.replace('subject = "{subject}"', "")


def test_a_sound_course_has_no_problems(tmp_path):
    assert lint(write_course(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TOTALS": TOTALS.replace("```text\n3", "```text\n4")}, "The example prints '3'."),
        ({"TOTALS": TOTALS.replace("```text", "```txt")}, "prints something, and no ```text"),
        ({"TOTALS": TOTALS.replace("gpt.total([1", "gpt.other([1")}, "raises AttributeError"),
        ({"TOTALS": TOTALS.replace("print(gpt", "exit(gpt")}, "The example raises"),
        ({"TOTALS": TOTALS.replace("{{ p.gain }} of them", "{{ p.x }} of")}, "can't be filled in"),
        ({"TOTALS_PY": TOTALS_PY.replace("SUMS.total(values)", "values[0]")}, "IndexError"),
        ({"TOTALS_PY": TOTALS_PY.replace("SUMS.total(values)", "{1}")}, "TypeError"),
        ({"TOTALS_PY": TOTALS_PY.replace("[[]]", "[]")}, "guess-total makes no calls"),
        (
            {"TOTALS_PY": 'def draw(rng):\n    return {"gain": 2, "last": 3}\n' + TOTALS_PY},
            "has 1 different tasks in 20",
        ),
        ({"TOTALS": TOTALS.replace("### guess-total", "### guess")}, "`guess` is not in exerc"),
        ({"COURSE": ""}, "can't be read"),
        ({"COURSE": COURSE + 'reads = ["x.txt"]\n'}, "There is no x.txt beside the subject"),
        ({"COURSE": COURSE + 'reads = ["/etc/hostname"]\n'}, "There is no /etc/hostname"),
        ({"COURSE": 'reads = ["x.txt"]\n' + NO_SUBJECT}, "names x.txt, but no subject"),
    ],
)
def test_what_is_to_be_mended_is_told_with_a_remedy(tmp_path, changes, words):
    folder = write_course(tmp_path, **changes)
    found = [problem for problem in lint(folder) if words in problem.message]
    assert found, lint(folder)
    assert found[0].remedy
    assert found[0].line >= 1


def test_a_skill_that_nothing_counts_for_is_told(tmp_path):
    text = TOTALS.replace("skills:\n", "skills:\n  other: do something else\n")
    [problem] = lint(write_course(tmp_path, TOTALS=text))
    assert "Nothing that counts for mastery exercises `other`" in problem.message


def test_a_folder_without_a_course_is_one_problem(tmp_path):
    [problem] = lint(tmp_path)
    assert problem.file == tmp_path / "course.toml"
