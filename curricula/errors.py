"""Every error that the teaching side raises on purpose, as one tree.

CourseError               something the caller can understand and act on
├── LessonError           a course's own files are wrong: the author's to mend
├── Unknown               no course, lesson, exercise or instance of that name
├── NotYet                the request makes sense, but not at this point
├── BadSubmission         an answer that can't be graded: unreadable, too large, no instance
└── RecordDamaged         a learner's record does not follow from its beginning
"""


class CourseError(Exception):
    """What was wrong, and in `remedy` what is allowed and what to do next."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        between = "\n" if "\n" in self.message else " "
        return f"{self.message}{between}{self.remedy}".strip()


class LessonError(CourseError):
    """A course's own files are wrong: the author's to mend."""


class Unknown(CourseError):
    """No course, lesson, exercise or instance of that name."""


class NotYet(CourseError):
    """The request makes sense, but not at this point."""


class BadSubmission(CourseError):
    """An answer that can't be graded: unreadable, too large, or of no instance."""


class RecordDamaged(CourseError):
    """A learner's record does not follow from its beginning."""
