"""What a run computes on: found, chosen by the user, leased, looked at before a run and during it.

A device is a CPU core, an NVIDIA GPU or Apple's GPU. Everything that is asked of the hardware goes
through a `Probe`, so that a test gives a machine of its own. Sizes are in MB (2**20 bytes).
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["nvidia", "mps", "cpu"]
Wanted = Literal["cpu", "gpu", "any"]  # what a contract asks for

HEAT = "heat"  # the clocks are lowered to cool it
POWER_BRAKE = "a power brake"  # something outside, such as the power supply, lowers them


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Something to compute on."""

    name: str  # "gpu-0", "mps-0", "cpu-0": short, and another one after hardware was moved
    kind: Kind
    uuid: str = ""  # the same in every process and under every numbering; "" for a core
    title: str = ""  # "NVIDIA H100 80GB HBM3"
    memory_mb: float = 0.0  # in all; 0.0 where nobody can tell
    node: str = ""  # its device file, such as /dev/nvidia0
    driver: str = ""  # its version

    @property
    def is_gpu(self) -> bool:
        """Whether a contract that asks for a GPU can have it."""
        return self.kind != "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A process that computes on a GPU."""

    pid: int
    name: str
    memory_mb: float | None  # of the GPU's; None where the driver does not tell
    busy: float | None = None  # share of the time since the last look; None: not told


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A device at one moment; None where it can't be told."""

    free_mb: float | None = None
    tenants: tuple[Tenant, ...] = ()
    temperature_c: float | None = None
    slowdown_c: float | None = None  # from which on the hardware lowers the clocks
    slowed_by: tuple[str, ...] = ()  # HEAT, POWER_BRAKE: what lowers the clocks now


class Probe(Protocol):
    """Asks the hardware; raises nothing: what can't be told is absent."""

    def devices(self, wanted: Wanted = "any") -> tuple[Device, ...]:
        """Those of that kind that this process may use, "any" for all, in the order of leasing."""

    def look(self, device: Device) -> Look:
        """That device now."""
