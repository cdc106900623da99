"""The cores that this process may use, a device each."""

import os

import psutil

from autoresearch.devices import Device, Look, Wanted


class Cores:
    """One device a core; a run computes with one thread a core that it leases."""

    def devices(self, wanted: Wanted = "any") -> tuple[Device, ...]:
        """cpu-0 up to the number of cores, whichever they are."""
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        count = len(cores) if cores else os.cpu_count() or 1
        memory_mb = psutil.virtual_memory().total / 2**20
        return tuple(Device(name=f"cpu-{n}", kind="cpu", memory_mb=memory_mb) for n in range(count))

    def look(self, device: Device) -> Look:
        """What is free is the machine's memory."""
        return Look(free_mb=psutil.virtual_memory().available / 2**20)
