"""What a child may see and use, and the protocol that every sandbox follows."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """One child: what to run, what it may reach. Output goes to `output` (a descriptor)."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]  # what it gets beside `clean_environment`; nothing is inherited
    interpreter: str  # the Python whose libraries it may read
    readable: tuple[Path, ...]
    writable: tuple[Path, ...]
    scratch: Path  # its home and temporary folder, empty; a sandbox may give it another
    links: tuple[tuple[Path, Path], ...] = ()  # (target, place): read-only, seen at that place
    hidden: tuple[Path, ...] = ()  # never seen, even where they lie in something readable
    devices: tuple[Path, ...] = ()  # device files, of a GPU for example
    memory_mb: int  # of one process, and of each folder that lies in memory
    file_mb: float  # the largest file it may write
    tasks: int = 512  # processes and threads at once
    gpu: bool = False  # reserves far more addresses than memory, and its driver names threads
    network: bool = False
    secluded: bool = False  # may not even signal to others by locks on files that both can read
    pass_fds: tuple[int, ...] = ()
    output: int = subprocess.DEVNULL


class Sandbox(Protocol):
    """Starts a child so that it sees and uses no more than its confinement says."""

    @property
    def name(self) -> str:
        """One word, for every result."""

    @property
    def confined(self) -> bool:
        """Whether it holds anything back at all."""

    @property
    def gaps(self) -> tuple[str, ...]:
        """What it does not hold, in words."""

    def start(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        """Start it in a session of its own; raise OSError where it can't be started.

        Only a process without threads may call this: limits are set between fork and exec.
        """

    def exit_code(self, child: "subprocess.Popen[bytes]", code: int) -> int | None:
        """The command's own exit code, negative for a signal, from that of the started process.

        None where the command never began: what the sandbox said of it is in the output.
        """

    def cpu_s(self) -> float:
        """CPU seconds of its children and all that they started, the dead included.

        As control groups count them; 0.0 where there are none, which `gaps` says then.
        """

    def oom_kills(self) -> int:
        """How many of these the kernel ended for want of memory; 0 without control groups."""

    def release(self) -> None:
        """Give back what was made for children that are all dead now."""


UNSANDBOXED = "unsandboxed"  # the name of no sandbox at all
NETWORK = "+network"  # after a sandbox's name, where it lets the network through


def all_confined(names: str) -> bool:
    """Return whether every sandbox of a result held its code back, by their names as recorded."""
    return all(name.removesuffix(NETWORK) != UNSANDBOXED for name in names.split(", "))


def clean_environment(folder: Path, additions: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a child whose home and temporary folder is `folder`."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "USER": "lab",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",  # so that the log is live, and whole after a kill
        **additions,
    }
