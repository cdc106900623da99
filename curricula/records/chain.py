"""The lines of a record: each bound to the one before by its hash, and to a key by its MAC."""

import hashlib
import hmac
import re
from dataclasses import dataclass

from pydantic import ValidationError

from curricula.errors import RecordDamagedError
from curricula.records.events import EVENT, Event, encode

FILE = "record.jsonl"
_MAC = re.compile(rb',"mac":"([0-9a-f]{64})"\}')
_TAIL = 75  # bytes of a line from there to its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The file as far as it follows from its beginning."""

    prev: str  # the last line's hash; before the first, what it follows
    events: tuple[Event, ...] = ()
    size: int = 0  # bytes of the lines that count
    digest: str = hashlib.sha256(b"").hexdigest()  # of these bytes
    macs: tuple[str, ...] = ()  # of each line
    damage: str = ""
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
    prev, damage = known.prev, ""
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


def _checked(line: bytes, number: int, prev: str, key: bytes | None) -> tuple[str, Event | None]:
    """The line's event, or what is wrong with the line."""
    if key is None:
        return f"Line {number} of {FILE} can't be checked: the record's key is gone.", None
    body, found = line[:-_TAIL], _MAC.fullmatch(line[-_TAIL:-1])
    mac = hmac.new(key, body, hashlib.sha256).hexdigest().encode()
    if found is None or not hmac.compare_digest(found[1], mac):
        return f"Line {number} of {FILE} is not as it was written.", None
    if not body.startswith(b'{"prev":"' + prev.encode() + b'","event":'):
        return f"Line {number} of {FILE} does not follow the one before it.", None
    try:
        return "", EVENT.validate_json(body[len(b'{"prev":"","event":') + len(prev) :])
    except ValidationError as error:
        raise RecordDamagedError(
            f"Line {number} of {FILE} is whole, but of a kind that this version does not know.",
            "It was written by a newer version: install that one. Nothing was changed.",
        ) from error


def behind(read: Read, head: tuple[int, str] | None) -> str:
    """Describe the damage if the file does not reach its head."""
    count = len(read.events)
    if head is None:
        return f"After line {count}, {FILE} can't be checked: its head is gone." if count else ""
    if head[0] < 0:
        return f"After line {count}, {FILE} can't be checked: its head does not read."
    if count < head[0]:
        return f"From line {count + 1} on, {head[0] - count} lines of {FILE} are gone."
    if head[0] and read.macs[head[0] - 1] != head[1]:
        return f"{FILE} is an older copy: line {head[0]} is not the one that was written last."
    return ""
