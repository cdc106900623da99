"""Landlock with seccomp and limits: the second line, where namespaces are barred.

The child still sees this machine's processes and network interfaces, but can open only the files
that it is given, connect to nothing unless allowed, trace nothing, and signal nobody outside (Linux
6.12). The kernel's own interface is used, since the `landlock` package covers only files.
https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import platform
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from autoresearch.errors import LabError
from autoresearch.sandboxes import cgroup, interpreter_folders
from autoresearch.sandboxes.base import Confinement, clean_environment
from autoresearch.sandboxes.gpu_syscalls import GPU_CONNECTED, GPU_MUTE, GPU_UNCONNECTED
from autoresearch.sandboxes.limits import limiter
from autoresearch.sandboxes.mount_points import NETWORK_FILES, make_symlinks
from autoresearch.sandboxes.syscalls import CONNECTED, MUTE, UNCONNECTED
from autoresearch.sandboxes.system_folders import system_places
from autoresearch.system.processes import LINUX

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every machine
_VERSION, _PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_WRITE = 1 << 1 | 1 << 14  # and truncate
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE | _READ_FILE | 1 << 15  # 15: ioctl
_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # by the version that brought them
_NET = 0b11  # bind and connect over TCP, from version 4
_SCOPED = 0b11  # abstract sockets and signals, from version 6
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime")


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


class Landlock:
    """Starts a child that gives up its rights."""

    name: Final = "landlock"
    confined: Final = True

    def __init__(self) -> None:
        """Raise LabError, with the remedy, if Landlock does not work here."""
        found = problem()
        if found:
            raise LabError(found, reason="sandbox_unusable")
        self._cgroups = cgroup.Cgroups()

    @property
    def gaps(self) -> tuple[str, ...]:
        """Sentences on what it does not prevent, and namespaces would."""
        gaps = ["it can see which processes and files exist, but not open them"]
        if version() < 6:
            gaps.append("it can signal this user's other processes (needs Linux 6.12)")
        if version() < 3:
            gaps.append("it can truncate files that it may not write (needs Linux 6.2)")
        if not self._cgroups.limit_tasks:
            gaps.append("a fork bomb is noticed, not prevented")
        if not self._cgroups.count_cpu:
            gaps.append(cgroup.UNCOUNTED)
        gaps.append(
            "a model that is being scored can signal to trainings that run at that time "
            "(load on the CPU, numbers of processes, times of files)"
        )
        return (*gaps, "it can fill the disk with many files, each below the size limit")

    def start(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        """Start a child in the real folders, with rights to no others."""
        interpreter_folders.check_confinement(confinement)
        make_symlinks(confinement)
        join = self._cgroups.make(confinement.memory_mb, confinement.tasks)
        restrict = _restriction(confinement)

        def give_up() -> None:
            join()
            restrict()

        child = subprocess.Popen(
            confinement.argv,
            cwd=confinement.cwd,
            env=clean_environment(confinement.scratch, confinement.env),
            stdin=subprocess.DEVNULL,
            stdout=confinement.output,
            stderr=confinement.output,
            pass_fds=confinement.pass_fds,
            start_new_session=True,
            preexec_fn=limiter(confinement, give_up),  # noqa: PLW1509
        )
        self._cgroups.belong_to(child.pid)
        return child

    def exit_code(self, child: "subprocess.Popen[bytes]", code: int) -> int | None:
        """Return the exit code as it is."""
        return code

    def cpu_s(self, child: "subprocess.Popen[bytes] | None" = None) -> float:
        """Return the CPU seconds that its control groups count."""
        return self._cgroups.cpu_s(None if child is None else child.pid)

    def oom_kills(self) -> int:
        """Return the number of kills that its control groups count."""
        return self._cgroups.oom_kills()

    def release(self) -> None:
        """Remove the control groups."""
        self._cgroups.remove()


@cache
def version() -> int:
    """Return the kernel's version of the interface, 0 if it has none."""
    if not LINUX:
        return 0
    return max(0, int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)))


