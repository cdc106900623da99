"""Who descends from a process, at which moment."""

import subprocess
import sys

from autoresearch.system.processes import Descendants

WAITS = [sys.executable, "-S", "-c", "input()"]


def test_a_process_that_began_since_the_last_look_is_among_those_of_now() -> None:
    descendants = Descendants()
    descendants.look()
    with subprocess.Popen(WAITS, stdin=subprocess.PIPE) as child:
        assert child.pid not in {pid for pid, _ in descendants.identities()}
        assert child.pid in descendants.pids()
        child.communicate(b"\n")
    assert child.pid not in descendants.pids()
