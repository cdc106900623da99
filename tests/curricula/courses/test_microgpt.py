"""The shipped course: well formed, and its graders tell right from wrong, for the right reason.

CI takes the committed results of `scripts/check_courses.py` while nothing that they depend on has
changed, and runs a check again when something has; the long tier runs all of them, on more draws.
"""

import pytest

from curricula.authoring.lint import DRAWS, lint
from curricula.content.catalog import SHIPPED
from tests.support import course_checks
from tests.support.course_checks import LESSONS, WHOLE, problems

REPRESENTATIVE = "run-and-predict"  # tried in every CI run, whatever the record holds
RECORDED = [one for one in LESSONS if one not in (WHOLE, REPRESENTATIVE)]


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
    pytest.param(REPRESENTATIVE, 1, marks=pytest.mark.slow, id=REPRESENTATIVE),
    *(pytest.param(one, 2, marks=pytest.mark.long, id=f"{one}-twice") for one in LESSONS),
]


@pytest.mark.parametrize(("lesson", "instances"), TRIALS)
def test_answers_tried_now_are_judged_for_the_belief_they_show(lesson: str, instances: int) -> None:
    found = course_checks.try_lesson(lesson, instances)
    assert problems(f"answers {lesson}", found) == []
