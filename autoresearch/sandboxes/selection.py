"""The boundary: what a child that runs researched code may see and use.

Supervisor and scorer start such children only through a `Sandbox`, three of which exist: bubblewrap
(namespaces), Landlock (where those are barred), and none at all, which says so. Each states in
`gaps` what it does not hold, and may be `Networked`. The lab chooses one by `current_sandbox`; its
name goes into the run's spec and its report.
"""

import os
import subprocess
from dataclasses import replace
from functools import cache

from autoresearch.errors import LabError
from autoresearch.sandboxes.base import NETWORK, UNSANDBOXED, Confinement, Sandbox

CHOICE = "AUTORESEARCH_SANDBOX"
NETWORK_GAP = "it can use the network, and what this machine offers there to its own users"


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
    def confined(self) -> bool:
        """The other's."""
        return self._inner.confined

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
    from autoresearch.sandboxes.landlock import Landlock
    from autoresearch.sandboxes.unsandboxed import Unsandboxed

    match name:
        case Bubblewrap.name:
            return Bubblewrap()
        case Landlock.name:
            return Landlock()
        case Unsandboxed.name:
            return Unsandboxed()
    raise LabError(
        f"There is no sandbox {name!r}.",
        f"{CHOICE} may be {', '.join(NAMES)}, or unset: then the strongest that works is taken.",
        reason="no_sandbox",
    )


NAMES = ("bubblewrap", "landlock", UNSANDBOXED)


@cache
def missing() -> tuple[str, ...]:
    """Why the sandboxes stronger than `current_sandbox` do not work here, a sentence each."""
    from autoresearch.sandboxes import bubblewrap
    from autoresearch.sandboxes import landlock as landlocked

    why = []
    for problem in (bubblewrap.problem, landlocked.problem):
        found = problem()
        if not found:
            break
        why.append(found)
    return tuple(why)


def _strongest() -> str:
    return NAMES[len(missing())]
