"""The shipped course: well formed, and its graders tell right from wrong, for the right reason."""

from functools import cache

import pytest

from curricula.authoring.coverage import measure
from curricula.authoring.lint import DRAWS, lint
from curricula.authoring.mutation import Tried, try_course
from curricula.content.catalog import SHIPPED, Course, find_course
from server.sessions.answer_runner import SandboxRunner

LESSONS = tuple(path.parent.name[3:] for path in sorted(SHIPPED.glob("microgpt/*/lesson.md")))
WHOLE = "your-own-gpt"  # in which whole GPTs are trained


@cache
def course() -> Course:
    return find_course("microgpt")


@cache
def tried(lesson: str, instances: int) -> tuple[Tried, ...]:
    with SandboxRunner() as runner:
        return tuple(try_course(course(), runner, only=[lesson], instances=instances, seed="ci"))


@pytest.mark.parametrize(
    "draws", [pytest.param(6, marks=pytest.mark.slow), pytest.param(DRAWS, marks=pytest.mark.long)]
)
def test_the_course_has_nothing_to_mend(draws: int) -> None:
    assert list(map(str, lint(SHIPPED / "microgpt", draws))) == []


@pytest.mark.slow
def test_every_line_of_the_file_is_owned_by_one_lesson_and_run_by_its_exercises() -> None:
    found = measure(course())
    assert (found.twice, found.unowned) == ((), ())
    assert found.share == 1.0
    assert {one.lesson: one.missed for one in found.lessons if one.missed} == {}


TRIALS = [  # `teach mutate --all` takes 50 instances of each exercise
    *(pytest.param(one, 1, marks=pytest.mark.slow, id=one) for one in LESSONS if one != WHOLE),
    *(pytest.param(one, 2, marks=pytest.mark.long, id=f"{one}-twice") for one in LESSONS),
]


@pytest.mark.parametrize(("lesson", "instances"), TRIALS)
def test_right_answers_pass_and_wrong_ones_fail_for_the_belief_they_show(
    lesson: str, instances: int
) -> None:
    found = tried(lesson, instances)
    assert [words for one in found for words in (*one.refused, *one.survived)] == []
    assert sum(one.mutants for one in found) >= 8 * len(found)
    assert all(one.solutions >= 3 for one in found)
    shown = [row for one in found for row in one.shown]
    assert sum(row.named for row in shown) >= 0.9 * sum(row.tried for row in shown)
