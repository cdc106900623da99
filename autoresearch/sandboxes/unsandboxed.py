"""No sandbox: a clean environment, limits, a session. It protects nothing, and says so."""

import subprocess
from typing import Final

from autoresearch.sandboxes.base import UNSANDBOXED, Confinement, clean_environment
from autoresearch.sandboxes.cgroup import UNCOUNTED
from autoresearch.sandboxes.limits import limiter
from autoresearch.sandboxes.mount_points import make_symlinks


class Unsandboxed:
    """Starts a child as this user."""

    name: Final = UNSANDBOXED
    confined: Final = False
    gaps: Final[tuple[str, ...]] = (
        "it can read and write every file that this user can",
        "it can use the network",
        "it can signal and trace this user's other processes",
        "it can fill the disk with many files, each below the size limit",
        UNCOUNTED,
    )

    def start(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        """Start a child; its confinement's paths and network are not enforced."""
        make_symlinks(confinement)
        return subprocess.Popen(
            confinement.argv,
            cwd=confinement.cwd,
            env=clean_environment(confinement.scratch, confinement.env),
            stdin=subprocess.DEVNULL,
            stdout=confinement.output,
            stderr=confinement.output,
            pass_fds=confinement.pass_fds,
            start_new_session=True,
            preexec_fn=limiter(confinement),  # noqa: PLW1509
        )

    def exit_code(self, child: "subprocess.Popen[bytes]", code: int) -> int | None:
        """Return the exit code as it is."""
        return code

    def cpu_s(self, child: "subprocess.Popen[bytes] | None" = None) -> float:
        """Return 0.0: there are no control groups."""
        return 0.0

    def oom_kills(self) -> int:
        """Return 0: there are no control groups."""
        return 0

    def release(self) -> None:
        """Do nothing: nothing was made."""
