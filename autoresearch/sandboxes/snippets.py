"""A service that runs short pieces of untrusted Python in the sandbox, one after another.

It is a process of its own, since only a process without threads may start a sandbox, and a server
has threads. Requests and answers are lines of JSON on stdin and stdout; it ends when stdin does. A
snippet gets the standard library of this product's interpreter, its job on one descriptor, another
for its answer, and nothing else; all that it started is dead before its answer is passed on.
"""

import json
import os
import select
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from autoresearch.sandboxes import interpreter_folders
from autoresearch.sandboxes.base import Confinement, Sandbox
from autoresearch.sandboxes.selection import current_sandbox
from autoresearch.system.processes import Descendants, become_subreaper, die_with_parent

MOST_BYTES = 2 << 20  # of an answer
_FILE_MB = 1.0  # largest file that it may write
_TASKS = 64
_LOOK_S = 0.05
_NAP_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Code to run, called with the numbers of two descriptors: to read the job and to answer."""

    code: str
    job: str
    limit_s: float
    memory_mb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnippetResult:
    """A snippet's answer, and why it ended: "exit", "time" or "size"."""

    output: str
    ended: str
    exit_code: int | None
    sandbox: str


def serve() -> int:
    """Answer requests until there are no more."""
    die_with_parent()
    become_subreaper()
    with tempfile.TemporaryDirectory(prefix="autoresearch-snippets-") as folder:
        sandbox = current_sandbox()
        try:
            for line in sys.stdin:
                ran = run(Snippet(**json.loads(line)), sandbox, Path(folder))
                print(json.dumps(asdict(ran)), flush=True)
        finally:
            sandbox.release()
    return 0


def run(snippet: Snippet, sandbox: Sandbox, folder: Path) -> SnippetResult:
    """Run a snippet to its end or kill it at a limit; `folder` is ours and empty.

    Raises OSError or LabError if it can't be started.
    """
    descendants = Descendants()
    with tempfile.TemporaryFile() as job, _scratch(folder) as scratch:
        job.write(snippet.job.encode())
        job.seek(0)
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb", buffering=0) as answers:
            with os.fdopen(writing, "wb", buffering=0) as end:
                child = sandbox.start(
                    _confined(snippet, Path(scratch), (job.fileno(), end.fileno()))
                )
            output, ended = _listen(answers, descendants, child.pid, snippet.limit_s)
        code = descendants.exit_code(child.pid)
        descendants.kill()
        child.returncode = code if code is not None else -9
    own = sandbox.exit_code(child, child.returncode)
    sandbox.release()  # else its resources for a child would pile up by the thousand
    words = output.decode(errors="replace")
    return SnippetResult(output=words, ended=ended, exit_code=own, sandbox=sandbox.name)


def _scratch(folder: Path) -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True)


def _listen(
    answers: IO[bytes], descendants: Descendants, pid: int, limit_s: float
) -> tuple[bytes, str]:
    """Return the answer, and whether the snippet exited, ran out of time or wrote too much."""
    deadline = time.monotonic() + limit_s
    said = bytearray()
    while len(said) <= MOST_BYTES:
        gone = descendants.exit_code(pid) is not None
        ready, _, _ = select.select([answers], [], [], 0 if gone else _LOOK_S)
        piece = answers.read(1 << 16) if ready else None
        if piece == b"":
            return bytes(said), "exit" if _ends(descendants, pid, deadline) else "time"
        if piece is None and gone:
            return bytes(said), "exit"  # a descendant still holds the descriptor
        said += piece or b""
        if time.monotonic() > deadline:
            return bytes(said), "time"
    return bytes(said), "size"


def _ends(descendants: Descendants, pid: int, deadline: float) -> bool:
    """Return whether it exits in time; it can close its descriptor and run on."""
    while descendants.exit_code(pid) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(_NAP_S)
    return True


def _confined(snippet: Snippet, scratch: Path, descriptors: tuple[int, int]) -> Confinement:
    python = interpreter_folders.own_base()
    return Confinement(
        argv=(python, "-I", "-S", "-c", snippet.code, *map(str, descriptors)),
        cwd=Path("/"),
        env={},
        interpreter=python,
        readable=(),
        writable=(),
        scratch=scratch,
        memory_mb=snippet.memory_mb,
        file_mb=_FILE_MB,
        tasks=_TASKS,
        pass_fds=descriptors,
    )
