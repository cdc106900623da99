"""Instances of a course's exercises in a learner's record, and which of them are open."""

from random import SystemRandom

from curricula.content.catalog import PLACE, Course
from curricula.errors import PrerequisiteError, SubmissionError
from curricula.records.course_events import course_events
from curricula.records.events import Attempt, Event, Opened
from curricula.records.record import Record

SEEDS = 2**53  # whole in JSON everywhere
_RANDOM = SystemRandom()


class Openings:
    """The openings in a record as it is now; made anew for each question."""

    def __init__(self, course: Course, record: Record) -> None:
        self._course = course
        self._record = record
        self._every: tuple[Event, ...] = record.events()
        self._events = course_events(course, self._every)

    def all(self) -> list[Opened]:
        """Every opening of this course's exercises, the oldest first."""
        return [event for event in self._events if isinstance(event, Opened)]

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
            course=self._course.identity,
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
        for event in self._every:
            if isinstance(event, Opened) and event.instance == name:
                return self._of_another(event)
        return SubmissionError(
            f"This learner's record knows no instance {name}.",
            "Use the workbook that start_lesson made for this learner.",
            reason="unknown_instance",
        )

    def _of_another(self, opened: Opened) -> SubmissionError:
        theirs = opened.course.partition(PLACE)[0]
        if theirs != self._course.id:
            return SubmissionError(
                f"That answers {opened.exercise} of the course {theirs}, not of {self._course.id}.",
                f'Name the course: course="{theirs}", or --course {theirs}.',
                reason="other_course",
            )
        return SubmissionError(
            f"That answers {opened.exercise} of another copy of the course {theirs}, not of the "
            f"one in {self._course.folder}. Nothing was graded.",
            "Check it with the course that made the workbook. If the course was moved, "
            "`autoresearch-mcp teach export FILE` and then `teach import FILE` carry over what was "
            "learnt.",
            reason="other_course",
        )


def _is_instance(name: str) -> bool:
    return len(name) >= 8 and set(name) <= set("0123456789abcdef")
