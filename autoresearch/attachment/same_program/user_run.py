"""One run as the user does it, outside the lab: their variables, their home, no sandbox.

Only where the user asked for it. Their folder stays as it is: the run gets a copy, of the last
commit with all that lies around it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from autoresearch.attachment.commands import PYTHON
from autoresearch.attachment.same_program.places import is_of_tools
from autoresearch.errors import RunStartError, ScoringError
from autoresearch.git.snapshot import Snapshot
from autoresearch.lab import Lab
from autoresearch.run_output.log_digest import digest
from autoresearch.run_output.stdout_metric import OutputReader

MOST_COPIED_MB = 10_000.0
DIGEST = 1500  # characters of its output in an error
_READ_BYTES = 64 * 1024
_GIVE = "Run it yourself and give its number: --expect NUMBER."


def run_of_the_user(
    lab: Lab, run: str, snapshot: Snapshot, environ: Mapping[str, str] = os.environ
) -> float:
    """Return the number of the user's own run, read as that of the lab's run `run` was.

    Raises RunStartError where their folder is too large to copy, or the run has no number.
    """
    around = list(_around(snapshot))
    size = sum(path.lstat().st_size for path in around) / 1e6
    if size > MOST_COPIED_MB:
        raise RunStartError(
            f"{snapshot.root} has {size:,.0f} MB beside the commit, too much to copy for a run of "
            "yours.",
            _GIVE,
            reason="too_large_to_copy",
        )
    with TemporaryDirectory(prefix="autoresearch-yours-") as folder:
        tree = Path(folder) / snapshot.root.name
        lab.repository.export(lab.history().experiments["e0"].commit, tree)
        for path in around:
            place = tree / path.relative_to(snapshot.root)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)  # a pointer
            shutil.copy2(path, place, follow_symlinks=False)
        if lab.contract.metric.file:
            (tree / lab.contract.metric.file).unlink(missing_ok=True)
        return _number(lab, run, tree, environ)


def _around(snapshot: Snapshot) -> Iterator[Path]:
    """Yield the files of the user's folder that the commit does not hold, but caches of tools."""
    held = set(snapshot.files) - {*snapshot.lfs, *snapshot.submodules}
    for folder, folders, names in os.walk(snapshot.root):
        here = Path(folder)
        folders[:] = [name for name in folders if name != ".git" and not is_of_tools(here / name)]
        for name in names:
            path = here / name
            if name != ".git" and path.relative_to(snapshot.root).as_posix() not in held:
                yield path


def _number(lab: Lab, run: str, tree: Path, environ: Mapping[str, str]) -> float:
    table, metric = lab.contract.run, lab.contract.metric
    python = table.python or lab.runs.python
    argv = [part.replace(PYTHON, python) for part in table.command]
    paths = (table.env.get("PYTHONPATH", ""), environ.get("PYTHONPATH", ""))
    path = {"PYTHONPATH": ":".join(filter(None, paths))} if any(paths) else {}
    with TemporaryDirectory(prefix="autoresearch-yours-") as kept:
        log = Path(kept) / "log"
        code, wall_s, cpu_s = _run(argv, tree, {**environ, **table.env, **path}, log, lab)
        reader = OutputReader(lab.runs.directory(run).read_spec())
        with log.open("rb") as output:
            while chunk := output.read(_READ_BYTES):
                reader.feed(chunk)
        try:
            if code:
                raise ScoringError(f"exit status {code}")
            if metric.scoring == "clock":
                return wall_s if metric.name == "wall_s" else cpu_s
            return reader.finish(tree).value
        except ScoringError as error:
            raise RunStartError(
                f"Your own run has no number: {error.message}.\nIts output:\n"
                f"{digest(log, DIGEST)}\n",
                _GIVE,
                reason="own_run_fails",
            ) from error


def _run(
    argv: list[str], tree: Path, env: Mapping[str, str], log: Path, lab: Lab
) -> tuple[int, float, float]:
    """Run to the end, or to the lab's ceiling; return exit code, wall seconds and CPU seconds."""
    began, before = time.monotonic(), os.times()
    with log.open("wb") as output:
        try:
            child = subprocess.Popen(
                argv,
                cwd=tree,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except OSError as error:
            raise RunStartError(
                f"Your own run can't be started: {error}.", _GIVE, reason="own_run_fails"
            ) from error
        try:
            code = child.wait(lab.contract.run.wall_ceiling_s)
        except subprocess.TimeoutExpired as error:
            raise RunStartError(
                f"Your own run did not end within {lab.contract.run.wall_ceiling_s:g} s.",
                _GIVE,
                reason="own_run_fails",
            ) from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    after = os.times()
    cpu_s = sum((after.children_user, after.children_system, -before.children_user))
    return code, time.monotonic() - began, cpu_s - before.children_system
