"""Devices that runs compute on: found, chosen by the user, leased, watched before and during a run.

A device is a CPU core, an NVIDIA GPU or Apple's GPU. All questions to the hardware go through a
`Probe`, so that a test can define its own machine. Sizes are in MB (2**20 bytes).
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["nvidia", "mps", "cpu"]
Wanted = Literal["cpu", "gpu", "any"]  # by a contract

HEAT = "heat"  # the clocks are lowered to cool the GPU
POWER_BRAKE = "a power brake"  # something external, such as the power supply, lowers them


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device."""

    name: str  # "gpu-0", "mps-0", "cpu-0": short, but it changes when hardware is moved
    kind: Kind
    uuid: str = ""  # the same in every process and under every numbering; "" for a core
    title: str = ""  # "NVIDIA H100 80GB HBM3"
    memory_mb: float = 0.0  # total; 0.0 where unknown
    node: str = ""  # its device file, such as /dev/nvidia0
    driver: str = ""  # its version

    @property
    def is_gpu(self) -> bool:
        """True if it satisfies a contract that asks for a GPU."""
        return self.kind != "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A process that computes on a GPU."""

    pid: int
    name: str
    memory_mb: float | None  # of the GPU's; None where the driver does not report it
    busy: float | None = None  # share of time, 0 to 1, since the last look; None: not reported


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The state of a device at one moment; None where unknown."""

    free_mb: float | None = None
    tenants: tuple[Tenant, ...] = ()
    temperature_c: float | None = None
    slowdown_c: float | None = None  # from which on the hardware lowers the clocks
    slowed_by: tuple[str, ...] = ()  # HEAT, POWER_BRAKE: what lowers the clocks now


class Probe(Protocol):
    """An interface to the hardware. It raises nothing; unknown values are absent."""

    def devices(self, wanted: Wanted = "any") -> tuple[Device, ...]:
        """Return the devices of that kind that this process may use, in the order of leasing."""

    def look(self, device: Device) -> Look:
        """Return the device's present state."""
