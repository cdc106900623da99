"""Reading lesson.md: all that is wrong is found at once, each with its line and a remedy."""

import pytest

from curricula.content.lesson import SECTIONS, read_lesson
from curricula.exercise import Kind
from tests.support.small_course import TOTALS


def read(folder, text):
    file = folder / "lesson.md"
    file.write_text(text)
    return read_lesson(file)


def test_a_lesson_is_read_whole(tmp_path):
    lesson, problems = read(tmp_path, TOTALS)
    assert problems == []
    assert tuple(lesson.sections) == SECTIONS
    assert [title for title, _ in lesson.explanations] == ["As a heap", "As a walk"]
    assert [(e.source, e.prints) for e in lesson.examples] == [
        ("print(gpt.total([1, 2]))\n", "3\n")
    ]
    assert [(task.id, task.kind) for task in lesson.tasks] == [
        ("guess-total", Kind.PREDICT),
        ("write-total", Kind.WRITE),
        ("mend-total", Kind.BUG),
    ]
    assert all(len(task.hints) == 5 for task in lesson.tasks)
    assert lesson.tasks[0].hints[0] == "What comes out for one value?"
    assert lesson.sections["Your own writing"] == "Now you."
    assert lesson.tasks[1].starter == "def total(values):\n    ...\n"
    assert "```" not in lesson.tasks[1].text


@pytest.mark.parametrize(
    ("old", "new", "code", "named"),
    [
        ("## Why\n", "## Wherefore\n", "section_unknown", "`Wherefore`"),
        ("## Why\n", "## Wherefore\n", "section_missing", "`## Why`"),
        ("## Faded example", "### Faded", "section_missing", "`## Faded example`"),
        ("### As a walk", "#### As a walk", "explanation_parts", "1"),
        ("### write-total: A scaled sum", "### A scaled sum", "exercise_name", ""),
        ("    ...\n```\n", "    ...\n```\n\n```python\nx = 1\n```\n", "starter_count", "2"),
        ("2. Look at the sum in the worked example.\n", "", "hint_count", "4"),
        ("minutes: 10", "minutes: 1", "front_matter_key.minutes", "`minutes`"),
        ("minutes: 10", "minutes: 10\nmints: 3", "front_matter_key.mints", "`mints`"),
        ("  - Does it matter when you multiply?\n", "", "front_matter_key.questions", ""),
        ("  - Does it", "  - One more?\n  - Does it", "front_matter_key.questions", "`questions`"),
        ("id: totals", "id: Totals!", "front_matter_key.id", "`id`"),
        ("id: totals", "id: [", "front_matter_syntax", ""),
        ("---\nid", "id", "front_matter_missing", ""),
        ("print(gpt.total([1, 2]))", "", "", ""),
        ("```python\nprint(gpt", "```py\nprint(gpt", "example_empty", ""),
    ],
)
def test_what_is_wrong_is_told_with_line_and_remedy(tmp_path, old, new, code, named):
    assert old in TOTALS
    _, problems = read(tmp_path, TOTALS.replace(old, new, 1))
    if not code:
        assert problems == []
        return
    found = [one for one in problems if one.code == code and named in one.message]
    assert found, problems
    assert found[0].remedy
    assert 1 <= found[0].line <= TOTALS.count("\n") + 2
    assert str(found[0]).startswith(f"{tmp_path / 'lesson.md'}:{found[0].line}: ")


def test_the_line_is_that_of_the_mistake(tmp_path):
    _, problems = read(tmp_path, TOTALS.replace("minutes: 10", "minutes: 1"))
    assert problems[0].line == TOTALS[: TOTALS.index("minutes:")].count("\n") + 1


def test_the_line_of_broken_yaml_is_that_in_the_file(tmp_path):
    _, [problem] = read(tmp_path, TOTALS.replace("minutes: 10", "minutes: 10: 1"))
    assert problem.code == "front_matter_syntax"
    assert problem.line == TOTALS[: TOTALS.index("minutes:")].count("\n") + 1


@pytest.mark.parametrize(
    "text", ["", "---", "---\n", "---\n   ", "---\nid: x\n", "\n---\nid: x\n---\n"]
)
def test_front_matter_that_does_not_begin_or_end_is_none(tmp_path, text):
    _, problems = read(tmp_path, text)
    assert (problems[0].line, problems[0].message) == (1, "It has no front matter.")


def test_a_rule_further_down_is_no_end_of_front_matter(tmp_path):
    lesson, problems = read(
        tmp_path, TOTALS.replace("## Why\n", "## Why\n\nOnce.\n\n---\n\nTwice.\n", 1)
    )
    assert problems == []
    assert lesson.sections["Why"].startswith("Once.\n\n---\n\nTwice.")


def test_sections_out_of_order_are_told(tmp_path):
    text = TOTALS.replace("## Why", "## X").replace("## Transfer", "## Why")
    _, problems = read(tmp_path, text.replace("## X", "## Transfer"))
    assert "section_order" in [problem.code for problem in problems]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path, content):
    file = tmp_path / "lesson.md"
    if content:
        file.write_bytes(content)
    lesson, [problem] = read_lesson(file)
    assert lesson is None
    assert problem.code == "unreadable"
