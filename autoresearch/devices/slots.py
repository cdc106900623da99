"""Slots: the devices that runs may lease, and how many runs at once, by default or by choice.

$AUTORESEARCH_DEVICES lists names, or `cpu` and `gpu` for all of a kind, and shares what it names
with a number: `gpu-0*2,cpu-0` lets two runs use gpu-0 at once. Devices not named are not used.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autoresearch.devices import Device, Wanted
from autoresearch.errors import InvalidStateError, LabError

CHOICE = "AUTORESEARCH_DEVICES"
MOST_SHARED = 8  # runs on one device
_PART = re.compile(r"([a-z]+(?:-\w+)?)(?:\*(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place for one run at a time."""

    name: str  # of its device, with a number if runs share that: "gpu-0/2"
    device: Device


def slots_of(
    found: Sequence[Device], choice: str, wanted: Wanted, gpu_memory_mb: float = 0
) -> tuple[Slot, ...]:
    """Return the slots for runs of that kind; raise InvalidStateError, listing others, if none.

    `choice` is the user's setting, "" for each device once. "any" means the GPUs, else the cores.
    GPUs that are too small do not count.
    """
    allowed = choose(found, choice)
    every = tuple(slot for slot in allowed if slot.device.is_gpu)
    gpus = tuple(s for s in every if not 0 < s.device.memory_mb < gpu_memory_mb)
    cores = tuple(slot for slot in allowed if not slot.device.is_gpu)
    slots = {"gpu": gpus, "cpu": cores, "any": gpus or cores}[wanted]
    if slots:
        return slots
    if every and wanted == "gpu":
        sizes = ", ".join(f"{s.name} has {s.device.memory_mb:,.0f} MB" for s in every)
        raise InvalidStateError(
            f"This target's runs need a GPU with {gpu_memory_mb:,.0f} MB of memory: {sizes}.",
            "Make the model or its batches smaller, and [run] gpu_memory_mb with them.",
            reason="gpu_memory",
        )
    limited = f"; of these, {CHOICE}={choice} allows {_names(allowed)}" if choice else ""
    there = _names(Slot(name=device.name, device=device) for device in found)
    kind = {"gpu": "a GPU", "cpu": "a CPU core", "any": "a device"}[wanted]
    raise InvalidStateError(
        f"This target's runs need {kind}. Found: {there}{limited}.",
        f"Name one in {CHOICE}, or unset it."
        if limited
        else "`autoresearch-mcp doctor` shows what it looked for; "
        'a target that does not need one can set [run] device = "any" or "cpu".',
        reason="no_device",
    )


def choose(found: Sequence[Device], choice: str) -> tuple[Slot, ...]:
    """Return the slots that the user's choice allows; raise LabError if it names no device."""
    if not choice.strip():
        return tuple(Slot(name=device.name, device=device) for device in found)
    slots: dict[str, Slot] = {}
    for part in filter(None, (word.strip() for word in choice.split(","))):
        for slot in _named(found, part):
            slots.setdefault(slot.name, slot)
    return tuple(slots.values())


def _named(found: Sequence[Device], part: str) -> list[Slot]:
    match = _PART.fullmatch(part)
    count = int(match[2] or 1) if match else 0
    if match is None or not 1 <= count <= MOST_SHARED:
        raise LabError(
            f"{CHOICE} says {part!r}, which is not a device.",
            f"Separate names by commas, and append *N (up to {MOST_SHARED}) to let N runs share a "
            "device: gpu-0*2,cpu-0.",
            reason="bad_device_choice",
        )
    name = match[1]
    whole = {"cpu": False, "gpu": True}.get(name)  # all of a kind
    chosen = [d for d in found if (d.is_gpu is whole if whole is not None else d.name == name)]
    if not chosen and whole is None:
        known = ", ".join(device.name for device in found)
        raise LabError(
            f"{CHOICE} names {name}, which this machine does not have.",
            f"Choose from: {known}.",
            reason="device_absent",
        )
    if count == 1:
        return [Slot(name=device.name, device=device) for device in chosen]
    return [
        Slot(name=f"{device.name}/{n}", device=device)
        for device in chosen
        for n in range(1, count + 1)
    ]


def _names(slots: Iterable[Slot]) -> str:
    named = [(slot.name, slot.device.title) for slot in slots]
    return ", ".join(f"{name} ({title})" if title else name for name, title in named) or "none"
