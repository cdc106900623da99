"""Locks that the kernel frees when their holder dies."""

from pathlib import Path

from filelock import FileLock, Timeout


def try_lock(path: Path) -> FileLock | None:
    """An exclusive lock that its holder's death frees, None while somebody has it."""
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock
