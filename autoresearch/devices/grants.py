"""Grants: the variables, device files and driver's files that a run gets for its device.

Used for every process of code under research, training or scoring. `device` is the name of the
leased slots, as in the run's report.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autoresearch.run_directory import RunSpec

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SHARED_NODES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "dxg")  # dxg: under WSL
_LIBRARY = "libcuda.so.1"
_LIBRARY_FOLDERS = (  # of the driver's library, on systems whose loader does not know it
    "/usr/lib/wsl/lib",
    "/usr/local/nvidia/lib64",
    "/usr/local/nvidia/lib",
    "/run/opengl-driver/lib",
)
# Files that the driver opens at its start; a sandbox with its own /proc shows them there.
_SYSTEM = (
    "/proc/driver/nvidia",
    "/proc/driver/nvidia-uvm",
    "/proc/devices",
    "/proc/modules",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/stat",
    "/proc/filesystems",
    "/proc/sys/vm/mmap_min_addr",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/devices/system/memory",
    "/sys/devices/system/node",
    "/sys/bus/pci/devices",
    "/sys/module/nvidia",
    "/sys/module/nvidia_uvm",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Values for the fields of the same names in a `Confinement`."""

    env: dict[str, str]  # the contract's variables, the number of threads, the device
    devices: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    gpu: bool = False


def make_grant(spec: RunSpec, device: str) -> Grant:
    """Return the grant of leased slots to a run.

    AUTORESEARCH_DEVICE is torch's name for the device. A run on a core is told of no GPU, even
    where no sandbox would keep it from one.
    """
    gpus = {name: (uuid, node) for name, uuid, node in spec.gpus}
    if device not in gpus:
        names = {"AUTORESEARCH_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        return Grant(env=_environment(spec, device.count(",") + 1, names))
    uuid, node = gpus[device]
    if not node:
        names = {"AUTORESEARCH_DEVICE": "mps"}
        return Grant(env=_environment(spec, spec.cpus, names), gpu=True)
    names = {"AUTORESEARCH_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": uuid}
    folder = _library_folder()
    if folder is not None and not _loader_knows():
        names["LD_LIBRARY_PATH"] = str(folder)
    return Grant(
        env=_environment(spec, spec.cpus, names),
        devices=_nodes(node, split=uuid.startswith("MIG")),
        readable=(*_libraries(folder), *map(Path, _SYSTEM), *_on_the_bus()),
        gpu=True,
    )


def _environment(spec: RunSpec, threads: int, names: dict[str, str]) -> dict[str, str]:
    return {**dict.fromkeys(_THREADS, str(threads)), **spec.env, **names}


def _nodes(node: str, *, split: bool) -> tuple[Path, ...]:
    """Return the GPU's device file and those that all GPUs share; other GPUs stay hidden."""
    shared = [Path("/dev", name) for name in _SHARED_NODES]
    parts = sorted(Path("/dev/nvidia-caps").glob("*")) if split else []
    return (Path(node), *shared, *parts)


@cache
def _on_the_bus() -> tuple[Path, ...]:
    """Return the kernel's folders of the GPUs, where the driver reads their bus addresses."""
    ids = Path("/proc/driver/nvidia/gpus")
    return tuple(Path("/sys/bus/pci/devices", gpu.name).resolve() for gpu in ids.glob("*"))


@cache
def _library_folder() -> Path | None:
    for folder in map(Path, _LIBRARY_FOLDERS):
        if (folder / _LIBRARY).exists():
            return folder
    return None


@cache
def _loader_knows() -> bool:
    try:
        return _LIBRARY.encode() in Path("/etc/ld.so.cache").read_bytes()
    except OSError:
        return False


def _libraries(folder: Path | None) -> tuple[Path, ...]:
    """Return the library's folder and its links' target, if /usr does not contain them."""
    if folder is None:
        return ()
    both = {folder, (folder / _LIBRARY).resolve().parent}
    return tuple(sorted(path for path in both if Path("/usr") not in path.parents))
