"""Write autoresearch/sandboxes/syscalls.py: seccomp filters, compiled by libseccomp.

    uv run --group dev python scripts/make_syscall_filters.py

Kept as tables, so that a sandbox needs neither libseccomp nor the time to look for it. Needs
libseccomp (Debian: libseccomp2); `tests/autoresearch/test_sandbox.py` compares the written tables.
"""

import base64
import os
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
    "FILTERS": {"sockets": True, "locks": True},
    "UNCONNECTED": {"sockets": False, "locks": True},
    "SECLUDED": {"sockets": False, "locks": False},
}
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
looks at what of them lies in memory. UNCONNECTED also refuses every socket but a pair and shared
memory by number, for where there are no namespaces. SECLUDED also refuses locks and leases, by
which a model that is shown held-out data could signal to a training.
"""

from base64 import b64decode

'''


def program(arch: object, *, sockets: bool, locks: bool) -> bytes:
    """The BPF program, as the kernel takes it."""
    made = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    if arch != pyseccomp.Arch.NATIVE:
        made.remove_arch(pyseccomp.Arch.NATIVE)
        made.add_arch(arch)
    for name in DENIED.split():
        try:
            made.add_rule(pyseccomp.ERRNO(EPERM), name)
        except (OSError, ValueError):
            continue  # not a system call of that machine
    new_user = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER)
    made.add_rule(pyseccomp.ERRNO(EPERM), "clone", new_user)
    made.add_rule(pyseccomp.ERRNO(ENOSYS), "clone3")  # its flags can't be seen; clone is tried next
    for request in (TIOCSTI, TIOCLINUX):
        same = pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, request)
        made.add_rule(pyseccomp.ERRNO(EPERM), "ioctl", same)
    if not sockets:
        for name in ("socket", "shmget", "semget", "msgget", "mq_open"):
            made.add_rule(pyseccomp.ERRNO(EACCES), name)
    if not locks:
        made.add_rule(pyseccomp.ERRNO(EACCES), "flock")
        for command in LOCKS:
            same = pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, command)
            made.add_rule(pyseccomp.ERRNO(EACCES), "fcntl", same)
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0, os.SEEK_SET)
        return file.read()


def table(name: str, *, sockets: bool, locks: bool) -> str:
    """One dictionary literal, in base64."""
    lines = [f"{name} = {{"]
    for machine, arch in ARCHES.items():
        text = base64.b64encode(program(arch, sockets=sockets, locks=locks)).decode()
        pieces = "\n".join(f'        "{piece}"' for piece in textwrap.wrap(text, 86))
        lines.append(f'    "{machine}": b64decode(\n{pieces}\n    ),')
    return "\n".join([*lines, "}", ""])


def main() -> None:
    """Write the module beside the sandboxes."""
    home = Path(__file__).resolve().parent.parent / "autoresearch" / "sandboxes"
    tables = [table(name, **allowed) for name, allowed in TABLES.items()]
    (home / "syscalls.py").write_text(HEADER + "\n".join(tables))
    print(f"syscalls.py: {len(tables)} filters for {', '.join(ARCHES)}")


if __name__ == "__main__":
    main()
