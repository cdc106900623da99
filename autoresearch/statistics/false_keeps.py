"""False keeps to expect, from simulated rates and from the shape of a lab's own noise. Pure."""

import math
from bisect import bisect_left
from collections.abc import Sequence

from autoresearch.statistics.false_keep_rates import NORMAL, WORST
from autoresearch.statistics.noise import mean, squares

FEWEST_RUNS = 20  # from which on the shape of the noise can be seen
MOST_SKEW, MOST_KURTOSIS = 1.0, 2.0  # twice what 20 normal runs have in 19 of 20 cases, or less


def expected_false_keeps(controls: Sequence[int], *, normal: bool) -> float:
    """Return the expected number of keeps if no candidate changed anything.

    That is an upper bound on the false keeps to expect among the candidates, since one that does
    change something cannot be kept falsely. The rates are simulated (scripts/simulate_gate.py);
    between two simulated numbers of control runs, the higher rate counts.

    Args:
        controls: The number of control runs, for each candidate.
        normal: Whether the lab's noise looks normal; else the worst noise simulated counts.
    """
    rates = NORMAL if normal else WORST
    known = [number for number, _ in rates]
    total = 0.0
    for given in controls:
        number = max(known[0], min(given, known[-1]))
        above = bisect_left(known, number)
        below = max(0, above - (known[above] != number))
        total += max(rates[above][1], rates[below][1])
    return total


def looks_normal(groups: Sequence[Sequence[float]]) -> bool:
    """Return whether runs of unchanged code, in groups of one version each, look normal.

    They do if there are enough of them and neither their skewness nor their excess kurtosis
    (https://en.wikipedia.org/wiki/Kurtosis) is large. Each group is taken by its own mean and
    spread.
    """
    residuals: list[float] = []
    for group in groups:
        spread = math.sqrt(squares(group) / len(group)) if group else 0.0
        if len(group) > 2 and spread > 0:
            middle = mean(group)
            residuals += [(run - middle) / spread for run in group]
    if len(residuals) < FEWEST_RUNS:
        return False
    skew = mean([value**3 for value in residuals])
    kurtosis = mean([value**4 for value in residuals]) - 3
    return abs(skew) <= MOST_SKEW and kurtosis <= MOST_KURTOSIS
