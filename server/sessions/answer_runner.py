"""Hands the grader a child: learners' code runs in the lab's sandbox, through one small process.

That process is started with the first grade and lives as long as whoever asks; it has no threads,
which a server has, and a sandbox may only be started by one that has none.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from curricula.errors import CourseError
from curricula.grading import child
from curricula.grading.grader import Part, Reply

CHILD = Path(child.__file__).read_text(encoding="utf-8")


class SandboxRunner:
    """Runs parts in the strongest sandbox that works here, or the one that is chosen."""

    def __init__(self) -> None:
        self._worker: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()

    def __enter__(self) -> "SandboxRunner":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, parts: Sequence[Part], *, limit_s: float, memory_mb: int) -> Reply:
        """Run them; raise CourseError where nothing can be run here."""
        job = json.dumps({"parts": [asdict(part) for part in parts]})
        asked = {"code": CHILD, "job": job, "limit_s": limit_s, "memory_mb": memory_mb}
        with self._turn:
            worker = self._started()
            assert worker.stdin is not None
            assert worker.stdout is not None
            try:
                worker.stdin.write(json.dumps(asked) + "\n")
                worker.stdin.flush()
                answer = worker.stdout.readline()
            except BrokenPipeError:
                answer = ""
            if not answer:
                self._end()
                raise CourseError(
                    "The process that runs answers has ended; nothing was graded.",
                    "Try again; `autoresearch-mcp doctor` shows what is missing here.",
                    reason="runner_ended",
                )
        ran = json.loads(answer)
        if ran["exit_code"] is None:
            raise CourseError(
                f"The sandbox here ({ran['sandbox']}) did not start; nothing was graded.",
                "`autoresearch-mcp doctor` shows what is missing here.",
                reason="sandbox",
            )
        *lines, last = ran["output"].split("\n")
        if last and ran["ended"] == "exit":
            lines.append(last)  # else it was cut off in the middle of a line
        return Reply(
            lines=tuple(lines),
            ended=ran["ended"],
            sandbox=ran["sandbox"],
        )

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end()

    def _started(self) -> "subprocess.Popen[str]":
        if self._worker is None or self._worker.poll() is not None:
            self._worker = subprocess.Popen(
                [sys.executable, "-P", "-m", "autoresearch_mcp", "_role", "snippets"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._worker

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker.communicate()
            self._worker = None
