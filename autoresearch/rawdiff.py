"""Read what changed between two commits or trees, from what `git diff-tree` printed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

ABSENT = "000000"  # the mode of a file that is not there
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? ")
PLAIN = ("--no-renames", "--no-color", "--no-ext-diff", "--no-textconv")
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


def read_changes(out: bytes) -> tuple[RawChange, ...]:
    """Every changed path in what `git diff-tree` printed with OPTIONS."""
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


def _numstat(fields: list[str]) -> Iterator[tuple[str, tuple[int | None, int | None]]]:
    for field in fields:
        added, removed, path = field.split("\t", 2)
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
