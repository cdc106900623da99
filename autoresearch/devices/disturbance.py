"""Disturbance of a run by the machine, detected before its score is read, by signs it can't cause.

The supervisor knows all of a run's processes, so the rest of the machine's usage is the difference.
A run that loads the machine itself never counts as disturbed.
"""

import contextlib
import math
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_FEWEST_CORES = 0.8  # that must be left for each core that a run leases
_MOST_STALLED = 0.05  # share of the time in which every process waited for memory
_OWN_MEMORY = 0.8  # a run that used more of the free memory than this may be the cause itself
_SHORTEST_S = 0.5  # for shorter times the counters are too coarse


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The machine's counters at one moment."""

    at: float  # seconds, monotonic
    cores: int
    busy_s: float  # CPU seconds of all processes, and those taken by a hypervisor
    stalled_s: float  # seconds in which every process waited for memory
    free_mb: float  # available without taking it from another process
    total_mb: float = math.inf


def read_machine() -> Counters:
    """Return the counters now."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # within user
    memory = psutil.virtual_memory()
    return Counters(
        at=time.monotonic(),
        cores=psutil.cpu_count() or 1,
        busy_s=sum(times) - idle - guest,
        stalled_s=_stalled_s(),
        free_mb=memory.available / 2**20,
        total_mb=memory.total / 2**20,
    )


def find_disturbance(
    before: Counters,
    after: Counters,
    *,
    own_cpu_s: float,
    own_peak_mb: float,
    timed: bool,
    cores: int = 1,
) -> str:
    """Return why the run's work between two readings can't count, "" if it can.

    Args:
        before: The counters at the run's start.
        after: The counters at its end.
        own_cpu_s: CPU seconds that the run used.
        own_peak_mb: Its peak memory.
        timed: Whether its budget is in seconds, so that a slower machine means a worse model.
        cores: Number of cores that it leased.
    """
    wall_s = after.at - before.at
    if wall_s < _SHORTEST_S:
        return ""
    others = max(0.0, after.busy_s - before.busy_s - own_cpu_s) / wall_s
    left = before.cores - others
    if timed and left < _FEWEST_CORES * cores:
        return (
            f"other processes used {others:.1f} of {before.cores} cores, leaving the run {left:.1f}"
        )
    stalled = (after.stalled_s - before.stalled_s) / wall_s
    if stalled > _MOST_STALLED and own_peak_mb < _OWN_MEMORY * before.free_mb:
        return f"the machine stalled for lack of memory {stalled:.0%} of the time"
    return ""


def _stalled_s() -> float:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/pressure/memory").read_text().splitlines():
            if line.startswith("full"):
                return int(line.rpartition("total=")[2]) / 1e6
    return 0.0
