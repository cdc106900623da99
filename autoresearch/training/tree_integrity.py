"""Tree integrity: detect what a training changed in its own tree.

Files are compared by hash, size, inode and times; no unprivileged program can set back ctime. New
files are removed before a model is loaded, so that none can replace a module; in a run whose number
is read they stay. Nothing a training does makes this fail: a file that can't be read or removed
counts as changed.
"""

import hashlib
import os
import stat
from pathlib import Path

from autoresearch.run_directory import remove_tree

TreeState = dict[str, tuple[int, int, int, int, str]]


def record_tree(tree: Path) -> TreeState:
    """Return the state of `tree` and of all files and folders below it, by relative path."""
    recorded = {"": _state(tree)}
    folders = [""]
    while folders:
        folder = folders.pop()
        for entry in _entries(tree, folder):
            name = os.path.join(folder, entry.name)  # noqa: PTH118 - names are text, for the seal
            recorded[name] = _state(tree / name)
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
    return recorded


def clean_tree(tree: Path, recorded: TreeState) -> str | None:
    """Return the first changed path, None if there is none; remove new files."""
    return find_change(tree, recorded) or _remove_all_new(tree, recorded)


def find_change(tree: Path, recorded: TreeState) -> str | None:
    """Return the first changed path, None if there is none."""
    for name in sorted(recorded):
        try:
            if _state(tree / name) != recorded[name]:
                return name or "the top folder"
        except OSError:
            return name or "the top folder"
    return None


def _remove_all_new(tree: Path, recorded: TreeState) -> str | None:
    """Remove new files; return the first folder in which that fails, or None."""
    for folder in sorted(name for name in recorded if _is_folder(recorded[name])):
        try:
            _remove_new(tree, folder, recorded)
        except OSError:
            return folder or "the top folder"
    return None


def _remove_new(tree: Path, folder: str, recorded: TreeState) -> None:
    """Remove what is new in one folder; new folders are removed without looking into them."""
    for entry in _entries(tree, folder):
        if os.path.join(folder, entry.name) in recorded:  # noqa: PTH118 - as in seal_tree
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
    """Return a path's state; of a folder the inode alone, since its size and times change."""
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
