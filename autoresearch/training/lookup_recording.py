"""Recorded runs: their Pythons write down what they look for, for `init` to compare.

The recorder lies in the run's output folder, since all else of this product is hidden from runs.
What it wrote is copied out of there when the training is over, with the names of the files that
are new in the tree; both are the words of an untrusted program.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from autoresearch.run_directory import RunDir
from autoresearch.training import lookup_recorder
from autoresearch.training.tree_integrity import TreeState

FOLDER = ".lookups"  # in the run's output folder
MOST_BYTES = 8 * 2**20
MOST_NEW = 20_000  # names of new files
NEW = "n"  # the kind of their lines


def recorder_environment(rundir: RunDir, env: Mapping[str, str]) -> dict[str, str]:
    """Put the recorder into a run; return the variables that start it."""
    folder = rundir.out / FOLDER
    folder.mkdir()
    (folder / "sitecustomize.py").write_bytes(Path(lookup_recorder.__file__).read_bytes())
    before = env.get("PYTHONPATH", "")
    path = f"{folder}{os.pathsep}{before}" if before else str(folder)
    return {"PYTHONPATH": path, lookup_recorder.VARIABLE: str(folder / "found")}


def keep_lookups(rundir: RunDir, recorded: TreeState) -> None:
    """Copy what was recorded, and the names of new files, to where no run can write."""
    with rundir.lookups_file.open("wb") as kept:
        kept.write(_written(rundir.out / FOLDER / "found"))
        for count, name in enumerate(_new_files(rundir.tree, recorded)):
            if count == MOST_NEW:
                break
            kept.write(f"\n{NEW} {os.fsencode(rundir.tree / name).hex()}".encode())


def _written(file: Path) -> bytes:
    """Return what the recorder wrote; b"" if that is no plain file."""
    with contextlib.suppress(OSError):
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as found:  # noqa: PTH123 - a descriptor
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return found.read(MOST_BYTES)
    return b""


def _new_files(tree: Path, recorded: TreeState) -> Iterator[str]:
    """Yield the names of new files and folders; those below a new folder come with it."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(tree / folder) as entries:
            for entry in entries:
                name = os.path.join(folder, entry.name)  # noqa: PTH118 - names are text
                if name not in recorded:
                    yield name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
