"""Campaigns of search, random search and the demo's hand edits on microgpt-mistuned, at equal runs.

uv run python scripts/benchmarks/search_campaigns.py --campaigns 10 --experiments 40
uv run python scripts/benchmarks/search_campaigns.py --show

Each campaign begins with a fresh lab. The search proposes its experiments; the others then get as
many runs as it took, controls included, and propose until these are used up or their list ends. The
final incumbent is run six times more with fresh seeds, and scored on the spare part of the
held-out names, which no verdict used. A campaign is one line of build/search_campaigns.jsonl, and
those that are there are not run again. Which settings are flaws stands in tests/data/mistuned.json.
"""

import argparse
import contextlib
import json
import math
import secrets
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from autoresearch.calibration.unrecorded_runs import UnrecordedRuns  # noqa: E402
from autoresearch.lab import Lab  # noqa: E402
from autoresearch.records import Experiment, RunReport  # noqa: E402
from autoresearch.run_directory import RunDir  # noqa: E402
from autoresearch.search.driver import make_searcher, run_search  # noqa: E402
from autoresearch.search.incumbent import LabKnobs  # noqa: E402
from autoresearch.search.observations import Observation  # noqa: E402
from autoresearch.search.searchers import Method, Searcher, Standing, Suggestion  # noqa: E402
from autoresearch.search.settings import Progress, SearchSettings  # noqa: E402
from autoresearch.search.sites import written  # noqa: E402
from autoresearch.statistics.noise import quantile  # noqa: E402
from autoresearch.statistics.t_table import T_975  # noqa: E402
from server.scripted_agents.demo_experiments import DemoProposer, Move  # noqa: E402

TRUTH = json.loads((ROOT / "tests" / "data" / "mistuned.json").read_text())
RECORD = ROOT / "build" / "search_campaigns.jsonl"
KINDS = ("search", "random", "hand")
FRESH = 6  # runs of the final code


class HandEdits:
    """The demo's list of edits, without its cheat, behind the searchers' common form."""

    def __init__(self) -> None:
        """Begin at the top of the list."""
        self._demo = DemoProposer(10**6, cheat=None)
        self._open: dict[int, tuple[Move, Any]] = {}
        self._told: list[tuple[Move, Any]] = []
        self._tickets = 0

    def ask(self, standing: Standing) -> Suggestion | None:
        """Return the next edit of the list; None at its end."""
        for move, value in self._told:
            self._demo.learn(move, kept=standing.now.get(move.knob) == value)
        self._told = []
        patch = self._demo.next({name: written(value) for name, value in standing.now.items()})
        if patch is None:
            return None
        turned = patch.replace.partition(" = ")[2]
        value = int(turned) if turned.lstrip("-").isdigit() else float(turned)
        self._tickets += 1
        self._open[self._tickets] = (patch.move, value)
        settings = standing.now | {patch.move.knob: value}
        return Suggestion(ticket=self._tickets, settings=settings, why=patch.move.why)

    def tell(self, ticket: int, observation: Observation) -> None:
        """Remember it; whether it was kept shows in the incumbent."""
        self._told.append(self._open.pop(ticket))

    def learn(self, observation: Observation) -> None:
        """A list learns nothing."""


class _Finals:
    """Runs of one commit, for `UnrecordedRuns`."""

    def __init__(self, experiment: Experiment) -> None:
        self.commit = experiment.commit


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--campaigns", type=int, default=10)
    parser.add_argument("--experiments", type=int, default=40, help="of the search (40)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--method", type=Method, choices=list(Method), default=Method.TPE)
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--show", action="store_true", help="run nothing")
    asked = parser.parse_args()
    asked.record.parent.mkdir(parents=True, exist_ok=True)
    if not asked.show:
        for number in range(1, asked.campaigns + 1):
            play(number, asked)
    show(recorded(asked.record))


