"""What a run on a GPU may do more than others, and that it may do nothing else."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.autoresearch.sandboxes.test_selection import HELD as HELD_FROM_ALL
from tests.autoresearch.sandboxes.test_selection import WALLS, confined, needs_x86, probe, run, wall

TRIES = """
import json, mmap, os, socket, sys, threading

def attempt(action):
    try:
        action()
    except OSError as error:
        return error.strerror or type(error).__name__
    return "in"

def name_a_thread():
    named = []
    def work():
        with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as file:
            named.append(file.write("cuda-EvtHandlr"))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if not named:
        raise OSError(13, "no name")

def listen():
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(f"\\0cuda-uvmfd-1-{os.getpid()}")
        server.listen()

def reserve():
    # 0x4000: without a promise that there is as much
    mmap.mmap(-1, 50 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000).close()

def connect():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect("\\0nobody")

def open_to_write(path):
    os.close(os.open(path, os.O_WRONLY))

print(json.dumps({
    "name a thread": attempt(name_a_thread),
    "listen": attempt(listen),
    "reserve 50 GB": attempt(reserve),
    "use its device": attempt(lambda: open_to_write(sys.argv[1])),
    "connect": attempt(connect),
    "send without a connection": attempt(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)),
    "use the internet": attempt(lambda: socket.socket(socket.AF_INET)),
    "write to process 1": attempt(lambda: open_to_write("/proc/1/comm")),
    "write to the kernel": attempt(lambda: open_to_write("/proc/sysrq-trigger")),
}))
"""
NEEDED = ("name a thread", "listen", "reserve 50 GB", "use its device")
HELD = (
    "connect",
    "send without a connection",
    "use the internet",
    "write to process 1",
    "write to the kernel",
)


def tried(name: str, folder: Path, **changes: Any) -> dict[str, str]:
    """What came of each try, in that sandbox."""
    command = (sys.executable, "-c", TRIES, "/dev/full")
    code, output = run(wall(name), confined(folder, *command, secluded=True, **changes))
    assert code == 0, output
    found: dict[str, str] = json.loads(output.splitlines()[-1])
    return found


@needs_x86
@pytest.mark.parametrize("name", WALLS)
def test_what_cuda_needs_to_begin_is_allowed_and_no_more(tmp_path: Path, name: str) -> None:
    found = tried(name, tmp_path, gpu=True, devices=(Path("/dev/full"),))
    assert {what: found[what] for what in NEEDED} == dict.fromkeys(NEEDED, "in")
    assert [what for what in HELD if found[what] == "in"] == []


@pytest.mark.slow
@needs_x86
@pytest.mark.parametrize("name", WALLS)
def test_a_run_on_a_core_is_allowed_none_of_that(tmp_path: Path, name: str) -> None:
    found = tried(name, tmp_path)
    assert [what for what in NEEDED[:3] if found[what] == "in"] == []


@pytest.mark.slow
@needs_x86
@pytest.mark.parametrize("name", WALLS)
def test_the_walls_hold_around_a_run_on_a_gpu(tmp_path: Path, name: str) -> None:
    found = probe(wall(name), tmp_path, gpu=True)
    assert [what for what in HELD_FROM_ALL if found[what] == "in"] == []


def test_only_the_devices_that_are_granted_are_there(tmp_path: Path) -> None:
    node = next((p for p in map(Path, ("/dev/kmsg", "/dev/fuse", "/dev/kvm")) if p.exists()), None)
    if node is None:
        pytest.skip("every device of this machine is in each sandbox")
    command = ("/bin/sh", "-c", f"test -e {node} && echo seen || echo hidden")
    sandbox = wall("bubblewrap")
    assert run(sandbox, confined(tmp_path, *command, gpu=True))[1] == "hidden\n"
    granted = confined(tmp_path, *command, gpu=True, devices=(node, Path("/dev/not-here")))
    assert run(sandbox, granted)[1] == "seen\n"


@pytest.mark.parametrize("name", WALLS)
def test_what_a_driver_reads_of_the_machine_can_be_read(tmp_path: Path, name: str) -> None:
    files = ("/proc/devices", "/proc/meminfo", "/sys/devices/system/cpu/online")
    command = ("/bin/cat", *files)
    shown = (tmp_path / "tree", Path("/proc/devices"), Path("/proc/meminfo"))
    system = Path("/sys/devices/system/cpu")
    given = confined(tmp_path, *command, gpu=True, readable=(*shown, system))
    code, output = run(wall(name), given)
    assert code == 0, output
    assert "MemTotal" in output
