"""Hashes of files too large to be hashed at every look."""

import hashlib
from functools import lru_cache
from pathlib import Path


def file_sha256(path: Path) -> str:
    """The hash of a file's contents; read again only where the file is not as it was.

    By size, inode and times, the last of which no unprivileged program can set back.
    """
    state = path.stat()
    return _hashed(path, state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns)


@lru_cache(maxsize=64)
def _hashed(path: Path, *_state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
