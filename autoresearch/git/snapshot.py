"""What a commit of the user's holds and what lies around it, as a record that needs no git."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The user's HEAD commit as one reads it, and by name what lies around it."""

    root: Path
    files: tuple[str, ...]  # of the commit
    untracked: tuple[str, ...]  # ignored ones too; a folder that holds no tracked file ends in /
    read: Callable[[str], str]  # a file of the commit as text; "" where there is none
