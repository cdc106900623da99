"""Devices that are not there: cores, GPUs, and a probe that shows what a test wants seen."""

from collections.abc import Callable
from dataclasses import dataclass, field

from autoresearch.devices import Device, Look, Wanted
from autoresearch.devices.slots import Slot

EMPTY = Look(free_mb=8000.0, temperature_c=40.0, slowdown_c=90.0)


def core(n: int) -> Device:
    return Device(name=f"cpu-{n}", kind="cpu", memory_mb=4096.0)


def gpu(n: int, uuid: str = "", memory_mb: float = 8192.0) -> Device:
    """A GPU with a device file that every machine has, so that it can be passed through."""
    return Device(
        name=f"gpu-{n}",
        kind="nvidia",
        uuid=uuid or f"GPU-fake-{n}",
        title="Fake 8G",
        memory_mb=memory_mb,
        node="/dev/null",
    )


def cores(count: int) -> tuple[Slot, ...]:
    return tuple(Slot(name=f"cpu-{n}", device=core(n)) for n in range(count))


@dataclass
class FakeProbe:
    """Shows these devices, and of each what `show` says."""

    found: tuple[Device, ...] = (gpu(0), core(0))
    show: Callable[[Device], Look] = field(default=lambda _: EMPTY)

    def devices(self, wanted: Wanted = "any") -> tuple[Device, ...]:
        kinds = {"cpu": (False,), "gpu": (True,)}.get(wanted, (True, False))
        return tuple(device for device in self.found if device.is_gpu in kinds)

    def look(self, device: Device) -> Look:
        return self.show(device)
