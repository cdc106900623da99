"""Unified diffs as a model writes them, made regular for git. Pure text: it reads no files.

Tolerated: markdown fences and text around it, CRLF, a missing last newline, no a/ and b/
prefixes, no `diff --git` lines. Git itself forgives wrong counts in hunk headers (--recount).
"""

import re
from dataclasses import dataclass

from autoresearch.errors import PatchRefusedError

REMEDY = (
    "Give a unified diff (--- a/FILE, +++ b/FILE, @@ -12,3 +12,4 @@, then lines that start with "
    "a space, - or +), or use `edits` with path, find and replace."
)
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}
_PREFIXED = re.compile(r"(?:[abciow]/|/dev/null$)")


@dataclass(frozen=True, slots=True)
class CleanDiff:
    """The text for git, and the number of leading folders in its names to strip (0 or 1)."""

    text: str
    strip: int


def clean(diff: str) -> CleanDiff:
    """Return `diff` in regular form; raise PatchRefusedError if it is not a unified diff."""
    text = diff.replace("\r\n", "\n").replace("\r", "\n")
    if "*** Begin Patch" in text:
        raise PatchRefusedError(
            "This is an apply_patch patch, not a unified diff.", REMEDY, reason="apply_patch_format"
        )
    lines = _without_surroundings(text.split("\n"))
    if not any(_HUNK.match(line) for line in lines):
        if any(line.startswith("@@") for line in lines):
            raise PatchRefusedError(
                "A hunk header has no line numbers.", REMEDY, reason="hunk_without_lines"
            )
        if not any(line.startswith("diff --git ") for line in lines):
            raise PatchRefusedError(
                "There is no hunk (@@ … @@) in the diff.", REMEDY, reason="no_hunk"
            )
    strip = _strip(lines)
    return CleanDiff("\n".join(_with_git_headers(lines, strip)) + "\n", strip)


def unquoted(text: str) -> str:
    """Return the text with every path that git quoted (letters beyond ASCII) unquoted."""
    return _QUOTED.sub(lambda found: _unescaped(found[1]), text)


def _unescaped(quoted: str) -> str:
    def plain(found: re.Match[bytes]) -> bytes:
        what = found[1]
        return bytes([int(what, 8) & 255]) if len(what) == 3 else _LETTERS.get(what, what)

    escaped = quoted.encode(errors="surrogateescape")
    return _ESCAPED.sub(plain, escaped).decode(errors="surrogateescape")


def _without_surroundings(lines: list[str]) -> list[str]:
    """Drop text before the first header, a closing fence, and trailing blank lines."""
    first = next((i for i, line in enumerate(lines) if _starts(lines, i)), None)
    if first is None:
        raise PatchRefusedError(
            "There is no file header (--- a/FILE, +++ b/FILE) in the diff.",
            REMEDY,
            reason="no_file_header",
        )
    fenced = any(line.lstrip().startswith("```") for line in lines[:first])
    kept = lines[first:]
    if fenced:
        end = next((i for i, line in enumerate(kept) if line.startswith("```")), len(kept))
        kept = kept[:end]
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _starts(lines: list[str], i: int) -> bool:
    return lines[i].startswith("diff --git ") or _names_files(lines, i)


def _names_files(lines: list[str], i: int) -> bool:
    following = lines[i + 1] if i + 1 < len(lines) else ""
    return lines[i].startswith("--- ") and following.startswith("+++ ")


def _names_files_of_a_hunk(lines: list[str], i: int) -> bool:
    """Return whether it is a header, and no lines "-- a" and "++ b" that a hunk changes."""
    return _names_files(lines, i) and any(map(_HUNK.match, lines[i + 2 : i + 3]))


def _header_name(line: str) -> str:
    """Return the name in a file header, still quoted if git quoted it."""
    return line[4:].split("\t", maxsplit=1)[0].strip()


def _strip(lines: list[str]) -> int:
    names = [
        _header_name(line)
        for i, header in enumerate(lines)
        if _names_files_of_a_hunk(lines, i)
        for line in (header, lines[i + 1])
    ]
    return 1 if all(_PREFIXED.match(name.lstrip('"')) for name in names) else 0


def _with_git_headers(lines: list[str], strip: int) -> list[str]:
    """Give every file a `diff --git` line, or git counts the next header as a hunk's line."""
    out: list[str] = []
    in_header = False
    for i, line in enumerate(lines):
        if line.startswith("diff --git "):
            in_header = True
        elif not in_header and _names_files_of_a_hunk(lines, i):
            out += _git_header(_header_name(line), _header_name(lines[i + 1]), strip)
            in_header = True
        elif line.startswith("@@"):
            in_header = False
        out.append(line)
    return out


def _git_header(old: str, new: str, strip: int) -> list[str]:
    if old == "/dev/null":
        name = _stripped(new, strip)
        return [_git_line(name, strip), "new file mode 100644"]
    name = _stripped(old, strip)
    deleted = ["deleted file mode 100644"] if new == "/dev/null" else []
    return [_git_line(name, strip), *deleted]


def _stripped(name: str, strip: int) -> str:
    """Return the name without a/ or b/ and without quotes; escapes stay."""
    return name.strip('"')[2:] if strip else name.strip('"')


def _git_line(name: str, strip: int) -> str:
    quote = '"' if "\\" in name else ""
    old, new = (f"{quote}{prefix}{name}{quote}" for prefix in (("a/", "b/") if strip else ("", "")))
    return f"diff --git {old} {new}"
