"""Read what changed between two commits or trees, from git's machine-readable diff."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from autoresearch.git import Git

ABSENT = "000000"  # the mode of a file that is not there
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? ")
_FORM = ("--no-renames", "--no-color", "--no-ext-diff", "--no-textconv")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawChange:
    """One changed path. Modes are git's: 100644, 100755, 120000 (link), 160000 (submodule)."""

    path: str
    status: str  # A, D, M or T
    old_mode: str
    new_mode: str
    binary: bool
    size: int  # bytes after the change, 0 when deleted
    added: int  # lines
    removed: int
    spans: tuple[tuple[int, int], ...]  # touched lines in the base, (first, last), 1-based


def read_changes(git: Git, base: str, other: str) -> tuple[RawChange, ...]:
    """Every changed path from `base` to `other`, in git's order."""
    tables = git.run("diff-tree", "-r", "-z", "--raw", "--numstat", *_FORM, base, other)
    fields = tables.decode(errors="surrogateescape").split("\0")[:-1]
    raw = [i for i, field in enumerate(fields) if field.startswith(":")]
    numbers = dict(_numstat(fields[2 * len(raw) :]))
    blobs = [fields[i].split()[3] for i in raw]
    sizes = _sizes(git, blobs)
    spans = _spans(git, base, other) if raw else {}
    found = []
    for i, size in zip(raw, sizes, strict=True):
        old_mode, new_mode, _, _, status = fields[i][1:].split()
        path = fields[i + 1]
        added, removed = numbers.get(path, (None, None))
        found.append(
            RawChange(
                path=path,
                status=status,
                old_mode=old_mode,
                new_mode=new_mode,
                binary=added is None,
                size=size,
                added=added or 0,
                removed=removed or 0,
                spans=spans.get(path, ()),
            )
        )
    return tuple(found)


def _numstat(fields: list[str]) -> Iterator[tuple[str, tuple[int | None, int | None]]]:
    for field in fields:
        added, removed, path = field.split("\t", 2)
        yield path, (None, None) if added == "-" else (int(added), int(removed))


def _sizes(git: Git, blobs: list[str]) -> list[int]:
    """Bytes of each blob; 0 for one that is not there (a deletion, a submodule)."""
    asked = "".join(f"{blob}\n" for blob in blobs).encode()
    out = git.run("cat-file", "--batch-check=%(objectsize)", stdin=asked).decode()
    return [int(line) if line.isdigit() else 0 for line in out.splitlines()]


def _spans(git: Git, base: str, other: str) -> dict[str, tuple[tuple[int, int], ...]]:
    patch = git.run("diff-tree", "-r", "-p", "-U0", "-z", *_FORM, base, other)
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    path = ""
    for line in patch.decode(errors="surrogateescape").split("\n"):
        if line.startswith("diff --git "):
            names = line.removeprefix("diff --git ")
            path = names[: len(names) // 2].removeprefix("a/")  # without renames both are the same
        elif hunk := _HUNK.match(line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            if first:  # 0 in a file that is new
                found[path] = (*found.get(path, ()), (first, first + max(count, 1) - 1))
    return found
