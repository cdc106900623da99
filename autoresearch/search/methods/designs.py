"""Two-level designs: which knobs each trial of a wave turns, so that every effect can be told.

Four trials tell three knobs apart, eight seven, twelve eight (Plackett & Burman 1946,
https://doi.org/10.1093/biomet/33.4.305). The columns are orthogonal: each effect is estimated
from all trials, with the error of half of them against the other half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_KNOBS = 8
FIRST_ROWS = {  # 1: turned; each further row is the one before, shifted; the last turns nothing
    4: (1, 1, 0),
    8: (1, 1, 1, 0, 1, 0, 0),
    12: (1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0),
}


@dataclass(frozen=True, slots=True)
class Effects:
    """The estimated main effect of each knob of a wave, metric units, positive is better."""

    each: tuple[float, ...]
    error: tuple[float, ...]  # standard errors
    level: float  # of the trial that turns nothing


def design(knobs: int) -> tuple[tuple[bool, ...], ...]:
    """Return the trials of a wave, each with whether it turns each knob; at most eight knobs.

    The one that turns nothing, which is the incumbent, is left out.
    """
    if not 1 <= knobs <= MOST_KNOBS:
        raise ValueError(f"a wave has 1 to {MOST_KNOBS} knobs, not {knobs}")
    trials = next(n for n in FIRST_ROWS if n > knobs)
    first = FIRST_ROWS[trials]
    rows = [
        first[len(first) - shift :] + first[: len(first) - shift] for shift in range(trials - 1)
    ]
    cut = [tuple(map(bool, row[:knobs])) for row in rows]
    return tuple(row for row in dict.fromkeys(cut) if any(row))


def estimate(
    rows: Sequence[Sequence[bool]], gains: Sequence[float], runs: Sequence[int], sigma: float
) -> Effects:
    """Return the main effects by weighted least squares.

    Args:
        rows: The trials that have a value, that of the incumbent among them.
        gains: What each gained, metric units.
        runs: How many runs are behind each.
        sigma: The spread of single runs, metric units.
    """
    matrix: NDArray[Any] = np.array([[1.0, *map(float, row)] for row in rows])
    weights = np.array(runs, dtype=float)
    # What no trial tells apart stays near 0, with an error that says so.
    information = matrix.T @ (matrix * weights[:, None]) + 1e-6 * np.eye(matrix.shape[1])
    inverse = np.linalg.inv(information)
    found = inverse @ (matrix.T @ (np.array(gains) * weights))
    error = sigma * np.sqrt(np.diag(inverse))
    return Effects(
        each=tuple(map(float, found[1:])),
        error=tuple(map(float, error[1:])),
        level=float(found[0]),
    )
