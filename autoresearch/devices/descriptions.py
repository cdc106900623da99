"""Descriptions of this machine's devices, for `doctor` and for opening a lab."""

import os
from collections.abc import Sequence
from pathlib import Path

from autoresearch.devices import Device, Probe
from autoresearch.devices.leases import is_leased, leased_cores
from autoresearch.devices.machine import Machine
from autoresearch.devices.nvidia import VISIBLE
from autoresearch.devices.readiness import describe_tenant, largest
from autoresearch.devices.slots import CHOICE, Slot, choose

_DRIVER_SIGNS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")


def describe_machine(leases: Path, probe: Probe | None = None) -> tuple[str, str]:
    """Return (devices and their tenants, remedy for what is missing); raise LabError.

    `leases` is the folder of a home's leases of cores.
    """
    probe = probe or Machine()
    found = probe.devices()
    choice = os.environ.get(CHOICE, "")
    slots = choose(found, choice)
    cores = [slot.name for slot in slots if not slot.device.is_gpu]
    words = [_gpu(probe, device) for device in found if device.is_gpu]
    words += [_cores(cores, leased_cores(cores, leases))] if cores else []
    for variable in (CHOICE, VISIBLE):
        if (said := os.environ.get(variable)) is not None:
            words.append(f"{variable}={said}")
    if choice:
        words.append(f"runs may lease {', '.join(slot.name for slot in slots) or 'none of them'}")
    return "; ".join(words), _remedy(found)


def describe_slots(slots: Sequence[Slot], leases: Path, gpu_leases: Path) -> str:
    """Return a text with the slots that runs may lease, and which of them are leased now."""
    taken = [slot.name for slot in slots if is_leased(slot, leases, gpu_leases)]
    cores = [slot.name for slot in slots if not slot.device.is_gpu]
    words = [
        f"{slot.name} {slot.device.title}, {'leased' if slot.name in taken else 'free'}"
        for slot in slots
        if slot.device.is_gpu
    ]
    if cores:
        words.append(_cores(cores, [name for name in taken if name in cores]))
    return "; ".join(words)


def _gpu(probe: Probe, device: Device) -> str:
    look = probe.look(device)
    free = f"{look.free_mb:,.0f} of " if look.free_mb is not None else ""
    words = f"{device.name} {device.title}, {free}{device.memory_mb:,.0f} MB free"
    if look.temperature_c is not None:
        words += f", {look.temperature_c:.0f} °C"
    if device.driver:
        words += f", driver {device.driver}"
    tenants = ", ".join(map(describe_tenant, largest(look.tenants)))
    return f"{words} ({tenants})" if tenants else words


def _cores(names: list[str], taken: Sequence[str]) -> str:
    span = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    return f"{span}, {len(taken)} of {len(names)} leased"


def _remedy(found: tuple[Device, ...]) -> str:
    if any(device.is_gpu for device in found):
        return ""
    if not any(Path(sign).exists() for sign in _DRIVER_SIGNS) or os.environ.get(VISIBLE) == "":
        return ""
    return (
        "There is an NVIDIA driver, but it shows no GPU: check that `nvidia-smi` works in this "
        f"shell, and what {VISIBLE} is set to."
    )
