"""The base of every error that the lab or the teacher raises on purpose."""

from typing import ClassVar


class ExplainedError(Exception):
    """Say what was wrong, and in `remedy` what is allowed and what to do next.

    Attributes:
        message: What was wrong, as one or more sentences.
        remedy: What is allowed and what to do next; "" where nothing can be done.
        reason: Which of its class's cases this is, such as "not_editable"; "" for the only one.
        code: A stable identifier for programs and tests, such as "patch_refused.not_editable".
            The part before the dot is the class's own.
    """

    kind: ClassVar[str] = "error"

    def __init__(self, message: str, remedy: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = str(reason)
        self.remedy = remedy
        self.code = f"{self.kind}.{reason}" if reason else self.kind

    def __str__(self) -> str:
        between = "\n" if "\n" in self.message else " "
        return f"{self.message}{between}{self.remedy}".strip()
