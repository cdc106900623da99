"""Snapshot of a user's commit and of the files around it, as a record that needs no git."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The user's HEAD commit, readable, with the names of what lies around it."""

    root: Path  # the repository's top folder, or the folder below it that this is about
    files: tuple[str, ...]  # of the commit
    untracked: tuple[str, ...]  # also ignored ones; a folder without tracked files ends in /
    submodules: tuple[str, ...] = ()  # their folders
    lfs: tuple[str, ...] = ()  # files of which the commit holds a pointer alone
    read: Callable[[str], str]  # return a file of the commit as text, "" if there is none
    folder: str = ""  # root below the top; paths are relative to it

    @property
    def top(self) -> Path:
        """The repository's top folder."""
        return self.root.parents[self.folder.count("/")] if self.folder else self.root

    def below(self, folder: str) -> "Snapshot":
        """Return what of it lies in a folder, as if that were all."""

        def inside(names: tuple[str, ...]) -> tuple[str, ...]:
            begin = f"{folder}/"
            return tuple(n.removeprefix(begin) for n in names if n.startswith(begin) and n != begin)

        return Snapshot(
            root=self.root / folder,
            files=inside(self.files),
            untracked=inside(self.untracked),
            submodules=inside(self.submodules),
            lfs=inside(self.lfs),
            read=lambda path: self.read(f"{folder}/{path}"),
            folder=folder,
        )
