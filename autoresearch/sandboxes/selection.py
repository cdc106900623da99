"""Selection of the sandbox in which code under research runs.

Supervisor and scorer start such children only through a `Sandbox`. There are three: bubblewrap
(namespaces), Landlock (where those are barred), and unsandboxed, which says so. Each states in
`gaps` what it does not prevent, and may be `Networked`. `current_sandbox` selects one; its name
goes into the run's spec and its report.
"""

import os
import subprocess
from dataclasses import replace
from functools import cache

from autoresearch.errors import LabError
from autoresearch.sandboxes.base import NETWORK, UNSANDBOXED, Confinement, Sandbox

CHOICE = "AUTORESEARCH_SANDBOX"
NETWORK_GAP = "it can use the network, including services that this machine offers to local users"


class Networked:
    """Another sandbox with the network let through; its name, and so every result, says that.

    A secluded child, which has seen held-out data, gets no network here either.
    """

    def __init__(self, inner: Sandbox) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The inner sandbox's name, with a suffix."""
        return f"{self._inner.name}{NETWORK}"

    @property
    def confined(self) -> bool:
        """The other's."""
        return self._inner.confined

    @property
    def gaps(self) -> tuple[str, ...]:
        """The inner sandbox's gaps, and the network."""
        return (*self._inner.gaps, NETWORK_GAP)

    def start(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        """Start a child with the network, unless it is secluded."""
        return self._inner.start(replace(confinement, network=not confinement.secluded))

    def exit_code(self, child: "subprocess.Popen[bytes]", code: int) -> int | None:
        """Return what the inner sandbox returns."""
        return self._inner.exit_code(child, code)

    def cpu_s(self, child: "subprocess.Popen[bytes] | None" = None) -> float:
        """Return what the inner sandbox counts."""
        return self._inner.cpu_s(child)

    def oom_kills(self) -> int:
        """Return what the inner sandbox counts."""
        return self._inner.oom_kills()

    def release(self) -> None:
        """Release what the inner sandbox made."""
        self._inner.release()


def current_sandbox(*, network: bool = False) -> Sandbox:
    """Return the strongest sandbox that works here, or the one that $AUTORESEARCH_SANDBOX names.

    With `network`, it lets the network through. Raises LabError as `make_sandbox` does.
    """
    name = os.environ.get(CHOICE) or _strongest()
    return make_sandbox(name + NETWORK * (network and not name.endswith(NETWORK)))


def make_sandbox(name: str) -> Sandbox:
    """Return the sandbox of that name; raise LabError if there is none or it does not work here."""
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
        f"{CHOICE} may be {', '.join(NAMES)}, or unset to get the strongest that works.",
        reason="no_sandbox",
    )


NAMES = ("bubblewrap", "landlock", UNSANDBOXED)


@cache
def missing() -> tuple[str, ...]:
    """Return why each sandbox stronger than `current_sandbox` does not work here, as sentences."""
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
