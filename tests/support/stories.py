"""Tell a learner's story in a few words, and get the events that a record would hold."""

from datetime import UTC, datetime, timedelta

from curricula.exercise import Kind
from curricula.mastery.counted_attempts import ExerciseInfo
from curricula.mastery.standing import SkillStanding, Standing, standing
from curricula.records.events import Attempt, Author, Event, Hint, Opened, Placed, Via

START = datetime(2026, 1, 1, tzinfo=UTC)
EXERCISES = {
    "guess": ExerciseInfo(skill="mean", kind=Kind.PREDICT, lesson="one"),
    "write": ExerciseInfo(skill="mean", kind=Kind.WRITE, lesson="one"),
    "mend": ExerciseInfo(skill="mean", kind=Kind.BUG, lesson="one"),
    "carry": ExerciseInfo(skill="slope", kind=Kind.TRANSFER, lesson="two"),
}
SKILLS = ("mean", "slope")
LESSONS = {"one": (), "two": ("one",), "three": ("one", "two")}


class Story:
    """Events in order, each a second after the one before; `days` lets time go by."""

    def __init__(self) -> None:
        self.now = START
        self.events: list[Event] = []
        self._opened = 0

    def days(self, days: float) -> "Story":
        self.now += timedelta(days=days)
        return self

    def open(self, exercise: str = "write", course: str = "c") -> str:
        """The new instance's id."""
        self._opened += 1
        instance = f"{self._opened:04x}"
        self._add(
            Opened(
                at=self.now,
                course=course,
                lesson=EXERCISES[exercise].lesson,
                exercise=exercise,
                instance=instance,
                task_seed=self._opened,
            )
        )
        return instance

    def hint(self, instance: str, level: int) -> None:
        self._add(Hint(at=self.now, instance=instance, level=level))

    def place(self, lesson: str, course: str = "c") -> None:
        self._add(Placed(at=self.now, lesson=lesson, course=course))

    def attempt(
        self,
        instance: str,
        passed: bool,
        *,
        via: Via = "agent",
        author: Author = "learner",
        text: str = "",
        shows: str = "",
        out_of_time: bool = False,
    ) -> Attempt:
        attempt = Attempt(
            at=self.now,
            instance=instance,
            case_seed=len(self.events),
            submission=text or f"answer = {len(self.events)}",
            author=author,
            via=via,
            passed=passed,
            misconception=shows,
            first=True,
            sandbox="unsandboxed",
            out_of_time=out_of_time,
        )
        self._add(attempt)
        return attempt

    def passing(self, exercise: str = "write", *, via: Via = "agent", text: str = "") -> Attempt:
        """A new instance, passed at the first try."""
        return self.attempt(self.open(exercise), True, via=via, text=text)

    def failing(self, instance: str, times: int) -> None:
        for _ in range(times):
            self.attempt(instance, False)

    def standing(self, course: str = "") -> Standing:
        return standing(EXERCISES, SKILLS, self.events, self.now, lessons=LESSONS, course=course)

    def skill(self) -> SkillStanding:
        return self.standing().skills["mean"]

    def _add(self, event: Event) -> None:
        self.events.append(event)
        self.now += timedelta(seconds=1)
