import contextlib
import json
import platform
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.errors import LabError
from autoresearch.sandboxes import selection as sandboxes
from autoresearch.sandboxes.base import Confinement, Sandbox, clean_environment
from autoresearch.sandboxes.cgroup import UNCOUNTED, Cgroups
from autoresearch.sandboxes.gpu_syscalls import (
    GPU_CONNECTED,
    GPU_MUTE,
    GPU_NETWORKED,
    GPU_SECLUDED,
    GPU_UNCONNECTED,
)
from autoresearch.sandboxes.selection import NAMES, NETWORK_GAP, make_sandbox
from autoresearch.sandboxes.syscalls import (
    CONNECTED,
    FILTERS,
    MUTE,
    NETWORKED,
    SECLUDED,
    UNCONNECTED,
)
from autoresearch.sandboxes.system_folders import _SHARED
from tests.support.paths import ROOT
from tests.support.refusals import raises

PROBE = Path(__file__).with_name("sandbox_probe.py")
PRODUCT = ROOT
WALLS = NAMES[:-1]
HELD = (
    "read a file outside",
    "list a folder outside",
    "write a file outside",
    "truncate a file outside",
    "read the scorer",
    "write its own tree",
    "connect to this machine",
    "connect to a socket file",
    "connect to an abstract socket",
    "signal a process outside",
    "read a stranger's environment",
    "read a stranger's memory",
    "trace a stranger",
    "read memory by call",
    "make a user namespace",
    "mount",
    "use io_uring",
    "use keys",
    "read the system's users",
    "set the kernel",
    "watch files",
    "lock a file that others read",
    "change a file's times outside",
    "change a file's mode outside",
    "change a file's attributes outside",
    "fill its out folder",
)
FREE = ("write its out folder", "write its scratch folder")
needs_x86 = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the probe calls the kernel by x86_64's numbers"
)


def wall(name: str) -> Sandbox:
    try:
        return make_sandbox(name)
    except LabError as error:
        pytest.skip(f"{name} does not work here: {error}")


def confined(folder: Path, *argv: str, **changes: Any) -> Confinement:
    for name in ("tree", "out", "scratch"):
        (folder / name).mkdir(exist_ok=True)
    fields: dict[str, Any] = {
        "argv": argv,
        "cwd": folder / "tree",
        "env": {"AUTORESEARCH_OUT": str(folder / "out")},
        "interpreter": sys.executable,
        "readable": (folder / "tree",),
        "writable": (folder / "out",),
        "scratch": folder / "scratch",
        "memory_mb": 512,
        "file_mb": 32.0,
    }
    return Confinement(**{**fields, **changes})


def run(sandbox: Sandbox, confinement: Confinement) -> tuple[int | None, str]:
    """The exit code and the output of a confined child."""
    with tempfile.TemporaryFile() as output:
        fields = {name: getattr(confinement, name) for name in Confinement.__slots__}
        child = sandbox.start(Confinement(**{**fields, "output": output.fileno()}))
        code = sandbox.exit_code(child, child.wait(timeout=60))
        sandbox.release()
        output.seek(0)
        return code, output.read().decode()


