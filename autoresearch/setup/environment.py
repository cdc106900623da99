"""Environments in which targets run, built by uv below the lab's home, once for each recipe.

No dependency of a target, least of all torch, enters the environment of this product. An
environment is built beside its place and renamed, so that one that exists is complete.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from filelock import FileLock

from autoresearch.contract import Contract
from autoresearch.errors import ContractError, InvalidStateError
from autoresearch.run_output.log_digest import clean_lines

_BESIDE_LOCK = ("pyproject.toml", ".python-version")
_LAST_WORDS = 12  # lines of uv's
_LOCKED = ("--frozen", "--no-install-project", "--no-install-workspace", "--no-install-local")
_WHEELS_ONLY = "--no-build"  # a build runs a package's own code, and no sandbox is around uv

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The contents of an environment: packages as pip names them, or a project's lock file."""

    python: str  # a version, such as "3.12"; with a lock "": what its project asks for
    packages: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # (name, text): uv.lock and other project files

    @property
    def key(self) -> str:
        """Identifier of the environment; equal recipes share one."""
        said = [self.python, sorted(self.packages), self.files]
        return sha256(json.dumps(said).encode()).hexdigest()[:16]

    def describe(self) -> str:
        """Return a text for people with its contents."""
        if self.files:
            return "what uv.lock names"
        shown = ", ".join(self.packages[:4])
        return shown + f" and {len(self.packages) - 4} more" * (len(self.packages) > 4)


def recipe_for(contract: Contract, read: Callable[[str], str]) -> Recipe | None:
    """Return the recipe of the contract's environment, None if it has none.

    `read` returns a file of the commit as text, "" if there is none. Raises ContractError if the
    lock file has no project.
    """
    asked = contract.environment
    if asked is None:
        return None
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not asked.lock:
        return Recipe(python=asked.python or version, packages=asked.packages)
    if not read("pyproject.toml"):
        raise ContractError(
            f"environment.lock: the commit has no pyproject.toml beside {asked.lock}.",
            'Commit it, or list what is needed as [environment] packages = ["numpy"].',
            reason="lock_without_pyproject",
        )
    texts = [("uv.lock", read(asked.lock)), *((name, read(name)) for name in _BESIDE_LOCK)]
    return Recipe(python=asked.python, files=tuple((name, text) for name, text in texts if text))


def python_of(home: Path, recipe: Recipe) -> Path:
    """Return the path of a recipe's interpreter, whether or not it exists yet."""
    return home / "environments" / recipe.key / "bin" / "python"


def build(home: Path, recipe: Recipe, tell: Tell = lambda line: None) -> Path:
    """Build the recipe's environment if it does not exist, and return its interpreter.

    `tell` is called with each line of uv's output. Raises InvalidStateError, with its last lines,
    if uv fails.
    """
    python = python_of(home, recipe)
    if python.exists():
        return python
    uv = find_uv()
    folder = python.parent.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not python.exists():
            building = Path(mkdtemp(prefix=".building-", dir=folder.parent))
            try:
                _fill(uv, building, recipe, tell)
                building.rename(folder)
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
    return python


def find_uv(environ: Mapping[str, str] = os.environ) -> str:
    """Return the uv to use: the one that started this, one on the PATH, or one installed beside."""
    beside = Path(sys.executable).parent / "uv"
    for found in (environ.get("UV"), shutil.which("uv", path=environ.get("PATH")), str(beside)):
        if found and os.access(found, os.X_OK):
            return found
    raise InvalidStateError(
        "This target needs an environment of its own, but uv, which would build it, is missing.",
        "Install uv (https://docs.astral.sh/uv, or `pip install uv`), then try again; or name an "
        "interpreter that has what it needs: [run] python, or init --python PATH.",
        reason="no_uv",
    )


def _fill(uv: str, folder: Path, recipe: Recipe, tell: Tell) -> None:
    with TemporaryDirectory() as scratch:
        project = Path(scratch)
        for name, text in recipe.files:
            (project / name).write_text(text)
        version = ("--python", recipe.python) if recipe.python else ()
        make = (uv, "venv", "--clear", "--relocatable", *version, str(folder))
        _run(make, project, {}, recipe, tell)
        if recipe.files:
            there = {"UV_PROJECT_ENVIRONMENT": str(folder)}
            _run((uv, "sync", _WHEELS_ONLY, *_LOCKED), project, there, recipe, tell)
            return
        wanted = project / "requirements.txt"
        wanted.write_text("\n".join(recipe.packages) + "\n")
        python = str(folder / "bin" / "python")
        install = (uv, "pip", "install", _WHEELS_ONLY, "--python", python, "-r", str(wanted))
        _run(install, project, {}, recipe, tell)


def _run(
    command: tuple[str, ...], cwd: Path, env: Mapping[str, str], recipe: Recipe, tell: Tell
) -> None:
    own = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    said: deque[str] = deque(maxlen=_LAST_WORDS)
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**own, **env, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stderr is not None
        try:
            for raw in process.stderr:
                for line in filter(None, clean_lines(raw)):
                    said.append(line)
                    tell(line.strip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise InvalidStateError(
            f"uv could not build an environment with {recipe.describe()}:\n" + "\n".join(said),
            "Fix what it names (network, index, versions, Python), then try again. Only wheels are "
            "installed, since a build would run a package's code outside the sandbox. Or build the "
            "environment yourself and name its interpreter: [run] python, or init --python PATH.",
            reason="environment_failed",
        )
