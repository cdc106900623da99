"""Which lesson owns which lines of the taught file, in the form that `explain` takes."""

from curricula.content.catalog import Course
from curricula.explanation.explain import Owner


def owners_of(course: Course) -> tuple[Owner, ...]:
    """What each lesson says about the lines that are its own."""
    return tuple(
        Owner(
            lesson=unit.id,
            title=unit.lesson.front.title,
            spans=tuple(range(n, n + 1) for n in sorted(unit.owned_lines(course.about.subject))),
            questions=unit.lesson.front.questions,
            misconceptions=tuple(unit.lesson.front.misconceptions.values()),
        )
        for unit in course.units
    )
