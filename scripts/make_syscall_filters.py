"""Write autoresearch/sandboxes/syscalls.py and gpu_syscalls.py: seccomp filters, by libseccomp.

    uv run --group dev python scripts/make_syscall_filters.py

Kept as tables, so that a sandbox needs neither libseccomp nor the time to look for it. Needs
libseccomp (Debian: libseccomp2); tests/autoresearch/sandboxes/test_selection.py compares the
written tables.
"""

import base64
import os
import struct
import tempfile
import textwrap
import warnings
from pathlib import Path

warnings.simplefilter("ignore")  # pyseccomp asks gcc where libraries are
import pyseccomp  # noqa: E402

ARCHES = {"x86_64": pyseccomp.Arch.X86_64, "aarch64": pyseccomp.Arch.AARCH64}
EPERM, ENOSYS, EACCES = 1, 38, 13
LOCKS = (5, 6, 7, 36, 37, 38, 1024, 1026)  # fcntl: F_GETLK to F_OFD_SETLKW, F_SETLEASE, F_NOTIFY
TABLES = {
    "FILTERS": {"unshared": True, "secluded": False},
    "UNCONNECTED": {"unshared": False, "secluded": False},
    "SECLUDED": {"unshared": True, "secluded": True},
    "MUTE": {"unshared": False, "secluded": True},
    "NETWORKED": {"unshared": True, "secluded": False, "network": True},
    "CONNECTED": {"unshared": False, "secluded": False, "network": True},
    "GPU_UNCONNECTED": {"unshared": False, "secluded": False, "gpu": True},
    "GPU_SECLUDED": {"unshared": True, "secluded": True, "gpu": True},
    "GPU_MUTE": {"unshared": False, "secluded": True, "gpu": True},
    "GPU_NETWORKED": {"unshared": True, "secluded": False, "network": True, "gpu": True},
    "GPU_CONNECTED": {"unshared": False, "secluded": False, "network": True, "gpu": True},
}
AF_UNIX = 1
FAMILIES = (2, 10, 16)  # of sockets: IPv4, IPv6, and netlink, by which libraries find interfaces
ALL_FAMILIES = 64  # of which there are 46
COMMON_KINDS = (1, 2, 3)  # of sockets; CUDA's is of the fifth, sequences of packets
SHARED = "shmget semget msgget mq_open"
# Landlock lets who owns a file do these to it, wherever it lies.
ATTRIBUTES = (
    "chmod fchmod fchmodat fchmodat2 chown fchown fchownat lchown utime utimes futimesat utimensat "
    "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr"
)
NEWER = (463, 466, 469)  # setxattrat, removexattrat, file_setattr: libseccomp 2.5 knows no names
# What a process sets on itself can be asked of it by any other that has its number.
SIGNS = (
    "setrlimit sched_setaffinity sched_setscheduler sched_setparam sched_setattr setpriority "
    "ioprio_set setpgid setsid"
)
CLONE_NEWUSER = 0x10000000
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
DENIED = (
    "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise perf_event_open "
    "bpf userfaultfd keyctl add_key request_key io_uring_setup io_uring_enter io_uring_register "
    "mount umount2 pivot_root chroot move_mount fsopen fsconfig fsmount fspick open_tree "
    "mount_setattr setns unshare swapon swapoff reboot kexec_load kexec_file_load init_module "
    "finit_module delete_module acct quotactl quotactl_fd syslog open_by_handle_at "
    "name_to_handle_at lookup_dcookie nfsservctl vhangup iopl ioperm modify_ldt uselib ustat "
    "settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname fanotify_init "
    "inotify_init inotify_init1 inotify_add_watch mincore preadv2 cachestat"
)
HEADER = '''"""Seccomp filters by machine, as scripts/make_syscall_filters.py wrote them.

All refuse what researched code has no use for and what has broken sandboxes before: tracing,
io_uring, keys, mounts, namespaces, kernel modules, clocks, watches on files that others share and
looks at what of them lies in memory. UNCONNECTED also refuses every socket but a pair, shared
memory by number, and changes of any file's mode, owner or times, for where there are no namespaces.
SECLUDED also refuses sockets, locks and leases, by which a model that is shown held-out data could
signal to a training. MUTE is both, and refuses the signs that a process can give by limits,
priorities, processors and groups of its own: without namespaces, others can ask for them.
NETWORKED and CONNECTED are the first two with sockets of the internet's families, and no others: by
sockets of this machine's own a child could ask its services for what it may not reach.
"""

from base64 import b64decode

'''
GPU_HEADER = '''"""Seccomp filters for runs on a GPU, as scripts/make_syscall_filters.py wrote them.

Each is that of its name in `syscalls`, and allows the one socket without which CUDA does not begin:
of this machine, and of a kind that no common service listens on; where there is no network it can
connect to nothing.
"""

from base64 import b64decode

'''


