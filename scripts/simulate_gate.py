"""Simulate the judge's gate: how often it keeps, and how many runs it needs.

    uv run python scripts/simulate_gate.py [--candidates N]

Vectorised over candidates with the settings and tables of autoresearch/judge.py; sigma is
estimated anew from the controls of each simulated candidate. Prints one row a number of controls.
"""

import argparse

import numpy as np

from autoresearch.critical_values import T_999
from autoresearch.judge import GATE, quantile

GAINS = (0.0, 1.5, 2.0, 3.0, 5.0)  # in sigma


def simulate(controls: int, gain: float, candidates: int) -> tuple[float, float]:
    """Return the fraction kept and the mean number of runs."""
    rng = np.random.default_rng(controls)
    known = rng.standard_normal((candidates, controls))
    mean, sigma = known.mean(1), known.std(1, ddof=1)
    factor = quantile(T_999, controls - 1) / T_999[-1]
    spread = sigma * factor * GATE.widening * np.sqrt(1 + 1 / controls)
    evidence = np.zeros(candidates)
    going = np.ones(candidates, bool)
    kept = np.zeros(candidates, bool)
    runs = 0
    for run in range(1, GATE.most_runs + 1):
        runs += going.sum()
        better = rng.standard_normal(candidates) + gain - mean
        evidence += GATE.gain * (better / spread - GATE.gain / 2)
        if run == 1:
            going &= better >= GATE.screen * sigma
        else:
            kept |= going & (evidence >= GATE.keep)
            going &= ~kept & (evidence > GATE.drop)
    return float(kept.mean()), float(runs / candidates)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=200_000, help="a cell (200,000)")
    args = parser.parse_args()
    print("controls  " + "  ".join(f"{gain:g} sigma: kept, runs" for gain in GAINS))
    for controls in (3, 6, 10, 20, 60):
        cells = [simulate(controls, gain, args.candidates) for gain in GAINS]
        print(f"{controls:8}  " + "  ".join(f"{kept:16.4f}, {runs:4.2f}" for kept, runs in cells))


if __name__ == "__main__":
    main()
