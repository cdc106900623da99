"""Keeps a run's tree what its commit says: notices what the training changed in it.

By size, inode and times, which no unprivileged program can set back. Files that are new are
removed before the model is loaded, so that none stands in for a module.
"""

import os
import stat
from pathlib import Path

Seal = dict[str, tuple[int, int, int, int]]


def seal_tree(tree: Path) -> Seal:
    """The state of every file and folder below `tree`, by its relative path."""
    return {str(path.relative_to(tree)): _state(path) for path in _walk(tree)}


def broken_seal(tree: Path, seal: Seal) -> str | None:
    """The first path that is not as it was, None where all are; removes what is new.

    What is new and can't be removed counts as changed.
    """
    here = {str(path.relative_to(tree)): path for path in _walk(tree)}
    for name in sorted(seal):
        path = here.get(name)
        if path is None or _state(path) != seal[name]:
            return name
    for name in sorted(set(here) - set(seal), reverse=True):
        try:
            _remove(here[name])
        except OSError:
            return name
    return None


def _remove(path: Path) -> None:
    if stat.S_ISDIR(path.lstat().st_mode):
        path.rmdir()
    else:
        path.unlink()


def _walk(tree: Path) -> list[Path]:
    found: list[Path] = []
    for folder, folders, files in os.walk(tree):
        found.extend(Path(folder) / name for name in (*folders, *files))
    return found


def _state(path: Path) -> tuple[int, int, int, int]:
    """Of a folder only the inode: its size and times change with what lies in it."""
    s = path.lstat()
    if stat.S_ISDIR(s.st_mode):
        return (0, s.st_ino, 0, 0)
    return (s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns)
