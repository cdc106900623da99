"""The process that runs short pieces: what they say, how they end, and that nothing is left."""

import json
import subprocess
import sys

import psutil
import pytest

from autoresearch.sandboxes.selection import CHOICE, current_sandbox

READ = "import sys, os\njob = open(int(sys.argv[1])).read()\nout = int(sys.argv[2])\n"


class Worker:
    """One such process, asked through its pipes."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "autoresearch_mcp", "_role", "snippets"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, code, job="", limit_s=5.0, memory_mb=256):
        asked = {"code": code, "job": job, "limit_s": limit_s, "memory_mb": memory_mb}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def left(self):
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def worker():
    one = Worker()
    yield one
    one.process.stdin.close()
    one.process.wait()
    one.process.stdout.close()


@pytest.mark.slow
def test_a_piece_gets_its_job_and_answers_on_its_own_descriptor(worker):
    ran = worker.run(READ + "print('nowhere')\nos.write(out, job.upper().encode())", job="é")
    assert ran["output"] == "É"
    assert (ran["ended"], ran["exit_code"]) == ("exit", 0)
    assert ran["sandbox"] == current_sandbox().name


@pytest.mark.slow
def test_it_has_neither_the_products_packages_nor_its_environment(worker):
    ran = worker.run(
        READ + "import os\nfound = [n for n in os.environ if 'AUTORESEARCH' in n]\n"
        "try:\n    import autoresearch\n    found.append('ours')\nexcept ImportError: pass\n"
        "os.write(out, repr(found).encode())"
    )
    assert ran["output"] == "[]"


@pytest.mark.slow
def test_what_fails_says_its_exit_code(worker):
    assert worker.run("raise SystemExit(7)")["exit_code"] == 7


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    ["while True: pass", "import os, time\nos.closerange(3, 50)\ntime.sleep(1000)"],
)
def test_what_does_not_end_is_killed_when_its_time_is_up(worker, code):
    ran = worker.run(READ + "os.write(out, b'so far')\n" + code, limit_s=0.5)
    assert (ran["output"], ran["ended"]) == ("so far", "time")
    assert worker.left() == []


@pytest.mark.slow
def test_a_child_that_keeps_the_descriptor_is_not_waited_for(worker):
    code = READ + (
        "import time\nos.write(out, b'first')\n"
        "if os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\n"
    )
    ran = worker.run(code, limit_s=60.0)
    assert (ran["output"], ran["ended"]) == ("first", "exit")
    assert worker.left() == []


@pytest.mark.slow
def test_who_says_too_much_is_cut(worker):
    ran = worker.run(READ + "while True: os.write(out, b'x' * 65536)")
    assert ran["ended"] == "size"
    assert len(ran["output"]) < 3 << 20


@pytest.mark.slow
def test_it_ends_when_its_asker_does(monkeypatch):
    monkeypatch.setenv(CHOICE, "unsandboxed")
    one = Worker()
    assert one.run("pass")["sandbox"] == "unsandboxed"
    one.process.stdin.close()
    assert one.process.wait() == 0
    one.process.stdout.close()
