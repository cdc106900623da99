"""Build of a target's environment in a background process, for callers who must not wait.

    environments/KEY.json     the recipe that is being built
    environments/KEY.log      uv's output so far
    environments/KEY.failed   why it could not be built; read once

A server's tool answers within seconds, but torch takes minutes: callers get the present progress.
"""

import dataclasses
import json
import subprocess
import time
from pathlib import Path

from autoresearch.errors import InvalidStateError, LabError
from autoresearch.run_directory import write_json
from autoresearch.run_output.log_digest import last_line
from autoresearch.setup.environment import Recipe, build, python_of

_SILENT_S = 600.0  # without output the builder counts as dead, and another is started


def require_built(home: Path, recipe: Recipe, python: str) -> None:
    """Return if the environment exists; else start building it and raise InvalidStateError.

    `python` is an interpreter with this product installed, which runs the builder.
    """
    if python_of(home, recipe).exists():
        return
    file = home / "environments" / f"{recipe.key}.json"
    failed, log = file.with_suffix(".failed"), file.with_suffix(".log")
    if failed.exists():
        words = failed.read_text()
        failed.unlink()
        raise InvalidStateError(words, "Call open_lab to try again.", reason="environment_failed")
    if not log.exists() or time.time() - log.stat().st_mtime > _SILENT_S:
        _begin(file, recipe, python)
    now = last_line(log) or "starting"
    raise InvalidStateError(
        f"The target's environment with {recipe.describe()} is being built ({now}).",
        "Call open_lab again in a minute; the build continues. In a terminal "
        "`autoresearch-mcp init` shows its progress.",
        reason="environment_being_built",
    )


def build_environment(file: Path) -> int:
    """Build the recipe in a file, in the builder's process; return its exit status."""
    fields = json.loads(file.read_text())
    recipe = Recipe(
        python=fields["python"],
        packages=tuple(fields["packages"]),
        files=tuple((name, text) for name, text in fields["files"]),
    )
    log = file.with_suffix(".log")
    try:
        with log.open("a") as said:

            def tell(line: str) -> None:
                said.write(line + "\n")
                said.flush()

            build(file.parent.parent, recipe, tell)
    except LabError as error:
        file.with_suffix(".failed").write_text(str(error))
        return 1
    finally:
        log.unlink(missing_ok=True)
        file.unlink(missing_ok=True)
    return 0


def _begin(file: Path, recipe: Recipe, python: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, dataclasses.asdict(recipe))
    file.with_suffix(".log").write_text("")
    argv = [python, "-P", "-m", "autoresearch_mcp", "_role", "environment", str(file)]
    quiet = subprocess.DEVNULL
    started = subprocess.Popen(
        argv, cwd="/", stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    started.wait()  # it detaches at once
