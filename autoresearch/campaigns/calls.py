"""The tool calls of a worker's agent, as its server writes them down, one JSON object a line.

They tell the supervisor that an agent lives, and that it does not call in circles.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

REPEATS = 5  # the same refused call as often in a row is a circle
TAIL_BYTES = 16_384  # of the file that are read
MOST_BYTES = 4_000_000  # of the file; beyond it begins anew


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool."""

    at: float  # epoch seconds
    tool: str
    arguments: str  # their hash
    refused: str = ""  # the code of its error


def write_call(file: Path, tool: str, arguments: Mapping[str, object], refused: str) -> None:
    """Append one call to a worker's file; a file that grew too large begins anew."""
    text = json.dumps(arguments, sort_keys=True, default=str)
    line = {
        "at": time.time(),
        "tool": tool,
        "arguments": sha256(text.encode()).hexdigest()[:16],
        "refused": refused,
    }
    grown = file.exists() and file.stat().st_size > MOST_BYTES
    with file.open("w" if grown else "a", encoding="utf-8") as opened:
        opened.write(f"{json.dumps(line)}\n")


def last_calls(file: Path) -> tuple[ToolCall, ...]:
    """Return the last calls in a worker's file, the oldest first; a half-written line is left."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - TAIL_BYTES))
            lines = opened.read().split(b"\n")
    except FileNotFoundError:
        return ()
    found = []
    for line in lines:
        try:
            found.append(ToolCall(**json.loads(line)))
        except (ValueError, TypeError):
            continue  # the first was cut, the last may still be written
    return tuple(found)


def in_circles(calls: tuple[ToolCall, ...]) -> bool:
    """Return whether the last calls are one refused call again and again."""
    last = calls[-REPEATS:]
    same = {(call.tool, call.arguments, call.refused) for call in last}
    return len(last) == REPEATS and len(same) == 1 and bool(last[-1].refused)