@contextlib.contextmanager
def temptations(folder: Path) -> Iterator[tuple[Path, int, int]]:
    """A folder with a secret and a socket, a port of this machine that listens, a stranger."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret").write_text("held out")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as file,
        socket.socket(socket.AF_UNIX) as abstract,
        subprocess.Popen(["/bin/sleep", "100"]) as stranger,
    ):
        port = server.getsockname()[1]
        file.bind(str(outside / "socket"))
        file.listen()
        abstract.bind(f"\0lab{port}")
        abstract.listen()
        try:
            yield outside, port, stranger.pid
        finally:
            stranger.kill()


def probe(sandbox: Sandbox, folder: Path, **changes: Any) -> dict[str, Any]:
    """What the probe found inside."""
    with temptations(folder) as (outside, port, stranger):
        (folder / "tree").mkdir()
        (folder / "tree" / "probe.py").write_text(PROBE.read_text())
        arguments = (str(outside), str(stranger), str(port), str(PRODUCT))
        command = (sys.executable, "probe.py", *arguments)
        confinement = confined(folder, *command, secluded=True, **changes)
        code, output = run(sandbox, confinement)
        assert code == 0, output
        assert (outside / "secret").read_text() == "held out" or sandbox.name == "unsandboxed"
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
        return found


@pytest.fixture(scope="module", params=WALLS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    if platform.machine() != "x86_64":
        pytest.skip("the probe calls the kernel by x86_64's numbers")
    return probe(wall(request.param), tmp_path_factory.mktemp(request.param))


def test_nothing_outside_can_be_reached(found: dict[str, Any]) -> None:
    assert {name: found[name] for name in HELD if found[name] == "in"} == {}


def test_what_a_run_needs_is_there(found: dict[str, Any]) -> None:
    assert {name: found[name] for name in FREE} == dict.fromkeys(FREE, "in")


def test_the_environment_is_the_labs_and_no_descriptor_is_inherited(found: dict[str, Any]) -> None:
    lab = {*clean_environment(Path("/"), {}), "AUTORESEARCH_OUT", "PWD", "LC_CTYPE"}
    assert set(found["environment"]) <= lab
    assert set(found["descriptors"]) <= {0, 1, 2, 3}  # 3 is the listing's own


@needs_x86
def test_without_a_sandbox_the_same_probe_gets_out(tmp_path: Path) -> None:
    """So that the tests above can fail."""
    got = probe(make_sandbox("unsandboxed"), tmp_path)
    walls = ("read a file outside", "write a file outside", "connect to this machine")
    assert {name: got[name] for name in walls} == dict.fromkeys(walls, "in")


@pytest.mark.parametrize("name", WALLS)
def test_a_death_by_signal_and_an_exit_code_are_told_apart(tmp_path: Path, name: str) -> None:
    sandbox = wall(name)
    assert run(sandbox, confined(tmp_path, "/bin/sh", "-c", "exit 3"))[0] == 3
    assert run(sandbox, confined(tmp_path, "/bin/sh", "-c", "kill -9 $$"))[0] == -9


def test_what_a_contract_puts_in_the_environment_reaches_the_command_and_not_bubblewrap(
    tmp_path: Path,
) -> None:
    """LD_PRELOAD, say, would run a library of the repository before there are any walls."""
    added = {"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(tmp_path / "loader"), "MINE": "a b"}
    code, output = run(wall("bubblewrap"), confined(tmp_path, "/usr/bin/env", env=added))
    assert code == 0
    assert "MINE=a b" in output
    assert not list(tmp_path.glob("loader*"))


def test_bubblewrap_says_where_a_command_never_began(tmp_path: Path) -> None:
    code, output = run(wall("bubblewrap"), confined(tmp_path, "./missing"))
    if code is not None:  # behind prlimit, which is what began
        assert code == 127
    assert "./missing" in output


SIGNS = """
import os, resource
def may(name, action, *arguments):
    try:
        action(*arguments)
        print(name)
    except (OSError, ValueError):  # the latter from `resource`
        pass
assert os.sched_getaffinity(0) and resource.getrlimit(resource.RLIMIT_CORE)
may("limits", resource.setrlimit, resource.RLIMIT_NOFILE, (99, 99))
may("limits of a number", resource.prlimit, 0, resource.RLIMIT_NOFILE, (98, 98))
may("processors", os.sched_setaffinity, 0, os.sched_getaffinity(0))
may("scheduler", os.sched_setscheduler, 0, os.SCHED_BATCH, os.sched_param(0))
may("nice", os.setpriority, os.PRIO_PROCESS, 0, 5)
may("mode", os.chmod, os.environ["HOME"], 0o700)
if not os.fork():
    may("group", os.setpgid, 0, 0)
    os._exit(0)
os.wait()
if not os.fork():
    may("session", os.setsid)
    os._exit(0)
os.wait()
"""


@pytest.mark.slow
def test_a_scored_model_can_set_nothing_on_itself_that_others_could_ask_for(tmp_path: Path) -> None:
    sandbox = wall("landlock")
    command = (sys.executable, "-uc", SIGNS)
    assert run(sandbox, confined(tmp_path, *command, secluded=True)) == (0, "")
    names = {"limits", "limits of a number", "processors", "scheduler", "nice", "group", "session"}
    code, output = run(sandbox, confined(tmp_path, *command))
    assert code == 0
    assert set(output.splitlines()) == names


CALLS = """
import os, socket, sys
def reach(name, family, address):
    try:
        with socket.socket(family) as out:
            out.settimeout(5)
            out.connect(address)
        print(name)
    except OSError:
        pass
