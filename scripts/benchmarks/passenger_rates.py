"""Print how often finalize drops a keep, and after how many runs, by the keep's true gain.

uv run python scripts/benchmarks/passenger_rates.py [--trials 2000] [--seed 1]
"""

import argparse
import random
from collections import Counter

from autoresearch.finalization.passenger_test import (
    FIRST_CONTROLS,
    FIRST_RUNS,
    MORE_CONTROLS,
    Standing,
    judge_removal,
)

GAINS = (0.0, 0.25, 0.5, 1.0, 1.4, 2.0, 3.0)  # sigma


def main() -> None:
    """Simulate normal runs in the rounds of finalize."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    print("true gain   dropped   undecided   stands   runs without it, on average")
    for gain in GAINS:
        ends = [_trial(rng, gain) for _ in range(asked.trials)]
        tally = Counter(standing for standing, _ in ends)
        runs = sum(n for _, n in ends) / len(ends)
        shares = (tally[one] / len(ends) for one in _SHOWN)
        cells = "   ".join(f"{share:8.1%}" for share in shares)
        print(f"{gain:5.2f} sigma {cells}   {runs:8.1f}")


_SHOWN = (Standing.PASSENGER, Standing.UNDECIDED, Standing.GAIN)


def _trial(rng: random.Random, gain: float) -> tuple[Standing, int]:
    whole = [rng.gauss(0, 1) for _ in range(FIRST_CONTROLS)]
    without = [rng.gauss(gain, 1) for _ in range(FIRST_RUNS)]
    while True:
        found = judge_removal(without, whole, lower_is_better=True).standing
        if found is not None:
            return found, len(without)
        whole += [rng.gauss(0, 1) for _ in range(MORE_CONTROLS)]
        without.append(rng.gauss(gain, 1))


if __name__ == "__main__":
    main()
