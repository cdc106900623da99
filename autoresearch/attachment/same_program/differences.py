"""Differences between the user's program and the lab's, by what a recorded run looked for.

A look-up counts only where the path exists for the user and not in the run. What the program needs
is taken as an input; what may not be taken unasked is named, and stops `init` if the repository's
own code asked for it.
"""

import glob
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from autoresearch.attachment.same_program.lookups import Lookups
from autoresearch.attachment.same_program.modules import Found, find_modules
from autoresearch.attachment.same_program.places import (
    MOST_MB,
    MOST_MB_AT_HOME,
    Places,
    covers,
    is_of_tools,
    is_secret,
    too_large,
)
from autoresearch.attachment.same_program.variables import UNTOLD, is_telling
from autoresearch.attachment.surroundings import carried_around

MOST_MATCHES = 5_000  # of a pattern
MOST_OF_A_FOLDER = 10  # more inputs of one folder are the folder
SHOWN = 6
LISTS = "the program lists"


@dataclass(slots=True)
class Differences:
    """Inputs and variables to take into the contract, with reasons, and sentences to say."""

    inputs: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)  # name: value
    said: list[str] = field(default_factory=list)  # sentences
    stops: list[str] = field(default_factory=list)  # sentences: no lab is opened


def find_differences(
    looked: Lookups,
    places: Places,
    environ: Mapping[str, str],
    *,
    python: str,
    leave_out: Collection[str] = (),
    results: Collection[str] = (),
) -> Differences:
    """Compare what a run looked for with what the user has.

    Args:
        looked: What the run wrote down.
        places: The user's files, and the run's folders.
        environ: The user's variables.
        python: The run's interpreter, which is asked for modules.
        leave_out: Places and names of variables that the user does not want.
        results: Files that a run itself is to write.
    """
    search = _Search(looked, places, tuple(leave_out), tuple(results))
    for path, own in (looked.missed | looked.outside).items():
        search.missing(places.of(path), own)
    for path, own in looked.listed.items():
        search.listed(places.of(path), own)
    for pattern, own in looked.patterns.items():
        search.matched(pattern, own)
    for found in find_modules(looked.modules, places, python, environ):
        search.module(found)
    search.variables(environ)
    return search.result()


