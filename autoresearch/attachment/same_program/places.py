"""Places: one file as a run sees it, as `[inputs]` names it, and where it lies for the user.

Pure but for looking whether files exist and how large they are.
"""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autoresearch.attachment.surroundings import carried_around
from autoresearch.errors import ContractError
from autoresearch.git.snapshot import Snapshot
from autoresearch.sandboxes.private_paths import private_in
from autoresearch.setup.inputs import find_inputs

MOST_FILES = 20_000  # of a folder that is taken unasked
MOST_MB = 20_000.0
MOST_MB_AT_HOME = 1_000.0
_SYSTEM = (
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/boot",
    "/etc",
    "/snap",
)
_GENERIC = {".cache", ".config", ".local", ".local/share", ".local/state", ".local/lib", "Library"}
_TOOLS = {
    *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".tox"),
    *(".nox", ".idea", ".vscode", ".DS_Store", "node_modules"),
}
_SECRET = re.compile(
    r"\.env(\..*)?|.*\.(pem|key|p12|pfx|keystore)|id_(rsa|dsa|ecdsa|ed25519).*|\.netrc|\.npmrc|"
    r"\.pypirc|kaggle\.json|\.?(api_?keys?|token|passwords?)(\.txt)?|.*(credential|secret).*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The user's files, and the folders of the run in which they were looked for."""

    snapshot: Snapshot
    home: Path  # the user's
    tree: Path  # the run's
    scratch: Path  # the run's home
    inputs: Collection[str]  # places that the run had
    private: tuple[Path, ...] = ()

    def of(self, path: str) -> str:
        """Return the place of a path that the run looked at; "" for one of the run's own."""
        seen = Path(path)
        if seen.is_relative_to(self.tree):
            return seen.relative_to(self.tree).as_posix()
        if seen.is_relative_to(self.scratch):
            return f"~/{seen.relative_to(self.scratch).as_posix()}"
        return "" if seen.is_relative_to(self.tree.parent) else path

    def source(self, place: str) -> Path:
        """Return where it lies for the user."""
        if place.startswith("~/"):
            return self.home / place[2:]
        return self.snapshot.root / place  # a full path stays one

    def had(self, place: str) -> bool:
        """Return whether the run had all of it: the commit's, or an input's."""
        if place in self.snapshot.files:
            return place not in (*self.snapshot.lfs, *self.snapshot.submodules)
        return any(covers(one, place) for one in self.inputs)

    def made(self, paths: Collection[str]) -> set[str]:
        """Return the places of what a run made; where an input is shown, the lab made it."""
        mounted = {one.rstrip("/") for one in self.inputs}
        made = {self.of(path) for path in paths} - {"", "."}
        return {m for m in made if not any(covers(m, i) or covers(i, m) for i in mounted)}

    def is_system(self, place: str) -> bool:
        """Return whether it is a part of the machine, or a folder that all programs share."""
        if place.startswith("~/"):
            return place[2:] in _GENERIC or place == "~/."
        return place.startswith("/") and any(covers(one, place) for one in _SYSTEM)

    def private_place(self, place: str) -> Path | None:
        """Return the private place that it is, lies in or contains."""
        return private_in(self.source(place).resolve(), self.private)

    def refusal(self, place: str) -> str:
        """Return why it can't be an input, "" if it can."""
        elsewhere = {*self.snapshot.lfs, *self.snapshot.submodules}
        held = {*self.snapshot.files} - elsewhere
        try:
            find_inputs([place], self.snapshot.root, held, self.private, elsewhere)
            return "" if os.access(self.source(place), os.R_OK) else "it can't be read"
        except (ContractError, OSError) as error:
            return " ".join(str(error).split()).removeprefix("- inputs.read_only: ")

    def left_behind(self, place: str) -> Iterator[str]:
        """Yield what lies in the user's folder and the run's lacks, as places."""
        folder = self.source(place)
        prefix = "" if place == "." else f"{place}/"
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names alone
        except OSError:
            return
        for name in names[:MOST_FILES]:
            one = f"{prefix}{name}"
            around = one.startswith(("/", "~/")) or carried_around(self.snapshot, one)
            if around and not self.had(one) and not is_of_tools(folder / name):
                yield one


def covers(place: str, other: str) -> bool:
    """Return whether the other place is that place or lies below it."""
    place = place.rstrip("/")
    return other == place or other.startswith(f"{place}/")


def is_secret(place: str) -> bool:
    """Return whether a file's name says that it holds keys or passwords."""
    return bool(_SECRET.fullmatch(PurePosixPath(place).name))


def is_of_tools(path: Path) -> bool:
    """Return whether it is a cache of tools, bytecode, or an environment."""
    return path.name in _TOOLS or path.suffix == ".pyc" or (path / "pyvenv.cfg").is_file()


def too_large(source: Path, most_mb: float) -> str:
    """Return the size of what is too large to be taken unasked, "" for what is not."""
    if source.is_file():
        size = source.stat().st_size / 1e6
        return f"{size:,.0f} MB" if size > most_mb else ""
    count, size = 0, 0.0
    for folder, _, names in os.walk(source):
        for name in names:
            count += 1
            try:
                size += os.lstat(os.path.join(folder, name)).st_size / 1e6  # noqa: PTH118
            except OSError:
                continue
            if count > MOST_FILES:
                return f"more than {MOST_FILES:,} files"
            if size > most_mb:
                return f"more than {most_mb:,.0f} MB"
    return ""
