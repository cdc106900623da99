"""Disk usage of a run, measured only now and then, since that takes time."""

import time
from collections.abc import Callable
from pathlib import Path

from autoresearch.run_directory import RunDir, RunSpec, weigh_folder

MOST_FILES = 1000  # in the out folder
MOST_NEW_FILES = 50_000  # of a run that may write to its tree, as builds and test suites do
_LEAST_OUT_MB = 64.0
_OUT_CHECKPOINTS = 4  # that may exist at once
_EVERY_S = 0.3
_SHARE = 0.02  # of the time, at most, that measuring takes


class DiskUsage:
    """The size of what a run added to the folders that it may write to."""

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
        """Return which limit is exceeded; "" if none is, or if no measurement is due.

        `held_mb` returns the MB of deleted but open files on a folder's disk.
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
