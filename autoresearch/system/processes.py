"""Descendants of this process: which there are, what they use, how they end.

On Linux this process becomes a child subreaper, so every fork of a descendant, daemons included,
stays below it, and "none is left" is exact: the kernel reports that there is no child to wait for.
Elsewhere, a descendant that detaches between two looks (50 ms) is missed.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform.startswith("linux")
_KERNEL_LISTS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage of all descendants: CPU seconds since the start, present memory, their number."""

    cpu_s: float
    rss_mb: float
    processes: int


def become_subreaper() -> None:
    """Adopt the orphans of this process's descendants, instead of init (Linux only)."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def boot_id() -> str:
    """Return an id of the machine's present boot; process numbers mean nothing across boots."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return str(round(psutil.boot_time()))


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only)."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Descendants:
    """All processes below this one."""

    def __init__(self) -> None:
        self._seen: dict[int, psutil.Process] = {}
        self._own_cpu: dict[tuple[int, float], float] = {}
        self._gone_cpu = 0.0
        self._cpu = 0.0
        self._waited_before = 0.0
        self._statuses: dict[int, int] = {}

    def reset_reaped_cpu(self) -> None:
        """Exclude the CPU seconds of children reaped before this call."""
        self._waited_before = _reaped_cpu()

    def look(self) -> Usage:
        """Find the descendants again and return their usage.

        CPU seconds are those of living descendants plus those of dead ones: as the kernel
        reported them to whoever waited, or as last seen here if nobody did (SIGCHLD ignored).
        """
        alive: dict[tuple[int, float], float] = {}
        waited = _reaped_cpu() - self._waited_before
        rss = 0
        for process in self._find():
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                alive[process.pid, process.create_time()] = times.user + times.system
                waited += getattr(times, "children_user", 0.0)
                waited += getattr(times, "children_system", 0.0)
                rss += process.memory_info().rss
        self._gone_cpu += sum(s for key, s in self._own_cpu.items() if key not in alive)
        self._own_cpu = alive
        self._cpu = max(self._cpu, sum(alive.values()) + max(waited, self._gone_cpu))
        return Usage(self._cpu, rss / 2**20, len(alive))

    def identities(self) -> list[tuple[int, float]]:
        """Return (pid, create time in epoch s) of every descendant at the last look."""
        found = []
        for pid, process in list(self._seen.items()):
            with contextlib.suppress(psutil.Error):
                found.append((pid, process.create_time()))
        return found

    def pids(self) -> set[int]:
        """Return the pids of present descendants, without their usage."""
        return {process.pid for process in self._find()}

    def held_mb(self, folder: Path) -> float:
        """Return the MB of deleted files on that folder's disk that descendants keep open.

        Measuring folders misses them. By the descendants of the last look; Linux only.
        """
        try:
            disk = folder.lstat().st_dev
        except OSError:
            return 0.0  # the training removed the folder
        sizes: dict[int, int] = {}
        for pid in self._seen if LINUX else ():
            with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as descriptors:
                for descriptor in descriptors:
                    with contextlib.suppress(OSError):
                        file = descriptor.stat()
                        if file.st_dev == disk and file.st_nlink == 0:
                            sizes[file.st_ino] = file.st_blocks * 512
        return sum(sizes.values()) / 2**20

    def exit_code(self, pid: int) -> int | None:
        """Return a child's exit code (negative for a signal), None while it runs."""
        self._reap()
        status = self._statuses.get(pid)
        return None if status is None else os.waitstatus_to_exitcode(status)

    def kill(self, within_s: float = 5.0) -> bool:
        """SIGKILL all descendants until none is left; return False after `within_s` seconds."""
        deadline = time.monotonic() + within_s
        while True:
            left = _kill_children() if LINUX else self._kill_found()
            if not self._reap() and not left:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.0005)

    def _kill_found(self) -> bool:
        found = self._find()
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return bool(found)

    def _find(self) -> list[psutil.Process]:
        """Find all processes below this one, and without a subreaper below all seen before."""
        found = {} if LINUX else {pid: p for pid, p in self._seen.items() if _is_running(p)}
        parents = [os.getpid(), *found]
        while parents:
            for pid in _children_of(parents.pop()):
                if pid not in found:
                    with contextlib.suppress(psutil.Error):
                        found[pid] = psutil.Process(pid)
                        parents.append(pid)
        self._seen = {pid: process for pid, process in found.items() if _is_running(process)}
        return list(self._seen.values())

    def _reap(self) -> bool:
        """Collect exit statuses; return whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self._statuses[pid] = status


def kill_each(belongs: Callable[[psutil.Process], bool], pause_s: float = 0.05) -> None:
    """Kill the processes of this machine that belong, until none is left; at most a hundred times.

    For what is no descendant of this process: `Descendants.kill` is exact where it can be used.
    """
    for _ in range(100):
        found = [process for process in psutil.process_iter() if belongs(process)]
        if not found:
            return
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=pause_s)


def cpu_below(pid: int) -> float:
    """Return the CPU seconds of a process, all below it, and the dead that they waited for."""
    used, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        waiting += _children_of(one)
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(one).cpu_times()
            used += times.user + times.system
            used += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return used


def _kill_children() -> bool:
    """Kill the children of this subreaper and their groups; return whether there were any.

    Their own children are then adopted by this process. Nobody else waits for a child, so its
    number is not reused; a group dies at once, so a program that keeps forking can't outrun this.
    """
    me, mine = os.getpid(), os.getpgrp()
    children = _children_of(me)
    for pid in children:
        with contextlib.suppress(OSError):
            group = os.getpgid(pid)
            if group != mine:
                os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return bool(children)


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _children_of(pid: int) -> list[int]:
    if not _KERNEL_LISTS_CHILDREN:
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children.extend(map(int, (task / "children").read_bytes().split()))
    return children


def _reaped_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rss_mb(pid: int) -> float:
    """Return the memory that a process has now, MB; 0 where it is gone."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).memory_info().rss / 2**20
    return 0.0
