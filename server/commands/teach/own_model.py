"""`teach own`: the model that a learner rebuilt, on names of theirs, becomes the lab's target."""

import contextlib
import os
import re
import select
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from autoresearch.sandboxes import interpreter_folders
from autoresearch.sandboxes.base import Confinement
from autoresearch.sandboxes.selection import current_sandbox
from curricula.capstone import own_model as capstone
from curricula.capstone.names import read_names
from curricula.errors import CourseError, SubmissionError
from server.commands.output import say
from server.sessions.answer_runner import SandboxRunner

TRIAL_NAMES = 60  # that it learns from before the folder is handed over
_TRIAL_S = 300.0
_COST = re.compile(r"COST ms_per_token=(\d+\.\d+)")  # printed by train.py
_SHORTEST, _LONGEST = 2.0, 300.0  # seconds of a run


def own(
    file: Annotated[Path, Parameter(help="The file in which you rebuilt the model.")],
    /,
    *,
    names: Annotated[
        Path, Parameter(help="Your list: UTF-8 text, one name per line, 1,000 or more.")
    ],
    folder: Annotated[Path, Parameter(help="The folder to create; it must not exist yet.")],
    seconds: Annotated[float, Parameter(help="CPU seconds that a run should take here.")] = 20.0,
) -> None:
    """Make your rebuilt GPT and your list of names a target that your agent can research.

    Your file is checked and trains a little, both in the sandbox, before the folder is created.
    """
    if not _SHORTEST <= seconds <= _LONGEST:
        raise CourseError(
            f"A run can't take {seconds:g} s.",
            f"Give {_SHORTEST:g} to {_LONGEST:g} s.",
            reason="seconds",
        )
    listed = read_names(names)
    source = capstone.read_model(file)
    folder = folder.expanduser().absolute()
    _refuse_existing(folder)
    say(f"{listed.different:,} different names. Checking {file.name} …")
    with SandboxRunner() as runner:
        capstone.check_model(source, runner)
    with _staging(folder) as staging:
        _write(staging, capstone.folder_files(source, listed))
        say("All its parts work.")
        cost = _learn(staging)
        context = int(capstone.constants(source)["CONTEXT"])
        fit = capstone.sizes(cost, context, listed, seconds=seconds)
        _write(staging, capstone.target_files(folder.name, source, listed, fit))
        _refuse_existing(folder)
        staging.chmod(0o755)
        staging.rename(folder)
    _say_next(folder, fit)


def _refuse_existing(folder: Path) -> None:
    if folder.exists() or folder.is_symlink():
        raise CourseError(
            f"{folder} already exists; nothing in it was touched.",
            "Name another folder.",
            reason="folder_exists",
        )


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder beside the one that is to be, gone in the end unless it was renamed."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".own-", dir=folder.parent))
    except OSError as error:
        raise CourseError(
            f"Can't create a folder in {folder.parent}: {error.strerror}.",
            "Name another one.",
            reason="folder_not_made",
        ) from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _learn(folder: Path) -> float:
    """Run train.py by hand in the sandbox, showing what it says; CPU seconds a token."""
    python, cost, last = interpreter_folders.own_base(), 0.0, ""
    sandbox = current_sandbox()
    say(f"Training on {TRIAL_NAMES} of your names (sandbox: {sandbox.name}):")
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory(prefix="autoresearch-own-") as scratch:
        try:
            child = sandbox.start(
                Confinement(
                    argv=(python, "train.py", str(TRIAL_NAMES)),
                    cwd=folder,
                    env={},
                    interpreter=python,
                    readable=(folder,),
                    writable=(),
                    scratch=Path(scratch),
                    memory_mb=2048,
                    file_mb=8,
                    output=writing,
                )
            )
            os.close(writing)
            try:
                for line in _lines(reading, time.monotonic() + _TRIAL_S):
                    found = _COST.fullmatch(line)
                    if found:
                        cost = float(found[1]) / 1000
                    last = line or last
                    say(f"  it takes {found[1]} ms per token" if found else f"  {line}")
            finally:
                child.kill()
                child.wait()
        finally:
            sandbox.release()
    if not cost > 0:
        raise SubmissionError(
            f"It did not get through {TRIAL_NAMES} of your names; its last line: {last[:200]}",
            "Train on your list in a small main() of your own to see where it stops.",
            reason="training_stopped",
        )
    return cost


def _lines(descriptor: int, deadline: float) -> Iterator[str]:
    """Yield the output line by line, printable and cut, until it ends or time is up."""
    rest = b""
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([pipe], [], [], 0.5)
            piece = pipe.read(1 << 14) if ready else None
            if piece == b"":
                break
            *whole, rest = (rest + (piece or b""))[-(1 << 16) :].split(b"\n")
            for line in whole:
                text = line.decode("utf-8", "replace")[:200]
                yield "".join(c if c.isprintable() else " " for c in text)


def _say_next(folder: Path, fit: capstone.Sizes) -> None:
    say(f"{folder} is a target of your own: {fit.tokens:,} tokens per run, about {fit.seconds} s.")
    say("The lab starts from a commit. Create one:")
    say(f'  cd {folder} && git init -q && git add . && git commit -qm "my own GPT"')
    say(f"Then: autoresearch-mcp init {folder}")
    say(f'Or ask your agent: "research the folder {folder}"')
    sys.stdout.flush()
