"""Number of significant decimals of a metric, so that every sentence and table rounds alike."""

from math import floor, log10


def decimals(sigma: float | None) -> int:
    """Return how many decimals to show, given the noise: one digit below sigma's first.

    Returns 4 where the noise is unknown, and 1 to 8 otherwise.
    """
    if not sigma or sigma <= 0:
        return 4
    return min(8, max(1, 1 - floor(log10(sigma))))
