"""Refs as files of the lab's repository: whether one moved, and where it is, without git."""

from pathlib import Path


def is_at(repository: Path, ref: str, commit: str | None) -> bool:
    """Return whether the ref's own file names this commit.

    False proves nothing: git may have packed the ref away. Whether the commit is there, only
    `Repository.resolve` knows.
    """
    try:
        return commit is not None and (repository / ref).read_text() == f"{commit}\n"
    except (OSError, UnicodeDecodeError):
        return False


def ref_stamp(repository: Path, ref: str) -> object:
    """Return a stamp that changes when a ref moves: git moves one by renaming a new file.

    Returns None where there is no file to compare, so that nothing is known.
    """
    stamps = tuple(map(_stamp, (repository / ref, repository / "packed-refs")))
    return stamps if any(stamps) else None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
