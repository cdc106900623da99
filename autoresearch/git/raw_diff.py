"""Parser for git's raw diffs between two commits, trees or files."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

ABSENT = "000000"  # the mode of a file that is not there
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? ")
PLAIN = ("--no-renames", "--no-color", "--no-ext-diff", "--no-textconv")
_BOTH = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
OPTIONS = ("-r", "-z", "--raw", "--numstat", "-p", "-U0", *PLAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawChange:
    """One changed path. Modes are git's: 100644, 100755, 120000 (link), 160000 (submodule)."""

    path: str
    status: str  # A, D, M or T
    old_mode: str
    new_mode: str
    binary: bool
    added: int  # lines
    removed: int
    spans: tuple[tuple[int, int], ...]  # touched lines in the base, (first, last), 1-based


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """A replacement of the old text's lines [first, after) by `lines`; 0-based."""

    first: int
    after: int  # equal to `first` for an insertion
    lines: tuple[bytes, ...]  # with their line ends
    new_first: int = field(compare=False)  # first line in the new text, 0-based

    @property
    def grows(self) -> bool:
        """True if it adds more lines than it removes."""
        return len(self.lines) > self.after - self.first


def read_hunks(out: bytes, new: Sequence[bytes]) -> tuple[Hunk, ...]:
    """Return the hunks of one file's diff without context; `new` are the new text's lines."""
    hunks = []
    for found in _BOTH.finditer(out):  # other lines start with -, +, a backslash or a header's word
        first, count, new_first, new_count = (1 if n is None else int(n) for n in found.groups())
        # For an empty side, git names the line before.
        first, new_first = first - (count > 0), new_first - (new_count > 0)
        hunks.append(
            Hunk(
                first=first,
                after=first + count,
                lines=tuple(new[new_first : new_first + new_count]),
                new_first=new_first,
            )
        )
    return tuple(hunks)


def read_changes(out: bytes) -> tuple[RawChange, ...]:
    """Return every changed path in the output of `git diff-tree` with OPTIONS."""
    tables, _, patch = out.decode(errors="surrogateescape").partition("\0\0")
    fields = tables.rstrip("\0").split("\0") if tables else []
    count = 2 * sum(field.startswith(":") for field in fields[::2])
    raw = dict(zip(fields[1:count:2], fields[:count:2], strict=True))
    numbers = dict(_numstat(fields[count:]))
    spans = _spans(patch)
    return tuple(_change(path, raw[path], numbers[path], spans.get(path, ())) for path in raw)


def _change(
    path: str,
    line: str,
    counts: tuple[int | None, int | None],
    spans: tuple[tuple[int, int], ...],
) -> RawChange:
    old_mode, new_mode, _, _, status = line[1:].split()
    added, removed = counts
    return RawChange(
        path=path,
        status=status,
        old_mode=old_mode,
        new_mode=new_mode,
        binary=added is None,
        added=added or 0,
        removed=removed or 0,
        spans=spans,
    )


def _numstat(rows: list[str]) -> Iterator[tuple[str, tuple[int | None, int | None]]]:
    for row in rows:
        added, removed, path = row.split("\t", 2)
        yield path, (None, None) if added == "-" else (int(added), int(removed))


def _spans(patch: str) -> dict[str, tuple[tuple[int, int], ...]]:
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    path = ""
    for line in patch.split("\n"):
        if line.startswith("diff --git "):
            names = line.removeprefix("diff --git ")
            path = names[: len(names) // 2].removeprefix("a/")  # without renames both are the same
        elif hunk := _HUNK.match(line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            if first:  # 0 in a file that is new
                found[path] = (*found.get(path, ()), (first, first + max(count, 1) - 1))
    return found
