"""Acquisition of a device for one run: wait for a lease, for memory, and for a GPU to be ready."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from autoresearch.devices import Device, Probe
from autoresearch.devices.disturbance import Counters, read_machine
from autoresearch.devices.gpu_watch import Watch
from autoresearch.devices.leases import Lease, LeaseSet
from autoresearch.devices.memory import LOOK_S, MemoryCheck
from autoresearch.devices.readiness import reason_not_ready
from autoresearch.run_directory import RunSpec

PATIENCE_S = 600.0  # longest wait for a full machine, or a GPU that is leased but not ready
_UVM = Path("/dev/nvidia-uvm")


class DeviceAcquisition:
    """One run's attempts to get a device; call `take` until it returns a lease or is exhausted."""

    def __init__(
        self,
        spec: RunSpec,
        probe: Probe,
        patience_s: float = PATIENCE_S,
        machine: Callable[[], Counters] = read_machine,
    ) -> None:
        self._spec = spec
        self._probe = probe
        self._patience_s = patience_s
        self._leases = LeaseSet(spec)
        self._memory = MemoryCheck(spec.needed_mb, machine)
        self._devices: dict[str, Device] = {}
        self._tried: set[str] = set()
        self._refused: dict[str, str] = {}
        self._looked: dict[str, float] = {}
        self._since: float | None = None  # since when only other processes' end could help

    def take(self) -> Lease | None:
        """Return a lease of free slots that fit the run, None if there is none yet."""
        if self._memory.look() and self._memory.short:
            self._leases.give_up()  # others may need less memory
            self._count_while(futile=self._leases.all_free())  # else a run that ends makes room
        return None if self._memory.short else self._take_device()

    def _take_device(self) -> Lease | None:
        self._tried.clear()
        lease = self._leases.take(self._fits)
        self._refused = {name: why for name, why in self._refused.items() if name in self._tried}
        # A leased slot will become free: it is futile only if all are free and none has room.
        all_refused = bool(self._refused) and self._tried == set(self._spec.devices)
        self._count_while(futile=all_refused)
        return lease

    def _count_while(self, *, futile: bool) -> None:
        if not futile:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()

    def give_up(self) -> None:
        """Release all that was gathered so far."""
        self._leases.give_up()

    @property
    def reason(self) -> str:
        """The reason for waiting, with numbers if memory is short or a GPU is not ready."""
        if self._memory.short:
            return f"waits: {self._memory.short}"
        if not self._refused:
            return "waits for a device"
        return f"waits: {'; '.join(dict.fromkeys(self._refused.values()))}"

    @property
    def exhausted(self) -> bool:
        """True if it has waited long enough for a machine or a GPU without room."""
        if self._since is None:
            return False
        return time.monotonic() - self._since >= self._patience_s

    def watch(self, lease: Lease) -> Watch | None:
        """Return a watch on the leased GPU; None for a core."""
        device = self._device(lease.device)
        if device is None:
            return None
        _wake_driver(device)
        return Watch(self._probe, device, shared=_is_shared(lease.device))

    def _fits(self, name: str) -> bool:
        if not self._spec.gpus:
            return True
        self._tried.add(name)
        now = time.monotonic()
        if now >= self._looked.get(name, float("-inf")) + LOOK_S or name not in self._refused:
            self._looked[name] = now
            self._refused.pop(name, None)
            if why := self._unready(name):
                self._refused[name] = why
        return name not in self._refused

    def _unready(self, name: str) -> str:
        device = self._device(name)
        if device is None:
            return f"{name} is gone"
        return reason_not_ready(
            device,
            self._probe.look(device),
            self._spec.gpu_memory_mb,
            shared=_is_shared(name),
            timed=self._spec.timed,
        )

    def _device(self, name: str) -> Device | None:
        uuid = next((uuid for known, uuid, _ in self._spec.gpus if known == name), "")
        if uuid and name not in self._devices:
            for device in self._probe.devices("gpu"):
                if device.uuid == uuid:
                    self._devices[name] = device
        return self._devices.get(name)


def _is_shared(name: str) -> bool:
    return "/" in name


def _wake_driver(device: Device) -> None:
    """Make the device file that CUDA needs and that only the driver's privileged helper can make.

    Without it, the first run after a boot would find no GPU in its sandbox.
    """
    if device.kind != "nvidia" or _UVM.exists():
        return
    helper = shutil.which("nvidia-modprobe")
    if helper is not None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([helper, "-u", "-c=0"], check=False, capture_output=True, timeout=30)
