"""CPU cores that this process may use, each as a device."""

import os

import psutil

from autoresearch.devices import Device, Look, Wanted


class Cores:
    """A probe that finds one device a core; a run uses one thread for each core it leases."""

    def devices(self, wanted: Wanted = "any") -> tuple[Device, ...]:
        """Return cpu-0 up to the number of usable cores, whichever they are."""
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        count = len(cores) if cores else os.cpu_count() or 1
        memory_mb = psutil.virtual_memory().total / 2**20
        return tuple(Device(name=f"cpu-{n}", kind="cpu", memory_mb=memory_mb) for n in range(count))

    def look(self, device: Device) -> Look:
        """Return the machine's free memory."""
        return Look(free_mb=psutil.virtual_memory().available / 2**20)
