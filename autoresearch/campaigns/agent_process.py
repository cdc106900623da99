"""One agent's process: started with its brief, read as it speaks, and ended with all it started.

Everything below it carries the file of its calls in its environment, by which it is found again
after this process died. Runs do not: they outlive agents.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import psutil

from autoresearch.campaigns.agents import AgentCommand, AgentReport, read_line
from autoresearch.campaigns.settings import WorkerFolder
from autoresearch.system.agent_marks import CALLS
from autoresearch.system.processes import kill_each

LONGEST_LINE = 4_000_000  # bytes of one line that are read as an event
MOST_LOG = 8_000_000  # bytes of output that are kept
FLOOD = 200_000_000  # bytes of output after which an agent counts as failed
TERM_S = 3.0  # between SIGTERM and SIGKILL
LOOK_S = 0.05


class AgentProcess:
    """A running agent."""

    def __init__(self, agent: str, command: AgentCommand, brief: str, folder: WorkerFolder) -> None:
        """Start it in its worker's scratch folder; raise OSError where that can't be done."""
        self.agent = agent
        self.flooded = False
        self._calls = command.environment.get(CALLS, "")
        self._report = AgentReport()
        self._log = folder.output_file
        folder.scratch.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            command.words,
            cwd=folder.scratch,
            env={**os.environ, **command.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with contextlib.suppress(OSError):  # it may read nothing, or be gone already
            assert self._process.stdin is not None
            self._process.stdin.write(brief.encode())  # a pipe takes that much unread
            self._process.stdin.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def report(self) -> AgentReport:
        """Return what its output said so far."""
        return self._report

    @property
    def exit_code(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """End it and everything that it started: SIGTERM first, SIGKILL for what is left."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + TERM_S
        while self.exit_code is None and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        self._signal(signal.SIGKILL)
        self._process.wait()
        kill_marked(self._calls)
        self._reader.join(timeout=1.0)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        """Read the output to its end: events into the report, the rest into the log."""
        assert self._process.stdout is not None
        seen, line = 0, b""
        with self._log.open("wb") as log:
            while chunk := self._process.stdout.read1(65_536):  # type: ignore[attr-defined]
                if seen < MOST_LOG:
                    log.write(chunk)
                    log.flush()
                seen += len(chunk)
                self.flooded = seen > FLOOD
                *whole, line = (line + chunk).split(b"\n")
                for one in whole:
                    self._report = read_line(self.agent, self._report, one)
                if len(line) > LONGEST_LINE:
                    line = b""


def report_in(agent: str, log: Path) -> AgentReport:
    """Return what an agent's log says of it, for one whose supervisor died."""
    report = AgentReport()
    with contextlib.suppress(OSError), log.open("rb") as lines:
        for line in lines:
            report = read_line(agent, report, line)
    return report


def kill_marked(calls_file: str) -> None:
    """Kill the processes that carry this file of calls in their environment."""
    if calls_file:
        kill_each(lambda process: _carries(process, calls_file), pause_s=0.1)


def _carries(process: psutil.Process, calls_file: str) -> bool:
    if process.pid == os.getpid():
        return False
    with contextlib.suppress(psutil.Error, OSError):
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.environ().get(CALLS) == calls_file
    return False
