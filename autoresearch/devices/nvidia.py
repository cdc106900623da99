"""NVIDIA GPUs, by the driver's own library (NVML), which is imported only when needed.

GPUs are numbered as by nvidia-smi. A partitioned GPU (MIG) counts as its instances.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import psutil

from autoresearch.devices import HEAT, POWER_BRAKE, Device, Look, Tenant, Wanted

Value = TypeVar("Value")

VISIBLE = "CUDA_VISIBLE_DEVICES"
_MB = 2**20
_FIRST_WINDOW_S = 2.0  # how far back the first query of utilization goes


class Nvidia:
    """A probe for GPUs that $CUDA_VISIBLE_DEVICES shows; none without a driver."""

    def __init__(self, nvml: Any = None, environ: Mapping[str, str] = os.environ) -> None:  # noqa: ANN401
        """Use the functions of `nvml`, by default the module pynvml."""
        self._nvml = nvml
        self._environ = environ
        self._begun = False
        self._asked_until: dict[str, int] = {}  # microseconds since the epoch, by uuid

    def devices(self, wanted: Wanted = "any") -> tuple[Device, ...]:
        """Return GPUs in the driver's order, or in the environment variable's."""
        if not self._begin():
            return ()
        found = [device for device, _ in self._all()]
        return _visible(found, self._environ.get(VISIBLE))

    def look(self, device: Device) -> Look:
        """Return memory, tenants, temperature and what lowers the clocks.

        The device is found by its uuid, whatever number it has now.
        """
        if not self._begin():
            return Look()
        handle = next((h for other, h in self._all() if other.uuid == device.uuid), None)
        if handle is None:
            return Look()
        nvml = self._nvml
        board = self._ask("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", handle) or handle
        memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
        threshold = nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
        return Look(
            free_mb=memory.free / _MB if memory is not None else None,
            tenants=self._tenants(device, handle),
            temperature_c=self._ask("nvmlDeviceGetTemperature", board, nvml.NVML_TEMPERATURE_GPU),
            slowdown_c=self._ask("nvmlDeviceGetTemperatureThreshold", board, threshold),
            slowed_by=self._slowed_by(board),
        )

    def _begin(self) -> bool:
        if not self._begun:
            if self._nvml is None:
                with contextlib.suppress(ImportError):
                    import pynvml

                    self._nvml = pynvml
            if self._nvml is None:
                return False
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlInit()
                self._begun = True
        return self._begun

    def _all(self) -> Iterator[tuple[Device, Any]]:
        driver = _text(self._ask("nvmlSystemGetDriverVersion"))
        for index in range(self._ask("nvmlDeviceGetCount") or 0):
            board = self._ask("nvmlDeviceGetHandleByIndex", index)
            if board is None:
                continue  # another user's, or fallen off the bus
            minor = self._ask("nvmlDeviceGetMinorNumber", board)
            node = f"/dev/nvidia{index if minor is None else minor}"
            instances = list(self._instances(board))
            for name, handle in instances or [("", board)]:
                uuid = _text(self._ask("nvmlDeviceGetUUID", handle))
                memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
                if not uuid:
                    continue
                device = Device(
                    name=f"gpu-{index}{name}",
                    kind="nvidia",
                    uuid=uuid,
                    title=_text(self._ask("nvmlDeviceGetName", handle)),
                    memory_mb=memory.total / _MB if memory is not None else 0.0,
                    node=node,
                    driver=driver,
                )
                yield device, handle

    def _instances(self, board: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
        mode = self._ask("nvmlDeviceGetMigMode", board)
        if not mode or not mode[0]:
            return
        for n in range(self._ask("nvmlDeviceGetMaxMigDeviceCount", board) or 0):
            handle = self._ask("nvmlDeviceGetMigDeviceHandleByIndex", board, n)
            if handle is not None:
                yield f"m{n}", handle

    def _tenants(self, device: Device, handle: Any) -> tuple[Tenant, ...]:  # noqa: ANN401
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses", handle)
        if processes is None:  # a driver from before 2022
            processes = self._ask("nvmlDeviceGetComputeRunningProcesses_v2", handle) or []
        busy = self._busy(device, handle)
        return tuple(
            Tenant(
                pid=process.pid,
                name=_name_of(process.pid),
                memory_mb=None if process.usedGpuMemory is None else process.usedGpuMemory / _MB,
                busy=None if busy is None else busy.get(process.pid, 0.0),
            )
            for process in processes
        )

    def _busy(self, device: Device, handle: Any) -> dict[int, float] | None:  # noqa: ANN401
        """Return, by pid, the share of time since the last look in which it computed."""
        since = self._asked_until.get(device.uuid) or int((time.time() - _FIRST_WINDOW_S) * 1e6)
        try:
            samples = self._nvml.nvmlDeviceGetProcessUtilization(handle, since)
        except self._nvml.NVMLError as error:
            # Nobody computed since then, or the hardware does not tell who does.
            return {} if error.value == self._nvml.NVML_ERROR_NOT_FOUND else None
        shares: dict[int, list[int]] = {}
        for sample in samples:
            if sample.timeStamp > since:
                shares.setdefault(sample.pid, []).append(sample.smUtil)
                self._asked_until[device.uuid] = max(
                    sample.timeStamp, self._asked_until.get(device.uuid, 0)
                )
        return {pid: sum(found) / len(found) / 100 for pid, found in shares.items()}

    def _slowed_by(self, board: Any) -> tuple[str, ...]:  # noqa: ANN401
        """Return causes of lowered clocks, except idleness, power limits and settings."""
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons", board)
        if reasons is None:  # its name until 2023
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", board) or 0
        nvml = self._nvml
        heat = (
            nvml.nvmlClocksThrottleReasonSwThermalSlowdown
            | nvml.nvmlClocksThrottleReasonHwThermalSlowdown
        )
        brake = nvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
        return tuple(word for word, bits in ((HEAT, heat), (POWER_BRAKE, brake)) if reasons & bits)

    def _ask(self, function: str, *arguments: Any) -> Any:  # noqa: ANN401
        """Return NVML's answer, None if this driver or GPU has none."""
        try:
            return getattr(self._nvml, function)(*arguments)
        except self._nvml.NVMLError:
            return None


def _visible(found: list[Device], named: str | None) -> tuple[Device, ...]:
    """Select as CUDA does: by numbers or prefixes of uuids, up to the first invalid one."""
    if named is None:
        return tuple(found)
    chosen: list[Device] = []
    for word in filter(None, (part.strip() for part in named.split(","))):
        names = (f"gpu-{word}", f"gpu-{word}m0")  # CUDA takes the first part of one that is split
        by_name = [d for d in found if word.isdigit() and d.name in names]
        by_uuid = [d for d in found if not word.isdigit() and d.uuid.startswith(word)]
        matching = by_name or by_uuid
        if len(matching) != 1:
            break
        chosen += [d for d in matching if d not in chosen]
    return tuple(chosen)


def _text(said: str | bytes | None) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def _name_of(pid: int) -> str:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).name()
    return "a process that is not visible from here"
