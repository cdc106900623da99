"""Simulate the judge at length: false keeps by controls and noise, reversed keeps, intervals.

    uv run python scripts/simulate_gate.py [--candidates N] [--write]

With --write it writes the false keeps into autoresearch/statistics/false_keep_rates.py, from which
`expected_false_keeps` reads them. Every candidate is judged by
autoresearch/statistics/sequential_test.py itself, one by one, for some
minutes. `autoresearch-mcp aa-test --simulate` has the shorter tables. Prints one row a
kind of noise, one an effect, and one an effect again, with what verdicts claim.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from autoresearch.calibration.noises import NOISES
from autoresearch.calibration.simulation import Setting, draw, simulate_cell, simulate_reversals
from autoresearch.calibration.trials import follow
from autoresearch.records import Outcome
from autoresearch.statistics.gates import JUDGE_VERSION
from autoresearch.statistics.sequential_test import judge

CONTROLS = (3, 4, 5, 6, 8, 10, 12, 16, 20, 30, 60)
GAINS = (0.0, 1.0, 1.5, 2.0)  # sigma
CLAIMED = (1.0, 1.5, 2.0, 3.0)  # sigma, in the table of intervals
KEPT_AGAINST = 20  # controls of the base, in the table of keeps that are taken back
TARGET = (
    Path(__file__).resolve().parent.parent / "autoresearch" / "statistics" / "false_keep_rates.py"
)


def false_keeps(controls: int, candidates: int, seed: int) -> tuple[int, float]:
    """The share of candidates without a gain that is kept."""
    cell = simulate_cell(Setting(controls=controls), 0.0, candidates, seed=seed)
    return controls, cell.rate


def false_keeps_of_noise(name: str, controls: int, candidates: int, seed: int) -> float:
    """The share of candidates without a gain that is kept, where runs have that noise."""
    setting = Setting(controls=controls, noise=name)
    return simulate_cell(setting, 0.0, candidates, seed=seed).rate


def claims(effect: float, candidates: int, seed: int) -> tuple[float, float, float, float]:
    """Shares: whose interval holds the effect, who is kept, both of the kept; what they overclaim.

    A verdict's interval is that of a number of runs fixed beforehand, and a verdict stops when
    the runs look good or bad, so what was kept claims too much on average; sigma.
    """
    holds, kept, over = 0, [], []
    setting = Setting(controls=KEPT_AGAINST)
    for values, known, _ in draw(setting, effect, candidates, seed=seed):
        trial = follow(values, known)
        word = judge(values[: trial.runs], known, [known], lower_is_better=True)
        assert word.effect is not None
        held = word.low <= effect <= word.high
        holds += held
        if trial.outcome is Outcome.KEEP:
            kept.append(held)
            over.append(word.effect - effect)
    return holds / candidates, len(kept) / candidates, float(np.mean(kept)), float(np.mean(over))


def written(rates: dict[str, list[tuple[int, float]]], candidates: int) -> str:
    """The module's source."""
    tables = "\n".join(
        f"{name}: Rates = (\n"
        + "".join(f"    ({controls}, {rate:.5f}),\n" for controls, rate in rows)
        + ")"
        for name, rows in rates.items()
    )
    return (
        f'"""False keeps of judge version {JUDGE_VERSION}, as scripts/simulate_gate.py wrote '
        f"them: (controls, share).\n\n{candidates:,} simulated candidates without a gain a "
        "row, with normal runs and with\nthe worst noise of autoresearch/calibration/noises.py.\n"
        f'"""\n\nRates = tuple[tuple[int, float], ...]\n\n{tables}\n'
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=100_000, help="a row (100,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name}")
    args = parser.parse_args()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        print("false keeps, %           " + "".join(f"{number:>8}" for number in CONTROLS))
        worst = dict.fromkeys(CONTROLS, 0.0)
        normal: list[tuple[int, float]] = []
        for name in NOISES:
            number = args.candidates if name == "normal" else args.candidates // 4
            one = partial(false_keeps_of_noise, name, candidates=number, seed=args.seed)
            found = list(pool.map(one, CONTROLS))
            print(f"{name:25}" + "".join(f"{100 * rate:8.3f}" for rate in found), flush=True)
            worst = {k: max(worst[k], rate) for k, rate in zip(CONTROLS, found, strict=True)}
            if name == "normal":
                normal = list(zip(CONTROLS, found, strict=True))
        if args.write:
            tables = {"NORMAL": normal, "WORST": list(worst.items())}
            TARGET.write_text(written(tables, args.candidates))
        print(f"\neffect   kept against {KEPT_AGAINST} controls   of them taken back")
        numbers = [args.candidates if gain == 0 else args.candidates // 20 for gain in GAINS]
        again = partial(simulate_reversals, controls=KEPT_AGAINST, seed=args.seed)
        for found in pool.map(partial(_reversals, again), GAINS, numbers):
            share = found.reverted / found.kept if found.kept else 0.0
            print(f"{found.effect:6g}   {found.kept:17}   {found.reverted:8} ({share:.4f})")
        print("\neffect   95 % interval holds it   kept   the same of the kept   they overclaim")
        three = partial(claims, candidates=args.candidates // 10, seed=args.seed)
        for gain, (holds, kept, both, over) in zip(CLAIMED, pool.map(three, CLAIMED), strict=True):
            print(f"{gain:6g}   {holds:21.3f}   {kept:4.2f}   {both:20.3f}   {over:+10.2f} sigma")


def _reversals(again, effect, candidates):  # noqa: ANN001, ANN202 - so that it can be pickled
    return again(effect, candidates=candidates)


if __name__ == "__main__":
    main()
