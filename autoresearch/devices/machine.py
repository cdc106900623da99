"""The machine's devices of all kinds, found by one probe for each kind."""

from autoresearch.devices import Device, Look, Probe, Wanted
from autoresearch.devices.apple import Apple
from autoresearch.devices.cores import Cores
from autoresearch.devices.nvidia import Nvidia


class Machine:
    """A probe of all kinds of devices."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {"nvidia": Nvidia(), "mps": Apple(), "cpu": Cores()}

    def devices(self, wanted: Wanted = "any") -> tuple[Device, ...]:
        """Return GPUs first; for cores alone, no driver is queried."""
        kinds = {"cpu": ["cpu"], "gpu": ["nvidia", "mps"]}.get(wanted, list(self._probes))
        return tuple(device for kind in kinds for device in self._probes[kind].devices())

    def look(self, device: Device) -> Look:
        """Return the device's present state."""
        return self._probes[device.kind].look(device)
