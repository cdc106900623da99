"""Runs on the real GPU of this machine, through the driver's own library: no torch is needed."""

import sys
from pathlib import Path

from autoresearch.executors.local import LocalExecutor
from autoresearch.records import RunReport
from autoresearch.run_directory import RunDir
from tests.support.fakes import run_to_end

# Calls of the driver's interface, as its header has them: a context, 256 MiB, three seconds.
USES_CUDA = """
import ctypes, time

cuda = ctypes.CDLL("libcuda.so.1")

def call(name, *arguments):
    result = getattr(cuda, name)(*arguments)
    if result:
        raise RuntimeError(f"{name} returned {result}")

device, count = ctypes.c_int(), ctypes.c_int()
context, memory = ctypes.c_void_p(), ctypes.c_uint64()
call("cuInit", 0)
call("cuDeviceGetCount", ctypes.byref(count))
assert count.value == 1, count.value  # the others are not visible
call("cuDeviceGet", ctypes.byref(device), 0)
call("cuCtxCreate_v2", ctypes.byref(context), 0, device)
call("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(256 << 20))
call("cuMemsetD8_v2", memory, ctypes.c_ubyte(1), ctypes.c_size_t(256 << 20))
call("cuCtxSynchronize")
time.sleep(3)
print("METRIC score=1")
"""


def on_real_gpu(folder: Path, train: str) -> tuple[RunDir, RunReport]:
    """A run that may have any GPU of this machine and prints its number, to its end."""
    slots = LocalExecutor(sys.executable).slots("gpu")
    return run_to_end(
        folder,
        train,
        documents="/nowhere",
        scoring="stdout",
        metric="score",
        budget_unit="wall_s",
        budget=60.0,
        wall_ceiling_s=60.0,
        cpu_ceiling_s=None,
        checkpoint="",
        memory_mb=4096,
        devices=tuple(slot.name for slot in slots),
        gpus=tuple((slot.name, slot.device.uuid, slot.device.node) for slot in slots),
        gpu_leases=str(folder / "gpus"),
    )
