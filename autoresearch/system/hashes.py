"""Cached hashes of files that are too large to be hashed each time."""

import hashlib
from functools import lru_cache
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Return the SHA-256 (hex) of a file; read it again only if it may have changed.

    It may have if size, inode or times differ; no unprivileged program can set back ctime.
    """
    state = path.stat()
    return _hashed(path, state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns)


@lru_cache(maxsize=64)
def _hashed(path: Path, *_state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
