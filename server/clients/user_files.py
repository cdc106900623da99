"""Files of a client's user: read as they were saved, and written whole, with the old one kept.

A byte order mark and line ends of Windows are read. What is written has no mark, which JSON and
TOML do not need, and the line ends that were there.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autoresearch.common.files import create_file, replace_file
from autoresearch.errors import LabError


@dataclass(frozen=True, slots=True)
class Plan:
    """One file as it will be, and the part of it that is ours."""

    path: Path
    text: str
    ours: str
    before: str | None  # None: there is no such file
    precious: bool = True  # somebody else may have written in it: a backup is kept
    notes: tuple[str, ...] = ()  # what of the user's own settings is replaced or left out

    @property
    def changes(self) -> bool:
        """Return whether writing the plan would change anything."""
        return self.text != self.before


def read_text(path: Path) -> str | None:
    """Return a file's text without a byte order mark; None where there is no such file."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise LabError(
            f"{path} is not saved as UTF-8: {error}.",
            "Save it as UTF-8, then try again.",
            reason="not_utf8",
        ) from error


def with_line_ends_of(before: str | None, text: str) -> str:
    """Return `text` with Windows' line ends if that is how each line of `before` ends."""
    lines = (before or "").count("\n")
    if not lines or (before or "").count("\r\n") != lines:
        return text
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def apply(plans: Sequence[Plan]) -> list[Path]:
    """Write what changes, the old file kept beside the new one; return the backups."""
    backups = []
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for plan in plans:
        if not plan.changes:
            continue
        path = plan.path.resolve()  # through a link, so that the link stays one
        path.parent.mkdir(parents=True, exist_ok=True)
        if plan.before is not None and plan.precious:
            backups.append(_back_up(path, stamp))
        mode = None if plan.before is None else path.stat().st_mode
        replace_file(path, plan.text.encode(), mode=mode)
    return backups


def _back_up(path: Path, stamp: str) -> Path:
    """Keep the file byte for byte, and never over an earlier backup."""
    names = (f"{path.name}.{stamp}{more}.bak" for more in ("", *(f"-{n}" for n in range(2, 1000))))
    backup = next(place for name in names if not (place := path.with_name(name)).exists())
    create_file(backup, path.read_bytes(), mode=path.stat().st_mode)
    return backup