def program(
    arch: object, *, unshared: bool, secluded: bool, network: bool = False, gpu: bool = False
) -> bytes:
    """The BPF program, as the kernel takes it."""
    made = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    if arch != pyseccomp.Arch.NATIVE:
        made.remove_arch(pyseccomp.Arch.NATIVE)
        made.add_arch(arch)
    _refuse(made, DENIED, EPERM)
    new_user = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER)
    made.add_rule(pyseccomp.ERRNO(EPERM), "clone", new_user)
    made.add_rule(pyseccomp.ERRNO(ENOSYS), "clone3")  # its flags can't be seen; clone is tried next
    for request in (TIOCSTI, TIOCLINUX):
        same = pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, request)
        made.add_rule(pyseccomp.ERRNO(EPERM), "ioctl", same)
    if secluded or not unshared:
        _refuse(made, SHARED, EACCES)
    if network or secluded or not unshared:
        _refuse_sockets(made, network=network, gpu=gpu)
    if not unshared:
        _refuse(made, ATTRIBUTES, EPERM)
    if secluded and not unshared:
        _refuse(made, SIGNS, EPERM)
        limits = pyseccomp.Arg(2, pyseccomp.NE, 0)  # 0 only asks, which C libraries do
        made.add_rule(pyseccomp.ERRNO(EPERM), "prlimit64", limits)
    if secluded:
        made.add_rule(pyseccomp.ERRNO(EACCES), "flock")
        for command in LOCKS:
            same = pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, command)
            made.add_rule(pyseccomp.ERRNO(EACCES), "fcntl", same)
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0, os.SEEK_SET)
        return (b"" if unshared else _refusal(NEWER)) + file.read()


def _refusal(numbers: tuple[int, ...]) -> bytes:
    """BPF that refuses these system calls, which have one number on all machines, and goes on."""
    load, equal, end = 0x20, 0x15, 0x06
    code = struct.pack("=HBBI", load, 0, 0, 0)  # the number
    for number in numbers:
        code += struct.pack("=HBBI", equal, 0, 1, number)
        code += struct.pack("=HBBI", end, 0, 0, 0x00050000 | EPERM)
    return code


def _refuse_sockets(made: pyseccomp.SyscallFilter, *, network: bool, gpu: bool) -> None:
    """All but those of the internet, if there is a network, and the one that CUDA needs."""
    if not (network or gpu):
        made.add_rule(pyseccomp.ERRNO(EACCES), "socket")
        return
    allowed = (FAMILIES if network else ()) + ((AF_UNIX,) if gpu else ())
    for family in set(range(ALL_FAMILIES)).difference(allowed):
        same = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, 0xFFFFFFFF, family)
        made.add_rule(pyseccomp.ERRNO(EACCES), "socket", same)
    for kind in COMMON_KINDS if gpu else ():
        local = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, 0xFFFFFFFF, AF_UNIX)
        same = pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xF, kind)
        made.add_rule(pyseccomp.ERRNO(EACCES), "socket", local, same)
    if not network:
        made.add_rule(pyseccomp.ERRNO(EACCES), "connect")


def _refuse(made: pyseccomp.SyscallFilter, names: str, error: int) -> None:
    for name in names.split():
        try:
            made.add_rule(pyseccomp.ERRNO(error), name)
        except (OSError, ValueError):
            continue  # not a system call of that machine


def table(name: str, **allowed: bool) -> str:
    """One dictionary literal, in base64."""
    lines = [f"{name} = {{"]
    for machine, arch in ARCHES.items():
        text = base64.b64encode(program(arch, **allowed)).decode()
        pieces = "\n".join(f'        "{piece}"' for piece in textwrap.wrap(text, 86))
        lines.append(f'    "{machine}": b64decode(\n{pieces}\n    ),')
    return "\n".join([*lines, "}", ""])


def main() -> None:
    """Write the module beside the sandboxes."""
    home = Path(__file__).resolve().parent.parent / "autoresearch" / "sandboxes"
    for file, header, gpu in (
        ("syscalls.py", HEADER, False),
        ("gpu_syscalls.py", GPU_HEADER, True),
    ):
        tables = [
            table(n, **flags) for n, flags in TABLES.items() if flags.get("gpu", False) is gpu
        ]
        (home / file).write_text(header + "\n".join(tables))
        print(f"{file}: {len(tables)} filters for {', '.join(ARCHES)}")


if __name__ == "__main__":
    main()
