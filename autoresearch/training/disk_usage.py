"""How much a run has written to disk, looked at now and then, since that takes its time."""

import time
from collections.abc import Callable
from pathlib import Path

from autoresearch.run_directory import RunDir, RunSpec, weigh_folder

MOST_FILES = 1000  # in its out folder
MOST_NEW_FILES = 50_000  # of a run that may write into its tree, as builds and test suites do
_LEAST_OUT_MB = 64.0
_OUT_CHECKPOINTS = 4  # as many checkpoints as may lie beside each other
_EVERY_S = 0.3
_SHARE = 0.02  # of the time, at most, is spent on looking


class DiskUsage:
    """What lies in the folders that a run may write to, beyond what lay there before it."""

    def __init__(self, rundir: RunDir, spec: RunSpec) -> None:
        self._out = rundir.out
        self._most_mb = max(_LEAST_OUT_MB, _OUT_CHECKPOINTS * spec.checkpoint_mb)
        self._most_files = MOST_FILES if spec.sealed else MOST_NEW_FILES
        self._where = "its out folder" if spec.sealed else "its tree and its out folder"
        self._folders = (rundir.out,) if spec.sealed else (rundir.out, rundir.tree)
        self._before_mb, self._before = 0.0, 0
        if not spec.sealed:
            self._before_mb, self._before = weigh_folder(rundir.tree, 10**9)
        self._due_s = _EVERY_S

    def too_much(self, wall_s: float, held_mb: Callable[[Path], float]) -> str:
        """Which limit is exceeded, "" if none, or if it is not yet time to look again.

        `held_mb` weighs what is open on a folder's disk though no folder names it any more.
        """
        if wall_s < self._due_s:
            return ""
        began = time.monotonic()
        size_mb, files = self._weigh()
        took_s = time.monotonic() - began
        self._due_s = wall_s + max(_EVERY_S, took_s / _SHARE)
        size_mb += held_mb(self._out)
        if files >= self._most_files:
            return f"wrote {self._most_files} files or more into {self._where}"
        most = self._most_mb
        return f"wrote {size_mb:.0f} MB, over {most:.0f} MB" if size_mb > most else ""

    def _weigh(self) -> tuple[float, int]:
        size_mb, files = -self._before_mb, -self._before
        for folder in self._folders:
            mb, count = weigh_folder(folder, self._before + self._most_files)
            size_mb, files = size_mb + mb, files + count
        return size_mb, files