reach("port", socket.AF_INET, ("127.0.0.1", int(sys.argv[1])))
reach("file", socket.AF_UNIX, sys.argv[2])
reach("abstract", socket.AF_UNIX, "\\0lab" + sys.argv[1])
left, right = socket.socketpair()
print(os.path.exists("/etc/hosts"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", WALLS)
def test_the_network_is_let_through_where_that_is_asked_and_named_and_nothing_else_is(
    tmp_path: Path, name: str
) -> None:
    wall(name)
    with temptations(tmp_path) as (outside, port, _):
        command = (sys.executable, "-c", CALLS, str(port), str(outside / "socket"))
        open_ = make_sandbox(f"{name}+network")
        assert open_.name == f"{name}+network"
        assert NETWORK_GAP in open_.gaps
        seen = str(Path("/etc/hosts").exists())
        assert run(open_, confined(tmp_path, *command)) == (0, f"port\n{seen}\n")
        _, secluded = run(open_, confined(tmp_path, *command, secluded=True))
        assert "port" not in secluded
        _, closed = run(make_sandbox(name), confined(tmp_path, *command))
        assert "port" not in closed


def test_hidden_folders_are_hidden_inside_what_can_be_read(tmp_path: Path) -> None:
    for name in WALLS:
        folder = tmp_path / name
        secret = folder / "tree" / "home"
        secret.mkdir(parents=True)
        (secret / "lab.json").write_text("seed")
        (folder / "tree" / "train.py").write_text("code")
        ask = "cat train.py && ! cat home/lab.json 2>/dev/null"
        confinement = confined(folder, "/bin/sh", "-c", ask, hidden=(secret,))
        assert run(wall(name), confinement) == (0, "code")


def test_a_fork_bomb_stops_at_the_limit_of_tasks(tmp_path: Path) -> None:
    sandbox = wall("bubblewrap")
    if any("fork bomb" in gap for gap in sandbox.gaps):
        pytest.skip("neither a control group nor prlimit can limit processes here, and it says so")
    bomb = (
        "import os, time\n"
        "for n in range(200):\n"
        "    try:\n"
        "        if os.fork() == 0: time.sleep(100); os._exit(0)\n"
        "    except BlockingIOError:\n"
        "        print(n, flush=True); os._exit(0)\n"
    )
    code, output = run(sandbox, confined(tmp_path, sys.executable, "-c", bomb, tasks=40))
    assert code == 0
    assert 20 < int(output) < 40


def test_folders_in_memory_have_a_limit(tmp_path: Path) -> None:
    ask = "for d in /tmp /dev/shm $HOME; do head -c 30M /dev/zero >$d/x && echo filled $d; done"
    confinement = confined(tmp_path, "/bin/sh", "-c", ask, memory_mb=80, file_mb=100.0)
    code, output = run(wall("bubblewrap"), confinement)
    assert code != 0
    assert "filled" not in output
    assert output.count("No space left") == 3


def test_a_sandbox_that_is_not_known_is_refused_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(sandboxes.CHOICE, "chroot")
    with raises("lab_error.no_sandbox", "AUTORESEARCH_SANDBOX", "bubblewrap", "landlock"):
        sandboxes.current_sandbox()


@pytest.mark.parametrize("name", WALLS)
def test_no_sandbox_starts_with_an_interpreter_of_the_tree(tmp_path: Path, name: str) -> None:
    sandbox = wall(name)
    python = tmp_path / "tree" / "python"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/escaped\n")
    python.chmod(0o755)
    with raises("contract.python_of_run"):
        run(sandbox, confined(tmp_path, "/bin/true", interpreter=str(python)))
    assert not (tmp_path / "escaped").exists()


def delegated(mount: Path) -> Path:
    """A tree like that of a user's own slice under systemd, as far as it is looked at."""
    slice_ = mount / "user.slice" / "app.slice"
    slice_.mkdir(parents=True)
    (slice_ / "cgroup.subtree_control").write_text("memory pids\n")
    return slice_


def test_a_delegated_group_gets_limits_and_takes_the_child(tmp_path: Path) -> None:
    slice_ = delegated(tmp_path)
    groups = Cgroups(mount=tmp_path, own="0::/user.slice/app.slice/shell.scope")
    assert groups.limit_tasks
    join = groups.make(memory_mb=100, tasks=7)
    [group] = slice_.glob("autoresearch-*")
    assert (group / "pids.max").read_text() == "7\n"
    assert int((group / "memory.max").read_text()) == (110 * 2**20)
    (group / "cgroup.procs").write_text("")
    join()
    assert (group / "cgroup.procs").read_text() == "0"


@pytest.mark.parametrize(
    ("own", "file", "text"),
    [
        ("4:cpu,cpuacct:/shell\n0::/", "cpuacct/shell/{}/cpuacct.usage", "2500000000\n"),
        ("0::/user.slice/shell.scope", "user.slice/{}/cpu.stat", "usage_usec 2500000\nuser_usec 1"),
    ],
)
def test_groups_of_both_versions_count_cpu_seconds(
    tmp_path: Path, own: str, file: str, text: str
) -> None:
    parent = tmp_path / file.partition("/{}")[0]
    parent.mkdir(parents=True)
    for name in ("cpu.stat", "cgroup.procs"):
        (parent / name).touch()
    groups = Cgroups(mount=tmp_path, own=own)
    assert groups.count_cpu
    groups.make(memory_mb=100, tasks=7)
    assert groups.cpu_s() == 0.0
    [group] = parent.glob("autoresearch-*")
    (group / Path(file).name).write_text(text)
    assert groups.cpu_s() == 2.5
    groups.remove()
    assert groups.cpu_s() == 0.0


def test_the_cpu_seconds_of_one_child_are_told_apart_from_those_of_others(tmp_path: Path) -> None:
    parent = tmp_path / "user.slice"
    parent.mkdir()
    for name in ("cpu.stat", "cgroup.procs"):
        (parent / name).touch()
    groups = Cgroups(mount=tmp_path, own="0::/user.slice/shell.scope")
    for child, seconds in ((71, 1), (72, 2)):
        before = set(parent.glob("autoresearch-*"))
        groups.make(memory_mb=100, tasks=7)
        groups.belong_to(child)
        [group] = set(parent.glob("autoresearch-*")) - before
        (group / "cpu.stat").write_text(f"usage_usec {seconds}000000\n")
    assert (groups.cpu_s(71), groups.cpu_s(72), groups.cpu_s(73)) == (1.0, 2.0, 0.0)
    assert groups.cpu_s() == 3.0


LOOKS = """
import datetime, json, os, ssl, sys, zoneinfo
import numpy

words = 0
library = os.path.dirname(os.__file__)
places = ["/usr/share/dict", "/usr/share/doc", "/usr/share/man", "/usr/share/perl", "/usr/src"]
for folder in (*places, library + "/test", library + "/pydoc_data"):
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                with open(os.path.join(top, name), "rb") as file:
                    words += len(file.read())
            except OSError:
                pass
ssl.create_default_context()
there = [name for name in ("/usr/bin/env", "/bin/sh", "/usr/lib") if os.path.exists(name)]
print(json.dumps({"bytes": words, "there": there}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", WALLS)
def test_a_run_with_held_out_data_finds_no_dictionary_manual_or_test_data_of_the_system(
    tmp_path: Path, name: str
) -> None:
    code, output = run(wall(name), confined(tmp_path, sys.executable, "-c", LOOKS, secluded=True))
    assert code == 0, output
    found = json.loads(output.splitlines()[-1])
    assert found == {"bytes": 0, "there": ["/usr/bin/env", "/bin/sh", "/usr/lib"]}


@pytest.mark.parametrize("name", WALLS)
def test_a_program_without_held_out_data_is_shown_the_whole_system(
    tmp_path: Path, name: str
) -> None:
    folder = Path("/usr/share")
    shown = max((p for p in folder.iterdir() if p.is_dir()), key=lambda p: p.name not in _SHARED)
    command = (sys.executable, "-c", f"import os; print(len(os.listdir({str(shown)!r})))")
    whole = confined(tmp_path, *command, whole_system=True)
    code, output = run(wall(name), whole)
    assert (code, output.strip()) == (0, str(len(list(shown.iterdir()))))
    if name == "bubblewrap":  # the other lets names be listed
        code, _ = run(wall(name), confined(tmp_path, *command))
        assert code != 0


def test_where_no_group_counts_cpu_seconds_every_sandbox_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Cgroups, "_parents", {})
    for name in NAMES:
        assert UNCOUNTED in wall(name).gaps


def test_groups_of_dead_makers_are_swept_and_where_none_can_be_made_nothing_happens(
    tmp_path: Path,
) -> None:
    slice_ = delegated(tmp_path)
    (slice_ / "autoresearch-999999999-0").mkdir()
    assert Cgroups(mount=tmp_path, own="0::/user.slice/app.slice/shell.scope").limit_tasks
    assert not list(slice_.glob("autoresearch-*"))
    nowhere = Cgroups(mount=tmp_path / "none", own="0::/")
    assert not nowhere.limit_tasks
    assert not nowhere.count_cpu
    nowhere.make(memory_mb=100, tasks=7)()
    nowhere.remove()


@pytest.mark.slow
def test_the_filters_are_what_the_script_makes() -> None:
    made = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            "import sys; sys.path.insert(0, 'scripts')\n"
            "import make_syscall_filters as m\n"
            "print([m.program(a, **t).hex() for a in m.ARCHES.values()"
            " for t in m.TABLES.values()])",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=PRODUCT,
    )
    if made.returncode != 0:
        pytest.skip("libseccomp compiles the filters: install libseccomp2 and pyseccomp")
    tables = (
        *(FILTERS, UNCONNECTED, SECLUDED, MUTE, NETWORKED, CONNECTED),
        *(GPU_UNCONNECTED, GPU_SECLUDED, GPU_MUTE, GPU_NETWORKED, GPU_CONNECTED),
    )
    kept = [table[arch].hex() for arch in FILTERS for table in tables]
    assert made.stdout.strip() == str(kept)
