"""Digest of an untrusted program's log: a few lines, and the exception that ended it."""

import re
from pathlib import Path

_READ_BYTES = 1024 * 1024
_LINE_CHARS = 300
_TRACEBACK = "Traceback (most recent call last):"
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_GROUP_MARGIN = re.compile(r"^ *[|+] ")
_EXCEPTION = re.compile(
    r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Iteration|Failed)(?::\s.*)?$"
)


def digest(log: str | Path, limit: int = 2048) -> str:
    """Return a log's first and last lines, in at most `limit` characters.

    A line between them states how much was left out.
    """
    lines = [_shortened(line) for line in clean_lines(log)]
    if sum(len(line) + 1 for line in lines) <= limit:
        return "\n".join(lines)
    room = limit - 60  # for the line that says what is missing
    head = _fitting(lines, room // 4)
    tail = _fitting(lines[len(head) :][::-1], room - sum(len(line) + 1 for line in head))[::-1]
    middle = lines[len(head) : len(lines) - len(tail)]
    gap = f"[... {len(middle)} lines, {sum(map(len, middle))} characters left out ...]"
    return "\n".join([*head, gap, *tail])


def true_exception(log: str | Path) -> str | None:
    """Return the last line of the last traceback, None if there is no exception."""
    lines = clean_lines(log)
    for n in range(len(lines) - 1, -1, -1):
        if _TRACEBACK in lines[n]:
            for line in lines[n + 1 :]:
                bare = _GROUP_MARGIN.sub("", line)
                if bare and not bare[0].isspace():
                    return _shortened(bare)
            break
    for line in reversed(lines):  # a syntax error has no traceback
        if _EXCEPTION.match(line):
            return _shortened(line)
    return None


def last_line(log: str | Path) -> str:
    """Return the last line that is not blank, or ""."""
    return _shortened(next((line for line in reversed(clean_lines(log)) if line.strip()), ""))


def clean_lines(log: str | Path) -> list[str]:
    """Return the lines as a terminal would show them, of printable characters only.

    Of progress written with carriage returns, only the last state is kept; a traceback that follows
    without a line end is kept too.
    """
    text = _read(log) if isinstance(log, Path) else log
    text = ESCAPE.sub("", text.replace("\r\n", "\n"))
    text = text.replace(_TRACEBACK, "\n" + _TRACEBACK)
    lines = []
    for line in text.split("\n"):
        shown = next((part for part in reversed(line.split("\r")) if part.strip()), "")
        if shown or "\r" not in line:
            lines.append(_printable(shown).rstrip())
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _read(path: Path) -> str:
    """Return a file's text, without the middle if it is large; "" if there is no file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            if size <= _READ_BYTES:
                return file.read(_READ_BYTES).decode("utf-8", "replace")
            head = file.read(_READ_BYTES // 2)
            file.seek(size - _READ_BYTES // 2)
            tail = file.read(_READ_BYTES // 2)
    except FileNotFoundError:
        return ""
    left_out = f"\n[... {size - _READ_BYTES} bytes left out ...]\n"
    return head.decode("utf-8", "replace") + left_out + tail.decode("utf-8", "replace")


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else " " for c in line)


def _shortened(line: str) -> str:
    if len(line) <= _LINE_CHARS:
        return line
    kept = _LINE_CHARS - 40
    return f"{line[:kept]} [... {len(line) - kept} characters]"


def _fitting(lines: list[str], room: int) -> list[str]:
    kept = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept
