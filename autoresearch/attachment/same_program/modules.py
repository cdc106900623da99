"""Modules that a run did not find and the user has: beside the code, or by an editable install.

Names are looked up, and the run's own interpreter is asked, isolated; no module is imported.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autoresearch.attachment.same_program.places import Places
from autoresearch.attachment.surroundings import ask, carried_around

MOST_ASKED = 500
_ASK = """
import importlib.util, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        spec = importlib.util.find_spec(name)
    except Exception:
        continue
    if spec is not None and spec.origin not in (None, "built-in", "frozen"):
        folders = list(spec.submodule_search_locations or ())
        found[name] = [folders[0] if folders else spec.origin, sys.prefix, sys.base_prefix]
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A module of the user's: an input at a place, or a root of the repository's own."""

    name: str
    own: bool  # the repository's own code imports it
    place: str = ""
    root: str = ""  # a folder of the commit that must be in PYTHONPATH
    stop: str = ""  # a sentence, where neither helps


def find_modules(
    missed: Mapping[str, tuple[bool, tuple[str, ...]]],
    places: Places,
    python: str,
    environ: Mapping[str, str],
) -> Iterator[Found]:
    """Yield the modules that the user has, of those that a run did not find."""
    asked: dict[str, bool] = {}
    for name, (own, search_path) in missed.items():
        place = _beside(name, search_path, places)
        if place:
            yield Found(name=name, own=own, place=place)
        elif "." not in name:
            asked[name] = own
    found = installed(python, tuple(asked)[:MOST_ASKED])
    for name, own in asked.items():
        if name in found:
            yield _installed(name, own, found[name], places)
        elif own and (folder := _elsewhere(name, places, environ)):
            yield Found(
                name=name,
                own=own,
                stop=f"The program imports {name}, which you have in {folder} and runs don't see: "
                "install it into the environment that --python names.",
            )


def installed(python: str, names: tuple[str, ...]) -> dict[str, Path]:
    """Return where an interpreter finds modules that lie outside its own environment."""
    answer: dict[str, list[str]] = (ask(python, _ASK, names) if names else None) or {}
    return {
        name: Path(where)
        for name, (where, *prefixes) in answer.items()
        if not any(Path(where).is_relative_to(prefix) for prefix in prefixes)
    }


def _beside(name: str, search_path: tuple[str, ...], places: Places) -> str:
    """Return the place in the repository's folder at which the user's Python would find it."""
    last = name.rpartition(".")[2]
    for folder in map(places.of, search_path):
        if not folder or folder.startswith(("/", "~/")):
            continue
        prefix = "" if folder == "." else f"{folder}/"
        for place in (f"{prefix}{last}.py", f"{prefix}{last}"):
            source = places.source(place)
            package = source.is_file() or any(source.glob("*.py"))
            if package and _is_around(places, place):
                return place
        for built in places.source(folder).glob(f"{last}.*so"):
            if _is_around(places, f"{prefix}{built.name}"):
                return f"{prefix}{built.name}"
    return ""


def _is_around(places: Places, place: str) -> bool:
    return carried_around(places.snapshot, place) and not places.had(place)


def _installed(name: str, own: bool, where: Path, places: Places) -> Found:
    root = places.snapshot.root
    if not where.is_relative_to(root):
        return Found(name=name, own=own, place=str(where))
    place = where.relative_to(root).as_posix()
    if carried_around(places.snapshot, place):
        return Found(name=name, own=own, place=place)
    return Found(name=name, own=own, root=Path(place).parent.as_posix())


def _elsewhere(name: str, places: Places, environ: Mapping[str, str]) -> str:
    """Return the folder of the user's PYTHONPATH or own packages that has it."""
    folders = [Path(folder) for folder in environ.get("PYTHONPATH", "").split(":") if folder]
    folders += sorted((places.home / ".local" / "lib").glob("python3*/site-packages"))
    for folder in folders:
        if (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file():
            return str(folder)
    return ""
