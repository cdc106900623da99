"""Instances of a course's exercises in a learner's record, and which of them are open."""

from random import SystemRandom

from curricula.content.catalog import Course
from curricula.errors import PrerequisiteError, SubmissionError
from curricula.records.events import Attempt, Event, Opened
from curricula.records.record import Record

SEEDS = 2**53  # whole in JSON everywhere
_RANDOM = SystemRandom()


class Openings:
    """The openings in a record as it is now; made anew for each question."""

    def __init__(self, course: Course, record: Record) -> None:
        self._course = course
        self._record = record
        self._events: tuple[Event, ...] = record.events()

    def all(self) -> list[Opened]:
        """Every opening of this course's exercises, the oldest first."""
        ours = self._course.id
        return [e for e in self._events if isinstance(e, Opened) and e.course == ours]

    def unpassed(self) -> list[Opened]:
        """Instances that the learner has not passed."""
        passed = {
            event.instance
            for event in self._events
            if isinstance(event, Attempt) and event.passed and event.author == "learner"
        }
        return [opened for opened in self.all() if opened.instance not in passed]

    def open(self, lesson: str, exercise: str) -> tuple[Opened, int]:
        """Return the opening that is not passed yet, else a new one, and its ordinal."""
        earlier = [opened for opened in self.all() if opened.exercise == exercise]
        unpassed = self.unpassed()
        for number, opened in enumerate(earlier, start=1):
            if opened in unpassed:
                return opened, number
        made = Opened(
            course=self._course.id,
            lesson=lesson,
            exercise=exercise,
            instance=f"{_RANDOM.getrandbits(48):012x}",
            task_seed=_RANDOM.randrange(SEEDS),
        )
        self._record.append(made)
        return made, len(earlier) + 1

    def find(self, name: str) -> Opened:
        """The open instance of an exercise, or any instance by its id; raise where there is none.

        PrerequisiteError for an exercise of which none is open, SubmissionError for an unknown id.
        """
        openings = self.all()
        found = [o for o in openings if o.instance == name]
        found = found or [o for o in self.unpassed() if o.exercise == name]
        if found:
            return found[-1]
        if any(o.exercise == name for o in openings):
            raise PrerequisiteError(
                f"{name} is passed; no instance of it is open.",
                'start_lesson(lesson="review") opens a fresh one when it is due.',
                reason="already_passed",
            )
        units = self._course.units
        if _is_instance(name) and not any(name in unit.exercises for unit in units):
            raise self._unknown(name)
        unit = self._course.unit_of(name)
        raise PrerequisiteError(
            f"{name} is not open.", f'start_lesson(lesson="{unit.id}") opens it.', reason="not_open"
        )

    def _unknown(self, name: str) -> SubmissionError:
        for event in self._events:
            if isinstance(event, Opened) and event.instance == name:
                return SubmissionError(
                    f"That answers {event.exercise} of the course {event.course}, not of "
                    f"{self._course.id}.",
                    f'Name the course: course="{event.course}", or --course {event.course}.',
                    reason="other_course",
                )
        return SubmissionError(
            f"This learner's record knows no instance {name}.",
            "Use the workbook that start_lesson made for this learner.",
            reason="unknown_instance",
        )


def _is_instance(name: str) -> bool:
    return len(name) >= 8 and set(name) <= set("0123456789abcdef")
