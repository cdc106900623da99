"""A learner's record as one file that can be carried elsewhere.

Its events are chained by hashes, so that an edit shows. A hash needs no key, so who edits may chain
again: read where it was written, the file is also held to the record's key; elsewhere only the
grading of its passes stands behind them.
"""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curricula.content.catalog import PLACE
from curricula.errors import CourseError, RecordDamagedError
from curricula.records.events import (
    Attempt,
    Event,
    Opened,
    Placed,
    Time,
    content_id,
    encode,
)

# Grades a stored submission again, on its instance, with its seeds: whether it passes.
Replay: TypeAlias = Callable[[Opened, Attempt], bool]
LARGEST = 256 * 2**20  # bytes


class _Link(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    event: Annotated[Event, Field()]
    link: str


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["autoresearch-mcp learner record"] = "autoresearch-mcp learner record"
    version: Literal[1] = 1
    exported: Time
    key: str  # tells the key apart from others, and does not give it away
    events: tuple[_Link, ...]
    digest: str  # the last link, over all events and the fields above
    mac: str  # of the digest, with the key


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Content of an exported record."""

    events: tuple[Event, ...]
    digest: str


class RefusalCause(StrEnum):
    """Why a pass of an exported record is left out."""

    NEVER_OPENED = "never_opened"  # there is no opening of its instance
    FAILS_AGAIN = "fails_again"  # it does not pass when it is graded again


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPass:
    """A pass that was left out of an import."""

    cause: RefusalCause
    instance: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """Result of an import."""

    taken: int  # events that were new here
    known: int  # events that were here already
    refused: tuple[RefusedPass, ...]


def pack(events: Sequence[Event], at: datetime, key: bytes) -> str:
    """The text of a file that holds these events."""
    links, link = [], ""
    for event in events:
        link = _next(link, encode(event))
        links.append({"event": event.model_dump(mode="json"), "link": link})
    file = _File(exported=at, key=_name(key), events=(), digest="", mac="")
    digest = _digest(file, link)
    fields = {**file.model_dump(mode="json"), "events": links, "digest": digest}
    return json.dumps({**fields, "mac": _mac(key, digest)}, indent=1) + "\n"


def unpack(path: Path, key: bytes) -> Package:
    """Read an exported record; raise RecordDamagedError if it is not as it was exported."""
    file = _parsed(path)
    link = ""
    for number, entry in enumerate(file.events, 1):
        link = _next(link, encode(entry.event))
        if link != entry.link:
            raise _edited(path, f"its event {number} was changed after the export")
    digest = _digest(file, link)
    if digest != file.digest:
        raise _edited(path, "its end was changed after the export")
    if file.key == _name(key) and not hmac.compare_digest(file.mac, _mac(key, digest)):
        raise _edited(
            path, "it names this record's key, but was not written with it", "forged_export"
        )
    return Package(events=tuple(entry.event for entry in file.events), digest=digest)


def _parsed(path: Path) -> _File:
    try:
        if path.stat().st_size > LARGEST:
            raise CourseError(
                f"{path} is larger than {LARGEST >> 20} MiB.",
                "Export it again.",
                reason="too_large",
            )
        return _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CourseError(
            f"{path} can't be read: {error.strerror}.",
            "Give the path of an exported record.",
            reason="unreadable_file",
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _edited(path, f"{where or 'the file'}: {first['msg']}") from error


def _edited(path: Path, why: str, reason: str = "edited_export") -> RecordDamagedError:
    return RecordDamagedError(
        f"{path} is not an unchanged export of a record: {why}.",
        "Nothing was imported. Export it again where it came from, and copy it unchanged.",
        reason=reason,
    )


def _next(link: str, event: bytes) -> str:
    return hashlib.sha256(link.encode() + event).hexdigest()


def _digest(file: _File, link: str) -> str:
    told = f"{file.format} {file.version} {file.exported.isoformat()} {file.key} {link}"
    return hashlib.sha256(told.encode()).hexdigest()


def _name(key: bytes) -> str:
    return hashlib.sha256(b"name of " + key).hexdigest()[:16]


def _mac(key: bytes, digest: str) -> str:
    return hmac.new(b"export" + key, digest.encode(), hashlib.sha256).hexdigest()


def renamed(
    came: Sequence[Event], known: Sequence[Event], here: Callable[[str], str]
) -> list[Event]:
    """The events that came, under the identities that their courses have here.

    An attempt gets the course of its opening, whatever it says itself: that one grades it again.
    """
    graders = {e.instance: here(e.course) for e in (*came, *known) if isinstance(e, Opened)}
    return [_renamed(event, graders, here) for event in came]


def _renamed(event: Event, graders: Mapping[str, str], here: Callable[[str], str]) -> Event:
    match event:
        case Opened() | Placed() if event.course:
            return event.model_copy(update={"course": here(event.course)})
        case Attempt():
            grader = graders.get(event.instance, "")
            if event.course or PLACE in grader:  # else it is one of version 0.1, and stays as it is
                return event.model_copy(update={"course": grader})
    return event


def unknown(events: Iterable[Event], here: Iterable[Event]) -> list[Event]:
    """Return the events that are not here; of equal ones, only the surplus."""
    known, new = Counter(content_id(event) for event in here), []
    for event in events:
        found = content_id(event)
        known[found] -= 1
        if known[found] < 0:
            new.append(event)
    return new


def replayed(
    events: Iterable[Event], around: Iterable[Event], replay: Replay
) -> tuple[list[Event], list[RefusedPass]]:
    """The events whose passes pass again, and what was left out."""
    opened = {event.instance: event for event in around if isinstance(event, Opened)}
    good: list[Event] = []
    refused: list[RefusedPass] = []
    for event in events:
        if not (isinstance(event, Attempt) and event.passed and event.author == "learner"):
            good.append(event)
            continue
        instance = opened.get(event.instance)
        if instance is None:
            text = f"A pass on {event.instance}, which was never opened."
            refused.append(
                RefusedPass(cause=RefusalCause.NEVER_OPENED, instance=event.instance, text=text)
            )
        elif not replay(instance, event):
            text = (
                f"The pass of {event.at:%Y-%m-%d} on {instance.exercise} "
                f"({event.instance}) does not pass when it is graded again."
            )
            refused.append(
                RefusedPass(cause=RefusalCause.FAILS_AGAIN, instance=event.instance, text=text)
            )
        else:
            good.append(event)
    return good, refused