def recorded(path: Path) -> list[dict[str, Any]]:
    """Every campaign so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def play(number: int, asked: argparse.Namespace) -> None:
    """Run the campaigns of that number which are missing."""
    for kind in asked.kinds:
        mine = [c for c in recorded(asked.record) if c["campaign"] == number]
        if any(c["kind"] == kind for c in mine):
            continue
        bound = next((c["runs"] for c in mine if c["kind"] == "search"), None)
        if kind != "search" and bound is None:
            continue  # there is nothing to be equal to
        found = campaign(kind, asked, None if kind == "search" else bound)
        line = {"campaign": number, "kind": kind, "method": str(asked.method), **found}
        with asked.record.open("a") as record:
            record.write(json.dumps(line) + "\n")


def campaign(kind: str, asked: argparse.Namespace, most_runs: int | None) -> dict[str, Any]:
    """One campaign in a lab of its own, and what became of its code."""
    began = time.time()
    with tempfile.TemporaryDirectory(prefix="search-campaign-") as home:
        lab = Lab.open(TRUTH["target"], home=Path(home))
        most = asked.experiments if most_runs is None else None
        method = asked.method if kind == "search" else Method.RANDOM
        settings = SearchSettings(method=method, experiments=most, seed=secrets.randbelow(2**31))
        searcher: Searcher = HandEdits() if kind == "hand" else make_searcher(settings)

        def go_on() -> bool:
            return most_runs is None or len(lab.history().runs) < most_runs

        def watch(progress: Progress) -> None:
            if progress.experiment != "e0":
                print(f"  {kind}: {progress.experiment} {progress.words[:110]}", flush=True)

        result = run_search(lab, settings, go_on, watch=watch, searcher=searcher)
        _end_runs(lab)
        history = lab.history()
        runs = len(history.runs)  # before those that only tell what came of it
        final = history.experiments[history.kept[-1]]
        return {
            "experiments": len(result.proposed),
            "runs": runs,
            "keeps": len(history.kept) - 1,
            "final": fresh_values(lab, final),
            "settings": dict(LabKnobs(lab).settings_at(final.commit)),
            "first": dict(LabKnobs(lab).settings_at(history.experiments["e0"].commit)),
            "seconds": round(time.time() - began),
        }


def _end_runs(lab: Lab) -> None:
    """Stop what a campaign at its bound left running: it takes devices, and counts for nothing."""
    for run in lab.history().unfinished():
        lab.runs.directory(run.id).stop_file.touch()
    while lab.history().unfinished():
        with contextlib.suppress(OSError):
            lab.runs.absorb()
        time.sleep(0.1)


def fresh_values(lab: Lab, experiment: Experiment) -> list[float]:
    """Run the code with fresh seeds; the values on names that no verdict used."""
    values: list[float] = []

    def take(subject: _Finals, report: RunReport, rundir: RunDir) -> bool:
        if report.measurement is None:
            return False
        spare = report.measurement.spare
        values.append(report.measurement.value if spare is None else spare)
        return True

    with UnrecordedRuns[_Finals](lab, "finals") as runs:
        runs.run([_Finals(experiment) for _ in range(FRESH)], take)
    return values


def found_flaws(settings: dict[str, Any]) -> list[str]:
    """The flaws that these settings have mended."""
    return _within("flaws", settings)


def _within(kind: str, settings: dict[str, Any]) -> list[str]:
    return [
        name
        for name, one in TRUTH[kind].items()
        if one["low"] <= settings.get(one["knob"], math.inf) <= one["high"]
    ]


def show(campaigns: list[dict[str, Any]]) -> None:
    """The table, as markdown, and what the search is ahead of each other by."""
    print("| | campaigns | experiments | runs | final val_bpb (95 %) | flaws found | decoys kept |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind in KINDS:
        mine = [c for c in campaigns if c["kind"] == kind]
        if not mine:
            continue
        finals = [fmean(c["final"]) for c in mine]
        flaws = [len(found_flaws(c["settings"])) for c in mine]
        decoys = sum(len(_within("decoys", c["settings"])) for c in mine)
        print(
            f"| {kind} | {len(mine)} | {fmean(c['experiments'] for c in mine):.0f} | "
            f"{fmean(c['runs'] for c in mine):.0f} | {_interval(finals)} | "
            f"median {median(flaws):g} of 4 ({', '.join(map(str, flaws))}) | {decoys} |"
        )
    search = {c["campaign"]: fmean(c["final"]) for c in campaigns if c["kind"] == "search"}
    for kind in KINDS[1:]:
        pairs = [
            fmean(c["final"]) - search[c["campaign"]]
            for c in campaigns
            if c["kind"] == kind and c["campaign"] in search
        ]
        if pairs:
            print(f"\nsearch ahead of {kind} by {_interval(pairs, sign='+')} bits per byte")


def _interval(values: list[float], sign: str = "") -> str:
    mean = fmean(values)
    if len(values) < 2:
        return f"{mean:{sign}.4f} (one campaign: no interval)"
    half = quantile(T_975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return f"{mean:{sign}.4f} ({mean - half:{sign}.4f} to {mean + half:{sign}.4f})"


if __name__ == "__main__":
    main()
