"""Out-of-memory errors of a run, recognised in its output and put into one sentence with numbers.

This parses the libraries' own messages, which change; an unknown message is shown as it is.
"""

import re
from dataclasses import dataclass

from autoresearch.records import EndCause

_SIZE = r"(\d+(?:[.,]\d+)*) ?([KMGT]i?B|bytes)"
_WANTED = re.compile(
    rf"(?:[Tt]ried to allocate|trying to allocate|Unable to allocate|memory allocating) {_SIZE}"
)
_TOTAL = re.compile(rf"total capacity of {_SIZE}|; {_SIZE} total capacity")
_FREE = re.compile(rf"of which {_SIZE} is free|; {_SIZE} free")
_OF_MPS = re.compile(rf"MPS allocated: {_SIZE}, other allocations: {_SIZE}, max allowed: {_SIZE}")
_ON_GPU = re.compile(
    r"CUDA out of memory|HIP out of memory|MPS backend out of memory|CUDA error: out of memory"
    r"|(?:CUBLAS|CUDNN|CUSOLVER)_STATUS_ALLOC_FAILED|CUDA_ERROR_OUT_OF_MEMORY|RESOURCE_EXHAUSTED"
    r"|cudaErrorMemoryAllocation|cupy\S*OutOfMemoryError"
)
_ON_HOST = re.compile(r"MemoryError|DefaultCPUAllocator|Cannot allocate memory|std::bad_alloc")
_KINDS = {  # of exceptions, by their names alone
    "MemoryError": EndCause.OUT_OF_MEMORY,
    "_ArrayMemoryError": EndCause.OUT_OF_MEMORY,  # numpy's
    "OutOfMemoryError": EndCause.OUT_OF_GPU_MEMORY,  # torch's
}
_MB = {"bytes": 2.0**-20, "K": 2.0**-10, "M": 1.0, "G": 2.0**10, "T": 2.0**20}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUsage:
    """The known memory usage of a run, in MB; 0 where unknown."""

    limit_mb: float
    peak_mb: float = 0.0
    gpu_peak_mb: float = 0.0
    kills: int = 0  # of its processes by the kernel, for exceeding the limit


@dataclass(frozen=True, slots=True)
class Shortage:
    """Memory that was too small, and the sentence that explains it."""

    cause: EndCause  # OUT_OF_MEMORY or OUT_OF_GPU_MEMORY
    text: str


def on_host(details: str) -> Shortage:
    """Return the shortage of the machine's own memory."""
    return Shortage(EndCause.OUT_OF_MEMORY, f"out of memory: {details}")


def on_gpu(details: str) -> Shortage:
    """Return the shortage of a GPU's memory."""
    return Shortage(EndCause.OUT_OF_GPU_MEMORY, f"out of GPU memory: {details}")


def out_of_memory(exception: str, taken: MemoryUsage) -> Shortage | None:
    """Return the shortage that a run died of, None where it died of something else."""
    if _ON_GPU.search(exception):
        return _shortage_of_gpu(exception, taken.gpu_peak_mb)
    peak = f", peak {size(taken.peak_mb)}" if taken.peak_mb else ""
    if taken.kills:
        return on_host(f"the kernel killed it above its {size(taken.limit_mb)}{peak}")
    if _ON_HOST.search(exception):
        wanted = _first(_WANTED, exception)
        more = f"it wanted {size(wanted)} more, " if wanted is not None else ""
        return on_host(f"{more}its limit is {size(taken.limit_mb)}{peak}")
    return None


def out_of_memory_while_scored(kind: str, where: str, limit_mb: float) -> Shortage | None:
    """Return the shortage of a model that may show only the kind of what it raised, and where."""
    cause = _KINDS.get(kind)
    if cause is None:
        return None
    details = f"while being scored, the model raised {kind}{where}"
    if cause is EndCause.OUT_OF_GPU_MEMORY:
        return on_gpu(details)
    return on_host(f"{details}, its limit is {size(limit_mb)}")


def size(mb: float) -> str:
    """Return a size for people: "2.0 GiB", or "120 MB" below one GiB."""
    return f"{mb / 2**10:,.1f} GiB" if mb >= 2**10 else f"{mb:,.0f} MB"


def _shortage_of_gpu(exception: str, peak_mb: float) -> Shortage:
    said = []
    wanted, total, free = (_first(part, exception) for part in (_WANTED, _TOTAL, _FREE))
    if wanted is not None:
        said.append(f"it wanted {size(wanted)} more")
    if total is not None and free is not None:
        said.append(f"{size(total - free)} of {size(total)} were in use")
    elif match := _OF_MPS.search(exception):
        own, others, most = (_mb(*match.group(n, n + 1)) for n in (1, 3, 5))
        said.append(f"{size(own + others)} of {size(most)} were in use")
    peak = f" (peak {size(peak_mb)})" if peak_mb else ""
    return on_gpu(f"{', '.join(said) or exception}{peak}")


def _first(pattern: re.Pattern[str], text: str) -> float | None:
    match = pattern.search(text)
    if match is None:
        return None
    number, unit = [group for group in match.groups() if group is not None][:2]
    return _mb(number, unit)


def _mb(number: str, unit: str) -> float:
    """Convert to MB; decimal units are taken for binary ones: torch writes GB for GiB on a Mac."""
    return float(number.replace(",", "")) * _MB[unit if unit == "bytes" else unit[0]]
