"""One run of the code as it is that the ledger never hears of, waited for; gone when it ended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autoresearch.errors import RunStartError
from autoresearch.lab import Lab
from autoresearch.records import RunReport
from autoresearch.run_directory import RunDir, remove_tree

FOLDER = "looks"  # below the lab's folder
LOOK_S = 0.1
ENDING_S = 40.0


@contextmanager
def unrecorded_run(
    lab: Lab, like: str, tell: Callable[[str], None], changes: dict[str, Any]
) -> Iterator[tuple[RunDir, RunReport]]:
    """Run with the seed of the run `like`; `changes` go to its spec.

    Yields its directory, which is removed afterwards, and its report. Whatever ends the wait, no
    process of it is left.
    """
    history = lab.history()
    run = history.runs[like]
    directory = RunDir(lab.folder / FOLDER / run.id)
    remove_tree(directory.path)
    settle, began, report = lab.runs.executor.settle, time.monotonic(), None
    try:
        lab.runs.start_outside(run, history.experiments["e0"].commit, directory, changes=changes)
        while (report := settle(directory)) is None:
            tell(f"compares it with your program, {time.monotonic() - began:.0f} s")
            time.sleep(LOOK_S)
        yield directory, report
    finally:
        if report is None and directory.spec_file.exists():
            _end(lab, directory)
        remove_tree(directory.path.parent)


def _end(lab: Lab, directory: RunDir) -> None:
    directory.stop_file.touch()
    deadline = time.monotonic() + ENDING_S
    while lab.runs.executor.settle(directory) is None:
        if time.monotonic() > deadline:
            raise RunStartError(
                f"A run of the lab {lab.name} does not end, so the lab was not removed.",
                f"Look at `ps`; then remove {lab.folder}.",
                reason="run_goes_on",
            )
        time.sleep(LOOK_S)
