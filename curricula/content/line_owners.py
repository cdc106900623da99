"""Lines of the taught file that each lesson owns, in the form that `explain` takes."""

from curricula.content.catalog import Course
from curricula.explanation.explain import Owner


def owners_of(course: Course) -> tuple[Owner, ...]:
    """Return each lesson's text on the lines it owns."""
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
