"""Apple's GPU, torch's `mps`, which shares the machine's memory. It reports no tenants."""

import contextlib
import platform
import subprocess
import uuid

import psutil

from autoresearch.devices import Device, Look, Wanted

_ASK_CHIP = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
_ASK_S = 5.0


class Apple:
    """A probe that finds one GPU on a Mac with Apple's own processor, and none anywhere else."""

    def __init__(self, system: str = "", machine: str = "") -> None:
        """Use this system and machine, by default those that `platform` reports."""
        self._here = (system or platform.system(), machine or platform.machine())

    def devices(self, wanted: Wanted = "any") -> tuple[Device, ...]:
        """Return the GPU, if there is one."""
        if self._here != ("Darwin", "arm64"):
            return ()
        memory_mb = psutil.virtual_memory().total / 2**20
        # Its network address tells this machine from others that share a home folder.
        name = f"MPS-{uuid.getnode():012x}"
        return (Device(name="mps-0", kind="mps", uuid=name, title=_chip(), memory_mb=memory_mb),)

    def look(self, device: Device) -> Look:
        """Return the machine's free memory."""
        return Look(free_mb=psutil.virtual_memory().available / 2**20)


def _chip() -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run(
            _ASK_CHIP, capture_output=True, text=True, check=True, timeout=_ASK_S
        )
        return asked.stdout.strip()
    return "Apple"
