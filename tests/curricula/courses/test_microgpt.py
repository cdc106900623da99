"""The shipped course: well formed, and its graders tell right from wrong, for the right reason.

CI takes the committed results of `scripts/check_courses.py` while nothing that they depend on has
changed, and runs a check again when something has; the long tier runs all of them, on more draws.
"""

import json
from pathlib import Path

import pytest

from curricula.authoring.lint import DRAWS, lint
from curricula.content.catalog import SHIPPED
from tests.support import course_checks
from tests.support.course_checks import LESSONS, WHOLE, problems

REPRESENTATIVE = "run-and-predict"
RECORDED = [one for one in LESSONS if one != WHOLE]


@pytest.mark.slow
def test_the_course_has_nothing_to_mend() -> None:
    assert problems("lint", course_checks.result("lint")) == []


@pytest.mark.long
def test_the_course_has_nothing_to_mend_on_all_draws() -> None:
    assert list(map(str, lint(SHIPPED / "microgpt", DRAWS))) == []


@pytest.mark.slow
def test_every_line_of_the_file_is_owned_by_one_lesson_and_run_by_its_exercises() -> None:
    assert problems("coverage", course_checks.result("coverage")) == []


@pytest.mark.long
def test_every_line_of_the_file_is_owned_and_run_today() -> None:
    assert problems("coverage", course_checks.cover_subject()) == []


@pytest.mark.slow
@pytest.mark.parametrize("lesson", RECORDED)
def test_right_answers_pass_and_wrong_ones_fail_for_the_belief_they_show(lesson: str) -> None:
    check = f"answers {lesson}"
    assert problems(check, course_checks.result(check)) == []


TRIALS = [  # `teach mutate --all` takes 50 instances of each exercise
    pytest.param(REPRESENTATIVE, 1, marks=pytest.mark.long, id=REPRESENTATIVE),
    *(pytest.param(one, 2, marks=pytest.mark.long, id=f"{one}-twice") for one in LESSONS),
]


@pytest.mark.parametrize(("lesson", "instances"), TRIALS)
def test_answers_tried_now_are_judged_for_the_belief_they_show(lesson: str, instances: int) -> None:
    found = course_checks.try_lesson(lesson, instances)
    assert problems(f"answers {lesson}", found) == []


def test_a_recorded_result_holds_until_a_file_of_its_check_changes(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    assert course_checks.recorded_result("lint", record) is None
    sources = course_checks.digest(course_checks.CHECKS["lint"][0])
    entry = {"sources": sources, "result": {"problems": []}}
    record.write_text(json.dumps({"lint": entry}))
    assert course_checks.recorded_result("lint", record) == {"problems": []}
    record.write_text(json.dumps({"lint": entry | {"sources": "of before"}}))
    assert course_checks.recorded_result("lint", record) is None


def test_the_hash_of_the_sources_knows_names_and_bytes_and_no_compiled_file(tmp_path: Path) -> None:
    def hashed() -> str:
        return course_checks.digest.__wrapped__(("a",), tmp_path)

    (tmp_path / "a" / "__pycache__").mkdir(parents=True)
    file = tmp_path / "a" / "one.py"
    file.write_text("x = 1")
    first = hashed()
    (tmp_path / "a" / "__pycache__" / "one.pyc").write_text("compiled")
    assert hashed() == first
    file.write_text("x = 2")
    changed = hashed()
    file.rename(file.with_name("two.py"))
    assert len({first, changed, hashed()}) == 3
    with pytest.raises(FileNotFoundError, match="moved"):
        course_checks.digest.__wrapped__(("b",), tmp_path)


def test_a_result_with_something_wrong_is_a_problem_whoever_recorded_it() -> None:
    good = {
        "failures": [],
        "exercises": 2,
        "mutants": 16,
        "fewest_solutions": 3,
        "named": 9,
        "tried": 10,
    }
    assert problems("answers x", good) == []
    for change in (
        {"failures": ["a wrong answer passed"]},
        {"mutants": 15},
        {"fewest_solutions": 2},
        {"named": 8},
    ):
        assert len(problems("answers x", good | change)) == 1
    reached = {"passed": [], "mastered": [], "leaked": ["a line"], "tampered": []}
    assert problems("audit", reached | {"lessons": 1, "submissions": 16}) == ["leaked: ['a line']"]
    assert len(problems("audit", reached | {"lessons": 2, "submissions": 30})) == 2
