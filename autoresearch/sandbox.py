"""The boundary: what a child that runs researched code may see and use.

Supervisor and scorer start such children only through a `Sandbox`, three of which exist: bubblewrap
(namespaces), Landlock (where those are barred), and none at all, which says so. Each states in
`gaps` what it does not hold, and may be `Networked`. The lab chooses one by `current_sandbox`; its
name goes into the run's spec and its report.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol

from autoresearch.errors import LabError

CHOICE = "AUTORESEARCH_SANDBOX"
NETWORK = "+network"  # after a sandbox's name, where it lets the network through
NETWORK_GAP = "it can use the network, and what this machine offers there to its own users"


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


class Networked:
    """Another sandbox, with the network let through: its name says so, and thereby every result.

    A secluded child, which has seen held-out data, gets no network here either.
    """

    def __init__(self, inner: Sandbox) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The other's, with a mark."""
        return f"{self._inner.name}{NETWORK}"

    @property
    def gaps(self) -> tuple[str, ...]:
        """The other's, and this one."""
        return (*self._inner.gaps, NETWORK_GAP)

    def start(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        """Start it with the network."""
        return self._inner.start(replace(confinement, network=not confinement.secluded))

    def exit_code(self, child: "subprocess.Popen[bytes]", code: int) -> int | None:
        """As the other has it."""
        return self._inner.exit_code(child, code)

    def cpu_s(self) -> float:
        """As the other counts."""
        return self._inner.cpu_s()

    def oom_kills(self) -> int:
        """As that sandbox counts them."""
        return self._inner.oom_kills()

    def release(self) -> None:
        """What the other made."""
        self._inner.release()


def current_sandbox(*, network: bool = False) -> Sandbox:
    """The strongest sandbox that works here, or the one that $AUTORESEARCH_SANDBOX names.

    With `network` it lets that through.
    """
    name = os.environ.get(CHOICE) or _strongest()
    return make_sandbox(name + NETWORK * (network and not name.endswith(NETWORK)))


def make_sandbox(name: str) -> Sandbox:
    """The sandbox of that name; raise LabError where there is none or it does not work here."""
    if name.endswith(NETWORK):
        return Networked(make_sandbox(name.removesuffix(NETWORK)))
    from autoresearch.sandboxes.bubblewrap import Bubblewrap
    from autoresearch.sandboxes.landlocked import Landlocked
    from autoresearch.sandboxes.unsandboxed import Unsandboxed

    match name:
        case Bubblewrap.name:
            return Bubblewrap()
        case Landlocked.name:
            return Landlocked()
        case Unsandboxed.name:
            return Unsandboxed()
    raise LabError(
        f"There is no sandbox {name!r}.",
        f"{CHOICE} may be {', '.join(NAMES)}, or unset: then the strongest that works is taken.",
    )


NAMES = ("bubblewrap", "landlock", "unsandboxed")


@cache
def missing() -> tuple[str, ...]:
    """Why the sandboxes stronger than `current_sandbox` do not work here, a sentence each."""
    from autoresearch.sandboxes import bubblewrap, landlocked

    why = []
    for problem in (bubblewrap.problem, landlocked.problem):
        found = problem()
        if not found:
            break
        why.append(found)
    return tuple(why)


def _strongest() -> str:
    return NAMES[len(missing())]
