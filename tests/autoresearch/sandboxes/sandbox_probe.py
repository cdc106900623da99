"""Run inside a sandbox: tries to get out in many ways, and prints what came of each as JSON.

Standard library only, and no imports of ours. "in" means that the wall did not hold.
"""

import ctypes
import json
import os
import socket
import sys

OUTSIDE, STRANGER, PORT, PRODUCT = sys.argv[1:5]
OUT = os.environ["AUTORESEARCH_OUT"]
SCRATCH = os.environ["HOME"]
LIBC = ctypes.CDLL(None, use_errno=True)


def attempt(action):
    try:
        return action()
    except OSError as error:
        return error.strerror or type(error).__name__


def read(path):
    with open(path, "rb") as file:
        file.read(1)
    return "in"


def write(path):
    with open(path, "wb") as file:
        file.write(b"x")
    return "in"


def open_to_write(path):
    """Changes nothing, even where it can."""
    os.close(os.open(path, os.O_WRONLY))
    return "in"


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        client.connect(address)
    return "in"


def signal_stranger():
    os.kill(int(STRANGER), 0)
    return "in"


def system_call(number, *arguments):
    result = LIBC.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "in"


def fill(folder):
    written = 0
    with open(folder + "/filling", "wb") as file:
        while written < 64 << 20:
            written += file.write(b"x" * (1 << 20))
    return "in"


def change_times(path):
    os.utime(path)
    return "in"


def change_attribute(path):
    """By a system call of 2024: a value of one byte, its size, no flags."""
    value = ctypes.create_string_buffer(b"1")
    told = (ctypes.c_uint64 * 2)(ctypes.addressof(value), 1)
    return system_call(463, -100, path.encode(), 0, b"user.sign", told, 16)


def change_mode(path):
    os.chmod(path, 0o600)
    return "in"


def lock(path):
    import fcntl

    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "in"


found = {
    "read a file outside": attempt(lambda: read(OUTSIDE + "/secret")),
    "list a folder outside": attempt(lambda: os.listdir(OUTSIDE) and "in"),
    "write a file outside": attempt(lambda: write(OUTSIDE + "/planted")),
    "truncate a file outside": attempt(lambda: os.truncate(OUTSIDE + "/secret", 0) or "in"),
    "read the scorer": attempt(lambda: read(PRODUCT + "/autoresearch/scoring/scorer.py")),
    "write its own tree": attempt(lambda: write("planted")),
    "write its out folder": attempt(lambda: write(OUT + "/result")),
    "write its scratch folder": attempt(lambda: write(SCRATCH + "/file")),
    "connect to this machine": attempt(lambda: connect(socket.AF_INET, ("127.0.0.1", int(PORT)))),
    "connect to a socket file": attempt(lambda: connect(socket.AF_UNIX, OUTSIDE + "/socket")),
    "connect to an abstract socket": attempt(lambda: connect(socket.AF_UNIX, "\0lab" + PORT)),
    "signal a process outside": attempt(signal_stranger),
    "read a stranger's environment": attempt(lambda: read(f"/proc/{STRANGER}/environ")),
    "read a stranger's memory": attempt(lambda: read(f"/proc/{STRANGER}/mem")),
    "trace a stranger": attempt(lambda: system_call(101, 16, int(STRANGER), 0, 0)),
    "read memory by call": attempt(lambda: system_call(310, int(STRANGER), None, 0, None, 0, 0)),
    "make a user namespace": attempt(lambda: system_call(272, 0x10000000)),
    "mount": attempt(lambda: system_call(165, b"none", b"/tmp", b"tmpfs", 0, None)),
    "use io_uring": attempt(lambda: system_call(425, 8, ctypes.create_string_buffer(256))),
    "use keys": attempt(lambda: system_call(250, 0, -4, 1)),
    "read the system's users": attempt(lambda: read("/etc/shadow")),
    "set the kernel": attempt(lambda: open_to_write("/proc/sys/kernel/core_pattern")),
    "watch files": attempt(lambda: system_call(294, 0)),
    "lock a file that others read": attempt(lambda: lock(sys.executable)),
    "change a file's times outside": attempt(lambda: change_times(OUTSIDE + "/secret")),
    "change a file's mode outside": attempt(lambda: change_mode(OUTSIDE + "/secret")),
    "change a file's attributes outside": attempt(lambda: change_attribute(OUTSIDE + "/secret")),
    "fill its out folder": attempt(lambda: fill(OUT)),
    "environment": sorted(os.environ),
    "capabilities": [line.split()[1] for line in open("/proc/self/status") if "CapEff" in line],
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd")),
}
print(json.dumps(found))
