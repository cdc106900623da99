"""Watch of a run's curve during training, which reports when to stop it early.

    seen.json      the curve as it was read, and the CPU seconds, by hundredths of the budget
    controls.json  such curves of the incumbent's control runs; without it nothing is stopped

The first is kept for every run of a contract with early_stop, for later runs to compare with. The
second is written when a run is started, so that all this works while the server is gone.
"""

import json
import os
import stat
from collections.abc import Sequence

from autoresearch.run_directory import RunDir, RunSpec, write_json
from autoresearch.run_output.curve import LINE_BYTES, read_line
from autoresearch.statistics.early_stopping import POINTS, Curve, find_early_stop
from autoresearch.training.training_process import Progress

_READ_BYTES = 64 * 1024  # at one look
_MOST_LOSS = 1e9  # so that means stay finite


class CurveWatch:
    """An incremental reader of a run's curve."""

    def __init__(self, rundir: RunDir, spec: RunSpec) -> None:
        self._rundir = rundir
        self._on = spec.early_stop
        self._budget = spec.budget
        self._unit = spec.budget_unit
        self._controls = read_controls(rundir) if spec.early_stop else ()
        self._sums = [0.0] * POINTS
        self._counts = [0] * POINTS
        self._cpu_s = [0.0] * POINTS
        self._read = 0
        self._rest = b""
        self.hopeless = ""  # why the run is to be stopped early; "" while it is not

    @property
    def curve(self) -> Curve:
        """The mean loss in each hundredth of the budget so far."""
        return [
            total / number if number else None
            for total, number in zip(self._sums, self._counts, strict=True)
        ]

    def look(self, taken: Progress) -> None:
        """Read new lines, place them by the training's progress, and check for an early stop."""
        if not self._on or self.hopeless:
            return
        lines = self._new_lines()
        for line in lines:
            self._add(line, getattr(taken, self._unit), taken.cpu_s)
        if lines and self._controls:
            found = find_early_stop(self.curve, self._controls)
            self.hopeless = found.sentence if found else ""

    def keep(self) -> None:
        """Write seen.json, if anything was read."""
        if self._on and any(self._counts):
            seen = {"losses": self.curve, "cpu_s": self._cpu_s}
            write_json(self._rundir.seen_file, seen)

    def _add(self, line: bytes, used: float, cpu_s: float) -> None:
        """Add a point at the share of budget used, or at the run's own count if that is less.

        So a run that reads its tokens ahead is compared at the tokens that it has trained on.
        """
        found = read_line(line)
        if found is None or abs(found.loss) > _MOST_LOSS:
            return
        if self._unit == "tokens" and found.tokens is not None:
            used = min(used, max(0.0, found.tokens))
        at = min(POINTS - 1, int(used / self._budget * POINTS))
        self._sums[at] += found.loss
        self._counts[at] += 1
        self._cpu_s[at] = cpu_s

    def _new_lines(self) -> list[bytes]:
        """Return whole lines added since the last look; [] if there is no regular file."""
        try:
            descriptor = os.open(
                self._rundir.curve_file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
            )
        except OSError:
            return []
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size <= self._read:
                return []
            chunk = os.pread(descriptor, _READ_BYTES, self._read)
        except OSError:
            return []
        finally:
            os.close(descriptor)
        self._read += len(chunk)
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest if len(rest) <= LINE_BYTES else b""
        return lines


def read_seen(rundir: RunDir) -> Curve | None:
    """Return the curve of a run that ended, as its supervisor read it; None if there is none."""
    try:
        return list(json.loads(rundir.seen_file.read_text())["losses"])
    except (OSError, ValueError):
        return None


def read_controls(rundir: RunDir) -> Sequence[Curve]:
    """Return the curves that a run is compared with; [] if it may not be stopped."""
    try:
        return list(json.loads(rundir.controls_file.read_text()))
    except (OSError, ValueError):
        return []


def write_controls(rundir: RunDir, controls: Sequence[RunDir]) -> None:
    """Give a run the curves of these control runs, if they left any."""
    curves = [curve for one in controls if (curve := read_seen(one)) is not None]
    if curves:
        write_json(rundir.controls_file, curves)
