"""The text that a patch adds to its base: which lines are new, and how much is in them.

Whatever carries data in a patch is text in an order: names or brackets in a list, operators, white
space, the order of lines, the names of files. So here the source is read as bytes, not as a
language. A line is old only where it follows the same line as in the base: what is moved, or stands
after something that was deleted, is new, and costs little since the base has it.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

WINDOW = 32 * 1024  # bytes of a dictionary that deflate can look back on

Files = Mapping[str, bytes]
_Pair = tuple[bytes | None, bytes]  # a line, and the one before it in its file


@dataclass(frozen=True, slots=True)
class AddedLine:
    """A line that the base does not have in this place."""

    path: str
    number: int  # from 1
    text: bytes


def added_lines(before: Files, after: Files) -> list[AddedLine]:
    """Return the new lines of the changed files, in order of their paths and places."""
    known: Counter[_Pair] = Counter()
    for path in _changed(before, after):
        known.update(pair for _, pair in _pairs(before.get(path)))
    added = []
    for path in _changed(before, after):
        for number, pair in _pairs(after.get(path)):
            if known[pair]:
                known[pair] -= 1
            else:
                added.append(AddedLine(path, number, pair[1]))
    return added


def longest_line(content: bytes | None) -> int:
    """Return the bytes of a file's longest line; 0 for no file."""
    return max(map(len, (content or b"").split(b"\n")))


def size_of_added(before: Files, after: Files) -> int:
    """Return the bytes of all added lines, and of the names of new and deleted files, as packed.

    Deflate packs them with the base as its dictionary: the changed files, then the others.
    """
    renamed = sorted(before.keys() ^ after.keys())
    lines = [line.text for line in added_lines(before, after)]
    added = b"\n".join([*(path.encode(errors="surrogateescape") for path in renamed), *lines])
    return packed(added, _dictionary(before, after))


def packed(added: bytes, dictionary: bytes) -> int:
    """Return the size of `added` as compressed by deflate with what its base has."""
    if not added:
        return 0
    known = dictionary[-WINDOW:]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, known)
    return len(packer.compress(added) + packer.flush())


def _changed(before: Files, after: Files) -> list[str]:
    paths = before.keys() | after.keys()
    return sorted(path for path in paths if before.get(path) != after.get(path))


def _pairs(content: bytes | None) -> Iterator[tuple[int, _Pair]]:
    """Yield each line with its number and the one before it."""
    previous: bytes | None = None
    for number, line in enumerate(() if content is None else content.split(b"\n"), start=1):
        yield number, (previous, line)
        previous = line


def _dictionary(before: Files, after: Files) -> bytes:
    """Return what deflate can look back on, with the changed files nearest."""
    changed = [path for path in _changed(before, after) if path in before]
    others = sorted(before.keys() - set(changed))
    return _last_bytes(before[path] for path in reversed([*others, *changed]))


def _last_bytes(contents: Iterable[bytes]) -> bytes:
    """Return the end of these, given from the last to the first."""
    found: list[bytes] = []
    size = 0
    for content in contents:
        found.append(content)
        size += len(content)
        if size >= WINDOW:
            break
    return b"\n".join(reversed(found))[-WINDOW:]
