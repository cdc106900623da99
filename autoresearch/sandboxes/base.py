"""Confinement of one child, and the protocol that every sandbox follows."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """One child: its command and what it may reach. Its output goes to the descriptor `output`."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]  # added to `clean_environment`; nothing is inherited
    interpreter: str  # the Python whose libraries it may read
    readable: tuple[Path, ...]
    writable: tuple[Path, ...]
    scratch: Path  # its home and temporary folder, empty; a sandbox may give it another
    links: tuple[tuple[Path, Path], ...] = ()  # (target, place): shown read-only at that place
    hidden: tuple[Path, ...] = ()  # never shown, even inside something readable
    devices: tuple[Path, ...] = ()  # device files, such as a GPU's
    memory_mb: int  # of one process, and of each folder that lies in memory
    file_mb: float  # largest file that it may write
    tasks: int = 512  # processes and threads at once
    gpu: bool = False  # it reserves far more addresses than memory; its driver names threads
    network: bool = False
    whole_system: bool = False  # all of /usr, for programs of any kind that see no held-out data
    secluded: bool = False  # it may not even signal by locks on files that others can read
    pass_fds: tuple[int, ...] = ()
    output: int = subprocess.DEVNULL


class Sandbox(Protocol):
    """Starts a child so that it sees and uses no more than its confinement allows."""

    @property
    def name(self) -> str:
        """Short name, shown in every result."""

    @property
    def confined(self) -> bool:
        """Return True if it holds anything back at all."""

    @property
    def gaps(self) -> tuple[str, ...]:
        """Sentences on what it does not prevent."""

    def start(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        """Start a child in a session of its own.

        Only a process without threads may call this: limits are set between fork and exec.

        Args:
            confinement: The command and what it may reach.

        Returns:
            The started process, which may be the sandbox's own program.

        Raises:
            OSError: The command or the sandbox can't be started.
        """

    def exit_code(self, child: "subprocess.Popen[bytes]", code: int) -> int | None:
        """Return the command's own exit code, given that of the started process.

        Args:
            child: The process that `start` returned.
            code: Its exit code.

        Returns:
            The exit code, negative for a signal; None if the command never began: the sandbox's
            message is then in the output.
        """

    def cpu_s(self, child: "subprocess.Popen[bytes] | None" = None) -> float:
        """Return the CPU seconds of its children and all their descendants, dead ones included.

        Of one child and its descendants alone, where one is given.
        Counted by control groups; 0.0 where there are none, which `gaps` then mentions.
        """

    def oom_kills(self) -> int:
        """Return how many of these the kernel killed for lack of memory; 0 if not counted."""

    def release(self) -> None:
        """Release what was made for children, all of which are dead by now."""


UNSANDBOXED = "unsandboxed"  # the name of no sandbox at all
NETWORK = "+network"  # after a sandbox's name, where it lets the network through


def all_confined(names: str) -> bool:
    """Return whether every sandbox of a result held its code back, by their names as recorded."""
    return all(name.removesuffix(NETWORK) != UNSANDBOXED for name in names.split(", "))


def clean_environment(folder: Path, additions: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a child.

    Args:
        folder: Its home and temporary folder.
        additions: Variables that are added, or replace the usual ones.
    """
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
