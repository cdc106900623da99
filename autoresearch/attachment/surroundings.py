"""Things around a repository that git does not carry: interpreters, packages, data, extensions.

Looks at names and asks interpreters which modules they have; nothing of the repository is run.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from autoresearch.attachment.clues.package_names import (
    declared_names,
    is_well_known,
    package_of,
    plain,
)
from autoresearch.attachment.proposal_parts import Part, Sureness
from autoresearch.common.files import as_text
from autoresearch.git.snapshot import Snapshot
from autoresearch.sandboxes.base import clean_environment

_ASK = (
    "import importlib.util as u, json, sys; "
    "print(json.dumps([m for m in sys.argv[1:] if u.find_spec(m) is None]))"
)
_CONDA = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".conda")
_READERS = re.compile(r"open|load\w*|genfromtxt|fromfile|memmap|read_\w+|safe_open|imread")
_ASK_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The proposed interpreter of a target: exactly one of the three, or this product's own."""

    python: Part[str]
    packages: Part[tuple[str, ...]] | None = None
    lock: Part[str] | None = None
    unknown: tuple[str, ...] = ()  # modules that no interpreter has and nothing declares


def choose_interpreter(
    snapshot: Snapshot,
    needed: tuple[str, ...],
    environ: Mapping[str, str],
    said: tuple[str, ...] = (),
) -> Interpreter:
    """The first interpreter around the repository that has what is needed, else what to install.

    `said`: packages that the user named. No other name that nothing declares is installed, unless
    it is well known.
    """
    missing = needed
    for python, why in interpreters(snapshot, environ):
        missing = lacking(python, needed)
        if not missing:
            return Interpreter(python=Part(python, why))
    if not lacking(sys.executable, needed):
        has = f", which has {', '.join(needed)}" if needed else ""
        return Interpreter(python=Part("", f"this product's own{has}", Sureness.GUESSED))
    own = Part("", "uv builds an environment for it")
    if {"uv.lock", "pyproject.toml"} <= set(snapshot.files) and not snapshot.folder:
        return Interpreter(python=own, lock=Part("uv.lock", "uv.lock names every package"))
    packages, why = declared(snapshot)
    have = {plain(package) for package in (*packages, *said)}
    elsewhere = [module for module in needed if plain(package_of(module)) not in have]
    may = [*may_install(elsewhere, snapshot)]
    more = [package_of(module) for module in may]
    if more:
        why = f"{why}; " * bool(why) + f"imported: {', '.join(more)}"
    if said:
        why = f"{why}; " * bool(why) + f"you said so: {', '.join(said)}"
    sure = Sureness.FOUND if packages and not more else Sureness.GUESSED
    # One that is declared may have it under another name: a run shows that.
    spare = have - {plain(package_of(module)) for module in needed}
    unknown = () if spare else tuple(module for module in elsewhere if module not in may)
    part = Part((*packages, *said, *more), why, sure)
    return Interpreter(python=own, packages=part if part.value else None, unknown=unknown)


def may_install(modules: Iterable[str], snapshot: Snapshot) -> tuple[str, ...]:
    """Return those of imported modules that may be asked of an index without the user's word."""
    others = [module for module in modules if not is_well_known(module)]
    declared = declared_names(snapshot) if others else frozenset()
    return tuple(
        module
        for module in modules
        if module not in others or plain(package_of(module)) in declared
    )


def text_beside(snapshot: Snapshot, folders: tuple[str, ...], place: str) -> str | None:
    """Return a file of the user's folder that the commit does not carry; None if there is none.

    `folders` are the submodules, whose files git carries elsewhere.
    """
    inside = any(place.startswith(f"{folder}/") for folder in folders)
    if not inside and not carried_around(snapshot, place):
        return None
    try:
        return as_text((snapshot.root / place).read_bytes())
    except OSError:
        return None


