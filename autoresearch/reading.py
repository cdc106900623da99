"""Reads a run's own number out of what it printed: the line `METRIC name=value`.

Standard library only; the output is that of an untrusted program.
"""

import re
from pathlib import Path

from autoresearch.errors import ScoringFailed
from autoresearch.records import Measurement
from autoresearch.rundir import RunSpec


class OutputReader:
    """Fed the whole output of a run, chunk by chunk."""

    def __init__(self, spec: RunSpec) -> None:
        self._metric = spec.metric
        self._line = re.compile(rf"METRIC {re.escape(spec.metric)}=(\S+)".encode())
        self._rest = b""
        self._found: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Take in more of the output."""
        *lines, self._rest = re.split(rb"[\r\n]", (self._rest + chunk)[-(2**20) :])
        self._look(lines)

    def finish(self, _tree: Path) -> Measurement:
        """The number; raise ScoringFailed where there is not exactly one."""
        self._look([self._rest])
        if len(self._found) != 1:
            raise ScoringFailed(
                f"it printed {len(self._found)} lines `METRIC {self._metric}=value`, "
                "where one is asked"
            )
        try:
            value = float(self._found[0])
        except ValueError:
            words = self._found[0].decode("utf-8", "replace")
            raise ScoringFailed(f"its {self._metric} is no number: {words[:40]!r}") from None
        return Measurement(value=value, documents=0, tokens=0, score_s=0.0)

    def _look(self, lines: list[bytes]) -> None:
        for line in lines:
            if (found := self._line.fullmatch(line.strip())) and len(self._found) < 1000:
                self._found.append(found[1])
