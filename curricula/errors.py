"""Every error that the teacher raises on purpose, as one tree.

CourseError               something the caller can understand and act on
├── LessonError           a course's own files are wrong: its author must fix them
├── UnknownNameError      no course, lesson, exercise or instance has that name
├── PrerequisiteError     the request is valid, but something else must be done first
├── SubmissionError       an answer can't be graded: unreadable, too large, or of no instance
└── RecordDamagedError    a learner's record does not follow from its beginning
"""

from autoresearch.common.errors import ExplainedError


class CourseError(ExplainedError):
    """Something that the caller can understand and act on."""

    kind = "course_error"


class LessonError(CourseError):
    """A course's own files are wrong: its author must fix them."""

    kind = "lesson"


class UnknownNameError(CourseError):
    """No course, lesson, exercise or instance has that name."""

    kind = "unknown_name"


class PrerequisiteError(CourseError):
    """The request is valid, but something else must be done first."""

    kind = "prerequisite"


class SubmissionError(CourseError):
    """An answer can't be graded: unreadable, too large, or of no instance."""

    kind = "submission"


class RecordDamagedError(CourseError):
    """A learner's record does not follow from its beginning."""

    kind = "record_damaged"
