"""How many decimals of a metric say something, so that every sentence and table rounds alike."""

from math import floor, log10


def decimals(sigma: float | None) -> int:
    """Decimals that say something beside that noise: one digit below sigma's first; 4 unknown."""
    if not sigma or sigma <= 0:
        return 4
    return min(8, max(1, 1 - floor(log10(sigma))))
