"""The lines of a record: each bound to the one before by its hash, and to a key by its MAC."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from curricula.errors import RecordDamagedError
from curricula.records.events import EVENT, Event, encode

FILE = "record.jsonl"
_MAC = re.compile(rb',"mac":"([0-9a-f]{64})"\}')
_TAIL = 75  # bytes of a line from there to its end


class DamageCause(StrEnum):
    """Damage to a record's file: how it differs from what was written."""

    KEY_GONE = "key_gone"
    LINE_CHANGED = "line_changed"
    LINE_OUT_OF_PLACE = "line_out_of_place"
    HEAD_GONE = "head_gone"
    HEAD_UNREADABLE = "head_unreadable"
    LINES_GONE = "lines_gone"
    OLDER_COPY = "older_copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """The first thing that is wrong with a record's file."""

    cause: DamageCause
    line: int  # 1-based: the first that does not count, or that can't be checked
    text: str
    gone: int = 0  # lines that are missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The file as far as it follows from its beginning."""

    prev: str  # the last line's hash; before the first, what it follows
    events: tuple[Event, ...] = ()
    size: int = 0  # bytes of the lines that count
    digest: str = hashlib.sha256(b"").hexdigest()  # of these bytes
    macs: tuple[str, ...] = ()  # of each line
    damage: Damage | None = None
    torn: bytes = b""  # what a writer that died left of its line


def make_line(key: bytes, prev: str, event: Event) -> bytes:
    """The event's line, after the line with the hash `prev`."""
    body = b'{"prev":"' + prev.encode() + b'","event":' + encode(event)
    mac = hmac.new(key, body, hashlib.sha256).hexdigest()
    return body + b',"mac":"' + mac.encode() + b'"}\n'


def follow(content: bytes, known: Read, key: bytes | None) -> Read:
    """Read on from what is known, up to the first line that is wrong."""
    end = content.rfind(b"\n") + 1
    events, macs, size = list(known.events), list(known.macs), known.size
    prev: str = known.prev
    damage: Damage | None = None
    for line in content[known.size : end].splitlines(keepends=True):
        damage, event = _checked(line, len(events) + 1, prev, key)
        if event is None:
            break
        events.append(event)
        size += len(line)
        prev = hashlib.sha256(line).hexdigest()
        macs.append(line[-67:-3].decode())
    return Read(
        events=tuple(events),
        size=size,
        digest=hashlib.sha256(content[:size]).hexdigest(),
        prev=prev,
        macs=tuple(macs),
        damage=damage,
        torn=b"" if damage else content[end:],
    )


def _checked(
    line: bytes, number: int, prev: str, key: bytes | None
) -> tuple[Damage | None, Event | None]:
    """The line's event, or what is wrong with the line."""
    if key is None:
        text = f"Line {number} of {FILE} can't be checked: the record's key is gone."
        return Damage(cause=DamageCause.KEY_GONE, line=number, text=text), None
    body, found = line[:-_TAIL], _MAC.fullmatch(line[-_TAIL:-1])
    mac = hmac.new(key, body, hashlib.sha256).hexdigest().encode()
    if found is None or not hmac.compare_digest(found[1], mac):
        text = f"Line {number} of {FILE} was changed after it was written."
        return Damage(cause=DamageCause.LINE_CHANGED, line=number, text=text), None
    if not body.startswith(b'{"prev":"' + prev.encode() + b'","event":'):
        text = f"Line {number} of {FILE} does not follow the one before it."
        return Damage(cause=DamageCause.LINE_OUT_OF_PLACE, line=number, text=text), None
    try:
        return None, EVENT.validate_json(body[len(b'{"prev":"","event":') + len(prev) :])
    except ValidationError as error:
        raise RecordDamagedError(
            f"Line {number} of {FILE} is whole, but of a kind that this version does not know.",
            "It was written by a newer version: install that one. Nothing was changed.",
            reason="newer_version",
        ) from error


def behind(read: Read, head: tuple[int, str] | None) -> Damage | None:
    """Describe the damage if the file does not reach its head."""
    count = len(read.events)
    if head is None:
        text = f"After line {count}, {FILE} can't be checked: its head is gone."
        found = Damage(cause=DamageCause.HEAD_GONE, line=count + 1, text=text)
        return found if count else None
    if head[0] < 0:
        text = f"After line {count}, {FILE} can't be checked: its head can't be read."
        return Damage(cause=DamageCause.HEAD_UNREADABLE, line=count + 1, text=text)
    if count < head[0]:
        gone = head[0] - count
        text = f"From line {count + 1} on, {gone} lines of {FILE} are gone."
        return Damage(cause=DamageCause.LINES_GONE, line=count + 1, text=text, gone=gone)
    if head[0] and read.macs[head[0] - 1] != head[1]:
        text = f"{FILE} is an older copy: line {head[0]} is not the one that was written last."
        return Damage(cause=DamageCause.OLDER_COPY, line=head[0], text=text)
    return None
