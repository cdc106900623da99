"""Calls of teaching tools and commands to a learner: course, record, and the answers' child.

The learner of this home is `me`; the record lies in the home folder, so it is the same from every
client. Nothing here decides anything.
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread

from autoresearch.system.home import default_home
from curricula.errors import CourseError

if TYPE_CHECKING:
    from curricula.grading.grader import Runner
    from curricula.records.record import Record
    from curricula.teacher import Teacher

T = TypeVar("T")
COURSES = "AUTORESEARCH_COURSES"
LEARNER = "me"


def own_courses() -> list[Path]:
    """The folders with courses of the user's own, from the environment."""
    return [Path(folder) for folder in os.environ.get(COURSES, "").split(os.pathsep) if folder]


class TeachingCalls:
    """The courses of one learner; each is read when it is first asked for."""

    def __init__(
        self,
        home: Path | None = None,
        *,
        courses: Sequence[Path] = (),
        runner: "Runner | None" = None,
        clock: Callable[[], datetime] | None = None,
        any_folder: bool = False,
    ) -> None:
        """`any_folder`: a course may be named by its path too, which runs its exercises.py.

        A person in a terminal may say so; a client may not, whose agent could write one.
        """
        self._any_folder = any_folder
        self._home = home
        self._courses = tuple(courses)
        self._runner = runner
        self._clock = clock
        self._teachers: dict[str, Teacher] = {}
        self._lock = Lock()

    def teacher(self, course: str) -> "Teacher":
        """The learner in that course; raise Unknown or LessonError."""
        if course not in self._teachers:
            from curricula.content.catalog import course_folders, find_course
            from curricula.errors import UnknownNameError
            from curricula.records.record import utc_now
            from curricula.teacher import Teacher
            from server.sessions.answer_runner import SandboxRunner

            clock = self._clock or utc_now
            folders = [*self._courses, *own_courses()]
            known = course_folders(folders)
            if course not in known and not self._any_folder:
                raise UnknownNameError(
                    f"There is no course {course!r}.",
                    f"Courses: {', '.join(known)}; {COURSES}=FOLDER in the server's environment "
                    "adds the user's own courses.",
                    reason="course",
                )
            taught = find_course(course, folders)
            record = self.record()
            self._runner = self._runner or SandboxRunner()
            self._teachers[course] = Teacher(taught, record, self._runner, clock)
        return self._teachers[course]

    def record(self) -> "Record":
        """The learner's record, of all courses."""
        from curricula.records.record import Record, utc_now

        home = self._home or default_home()
        return Record(
            home / "learners" / LEARNER,
            key_file=home / "keys" / "learners",
            clock=self._clock or utc_now,
        )

    async def call(self, course: str, work: "Callable[[Teacher], T]") -> T:
        """Do it in a worker thread, one at a time; the teacher's errors as tool errors."""
        return await anyio.to_thread.run_sync(self._do, course, work)

    def _do(self, course: str, work: "Callable[[Teacher], T]") -> T:
        with self._lock:
            try:
                return work(self.teacher(course))
            except CourseError as error:
                from server.errors import refusal  # a command in a terminal needs no FastMCP

                raise refusal(error) from error
