"""The anchor: the ledger's head recorded outside git, so that a dropped tail is noticed.

Before an append, the file also names the head that the ledger is about to have. So a process that
dies in between leaves a ledger at one of the two heads; any other head was not written by the lab.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoresearch.common.files import replace_file
from autoresearch.errors import LabError, LedgerDamagedError

SHORTEST = 12  # hexadecimal digits of a head that a person typed
_HASH = re.compile(r"[0-9a-f]{40}")
_WRITTEN = re.compile(rf"([0-9a-f]{{{SHORTEST},40}})(?::([1-9][0-9]*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A head of the ledger, recorded outside git."""

    head: str | None  # None if there were no events
    count: int
    next: "Anchor | None" = None  # the head that an append was about to set

    def at(self, head: str | None, count: int) -> bool:
        """Return whether the ledger may have this head and number of events."""
        return (head, count) == (self.head, self.count) or (
            self.next is not None and self.next.at(head, count)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHead:
    """A head that a person, or their agent, recorded elsewhere."""

    head: str  # the first digits, or all
    count: int | None  # None if it was not recorded


def read_anchor(path: Path) -> Anchor | None:
    """Return the recorded head, or None without a file; raise LedgerDamagedError if unreadable."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        anchor = _anchor(json.loads(content))
        if _text(anchor) != content.decode():
            raise ValueError("it is not in the form that the lab writes")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LedgerDamagedError(
            f"The anchor {path} can't be read: {error}.",
            "Run `autoresearch-mcp verify`; restore the file from a copy.",
            reason="anchor_unreadable",
        ) from error
    return anchor


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Replace the file atomically and durably, even against a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, _text(anchor).encode(), ordered=True)  # the append comes after it


def parse_recorded_head(text: str) -> RecordedHead:
    """Parse HASH or HASH:COUNT, as `verify` prints it; raise LabError for anything else."""
    found = _WRITTEN.fullmatch(text.strip().lower())
    if found is None:
        raise LabError(
            f"{text!r} is not the head of a ledger.",
            f"Give HASH:COUNT as `autoresearch-mcp verify` printed it, or at least {SHORTEST} "
            "digits of the hash.",
            reason="bad_head",
        )
    return RecordedHead(head=found[1], count=int(found[2]) if found[2] else None)


def _anchor(fields: Any) -> Anchor:  # noqa: ANN401 - any JSON
    head, count, after = fields["head"], fields["count"], fields.get("next")
    if type(count) is not int or count < 0:
        raise ValueError(f"{count!r} is not a number of events")
    if head is None if count else head is not None:
        raise ValueError(f"{count} events and the head {head!r} contradict each other")
    if head is not None and not _HASH.fullmatch(head):
        raise ValueError(f"{head!r} is not a commit's id")
    return Anchor(head=head, count=count, next=None if after is None else _anchor(after))


def _text(anchor: Anchor) -> str:
    return json.dumps(_fields(anchor)) + "\n"


def _fields(anchor: Anchor) -> dict[str, object]:
    fields: dict[str, object] = {"head": anchor.head, "count": anchor.count}
    return fields if anchor.next is None else {**fields, "next": _fields(anchor.next)}
