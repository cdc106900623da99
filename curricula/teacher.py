"""The facade of the teaching side: open a lesson, submit, hint, progress.

It decides nothing about right and wrong (the grader does) nor about mastery (the record shows it);
it finds the next step, keeps the record, and gives away no answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import SystemRandom

from curricula import subject
from curricula.authoring.coverage import touched_by
from curricula.content.catalog import Course, Unit, version_of
from curricula.content.instance import Instance
from curricula.content.lesson import KINDS, LADDER
from curricula.errors import PrerequisiteError, SubmissionError, UnknownNameError
from curricula.exercise import Kind
from curricula.grading.grader import Finding, Grade, Runner, check_submission, grade
from curricula.grading.own_text import MARK
from curricula.grading.program_equality import refuse_unready
from curricula.mastery.counted_attempts import (
    FREE_HINTS,
    TRIES,
    ExerciseInfo,
    not_counted_text,
    tries,
)
from curricula.mastery.facts import praise
from curricula.mastery.standing import Standing, standing
from curricula.records.course_events import course_events, passed_with
from curricula.records.events import Attempt, Author, Event, Hint, Opened, Placed, Via
from curricula.records.openings import SEEDS, Openings
from curricula.records.record import Record, utc_now
from curricula.teacher_steps import HintShown, Marked, Step
from curricula.workbook import Page, lend, make_workbook

REVIEW = "review"
COUNTS = f"Each check is a try, wherever it is made; a pass within {TRIES} can count for mastery."
PRACTICE = "This one is practice: check it as often as you like."
_RANDOM = SystemRandom()


class Teacher:
    """One learner in one course."""

    def __init__(
        self,
        course: Course,
        record: Record,
        runner: Runner,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.course = course
        self.record = record
        self._runner = runner
        self._clock = clock

    def progress(self) -> Standing:
        """Return the learner's standing now."""
        return self._standing(self.events())

    def events(self) -> tuple[Event, ...]:
        """The record's events of this course, and of no copy of it."""
        return course_events(self.course, self.record.events())

    def start(self, lesson: str, folder: Path, *, placement: bool = False) -> Step:
        """Open or continue a lesson; "" goes on where the learner is, "review" takes what is due.

        Raises PrerequisiteError for a lesson that builds on others not passed yet,
        UnknownNameError for no lesson.
        """
        where = self.progress()
        if lesson == REVIEW:
            return self._review(where, folder)
        unit = self.course.unit(lesson) if lesson else self._current(where)
        told = where.lessons[unit.id]
        if not (told.unlocked or placement):
            builds_on = unit.lesson.front.prerequisites
            needed = [name for name in builds_on if not where.lessons[name].passed]
            raise PrerequisiteError(
                f"{unit.id} builds on {', '.join(needed)}, not passed yet.",
                f"Start {needed[0]}, or show with placement=true that {unit.id} is already known.",
                reason="locked",
            )
        left = [name for name in unit.exercises if name in told.open_exercises]
        if placement:
            left = [name for name in self._placement(unit) if name in told.open_exercises]
        if told.passed and lesson and not placement:
            left = list(told.extra)  # asked for by name: what nobody has to wait for
        elif told.passed:
            left = []
        if not left:
            return self._step(unit, where, "", folder)
        return self._step(unit, where, left[0], folder, placement=placement)

    def open_exercise(self, name: str, folder: Path) -> Step:
        """Open one exercise out of turn, as an author does to try it."""
        return self._step(self.course.unit_of(name), self.progress(), name, folder, review=True)

    def submit(
        self, exercise: str, source: str, *, author: Author, via: Via, named: str = ""
    ) -> Marked:
        """Grade an answer to the exercise that is open, or to the instance of that id.

        Raises SubmissionError where `named`, if given, is not the exercise that it answers.
        """
        opened = self.openings().find(exercise)
        if named not in ("", opened.exercise):
            raise SubmissionError(
                f"That answers {opened.exercise}, not {named}.",
                f'Give exercise="{opened.exercise}", or the file of {named}.',
                reason="other_exercise",
            )
        unit = self.course.unit_of(opened.exercise)
        instance = self.instance_of(opened)
        before = self.events()
        source = source.removeprefix(MARK)
        if author == "learner" and (same := passed_with(before, opened.instance, source)):
            return replace(self._marked(opened, self._graded(opened, same), same), already=same.at)
        check_submission(source)
        refuse_unready(source, instance.starter)
        seed = _RANDOM.randrange(SEEDS)
        found = grade(instance, source, str(seed), self._runner)
        attempt = Attempt(
            instance=opened.instance,
            case_seed=seed,
            submission=source,
            author=author,
            via=via,
            passed=found.passed,
            misconception=found.misconception,
            course_version=version_of(unit),
            first=not any(isinstance(e, Attempt) and e.instance == opened.instance for e in before),
            sandbox=found.sandbox,
            course=self.course.identity,
            out_of_time=found.finding is Finding.TIME,
        )
        written = self.record.append(attempt)
        assert isinstance(written, Attempt)
        self._place(unit)
        return self._marked(opened, found, written, self._standing(before))

    def hint(self, exercise: str) -> HintShown:
        """The next hint for the exercise that is open; it is written down."""
        opened = self.openings().find(exercise)
        shown = max(
            (
                e.level
                for e in self.events()
                if isinstance(e, Hint) and e.instance == opened.instance
            ),
            default=0,
        )
        level = min(shown + 1, len(LADDER))
        counts = self.course.unit_of(opened.exercise).task(opened.exercise).kind.counts
        self.record.append(Hint(instance=opened.instance, level=level))
        return HintShown(
            exercise=opened.exercise,
            level=level,
            name=LADDER[level - 1],
            text=self.instance_of(opened).hint(level),
            left=len(LADDER) - level,
            counts_still=level <= FREE_HINTS and counts,
            practice=not counts,
        )

    def statement(self, exercise: str) -> str:
        """The task of the exercise that is open, in markdown, with its starter."""
        instance = self.instance_of(self.openings().find(exercise))
        return f"{instance.statement}\n\n{instance.starter}".strip()

    def open_exercises(self) -> tuple[str, ...]:
        """Return the exercises opened and not yet passed on that instance, the newest first."""
        return tuple(dict.fromkeys(one.exercise for one in reversed(self.openings().unpassed())))

    def withheld(self) -> tuple[range, ...]:
        """Spans of the taught file that the learner is just writing a variant of."""
        kinds = {name: info.kind for name, info in self.exercise_infos().items()}
        lines: set[int] = set()
        for exercise in self.open_exercises():
            if kinds[exercise] is not Kind.PREDICT:
                lines |= touched_by(self.course, exercise)
        return tuple(range(n, n + 1) for n in sorted(lines))

    def instance_of(self, opened: Opened) -> Instance:
        """The exercise with that opening's parameters."""
        return self.course.instance(opened.exercise, str(opened.task_seed))

    def replays(self, opened: Opened, attempt: Attempt) -> bool:
        """Return whether a recorded attempt, graded again, gives the recorded result."""
        return self._graded(opened, attempt).passed == attempt.passed

    def last_check(self, instance: str) -> Marked | None:
        """Return the result of the learner's newest attempt.

        That is whoever was not there: it was made outside the agent, or on the instance named.
        """
        openings = {opened.instance: opened for opened in self.openings().all()}
        events = self.events()
        own = [e for e in events if isinstance(e, Attempt) and e.author == "learner"]
        last = next((e for e in reversed(own) if e.instance in openings), None)
        if last is None or (last.via == "agent" and last.instance != instance):
            return None
        opened = openings[last.instance]
        return self._marked(opened, self._graded(opened, last), last)

    def openings(self) -> Openings:
        """Return the record's instances of this course's exercises, as of now."""
        return Openings(self.course, self.record)

    def _graded(self, opened: Opened, attempt: Attempt) -> Grade:
        """A stored attempt, graded again on the calls that it was graded on."""
        instance = self.instance_of(opened)
        return grade(instance, attempt.submission, str(attempt.case_seed), self._runner)

    def exercise_infos(self) -> Mapping[str, ExerciseInfo]:
        """Return the facts about each exercise that mastery needs."""
        return {
            name: ExerciseInfo(
                skill=exercise.skill,
                kind=unit.task(name).kind,
                lesson=unit.id,
                optional=exercise.skill in unit.lesson.front.optional,
                entry=exercise.entry,
            )
            for unit in self.course.units
            for name, exercise in unit.exercises.items()
        }

    def _standing(self, events: tuple[Event, ...]) -> Standing:
        return standing(
            self.exercise_infos(),
            list(self.course.skills),
            events,
            self._clock(),
            lessons={u.id: u.lesson.front.prerequisites for u in self.course.units},
        )

    def _current(self, where: Standing) -> Unit:
        ready = [u for u in self.course.units if where.lessons[u.id].unlocked]
        return next((u for u in ready if not where.lessons[u.id].passed), ready[-1])

    def _review(self, where: Standing, folder: Path) -> Step:
        if not where.due:
            dates = sorted(s.due for s in where.skills.values() if s.due is not None)
            when = f"The next is due {dates[0]:%Y-%m-%d}." if dates else "Nothing is passed yet."
            raise PrerequisiteError(
                f"Nothing is due for review. {when}",
                "Continue with start_lesson().",
                reason="nothing_due" if dates else "nothing_passed",
            )
        skill = where.due[0]
        for unit in self.course.units:
            names = [
                name
                for name, exercise in unit.exercises.items()
                if exercise.skill == skill and unit.task(name).kind.counts
            ]
            if names:
                used = [o.exercise for o in self.openings().all() if o.exercise in names]
                name = min(names, key=lambda n: (used.count(n), names.index(n)))
                return self._step(unit, where, name, folder, review=True)
        raise UnknownNameError(
            f"No exercise of {self.course.id} counts for {skill}.",
            "Lint the course.",
            reason="no_exercise",
        )

    def _step(
        self,
        unit: Unit,
        where: Standing,
        exercise: str,
        folder: Path,
        *,
        placement: bool = False,
        review: bool = False,
    ) -> Step:
        front, told = unit.lesson.front, where.lessons[unit.id]
        step = Step(
            lesson=unit.id,
            title=front.title,
            goal=front.goal,
            sections=() if placement or review else self._to_teach(unit, exercise),
            misconceptions=_beliefs(unit, exercise),
            done=tuple(
                name for name in unit.exercises if name not in (*told.open_exercises, *told.extra)
            ),
            left=tuple(
                name
                for name in (self._placement(unit) if placement else unit.exercises)
                if name in told.open_exercises
            ),
            placement=placement,
            standing=where,
        )
        if not exercise:
            return step
        opened, number = self.openings().open(unit.id, exercise)
        instance = self.instance_of(opened)
        path = self.course.about.subject
        page = Page(
            course=self.course.id,
            lesson=unit.lesson.path.parent.name,
            exercise=exercise,
            title=instance.task.title,
            instance=opened.instance,
            statement=instance.statement,
            starter=instance.starter,
            counts=COUNTS if instance.task.kind.counts else PRACTICE,
            options="" if self.course.id == "microgpt" else f" --course {self.course.name}",
        )
        return replace(
            step,
            exercise=exercise,
            kind=str(instance.task.kind),
            statement=instance.statement,
            workbook=make_workbook(folder, page, number),
            taught_file=lend(folder / self.course.id, subject.locate(path), self.course.about.reads)
            if path
            else None,
            instance=opened.instance,
        )

    def _to_teach(self, unit: Unit, exercise: str) -> tuple[tuple[str, str], ...]:
        """The sections after that of the exercise before this one, up to this one's own."""
        titles = list(unit.lesson.sections)
        kinds = {kind: title for title, kind in KINDS.items()}
        tasks = [task.id for task in unit.lesson.tasks]
        upto = len(titles) - 1
        after = -1
        if exercise:
            place = tasks.index(exercise)
            upto = titles.index(kinds[unit.task(exercise).kind])
            if place:
                after = titles.index(kinds[unit.task(tasks[place - 1]).kind])
        found = [(title, unit.lesson.sections[title]) for title in titles[after + 1 : upto + 1]]
        return tuple((title, text) for title, text in found if text)

    def _placement(self, unit: Unit) -> list[str]:
        """For each skill its last exercise that counts: who passes these may skip the lesson."""
        last = {
            exercise.skill: name
            for name, exercise in unit.exercises.items()
            if unit.task(name).kind.counts and exercise.skill not in unit.lesson.front.optional
        }
        return list(last.values())

    def _place(self, unit: Unit) -> None:
        events = self.events()
        told = self._standing(events).lessons[unit.id]
        if told.passed:
            return
        counted = (one for one in tries(self.exercise_infos(), events) if one.counts)
        unaided = {one.exercise for one in counted if one.hint == 0}
        if (needed := self._placement(unit)) and unaided.issuperset(needed):
            self.record.append(Placed(lesson=unit.id, course=self.course.identity))

    def _marked(
        self, opened: Opened, found: Grade, attempt: Attempt, before: Standing | None = None
    ) -> Marked:
        unit = self.course.unit_of(opened.exercise)
        events = self.events()
        after = self._standing(events)
        before = before or after
        infos = self.exercise_infos()
        own = [one for one in tries(infos, events) if one.attempt.instance == opened.instance]
        this = next(one for one in reversed(own) if one.attempt == attempt)
        return Marked(
            exercise=opened.exercise,
            lesson=unit.id,
            grade=found,
            belief=unit.lesson.front.misconceptions.get(found.misconception, ""),
            facts=praise(infos, events, attempt, unit.lesson.front.misconceptions),
            counts=this.counts,
            not_counted=this.not_counted,
            why_not=not_counted_text(this.not_counted, this) if this.not_counted else "",
            tried=sum(one.own for one in own),
            at=attempt.at,
            via=attempt.via,
            skill=after.skills[infos[opened.exercise].skill],
            lesson_passed=after.lessons[unit.id].passed,
            newly_unlocked=tuple(
                name
                for name, told in after.lessons.items()
                if told.unlocked and not before.lessons[name].unlocked
            ),
        )


def _beliefs(unit: Unit, exercise: str) -> tuple[str, ...]:
    """The misconceptions that an exercise can show, in words; the lesson's where it names none."""
    told = unit.lesson.front.misconceptions
    names = (unit.exercises[exercise].misconceptions if exercise else {}) or told
    return tuple(told[name] for name in names)
