"""An instance: drawn by a seed, filled in with what was drawn."""

import pytest

from curricula.content.instance import as_json, fill
from curricula.errors import LessonError
from curricula.exercise import Mutant
from tests.support.small_course import small_course


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return small_course(tmp_path_factory.mktemp("course"))


def test_a_seed_draws_the_same_again_and_another_one_something_else(course):
    one, again = (course.instance("write-total", "7") for _ in range(2))
    assert one.params == again.params
    assert one.params != course.instance("write-total", "8").params


def test_statement_starter_and_hints_hold_what_was_drawn(course):
    instance = course.instance("mend-total", "7")
    gain = str(instance.params["gain"])
    assert gain in instance.statement
    assert gain in instance.starter
    assert gain in instance.hint(5)
    assert "{{" not in instance.statement + instance.starter + instance.hint(5)


def test_a_text_that_names_no_parameter_is_the_authors_to_mend():
    for template in ("{{ p.other }}", "{{ p.", "{% if %}"):
        with pytest.raises(LessonError, match="e: ") as refused:
            fill(template, {"gain": 1}, "e")
        assert refused.value.code == "lesson.template"


def test_a_mutant_is_a_solution_with_a_text_replaced_or_a_source_of_its_own(course):
    instance = course.instance("write-total", "7")
    gain = instance.params["gain"]
    replaced = Mutant(name="m", find="sum(values)", replace="0", of=1)
    assert instance.wrong(replaced) == f"def total(values):\n    return {gain} * 0\n"
    assert instance.wrong(Mutant(name="m", source="x = {{ p.gain }}")) == f"x = {gain}"
    with pytest.raises(LessonError, match="'nowhere'") as refused:
        instance.wrong(Mutant(name="m", find="nowhere"))
    assert refused.value.code == "lesson.mutant"


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_only_plain_data_is_drawn(value):
    with pytest.raises((TypeError, ValueError)):
        as_json(value)
