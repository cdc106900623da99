"""Three-way merge: apply a patch to another tree than the one it was made against.

Git finds the changed lines, by diffs without context; this module combines them. Git's own merge is
not used, since it refuses changes of adjacent lines, which near misses are full of. Two hunks
commute if no base line is in both. Where hunks are adjacent and both add more lines than they
remove, the order of the new lines is ambiguous, which is a collision too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from autoresearch.errors import PatchRefusedError
from autoresearch.git.raw_diff import Hunk
from autoresearch.git.repository import Entry, Repository

PLAIN_MODES = ("100644", "100755")
SHOWN = 5  # collisions that a refusal lists
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")  # a carriage return is part of its line

Entries = Mapping[str, Entry]


class Clash(StrEnum):
    """Why two changes can't both be had, as a sentence."""

    SAME_LINES = "both change this"
    ORDER_OPEN = "both add lines here, so their order is unclear"
    LAST_LINE_END = "one removes the newline at its end, the other adds a line"
    GONE = "the patch changes it, but it has been deleted"
    CHANGED_SINCE = "the patch deletes it, but it has been changed since"
    BOTH_ADD = "both add it, with different content"
    NO_PLAIN_FILE = "both change it, and it is not a plain file"
    BINARY = "both change it, and it is binary"
    FILE_AND_FOLDER = "it is a file in one and a folder in the other"


@dataclass(frozen=True, slots=True)
class Collision:
    """A place where two changes exclude each other, and the reason."""

    path: str
    why: Clash
    ours: tuple[int, int] | None = None  # lines of the present text, (first, last), 1-based
    base: tuple[int, int] | None = None  # lines of the text that the patch was made against

    def __str__(self) -> str:
        if self.ours is None or self.base is None:
            return f"{self.path}: {self.why}"
        return f"{self.path}, {_lines(self.ours)} ({_lines(self.base)} of its base): {self.why}"


class MergeRefusedError(PatchRefusedError):
    """Both sides change the same lines or files; the message lists them."""

    def __init__(self, collisions: Sequence[Collision]) -> None:
        shown = "; ".join(map(str, collisions[:SHOWN]))
        more = len(collisions) - SHOWN
        super().__init__(
            f"{shown}; and {more} more." if more > 0 else f"{shown}.",
            "Look at these lines as they are now, and write the change against them.",
            reason="collision",
        )
        self.collisions = tuple(collisions)


def merge_trees(repo: Repository, base: str, ours: str, theirs: str) -> str:
    """Return the tree of `ours` with the changes from `base` to `theirs` applied.

    All three are commits or trees.

    Raises:
        MergeRefusedError: Both changed the same place in different ways; it lists every place.
    """
    before, present, patched = (repo.entries(name) for name in (base, ours, theirs))
    merged = dict(present)
    collisions: list[Collision] = []
    for path in sorted(before.keys() | patched.keys()):
        old, now, new = before.get(path), present.get(path), patched.get(path)
        if new in (old, now):
            continue
        try:
            entry = new if now == old else _merge_file(repo, path, (old, now, new))
        except MergeRefusedError as refused:
            collisions += refused.collisions
            continue
        merged.pop(path, None)
        if entry is not None:
            merged[path] = entry
    collisions += _file_and_folder(merged)
    if collisions:
        raise MergeRefusedError(collisions)
    return repo.write_tree(merged)


def merge_texts(
    path: str, base: bytes, ours: Sequence[Hunk], theirs: Sequence[Hunk]
) -> list[bytes]:
    """Return the base's lines with the hunks of both; a hunk that both have is applied once.

    Raises MergeRefusedError where hunks collide.
    """
    new = [hunk for hunk in theirs if hunk not in ours]
    clashes = [(mine, hunk) for mine in ours for hunk in new if _collide(mine, hunk)]
    if clashes:
        raise MergeRefusedError([_collision(path, *pair) for pair in clashes])
    lines = _LINE.findall(base)
    out: list[bytes] = []
    at = 0
    for hunk in sorted([*ours, *new], key=lambda hunk: (hunk.first, hunk.after)):
        out += [*lines[at : hunk.first], *hunk.lines]
        at = hunk.after
    out += lines[at:]
    if not all(line.endswith(b"\n") for line in out[:-1]):
        raise MergeRefusedError([Collision(path, Clash.LAST_LINE_END)])
    return out


def _merge_file(
    repo: Repository, path: str, three: tuple[Entry | None, Entry | None, Entry | None]
) -> Entry:
    old, now, new = three
    if now is None:
        raise MergeRefusedError([Collision(path, Clash.GONE)])
    if new is None:
        raise MergeRefusedError([Collision(path, Clash.CHANGED_SINCE)])
    if old is None:
        raise MergeRefusedError([Collision(path, Clash.BOTH_ADD)])
    modes = {entry.mode for entry in (old, now, new)}
    if not modes.issubset(PLAIN_MODES):
        raise MergeRefusedError([Collision(path, Clash.NO_PLAIN_FILE)])
    # There are two modes, so where both changed it they agree.
    mode = new.mode if now.mode == old.mode else now.mode
    return Entry(mode, _merge_blobs(repo, path, old.id, now.id, new.id))


def _merge_blobs(repo: Repository, path: str, old: str, now: str, new: str) -> str:
    """Return the id of the merged content; if only one side changed it, that side's."""
    if new in (old, now):
        return now
    if now == old:
        return new
    contents = [content or b"" for content in repo.read_many([old, now, new])]
    if any(b"\0" in content for content in contents):
        raise MergeRefusedError([Collision(path, Clash.BINARY)])
    texts = [_LINE.findall(content) for content in contents]
    ours, theirs = repo.hunks(old, now, texts[1]), repo.hunks(old, new, texts[2])
    return repo.write_blob(b"".join(merge_texts(path, contents[0], ours, theirs)))


def _collide(one: Hunk, other: Hunk) -> bool:
    if one.first < other.after and other.first < one.after:
        return True
    touching = one.after == other.first or other.after == one.first
    return touching and one.grows and other.grows


def _collision(path: str, ours: Hunk, theirs: Hunk) -> Collision:
    overlapping = ours.first < theirs.after and theirs.first < ours.after
    why = Clash.SAME_LINES if overlapping else Clash.ORDER_OPEN
    last = ours.new_first + max(len(ours.lines), 1)
    return Collision(
        path,
        why,
        ours=(ours.new_first + 1, last),
        base=(theirs.first + 1, max(theirs.after, theirs.first + 1)),
    )


def _file_and_folder(merged: Entries) -> list[Collision]:
    """Return names that are a file in one tree and a folder in the other; git would drop one."""
    # With a slash at its end a file's name sorts right before what lies below it.
    ordered = sorted(f"{path}/" for path in merged)
    return [
        Collision(file[:-1], Clash.FILE_AND_FOLDER)
        for file, below in pairwise(ordered)
        if below.startswith(file)
    ]


def _lines(span: tuple[int, int]) -> str:
    first, last = span
    return f"line {first}" if first == last else f"lines {first}-{last}"