@cache
def problem() -> str:
    """Return why Landlock can't be used here, with the remedy, or ""."""
    if not LINUX:
        return "Landlock needs Linux"
    if version() == 0:
        return "no Landlock: it needs Linux 5.13 with `landlock` among the kernel's `lsm=`"
    if platform.machine() not in UNCONNECTED:
        return f"Landlock also needs a system call filter; {platform.machine()} has none"
    return ""


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _restriction(confinement: Confinement) -> Callable[[], None]:
    """Return the function that the child calls before exec; all else is prepared here."""
    handled = 0
    for since, rights in _RIGHTS.items():
        handled |= rights if version() >= since else 0
    rules = _rules(confinement, handled)
    code = _programs(confinement)[platform.machine()]
    held = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(held))
    closed = _NET if version() >= 4 and not confinement.network else 0
    attributes = _Ruleset(handled, closed, _SCOPED if version() >= 6 else 0)
    size = 24 if version() >= 6 else 16 if version() >= 4 else 8
    libc = _libc()

    def restrict() -> None:
        ruleset = _checked(libc.syscall(_CREATE, ctypes.byref(attributes), size, 0))
        for path, rights in rules:
            _allow(libc, ruleset, path, rights)
        # Its own process only: another number is another folder.
        _allow(libc, ruleset, f"/proc/{os.getpid()}", _READ_FILE | _READ_DIR)
        if confinement.gpu:  # CUDA names its threads there, or fails
            _allow(libc, ruleset, f"/proc/{os.getpid()}/task", handled & (_WRITE | _READ_DIR))
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(libc.syscall(_RESTRICT, ruleset, 0))
        os.close(ruleset)
        _checked(libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0))
        assert held  # kept until here: the program points into it

    return restrict


def _programs(confinement: Confinement) -> Mapping[str, bytes]:
    if confinement.secluded:
        return GPU_MUTE if confinement.gpu else MUTE
    if confinement.network:
        return GPU_CONNECTED if confinement.gpu else CONNECTED
    return GPU_UNCONNECTED if confinement.gpu else UNCONNECTED


def _rules(confinement: Confinement, handled: int) -> list[tuple[str, int]]:
    rules: list[tuple[str, int]] = []
    system = (*system_places(whole=confinement.whole_system), *map(Path, _SYSTEM))
    shown = [
        *dict.fromkeys(path.resolve() for path in system if path.exists()),
        *interpreter_folders.of_interpreter(confinement.interpreter),
        *confinement.readable,
    ]
    shown += [target for target, _ in confinement.links]
    if confinement.network:
        rules += [(path, _READ) for path in NETWORK_FILES]
    hidden = frozenset(interpreter_folders.hidden_from(confinement))
    above = frozenset(parent for inner in hidden for parent in inner.parents)
    for path in shown:
        parts = _around(path, hidden, above)
        rules += [(str(part), _READ) for part in parts]
        if parts != [path]:
            rules.append((str(path), _READ_DIR))  # names show; Python imports by listing folders
    rules += [(str(path), handled) for path in (*confinement.writable, confinement.scratch)]
    rules += [(path, handled & _ON_FILES & ~_EXECUTE) for path in _DEVICES]
    rules += [(str(path), handled & _ON_FILES & ~_EXECUTE) for path in confinement.devices]
    return rules


def _around(path: Path, hidden: frozenset[Path], above: frozenset[Path]) -> list[Path]:
    """Return the path, or, if something hidden lies in it, all that lies around that.

    Rights can only be granted, never denied to a part. `above` is every folder of something hidden.
    """
    if path in hidden:
        return []
    if path not in above or not path.is_dir():
        return [path]
    return [part for child in sorted(path.iterdir()) for part in _around(child, hidden, above)]


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not there: nothing to allow
    folder = os.path.isdir(path)  # noqa: PTH112 - between fork and exec, as little as can be
    rule = _Beneath(rights if folder else rights & _ON_FILES, place)
    _checked(libc.syscall(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0))
    os.close(place)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
