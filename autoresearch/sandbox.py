"""The boundary: what a child that runs researched code may see and use.

Supervisor and scorer start such children only through a `Sandbox`. One exists now, `Unsandboxed`:
it gives a clean environment, limits and a session of its own, and holds nothing else. `gaps` says
so in words; the same `Confinement` is what a stronger sandbox will be given.
"""

import os
import resource
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from autoresearch.processes import die_with_parent

_OPEN_FILES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """One child: what to run, what it may reach. Output goes to `output` (a descriptor)."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]  # all of it: nothing is inherited
    readable: tuple[Path, ...]
    writable: tuple[Path, ...]
    memory_mb: int
    file_mb: float  # the largest file it may write
    pass_fds: tuple[int, ...] = ()
    output: int = subprocess.DEVNULL


class Sandbox(Protocol):
    """Starts a child so that it sees and uses no more than its confinement says."""

    @property
    def name(self) -> str:
        """One word, for every result."""

    @property
    def gaps(self) -> tuple[str, ...]:
        """What it does not hold, in words."""

    def start(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        """Start it in a session of its own; raise OSError where it can't be started."""


class Unsandboxed:
    """Clean environment, rlimits, own session. Not a wall: it says so in `gaps`."""

    name: Final = "unsandboxed"
    gaps: Final[tuple[str, ...]] = (
        "it can read and write every file that this user can",
        "it can use the network",
        "it can signal and trace this user's other processes",
        "it can fill the disk with many files, each below the size limit",
    )

    def start(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        """Only a process without threads may call this: limits are set between fork and exec."""
        memory = confinement.memory_mb * 2**20
        file_bytes = int(confinement.file_mb * 2**20)

        def limit() -> None:
            die_with_parent()
            for kind, value in (
                (resource.RLIMIT_DATA, memory),
                (resource.RLIMIT_FSIZE, file_bytes),
                (resource.RLIMIT_CORE, 0),
                (resource.RLIMIT_NOFILE, _OPEN_FILES),
            ):
                hard = resource.getrlimit(kind)[1]
                most = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(kind, (most, most))

        return subprocess.Popen(
            confinement.argv,
            cwd=confinement.cwd,
            env=dict(confinement.env),
            stdin=subprocess.DEVNULL,
            stdout=confinement.output,
            stderr=confinement.output,
            pass_fds=confinement.pass_fds,
            start_new_session=True,
            preexec_fn=limit,  # noqa: PLW1509 - see the docstring
        )


def clean_environment(scratch: Path, additions: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a child whose home and temporary folder are `scratch`."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",  # so that the log is live, and whole after a kill
        **additions,
    }


def current_sandbox() -> Sandbox:
    """The strongest sandbox that works here."""
    return Unsandboxed()
