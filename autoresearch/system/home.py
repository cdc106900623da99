"""The home folder of labs, and an interpreter that outlives the command that started it."""

import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from shutil import copy2, copytree
from tempfile import mkdtemp

import platformdirs
from filelock import FileLock

HOME = "AUTORESEARCH_HOME"
DATA_FOLDER = "XDG_DATA_HOME"  # which moves the platform's data folder
UV_CACHE_PARTS = frozenset({"archive-v0", "environments-v2", "builds-v0"})


def default_home() -> Path:
    """Return $AUTORESEARCH_HOME, else the platform's data folder; it is not created here."""
    named = os.environ.get(HOME)
    if named:
        return Path(named).expanduser().resolve()
    return Path(platformdirs.user_data_dir("autoresearch-mcp", appauthor=False))


def lab_folder(home: Path, name: str) -> Path:
    """Return the folder of the lab of that name."""
    return home / "labs" / name


def lab_names(home: Path) -> Iterator[str]:
    """Yield the names of the labs in a home, sorted."""
    for settings in sorted((home / "labs").glob("*/lab.json")):
        yield settings.parent.name


def lasting_python(home: Path, prefix: Path | None = None) -> str:
    """Return an interpreter with this product installed that survives `uv cache prune`.

    `uvx` runs from a cached environment, which `uv cache prune` deletes. Since runs can take hours,
    it is copied once to a folder below `home`, by hard links where the file system allows. `prefix`
    is the environment's folder, this process's own by default.
    """
    prefix = (prefix or Path(sys.prefix)).resolve()
    if UV_CACHE_PARTS.isdisjoint(prefix.parts):
        return sys.executable
    copied = home / "runtime" / sha256(str(prefix).encode()).hexdigest()[:12]
    python = copied / "bin" / "python"
    if not python.exists():
        copied.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(copied.parent / "lock"):
            if not python.exists():
                _copy_environment(prefix, copied)
    return str(python)


def _copy_environment(prefix: Path, copied: Path) -> None:
    import venv

    # Built beside its final place and renamed, so that a half-made copy is never run from.
    building = Path(mkdtemp(dir=copied.parent))
    venv.EnvBuilder(symlinks=True).create(building)
    packages = Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}"
    copytree(prefix / packages, building / packages, copy_function=_link, dirs_exist_ok=True)
    building.rename(copied)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        copy2(source, target)