class _Search:
    """Collects what was found."""

    def __init__(
        self, looked: Lookups, places: Places, leave_out: tuple[str, ...], results: tuple[str, ...]
    ) -> None:
        self._looked = looked
        self._places = places
        self._leave_out = leave_out
        self._results = results
        self._made = places.made(looked.made)
        self._found = Differences()
        self._wanted: dict[str, tuple[bool, str]] = {}  # place: whether its own code asks, and why
        self._own_outputs: list[str] = []
        self._secrets: list[str] = []

    def missing(self, place: str, own: bool, why: str = "the program looks for it") -> None:
        """Take a path that was looked for, if the user has it and the run had not."""
        places = self._places
        if place in ("", ".") or place in self._results or places.had(place):
            return
        source = places.source(place)
        if not (source.is_file() or source.is_dir()) or is_of_tools(source):
            return
        if self._is_left_out(place) or (not own and covers("/tmp", place)):  # noqa: S108
            return
        if places.is_system(place):
            return
        if covers(".git", place):
            self._say("Runs have no .git folder, which the program looks for.", own)
        elif self._is_made(place):
            if source.is_file() or any(places.left_behind(place)):
                self._own_outputs.append(place)
        elif is_secret(place):
            if own or not place.startswith(("/", "~/")):
                self._secrets.append(place)
        elif private := places.private_place(place):
            self._say(f"Runs never see {private}, which the program looks for.", own)
        else:
            self._wanted.setdefault(place, (own, why))

    def listed(self, place: str, own: bool) -> None:
        """Take what a listed folder has for the user alone."""
        if not place or self._is_made(place) or self._places.is_system(place):
            return
        left = [one for one in self._places.left_behind(place) if self._is_data(one)]
        if place != ".":
            self._take_all(place, left, own, f"{LISTS} {place}")
        elif own and left:
            self._say(
                f"The program lists its own folder, where you have {_few(left)}, which git does "
                "not track and runs don't get; --input PATH gives them one.",
                own,
            )

    def matched(self, pattern: str, own: bool) -> None:
        """Take what matches a pattern for the user alone."""
        place = self._places.of(pattern)
        if not place or self._places.is_system(place) or place.startswith("/"):
            return
        base = self._places.home if place.startswith("~/") else self._places.snapshot.root
        own_pattern = f"{glob.escape(str(base))}/{place.removeprefix('~/')}"
        prefix = "~/" if place.startswith("~/") else ""
        matches = islice(glob.iglob(own_pattern, recursive=True), MOST_MATCHES)  # noqa: PTH207
        by_folder: dict[str, list[str]] = {}
        for match in matches:
            one = prefix + Path(match).relative_to(base).as_posix()
            known = prefix or carried_around(self._places.snapshot, one)
            wanted = Path(match).is_file() or "**" not in pattern
            if known and wanted and not self._places.had(one) and self._is_data(one):
                by_folder.setdefault(one.rpartition("/")[0], []).append(one)
        for folder, left in by_folder.items():
            self._take_all(folder, left, own, f"the program looks for {place}")

    def module(self, found: Found) -> None:
        """Take a module that the user's Python finds and the run's does not."""
        if self._is_left_out(found.name) or self._is_left_out(found.place):
            return
        if found.stop:
            self._found.stops.append(found.stop)
        elif found.place and self._places.had(found.place):
            self._found.stops.append(
                f"The program imports {found.name}, which runs were given at {found.place} and did "
                "not find there: install it into the environment that --python names."
            )
        elif found.root:
            self._found.env["PYTHONPATH"] = found.root
        else:
            self.missing(found.place, found.own, f"the program imports {found.name} if it can")

    def variables(self, environ: Mapping[str, str]) -> None:
        """Take the variables that the repository's own code reads, and name the others."""
        set_here = {
            name: own
            for name, own in self._looked.variables.items()
            if name in environ and not UNTOLD.fullmatch(name) and not self._is_left_out(name)
        }
        for name, own in set_here.items():
            if own and not is_telling(name, environ[name]):
                self._found.env[name] = environ[name]
        secret = [n for n, own in set_here.items() if own and n not in self._found.env]
        others = [name for name, own in set_here.items() if not own]
        if secret:
            self._found.said.append(
                f"The program reads {_few(secret)}, which you have set. It looks like a secret, so "
                f"runs don't get it; if they need it: --env {secret[0]}."
            )
        if others:
            self._found.said.append(
                f"Libraries of the program read {_few(others)}, which you have set and runs have "
                f"not; if it matters: --env {others[0]}."
            )

    def result(self) -> Differences:
        """Return what was found; of a folder of which a part is taken, that part alone."""
        found = self._found
        for place, (own, why) in self._wanted.items():
            within = any(other != place and covers(place, other) for other in self._wanted)
            if not within or why.startswith(LISTS):
                self._take(place, own, why)
        outputs = [
            one
            for one in self._own_outputs
            if not any(other != one and covers(one, other) for other in self._own_outputs)
        ]
        if outputs:
            found.said.append(
                f"Runs start without your {_few(outputs)}: the program makes it itself."
            )
        if self._secrets:
            found.said.append(
                f"The program looks for {_few(self._secrets)}, which runs don't get, as it may "
                "hold secrets. What it sets can be given by --env NAME=VALUE, all of it by --input "
                f"{self._secrets[0]}."
            )
        found.said = list(dict.fromkeys(found.said))
        found.stops = list(dict.fromkeys(found.stops))
        return found

    def _take(self, place: str, own: bool, why: str) -> None:
        source = self._places.source(place)
        home = not source.is_relative_to(self._places.snapshot.root)
        size = too_large(source, MOST_MB_AT_HOME if home else MOST_MB)
        wrong = f"it has {size}" if size else self._places.refusal(place)
        if wrong:
            sentence = (
                f"{place} was not taken: {wrong}. But {why}, and runs don't have it. Give --input "
                f"{place} or files in it, or --leave-out {place}."
            )
            (self._found.stops if own else self._found.said).append(sentence)
        else:
            self._found.inputs.setdefault(place, why)

    def _take_all(self, folder: str, left: list[str], own: bool, why: str) -> None:
        tracked = any(covers(folder, path) for path in self._places.snapshot.files)
        whole = folder and left and (not tracked or len(left) > MOST_OF_A_FOLDER)
        for place in [folder] if whole else left:
            self.missing(place, own, why)

    def _is_data(self, place: str) -> bool:
        return not (self._is_made(place) or is_secret(place) or self._is_left_out(place))

    def _is_made(self, place: str) -> bool:
        return any(covers(place, made) for made in self._made)

    def _is_left_out(self, place: str) -> bool:
        return any(covers(one, place) for one in self._leave_out)

    def _say(self, sentence: str, own: bool) -> None:
        if own:
            self._found.said.append(sentence)


def _few(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
