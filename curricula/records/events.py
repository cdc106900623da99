"""Events of a learner's record: small frozen facts, each with the time it was written."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
)

from curricula.errors import SubmissionError


def _written(text: str) -> str:
    """The text, if a file could hold it: half a character can't be read again."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SubmissionError(
            f"Character {error.start + 1} of the submission is half a character.",
            "Save the file as UTF-8, then submit it again.",
            reason="encoding",
        ) from error
    return text


Author: TypeAlias = Literal["learner", "agent"]
Via: TypeAlias = Literal["agent", "terminal", "form"]
Time: TypeAlias = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]

UNSTAMPED = datetime.min.replace(tzinfo=UTC)  # of an event that no record has written yet


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Time = UNSTAMPED  # set by the record that writes it, from the clock it was given


class Opened(_Event):
    """An instance of an exercise was drawn for the learner."""

    kind: Literal["opened"] = "opened"
    course: str  # `Course.identity`
    lesson: str
    exercise: str
    instance: str = Field(pattern=r"^[0-9a-f]+$")
    task_seed: int


class Hint(_Event):
    """A hint was shown: 1 question, 2 place, 3 concept, 4 pseudocode, 5 a worked sibling."""

    kind: Literal["hint"] = "hint"
    instance: str
    level: int = Field(ge=1, le=5)


class Attempt(_Event):
    """A submission was graded; with the seeds it can be graded again."""

    kind: Literal["attempt"] = "attempt"
    instance: str
    case_seed: int
    submission: Annotated[str, AfterValidator(_written)]
    author: Author  # as the caller declared it
    via: Via
    passed: bool
    misconception: str = ""  # the id of the one it shows, if it shows one
    course_version: str = ""
    first: bool  # whether it was the first on its instance, as the caller saw it
    sandbox: str
    course: str = ""  # `Course.identity` of the one that graded it; "" in records of version 0.1
    out_of_time: bool = False  # it was stopped, so nobody knows whether it was right

    @model_serializer(mode="wrap")
    def _as_first_written(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what version 0.1 did not write, so that hashes of its events stay the same."""
        fields: dict[str, Any] = written(self)
        for later in ("course", "out_of_time"):
            if not fields[later]:
                del fields[later]
        return fields


class Placed(_Event):
    """A placement test was passed for this lesson, so it need not be done."""

    kind: Literal["placed"] = "placed"
    lesson: str
    course: str = ""


class Imported(_Event):
    """Events of an exported record were taken in."""

    kind: Literal["imported"] = "imported"
    digest: str  # sha256, the last link of the export's chain
    taken: int = Field(ge=0)  # events that were new here
    refused: int = Field(ge=0)  # passes that did not replay


class Restarted(_Event):
    """The record was found damaged, and continued in a new file."""

    kind: Literal["restarted"] = "restarted"
    kept: str  # the damaged file's name, beside the record
    why: str


Event: TypeAlias = Annotated[
    Opened | Hint | Attempt | Placed | Imported | Restarted, Field(discriminator="kind")
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def encode(event: Event) -> bytes:
    """The event as JSON, always with the same bytes: keys sorted, no spaces, ASCII only."""
    return json.dumps(
        event.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True
    ).encode()


def content_id(event: Event) -> str:
    """The sha256 of what the event says, its time included."""
    return hashlib.sha256(encode(event)).hexdigest()
