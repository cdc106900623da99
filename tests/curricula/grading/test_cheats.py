"""Submissions that want a pass and not an answer, in the real child: each fails, and in time.

Walled in by bubblewrap where it works, and as far as it goes with no wall at all.
"""

import socket
import threading

import psutil
import pytest

from autoresearch.sandboxes import bubblewrap
from autoresearch.sandboxes.selection import CHOICE
from curricula.errors import CourseError
from curricula.grading import grader
from curricula.grading.grader import Finding, grade
from server.sessions.answer_runner import SandboxRunner
from tests.support.small_course import right, small_course
from tests.support.tiers import first_in_ci

LIMIT_S = 1.5
WALLS = [
    pytest.param(
        "bubblewrap", marks=pytest.mark.skipif(bool(bubblewrap.problem()), reason="no bubblewrap")
    ),
    "unsandboxed",
]
DESCRIPTORS = """\
import os
def say(line):
    for n in range(3, 30):
        try: os.write(n, line)
        except OSError: pass
"""
CHEATS = {
    "hard-coded answers": "def total(values): return {'[]': 0, '[1]': 7}.get(str(values), 42)\n",
    "an object that equals everything": (
        "class Yes:\n    __eq__ = lambda *_: True\n    __float__ = lambda _: 0.0\n"
        "def total(values): return Yes()\n"
    ),
    "leaving early": "import os\ndef total(values): os._exit(0)\n",
    "leaving at import": "import os\nos._exit(0)\n",
    "faked output": (
        "import sys, os\ndef total(values):\n    print('{\"value\": 0}', flush=True)\n"
        "    sys.stderr.write('passed')\n    sys.__stdout__.write('passed')\n    return 0\n"
    ),
    "peeking at the stack": """\
import sys
def total(values):
    frame, found = sys._getframe(), []
    while frame:
        found += [v for k, v in {**frame.f_globals, **frame.f_locals}.items()
                  if k in ("reference", "expected", "exercise", "instance", "p", "params")]
        frame = frame.f_back
    return found[0](values) if found and callable(found[0]) else len(found)
""",
    "a patched json": (
        "import json\njson.dumps = lambda *a, **k: '{\"value\": 0.0}'\n"
        "json.loads = lambda *a, **k: [[]]\ndef total(values): return 1\n"
    ),
    "a patched math": (
        "import math, builtins\nmath.isclose = lambda *a, **k: True\n"
        "builtins.all = lambda _: True\nbuiltins.abs = lambda _: 0\ndef total(values): return 1\n"
    ),
    "importing torch": "import torch\ntotal = lambda values: torch.tensor(values).sum().item()\n",
    "nan": "def total(values): return float('nan')\n",
    "a memory bomb": (
        "def total(values):\n    held = []\n    while True: held.append(bytearray(b'x') * 2**24)\n"
    ),
    "an endless loop": "def total(values):\n    while True: pass\n",
    "an endless import": "while True: pass\n",
    "no signal can end it": (
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: pass\n"
    ),
    "stopping itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n",
    "closing the descriptor and going on": (
        "import os\nos.closerange(3, 100)\ndef total(values):\n    while True: pass\n"
    ),
    "an endless answer": "def total(values): return 'x' * 10**6\n",
    "lines of its own": DESCRIPTORS + "say(b'{\"value\": 0}\\n' * 6)\nos._exit(0)\n",
    "parts of its own": DESCRIPTORS + "say(b'{\"part\": 1}\\n')\ndef total(values): return 0\n",
    "half a line": DESCRIPTORS + "def total(values):\n    say(b'{\"value\": ')\n    return 0\n",
    "nested without end": (
        DESCRIPTORS + "say(b'{\"value\": ' + b'[' * 50_000 + b']' * 50_000 + b'}\\n')\n"
        "def total(values): return 0\n"
    ),
    "an error of its own": DESCRIPTORS + "say(b'{\"error\": 5}\\n' * 6)\nos._exit(0)\n",
    "an exit that is no exception": "def total(values): raise SystemExit(0)\n",
    "a recursion": "def total(values): return total(values)\n",
}