def interpreters(snapshot: Snapshot, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Interpreters of environments that belong to the repository or are active: (path, why)."""
    roots = dict.fromkeys([snapshot.root, snapshot.top])
    places = [(r / name, f"{name}/ exists") for r in roots for name in (".venv", "venv", "env")]
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(variable):
            places.append((Path(environ[variable]), f"${variable} is active"))
    places += _conda(snapshot, environ)
    for folder, why in places:
        python = folder / "bin" / "python"
        if python.exists() and folder.resolve() != Path(sys.prefix).resolve():
            yield str(python), why


def lacking(python: str, modules: tuple[str, ...]) -> tuple[str, ...]:
    """Return the modules that an interpreter can't find; all of them if it does not start."""
    answer = ask(python, _ASK, modules) if modules else ()
    return modules if answer is None else tuple(answer)


def ask(python: str, program: str, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - JSON
    """Return what a program of ours prints as JSON in an interpreter; None if it prints none.

    The interpreter is isolated, and no module of the names it is given is imported.
    """
    try:
        done = subprocess.run(
            [python, "-I", "-c", program, *names],
            cwd="/",
            env=clean_environment(Path("/"), {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_ASK_S,
        )
        return json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def declared(snapshot: Snapshot) -> tuple[tuple[str, ...], str]:
    """The packages that the repository says it needs, but itself, and where it says so."""
    lines = _requirements(snapshot, "requirements.txt", set())
    if lines:
        return tuple(lines), "requirements.txt"
    try:
        project = tomllib.loads(snapshot.read("pyproject.toml")).get("project", {})
    except tomllib.TOMLDecodeError:
        project = {}
    packages = tuple(project.get("dependencies", ()))
    return packages, "pyproject.toml" if packages else ""


def read_inputs(snapshot: Snapshot, programs: Iterable[str]) -> dict[str, str]:
    """Files that git does not carry and the programs read or import: path to why."""
    found: dict[str, str] = {}
    for path in programs:
        for line, named in _files_read(snapshot.read(path)):
            for base in (PurePosixPath(), PurePosixPath(path).parent):
                place = (base / named).as_posix()
                if carried_around(snapshot, place):
                    found.setdefault(place, f"{path}:{line} reads it, but git does not track it")
    for name in snapshot.untracked:
        if re.search(r"\.(?:so|pyd)$", name):
            found[name] = "a built extension, which git does not track"
    return found


def carried_around(snapshot: Snapshot, place: str) -> bool:
    """Return whether a path in the user's folder exists and is not tracked by git."""
    if place.startswith(("/", "..", "~")) or not (snapshot.root / place).exists():
        return False
    return any(
        place == u.rstrip("/") or (u.endswith("/") and place.startswith(u))
        for u in snapshot.untracked
    )


def _files_read(code: str) -> Iterator[tuple[int, str]]:
    """(line, path) of each literal path that the code opens for reading."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        modes = [ast.unparse(a) for a in (*node.args[1:2], *(k.value for k in node.keywords))]
        first = node.args[0]
        if not _READERS.fullmatch(name) or (
            name == "open" and any(re.fullmatch(r"'[^']*[wax+][^']*'", mode) for mode in modes)
        ):
            continue
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield node.lineno, first.value


def _conda(snapshot: Snapshot, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """The environment that environment.yml names, where conda keeps such."""
    file = next((f for f in ("environment.yml", "environment.yaml") if f in snapshot.files), "")
    named = re.search(r"^name:\s*(\S+)", snapshot.read(file), re.M) if file else None
    if named is None:
        return
    home = Path(environ.get("HOME", "~")).expanduser()
    bases = [home / name for name in _CONDA]
    if environ.get("CONDA_EXE"):
        bases.insert(0, Path(environ["CONDA_EXE"]).parent.parent)
    for base in bases:
        yield base / "envs" / named[1], f"{file} names the conda environment {named[1]}"


def _requirements(snapshot: Snapshot, name: str, seen: set[str]) -> list[str]:
    """The packages of a requirements file; the repository itself and other folders are left out."""
    if name in seen:
        return []
    seen.add(name)
    found = []
    for raw in snapshot.read(name).splitlines():
        line = re.split(r"\s#|^#", raw)[0].strip()
        if nested := re.fullmatch(r"(?:-r|--requirement)[ =]?(\S+)", line):
            found += _requirements(snapshot, os.path.normpath(nested[1]), seen)
        elif line and re.match(r"[A-Za-z0-9]", line):
            found.append(line)
    return found
