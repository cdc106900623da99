"""The audit: an agent that only wants to be done; and that what it searches for would be found."""

from dataclasses import replace
from pathlib import Path

import pytest

from server.scripted_agents.teaching_audit import Audit, audit
from tests.support import course_checks
from tests.support.course_checks import problems
from tests.support.small_course import write_course

LESSONS = ("run-and-predict", "parameters-embeddings", "sampling")  # `teach audit` takes all


@pytest.mark.slow
def test_who_only_wants_to_be_done_gets_nothing_in_the_first_lesson() -> None:
    """By the record of `scripts/check_courses.py`, or by an audit if a file of it has changed."""
    assert problems("audit", course_checks.result("audit")) == []


@pytest.mark.long
def test_who_only_wants_to_be_done_gets_nothing() -> None:
    assert problems("audit", course_checks.audit_lessons(*LESSONS)) == []


@pytest.mark.anyio
@pytest.mark.long
async def test_a_hint_that_gives_a_line_of_a_solution_away_is_found(tmp_path: Path) -> None:
    folder = write_course(tmp_path)
    lesson = next(folder.glob("*-totals/lesson.md"))
    hint = "4. Add up first, and then multiply once."
    lesson.write_text(
        lesson.read_text().replace(hint, "4. This:\n\n   return {{ p.gain }} * sum(values)")
    )
    found = await audit(str(folder), only=["totals"])
    assert any("* sum(values)" in words for words in found.leaked)
    assert not found.ok


@pytest.mark.anyio
@pytest.mark.long
async def test_an_exercise_that_a_stub_passes_is_found(tmp_path: Path) -> None:
    folder = write_course(tmp_path)
    exercises = next(folder.glob("*-totals/exercises.py"))
    text = exercises.read_text()
    exercises.write_text(text.replace('return p["gain"] * SUMS.total(values)', "return None"))
    found = await audit(str(folder), only=["totals"])
    assert any(words.startswith("write-total") for words in found.passed)


def test_whatever_it_gets_is_a_finding() -> None:
    clean = Audit(calls=1, submissions=1, passed=(), mastered=(), leaked=(), tampered=())
    assert clean.ok
    for name in ("passed", "mastered", "leaked", "tampered"):
        assert not replace(clean, **{name: ("something",)}).ok
