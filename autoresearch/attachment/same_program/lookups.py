"""Look-ups of a recorded run, parsed from the words of an untrusted program: advice alone."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from autoresearch.training.lookup_recording import MOST_BYTES, NEW

_LONGEST = 16_384  # characters of a line; a module's line has its search path


@dataclass(slots=True)
class Lookups:
    """Paths are absolute, as the run saw them; True stands for the repository's own code."""

    began: bool = False  # a Python began that recorded
    cut: bool = False  # there were more than were written down
    missed: dict[str, bool] = field(default_factory=dict)
    outside: dict[str, bool] = field(default_factory=dict)  # files that lie in no folder of a run's
    listed: dict[str, bool] = field(default_factory=dict)
    patterns: dict[str, bool] = field(default_factory=dict)
    variables: dict[str, bool] = field(default_factory=dict)  # that are not set in the run
    modules: dict[str, tuple[bool, tuple[str, ...]]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)  # written by the run, or new in its tree


def read_lookups(file: Path) -> Lookups:
    """Return what a recorded run wrote down; lines that are none are left out."""
    found = Lookups()
    try:
        with file.open("rb") as text:
            lines = text.read(2 * MOST_BYTES).split(b"\n")
    except OSError:
        return found
    found.cut = any(line.lower().startswith(b"c") for line in lines)
    for line in lines:
        kind, _, what = line.decode("ascii", "replace").partition(" ")
        if len(kind) == 1 and len(what) <= _LONGEST:
            try:
                _take(found, kind, os.fsdecode(bytes.fromhex(what)))
            except ValueError:
                continue
    return found


def _take(found: Lookups, kind: str, what: str) -> None:
    own, kind = kind.isupper(), kind.lower()
    path_kinds = {
        "m": found.missed, "x": found.outside, "l": found.listed, "g": found.patterns,
    }  # fmt: skip
    if "\0" in what:
        return
    if kind == "b":
        found.began = True
    elif kind == "e":
        found.variables.setdefault(what, own)
    elif kind == "i":
        name, *places = what.split("\n")
        found.modules.setdefault(name, (own, tuple(filter(os.path.isabs, places))))
    elif not os.path.isabs(what):  # noqa: PTH117 - names are text
        return
    elif kind in ("w", NEW):
        found.made.add(what)
    elif kind in path_kinds:
        path_kinds[kind].setdefault(what, own)
