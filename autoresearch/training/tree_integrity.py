"""Keeps a run's tree what its commit says: notices what the training changed in it.

By hash, and by size, inode and times, which no unprivileged program can set back. What is new is
removed before a model is loaded, so that nothing stands in for a module; of a run whose number is
read it stays. Nothing here fails because of what a training did: what can't be looked at or removed
counts as changed.
"""

import hashlib
import os
import stat
from pathlib import Path

from autoresearch.run_directory import remove_tree

Seal = dict[str, tuple[int, int, int, int, str]]


def seal_tree(tree: Path) -> Seal:
    """The state of `tree` and of every file and folder below it, by its relative path."""
    seal = {"": _state(tree)}
    folders = [""]
    while folders:
        folder = folders.pop()
        for entry in _entries(tree, folder):
            name = os.path.join(folder, entry.name)  # noqa: PTH118 - names are text, for the seal
            seal[name] = _state(tree / name)
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
    return seal


def broken_seal(tree: Path, seal: Seal) -> str | None:
    """The first path that is not as it was, None where all are; removes what is new."""
    return changed_path(tree, seal) or _stays(tree, seal)


def changed_path(tree: Path, seal: Seal) -> str | None:
    """The first path that is not as it was, None where all are."""
    for name in sorted(seal):
        try:
            if _state(tree / name) != seal[name]:
                return name or "the top folder"
        except OSError:
            return name or "the top folder"
    return None


def _stays(tree: Path, seal: Seal) -> str | None:
    """Remove what is new; the first folder in which that does not work."""
    for folder in sorted(name for name in seal if _is_folder(seal[name])):
        try:
            _remove_new(tree, folder, seal)
        except OSError:
            return folder or "the top folder"
    return None


def _remove_new(tree: Path, folder: str, seal: Seal) -> None:
    """Never looks into a new folder: only what was sealed is walked."""
    for entry in _entries(tree, folder):
        if os.path.join(folder, entry.name) in seal:  # noqa: PTH118 - as in seal_tree
            continue
        if entry.is_dir(follow_symlinks=False):
            remove_tree(Path(entry.path))
            if os.path.lexists(entry.path):
                raise OSError(f"{entry.path} stays")
        else:
            Path(entry.path).unlink()


def _entries(tree: Path, folder: str) -> "list[os.DirEntry[str]]":
    with os.scandir(tree / folder) as entries:
        return list(entries)


def _state(path: Path) -> tuple[int, int, int, int, str]:
    """Of a folder only the inode: its size and times change with what lies in it."""
    s = path.lstat()
    if stat.S_ISDIR(s.st_mode):
        return (-1, s.st_ino, 0, 0, "")
    sha256 = ""
    if stat.S_ISREG(s.st_mode):
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return (s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns, sha256)


def _is_folder(state: tuple[int, int, int, int, str]) -> bool:
    return state[0] == -1
