"""Measure what mending each flaw of microgpt-mistuned is worth, and each decoy: many paired runs.

uv run python scripts/benchmarks/measure_mistuned.py --pairs 24
uv run python scripts/benchmarks/measure_mistuned.py --show           the table of what was measured

Which they are stands in tests/data/mistuned.json. Every variant of the code is run in a lab, in its
sandbox and scored on its held-out names, with the same seeds and the same orders of the data; none
of it enters a ledger. Lines are added to build/mistuned_runs.jsonl, so that it can be stopped and
goes on; the effects are written to tests/data/mistuned_effects.json, which no lab shows.
"""

import argparse
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from autoresearch.lab import Lab  # noqa: E402
from autoresearch.loop.runs import ORDERS, SEEDS  # noqa: E402
from autoresearch.patches.constants import set_constant  # noqa: E402
from autoresearch.records import Run  # noqa: E402
from autoresearch.run_directory import RunDir, remove_tree  # noqa: E402
from autoresearch.statistics.noise import quantile  # noqa: E402
from autoresearch.statistics.t_table import T_975  # noqa: E402

TRUTH = ROOT / "tests" / "data" / "mistuned.json"
EFFECTS = ROOT / "tests" / "data" / "mistuned_effects.json"
RUNS = ROOT / "build" / "mistuned_runs.jsonl"
FILE = "train.py"
LOOK_S = 0.1
AS_SHIPPED, ALL_MENDED = "as shipped", "all flaws mended"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=24, help="seeds, each for every variant (24)")
    parser.add_argument("--at-once", type=int, default=0, help="runs at once; 0: as devices allow")
    parser.add_argument("--show", action="store_true", help="measure nothing")
    asked = parser.parse_args()
    truth = json.loads(TRUTH.read_text())
    if not asked.show:
        measure(truth, asked.pairs, asked.at_once)
        EFFECTS.write_text(json.dumps(effects(truth, recorded()), indent=2) + "\n")
    show(json.loads(EFFECTS.read_text()))


def variants(truth: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The settings of each variant, by its name: one change each, and all flaws together."""
    single = {name: {one["knob"]: one["mended"]} for name, one in _both(truth)}
    together = {one["knob"]: one["mended"] for one in truth["flaws"].values()}
    return {AS_SHIPPED: {}, **single, ALL_MENDED: together}


def measure(truth: Mapping[str, Any], pairs: int, at_once: int) -> None:
    """Run what is missing, seed by seed, so that an unfinished measurement is balanced too."""
    code = variants(truth)
    done = {(line["seed"], line["variant"]) for line in recorded()}
    draw = random.Random(1)
    seeds = [(draw.randrange(SEEDS), draw.randrange(ORDERS)) for _ in range(pairs)]
    wanted = [(*one, name) for one in seeds for name in code if (one[0], name) not in done]
    RUNS.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mistuned-") as home, RUNS.open("a") as record:
        lab = Lab.open(truth["target"], home=Path(home))
        commits = {name: _commit(lab, settings) for name, settings in code.items()}
        slots = at_once or lab.runs.at_once()
        going: dict[RunDir, tuple[int, str]] = {}
        for number in range(len(wanted) + slots):
            if number < len(wanted):
                seed, order, name = wanted[number]
                run = Run(id=f"r{number}", experiment="e0", seed=seed, order=order)
                directory = RunDir(lab.folder / "mistuned" / run.id)
                changes = {"early_stop": False}
                lab.runs.start_outside(run, commits[name], directory, changes=changes)
                going[directory] = (seed, name)
            while len(going) >= (slots if number < len(wanted) else 1):
                for directory, report in list(_ended(lab, going)):
                    seed, name = going.pop(directory)
                    value = report.measurement.value if report.measurement else None
                    line = {"seed": seed, "variant": name, "value": value, "cpu_s": report.cpu_s}
                    record.write(json.dumps(line | {"reason": report.reason}) + "\n")
                    record.flush()
                    remove_tree(directory.path)
                    print(f"{len(wanted) - number + len(going)} to go: {name}: {value}", flush=True)
                time.sleep(LOOK_S)


def _ended(lab: Lab, going: Mapping[RunDir, Any]) -> Iterator[tuple[RunDir, Any]]:
    for directory in going:
        report = lab.runs.executor.settle(directory)
        if report is not None:
            yield directory, report


def _commit(lab: Lab, settings: Mapping[str, float]) -> str:
    base = lab.history().experiments["e0"].commit
    text = lab.read_file(FILE, base)
    for knob, value in settings.items():
        text = set_constant(text, knob, value)
    tree = lab.repository.edit_tree(base, {FILE: text.encode()})
    return lab.repository.commit_tree(tree, (base,), "a variant")


def recorded() -> list[dict[str, Any]]:
    """Every run that was measured so far."""
    return [json.loads(line) for line in RUNS.read_text().splitlines()] if RUNS.exists() else []


def effects(truth: Mapping[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the gain of each variant over the code as shipped, by pairs of equal seeds."""
    values: dict[str, dict[int, float]] = {}
    for run in runs:
        if run["value"] is not None:
            values.setdefault(run["variant"], {})[run["seed"]] = run["value"]
    shipped = values[AS_SHIPPED]
    sigma = stdev(shipped.values())
    found = {}
    for name in [*dict(_both(truth)), ALL_MENDED]:
        pairs = [shipped[s] - v for s, v in values.get(name, {}).items() if s in shipped]
        half = quantile(T_975, len(pairs) - 1) * stdev(pairs) / math.sqrt(len(pairs))
        found[name] = {
            "kind": next((k for k in ("flaws", "decoys") if name in truth[k]), "together"),
            "gain": round(fmean(pairs), 5),
            "low": round(fmean(pairs) - half, 5),
            "high": round(fmean(pairs) + half, 5),
            "sigmas": round(fmean(pairs) / sigma, 2),
            "pairs": len(pairs),
        }
    return {
        "unit": "bits per byte, positive is better",
        "as_shipped": round(fmean(shipped.values()), 5),
        "sigma": round(sigma, 5),
        "cpu_s": round(fmean(run["cpu_s"] for run in runs), 2),
        "effects": found,
    }


def show(measured: Mapping[str, Any]) -> None:
    """The table, as markdown."""
    print(f"as shipped {measured['as_shipped']:.4f}, sigma {measured['sigma']:.4f}\n")
    print("| mended | | gain (95 %) | in sigma | pairs |\n| --- | --- | --- | --- | --- |")
    for name, one in measured["effects"].items():
        span = f"{one['gain']:+.4f} ({one['low']:+.4f} to {one['high']:+.4f})"
        print(f"| {name} | {one['kind']} | {span} | {one['sigmas']:+.1f} | {one['pairs']} |")


def _both(truth: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from truth["flaws"].items()
    yield from truth["decoys"].items()


if __name__ == "__main__":
    main()
