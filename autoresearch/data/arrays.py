"""Held-out inputs and targets, read from files that hold only numbers."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from autoresearch.data.array_frames import MOST_DIMENSIONS, MOST_NUMBERS
from autoresearch.data.packed_files import unpack_files

Numbers = npt.NDArray[np.generic]
KINDS = (".npy", ".npz", ".csv", ".jsonl")


def read_arrays(path: Path) -> tuple[Numbers, Numbers]:
    """Return the inputs and the targets, with one row of each for every example.

    No object is ever unpickled. Raises ValueError, with one sentence, if the two do not match or
    are too large.
    """
    inputs, targets = (_read(suffix, data) for suffix, data in unpack_files(path.read_bytes()))
    if not inputs.ndim or not targets.ndim or len(inputs) != len(targets) or not len(inputs):
        shapes = f"{inputs.shape} and {targets.shape}"
        raise ValueError(f"inputs and targets have shapes {shapes}, but must have as many rows")
    if targets.size > MOST_NUMBERS or max(inputs.ndim, targets.ndim) > MOST_DIMENSIONS:
        raise ValueError(
            f"inputs and targets have shapes {inputs.shape} and {targets.shape}, but at most "
            f"{MOST_DIMENSIONS} dimensions and {MOST_NUMBERS:,} numbers of targets are allowed"
        )
    return inputs, targets


def _read(suffix: str, data: bytes) -> Numbers:
    if suffix in (".npy", ".npz"):
        found = np.load(io.BytesIO(data), allow_pickle=False)
        if not isinstance(found, np.ndarray):
            if len(found.files) != 1:
                raise ValueError(f"the .npz holds {len(found.files)} arrays instead of one")
            found = found[found.files[0]]
    elif suffix == ".csv":
        lines = data.decode().splitlines()
        found = np.loadtxt(lines[_header_lines(lines) :], delimiter=",", ndmin=1)
    elif suffix == ".jsonl":
        found = np.array([json.loads(line) for line in data.splitlines() if line.strip()])
    else:
        raise ValueError(f"is not one of {', '.join(KINDS)}")
    if found.dtype.kind not in "iufb":
        raise ValueError(f"holds {found.dtype}, not numbers")
    return np.asarray(found)


def _header_lines(lines: Sequence[str]) -> int:
    """Return the number of header lines: 1 or 0."""
    try:
        [float(part) for part in lines[0].split(",")]
    except (IndexError, ValueError):
        return 1
    return 0
