"""Control groups for a child and its descendants, where this process may create them.

Both hierarchies are supported: version 2 where it is delegated (systemd does that for a user's own
slice), version 1 as root. Where neither is writable, only resource limits are left. A group also
counts the CPU time of dead processes, whether or not anybody waited for them.
"""

import contextlib
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from secrets import token_hex

_MOUNT = Path("/sys/fs/cgroup")
_PREFIX = "autoresearch-"
UNCOUNTED = "it can hide the CPU seconds of short-lived processes: no control group counts them"
_SLACK = 1.1  # the supervisor acts first, since it explains the reason better than the kernel


class Cgroups:
    """The groups made for the children of one process."""

    def __init__(self, mount: Path = _MOUNT, own: str | None = None) -> None:
        """Use the given text of /proc/self/cgroup; by default, the file is read."""
        self._mount = mount
        self._own = own
        self._made: list[Path] = []
        self._counting: list[Path] = []
        self._newest: list[Path] = []  # of the last child, those that count
        self._of: dict[int, list[Path]] = {}

    @property
    def limit_tasks(self) -> bool:
        """True if the number of processes can be limited."""
        return "pids" in self._parents

    @property
    def count_cpu(self) -> bool:
        """True if the CPU time of all descendants can be counted."""
        return "cpu" in self._parents

    def cpu_s(self, child: int | None = None) -> float:
        """Return the CPU seconds of all processes in groups made here, or in those of one child.

        0.0 if unknown.
        """
        return sum(map(_used_s, self._counting if child is None else self._of.get(child, ())))

    def belong_to(self, child: int) -> None:
        """Take note for which child, by its number, the last groups were made."""
        self._of[child] = self._newest

    def oom_kills(self) -> int:
        """Return how many processes of these groups the kernel killed for lack of memory."""
        return sum(map(_killed, self._made))

    def make(self, memory_mb: int, tasks: int) -> Callable[[], None]:
        """Make a group; return a function that, called after a fork, joins the caller to it."""
        limits = {"pids": ("pids.max", tasks), "memory": ("memory.max", _bytes(memory_mb))}
        joined = []
        self._newest = []
        for parent in dict.fromkeys(self._parents.values()):
            group = parent / f"{_PREFIX}{os.getpid()}-{token_hex(4)}"
            with contextlib.suppress(OSError):
                group.mkdir()
                self._made.append(group)
                if self._parents.get("cpu") == parent:
                    self._counting.append(group)
                    self._newest.append(group)
                for controller, (file, most) in limits.items():
                    if self._parents.get(controller) == parent:
                        (group / file).write_text(f"{most}\n")
                joined.append(str(group / "cgroup.procs"))

        def join() -> None:
            for procs in joined:
                descriptor = os.open(procs, os.O_WRONLY)
                os.write(descriptor, b"0")
                os.close(descriptor)

        return join

    def remove(self) -> None:
        """Remove the groups; those that still hold a process stay for a later `_sweep`."""
        for group in self._made:
            with contextlib.suppress(OSError):
                group.rmdir()
        self._made.clear()
        self._counting.clear()
        self._of.clear()

    @cached_property
    def _parents(self) -> dict[str, Path]:
        """Folder, by controller, in which a group with that controller can be made."""
        found: dict[str, Path] = {}
        for line in self._own_groups():
            number, controllers, path = line.split(":", 2)
            if number == "0":
                folder = self._unified() / path.lstrip("/")
                # A group with processes can't have groups below it, except for the root.
                parent = folder if path == "/" else folder.parent
                for name in _words(parent / "cgroup.subtree_control") & {"pids", "memory"}:
                    found.setdefault(name, parent)
                if (parent / "cpu.stat").exists() and os.access(parent / "cgroup.procs", os.W_OK):
                    found.setdefault("cpu", parent)  # counted without a controller
            for name, controller in (("pids", "pids"), ("cpu", "cpuacct")):
                folder = self._mount / controller / path.lstrip("/")
                if controller in controllers.split(",") and os.access(folder, os.W_OK):
                    found[name] = folder
        usable = {name: path for name, path in found.items() if os.access(path, os.W_OK)}
        for folder in usable.values():
            _sweep(folder)
        return usable

    def _own_groups(self) -> list[str]:
        with contextlib.suppress(OSError):
            own = Path("/proc/self/cgroup").read_text() if self._own is None else self._own
            return own.splitlines()
        return []

    def _unified(self) -> Path:
        beside = self._mount / "unified"
        return beside if beside.is_dir() else self._mount


def _bytes(memory_mb: int) -> int:
    return int(memory_mb * 2**20 * _SLACK)


def _used_s(group: Path) -> float:
    """Return CPU seconds; version 1 counts nanoseconds, version 2 has a line in microseconds."""
    with contextlib.suppress(OSError, ValueError):
        return int((group / "cpuacct.usage").read_text()) / 1e9
    with contextlib.suppress(OSError, ValueError):
        for line in (group / "cpu.stat").read_text().splitlines():
            if line.startswith("usage_usec "):
                return int(line.split()[1]) / 1e6
    return 0.0


def _killed(group: Path) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (group / "memory.events").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _words(file: Path) -> set[str]:
    with contextlib.suppress(OSError):
        return set(file.read_text().split())
    return set()


def _sweep(folder: Path) -> None:
    """Remove groups whose maker died before it could."""
    for group in folder.glob(f"{_PREFIX}*"):
        maker = group.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", maker).exists():
            with contextlib.suppress(OSError):
                group.rmdir()
