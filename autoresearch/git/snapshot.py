"""Snapshot of a user's commit and of the files around it, as a record that needs no git."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The user's HEAD commit, readable, with the names of what lies around it."""

    root: Path
    files: tuple[str, ...]  # of the commit
    untracked: tuple[str, ...]  # also ignored ones; a folder without tracked files ends in /
    submodules: tuple[str, ...] = ()  # their folders
    lfs: tuple[str, ...] = ()  # files of which the commit holds a pointer alone
    read: Callable[[str], str]  # return a file of the commit as text, "" if there is none
