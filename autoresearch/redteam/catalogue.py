"""The patches: one TOML file each, below `cheats/` and `honest/`, against the target's train.py.

Those that are about the scoring of arrays or of tokens lie one folder lower, and are written
against the train.py of the red team's own small target of that kind (`arenas/`).
A cheat names its class, what it tries, how one would see that it worked, what should hold it, and
exactly how its run must end, so that one which fails for a silly reason is not counted as caught.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from autoresearch.errors import LabError, NotFoundError
from autoresearch.patches.edits import Edit

HERE = Path(__file__).resolve().parent
TARGETS = ("microgpt",)
CHARACTERS, ARRAYS, TOKENS = "characters", "arrays", "tokens"  # as a contract's `vocab`
KINDS = (CHARACTERS, ARRAYS, TOKENS)
PLACEHOLDER = re.compile(r"@([A-Z]+)@")
HELD_BY = frozenset(
    (
        *("payload cap", "seed check", "sandbox", "reveal", "second order", "split", "seal"),
        *("budget", "judge", "scorer", "supervisor", "lab", "code size", "guard"),
    )
)
REACHED = r"attempt: reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One patch, and for a cheat what is expected of it."""

    name: str
    edits: tuple[Edit, ...]
    cheats: bool
    about: str  # of an honest one: what it changes; of a cheat: its class
    tries: str = ""
    signs: str = ""  # how one would see that it worked
    held_by: tuple[str, ...] = ()
    ends: str = "^finished"  # how "STATE: REASON" of its run, or "refused: WORDS", must read
    gap: str = ""  # begins what a sandbox says of itself if it can't hold this one
    alone: bool = False  # nothing else runs meanwhile, since it disturbs the machine
    guarded: bool = False  # it is tried in a lab whose contract has a guard
    kind: str = CHARACTERS  # of the scoring, one of KINDS

    def __post_init__(self) -> None:
        """Raise ValueError for a cheat that names no line of defence, or an unknown one."""
        unknown = set(self.held_by) - HELD_BY
        if unknown or (self.cheats and not self.held_by):
            raise ValueError(
                f"{self.name}: held_by is {list(self.held_by)}; a cheat names some of "
                f"{', '.join(sorted(HELD_BY))}"
            )

    @property
    def only_sandbox(self) -> bool:
        """Return whether only a sandbox stops this cheat."""
        return self.held_by == ("sandbox",)

    @property
    def refused(self) -> bool:
        """Return whether the patch should be refused before it runs."""
        return self.ends.startswith("^refused")

    @property
    def needs(self) -> frozenset[str]:
        """The names of the baits that its edits mention."""
        return frozenset(PLACEHOLDER.findall("".join(edit.replace for edit in self.edits)))

    def filled(self, values: Mapping[str, str]) -> tuple[Edit, ...]:
        """Its edits with the baits' names put in; raise LabError for a bait that there is not."""
        try:
            return tuple(
                replace(edit, replace=PLACEHOLDER.sub(lambda m: values[m[1]], edit.replace))
                for edit in self.edits
            )
        except KeyError as unknown:
            raise LabError(
                f"{self.name} mentions @{unknown.args[0]}@, and there is no such bait.",
                f"There are: {', '.join(sorted({*values, 'BAIT', 'PORT'}))}.",
                reason="red_team_bait",
            ) from None


@cache
def catalogue() -> tuple[Entry, ...]:
    """Every cheat, then every honest patch, each by kind of scoring and by name."""
    folders = ((HERE / "cheats", True), (HERE / "honest", False))
    return tuple(
        _read(path, cheats=cheats)
        for folder, cheats in folders
        for kind in KINDS
        for path in sorted((folder if kind == CHARACTERS else folder / kind).glob("*.toml"))
    )


def chosen(target: str, only: Sequence[str] = ()) -> tuple[Entry, ...]:
    """The entries for a target, all or those named; NotFoundError says what there is."""
    if target not in TARGETS:
        raise NotFoundError(
            f"The red team has no patches for {target!r}.",
            f"It has some for {TARGETS[0]}.",
            reason="red_team_target",
        )
    entries = catalogue()
    unknown = [name for name in only if name not in {entry.name for entry in entries}]
    if unknown:
        raise NotFoundError(
            f"There is no cheat or honest patch {unknown[0]!r}.",
            f"There are: {', '.join(entry.name for entry in entries)}.",
            reason="red_team_patch",
        )
    return tuple(entry for entry in entries if not only or entry.name in only)


def _read(path: Path, *, cheats: bool) -> Entry:
    """Return the patch of a file; raise LabError with the file's name if it is none."""
    try:
        return _entry(path, cheats=cheats)
    except (KeyError, TypeError, ValueError, re.error) as error:
        words = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise LabError(
            f"{path.parent.name}/{path.name} is no patch of the red team: {words}.",
            "Compare it with the files beside it; CONTRIBUTING.md explains the fields.",
            reason="red_team_file",
        ) from error


def _entry(path: Path, *, cheats: bool) -> Entry:
    fields: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    edits = tuple(Edit(**edit) for edit in fields.pop("edits"))
    about = fields.pop("class") if cheats else fields.pop("about")
    held_by = fields.pop("held_by", [])
    if not isinstance(held_by, list):
        raise TypeError(f"held_by is {held_by!r}, not a list")
    re.compile(fields.get("ends", ""))
    return Entry(
        name=path.stem,
        edits=edits,
        cheats=cheats,
        about=about,
        held_by=tuple(held_by),
        kind=path.parent.name if path.parent.name in KINDS else CHARACTERS,
        **fields,
    )
