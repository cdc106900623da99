"""The events of a record that belong to one course: what it opened, and graded itself."""

from collections.abc import Iterable

from curricula.content.catalog import Course
from curricula.records.events import Attempt, Event, Hint, Opened, Placed


def course_events(course: Course, events: Iterable[Event]) -> tuple[Event, ...]:
    """The course's events, in their order.

    An attempt counts only where this very course graded it: an altered copy may answer "right" to
    anything. Those of version 0.1 do not say which one it was; they go with their instance.
    """
    events = tuple(events)
    instances = {e.instance for e in events if isinstance(e, Opened) and e.course in course.names}
    return tuple(event for event in events if _belongs(event, course, instances))


def passed_with(events: Iterable[Event], instance: str, source: str) -> Attempt | None:
    """The learner's pass of that instance with the very same text."""
    for event in events:
        if (
            isinstance(event, Attempt)
            and (event.instance, event.submission) == (instance, source)
            and (event.passed, event.author) == (True, "learner")
        ):
            return event
    return None


def _belongs(event: Event, course: Course, instances: set[str]) -> bool:
    match event:
        case Opened():
            return event.course in course.names
        case Attempt():
            return event.instance in instances and event.course in ("", course.identity)
        case Hint():
            return event.instance in instances
        case Placed():
            return event.course == "" or event.course in course.names
    return True
