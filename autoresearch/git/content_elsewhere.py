"""Content that a commit names and does not hold: of Git LFS pointers, and of submodules.

Pointers are small text blobs, found by what they say, since the attribute that names their filter
may be gone or come from elsewhere.
https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

import re
from collections.abc import Iterator
from pathlib import Path

from autoresearch.git.plumbing import LONG_TIMEOUT_S, Git

_MARK = b"version https://git-lfs.github.com/spec/v1\n"
_LEAST, _MOST = len(_MARK), 1023  # bytes of a pointer


def lfs_pointers(git: Git, commit: str) -> Iterator[str]:
    """Yield the paths of a commit whose blobs are pointers."""
    listed = git.run("ls-tree", "-r", "-l", "-z", "--full-tree", commit, timeout_s=LONG_TIMEOUT_S)
    small: dict[bytes, list[str]] = {}
    for entry in filter(None, listed.split(b"\0")):
        fields, _, name = entry.partition(b"\t")
        mode, kind, blob, size = fields.split()
        if kind == b"blob" and mode != b"120000" and _LEAST <= int(size) <= _MOST:
            small.setdefault(blob, []).append(name.decode(errors="surrogateescape"))
    asked = b"".join(blob + b"\n" for blob in small)
    found = git.run("cat-file", "--batch", stdin=asked, timeout_s=LONG_TIMEOUT_S) if small else b""
    at, names = 0, []
    for paths in small.values():
        end = found.index(b"\n", at)
        size = found[at:end].rsplit(b" ", 1)[1]
        begin, at = end + 1, end + 2 + int(size)
        if found.startswith(_MARK, begin):
            names += paths
    yield from sorted(names)


def submodules(git: Git, commit: str) -> tuple[str, ...]:
    """Return the folders of a commit's submodules."""
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", commit, timeout_s=LONG_TIMEOUT_S)
    entries = listed.decode(errors="surrogateescape").split("\0")
    return tuple(entry.split("\t", 1)[1] for entry in entries if entry.startswith("160000"))


def as_glob(path: str) -> str:
    """Return the glob, as git reads them, that a path alone matches."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def is_pointer(file: Path) -> bool:
    """Return whether a file of the working tree is still a pointer; False if it is unreadable."""
    try:
        if not _LEAST <= file.stat().st_size <= _MOST:
            return False
        with file.open("rb") as text:
            return text.read(len(_MARK)) == _MARK
    except OSError:
        return False