@pytest.fixture(scope="module", params=WALLS)
def wall(request):
    with pytest.MonkeyPatch.context() as patch, SandboxRunner() as runner:
        patch.setenv(CHOICE, request.param)
        patch.setattr(grader, "LIMIT_S", LIMIT_S)
        yield runner, request.param


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    return small_course(tmp_path_factory.mktemp("course")).instance("write-total", "7")


def left_over(runner):
    return psutil.Process(runner._worker.pid).children(recursive=True)


LATE = ("an endless loop", "an endless import", "stopping itself", "no signal can end it",
        "closing the descriptor and going on")  # fmt: skip


@pytest.mark.parametrize("cheat", first_in_ci(CHEATS, 6))
def test_a_cheat_fails_cleanly_and_the_next_answer_is_graded_as_ever(wall, instance, cheat):
    runner, name = wall
    found = grade(instance, CHEATS[cheat], "cases", runner)
    assert not found.passed
    assert found.words
    assert found.sandbox == name
    if cheat in LATE:
        assert found.finding is Finding.TIME
        assert f"{LIMIT_S:g} s" in found.words
    assert left_over(runner) == []
    assert grade(instance, right(instance), "cases", runner).passed


@pytest.mark.slow
def test_an_answer_without_end_is_told_that_it_is_too_long(wall, instance):
    found = grade(instance, CHEATS["an endless answer"], "cases", wall[0])
    assert found.finding is Finding.SIZE


FORKS = """\
import os, time
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
        os._exit(0)
"""


@pytest.mark.slow
def test_children_that_would_outlive_it_are_dead_when_the_grade_is_told(wall, instance):
    runner, _ = wall
    found = grade(instance, FORKS + right(instance), "cases", runner)
    assert found.passed
    assert left_over(runner) == []


@pytest.mark.slow
def test_the_graders_files_are_not_there_to_be_read(wall, instance, tmp_path_factory):
    runner, name = wall
    if name == "unsandboxed":
        pytest.skip("without a wall, files can be read; the grade says unsandboxed")
    exercises = instance.exercise.reference.__code__.co_filename
    lesson = instance.exercise.draw.__code__.co_filename
    for path in (exercises, lesson, grader.__file__):
        found = grade(instance, f"open({path!r}).read()\n", "cases", runner)
        assert "FileNotFoundError" in found.words


@pytest.mark.slow
def test_no_network_is_reached_from_behind_the_wall(wall, instance):
    runner, name = wall
    if name == "unsandboxed":
        pytest.skip("without a wall there is a network; the grade says unsandboxed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = (
            f"import socket\ndef total(values):\n"
            f"    with socket.create_connection(('127.0.0.1', {port}), 1) as s:\n"
            "        return float(s.recv(10))\n"
        )
        heard = []
        server.settimeout(0.2)
        found = grade(instance, source, "cases", runner)
        thread = threading.Thread(target=lambda: heard.append(_accepted(server)))
        thread.start()
        thread.join()
    assert not found.passed
    assert "Error" in found.words
    assert heard == [False]


def _accepted(server):
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    return True


@pytest.mark.slow
def test_killing_whoever_started_it_gives_no_pass(wall, instance):
    runner, name = wall
    source = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n" + right(instance)
    if name == "unsandboxed":
        with pytest.raises(CourseError) as ended:
            grade(instance, source, "cases", runner)
        assert ended.value.code == "course_error.runner_ended"
    else:
        assert grade(instance, source, "cases", runner).sandbox == name
    assert grade(instance, right(instance), "cases", runner).passed


@pytest.mark.slow
def test_answers_leave_no_descriptor_behind(wall, instance):
    runner, _ = wall
    grade(instance, right(instance), "cases", runner)
    worker = psutil.Process(runner._worker.pid)
    before = worker.num_fds()
    for _ in range(10):
        grade(instance, right(instance), "cases", runner)
    assert worker.num_fds() == before


@pytest.mark.slow
def test_an_answer_is_graded_from_end_to_end_in_the_real_child(instance):
    with SandboxRunner() as runner:
        assert grade(instance, right(instance), "cases", runner).passed
        wrong = grade(instance, "def total(values): return sum(values)\n", "cases", runner)
    assert wrong.misconception == "forgets-gain"
    assert wrong.sandbox in ("bubblewrap", "landlock", "unsandboxed")
