"""What early stopping saves and whether it changes a verdict, over real runs of many candidates.

uv run python scripts/replay_early_stop.py                     replay tests/data/early_stop/*.jsonl
uv run python scripts/replay_early_stop.py RECORD              replay that record
uv run python scripts/replay_early_stop.py --record RECORD     run the candidates and record them

Recording takes minutes to an hour: 20 controls, then each candidate as often as the judge asks,
all of them to their end. The candidates are the demo's moves and draws of a seeded generator over
the contract's knobs, none of them chosen by how it does.
"""

import argparse
import json
import random
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoresearch.calibration.early_stopping_replay import (
    RecordedRun,
    RecordedSet,
    read_recorded,
    replay_stops,
    saved,
    stopped_controls,
)
from autoresearch.calibration.unrecorded_runs import UnrecordedRuns
from autoresearch.contract_tables.knobs import KnobTable
from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit, prepare
from autoresearch.records import Outcome, RunReport
from autoresearch.run_directory import RunDir, remove_tree
from autoresearch.statistics.sequential_test import judge
from server.scripted_agents.demo_experiments import MOVES

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / "tests" / "data" / "early_stop"
NULLS, NEAR, DRAWN = 2, 8, 24
NEAREST = 0.8  # and 1 / 0.8: by how much a near candidate turns its knob


@dataclass
class Subject:
    """One candidate, or all the controls, on the way."""

    name: str
    commit: str
    done: list[dict[str, Any]] = field(default_factory=list)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="*", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--target", default="microgpt")
    parser.add_argument("--seed", type=int, default=1, help="of the draws")
    parser.add_argument("--controls", type=int, default=20, help="the nanolm record has 8")
    parser.add_argument("--draws", type=int, default=DRAWN)
    parser.add_argument("--wide", action="store_true", help="draw all knobs, as random search does")
    asked = parser.parse_args()
    if asked.record:
        record(asked)
    for path in asked.records or ([asked.record] if asked.record else sorted(RECORDS.iterdir())):
        show(read_recorded(path))


def show(found: RecordedSet) -> None:
    """The table, as markdown."""
    rows = replay_stops(found)
    print(f"{found.target}: {len(rows)} candidates beside {len(found.controls)} controls\n")
    print("| candidate | effect | verdict | with early stopping | stopped at | CPU s | with it |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        effect = "" if row.effect is None else f"{row.effect:+.4f}"
        at = f"{row.stopped.share:.0%}" if row.stopped else ""
        print(
            f"| {row.name} | {effect} | {row.without} | {row.with_it} | {at} "
            f"| {row.cpu_s:.1f} | {row.cpu_s_with:.1f} |"
        )
    changed = [row.name for row in rows if row.without != row.with_it]
    whole, less = sum(row.cpu_s for row in rows), sum(row.cpu_s_with for row in rows)
    outcomes = [row.without for row in rows]
    counts = ", ".join(f"{outcomes.count(one)} {one}" for one in Outcome if one in outcomes)
    stopped = sum(row.stopped is not None for row in rows)
    print(
        f"\n{counts}. Stopped early: {stopped} of {len(rows)}; "
        f"verdicts changed: {len(changed)}{': ' + ', '.join(changed) if changed else ''}; "
        f"CPU seconds {whole:.0f} without, {less:.0f} with: {saved(rows):.0%} saved. "
        f"Controls that would be stopped beside the others: {len(stopped_controls(found))} of "
        f"{len(found.controls)}.\n"
    )


def record(asked: argparse.Namespace) -> None:
    """Run everything, as many runs at once as there are devices, and write it down."""
    home = Path(tempfile.mkdtemp(prefix="autoresearch-early-stop-"))
    try:
        lab = Lab.open(asked.target, home=home)
        # Curves are watched and kept; nothing is stopped, for no run here is told of controls.
        table = lab.contract.run.model_copy(update={"early_stop": True})
        lab.__dict__["contract"] = lab.contract.model_copy(update={"run": table})
        wanted = candidates(lab, asked.seed, asked.draws, wide=asked.wide)
        with UnrecordedRuns[Subject](lab, "recording") as outside:
            Recorder(lab, asked.record, outside).run(wanted, asked.controls)
    finally:
        remove_tree(home)


def candidates(lab: Lab, seed: int, draws: int, *, wide: bool) -> list[tuple[str, dict[str, str]]]:
    """Names and settings: the demo's, unchanged code, near ones, and draws over the knobs.

    A draw turns one to three knobs, or with `wide` every one.
    """
    draw = random.Random(seed)
    text = source(lab)
    knobs = {k: v for k, v in lab.contract.knobs.items() if written(text, k) is not None}
    found: list[tuple[str, dict[str, str]]] = []
    known = MOVES if lab.contract.target.name == "microgpt" and not wide else ()
    for move in known:
        found.append((f"demo: {move.knob}", {move.knob: move.turn(str(written(text, move.knob)))}))
    found += [("unchanged", {})] * (0 if wide else NULLS)
    for name in [draw.choice(list(knobs)) for _ in range(0 if wide else NEAR)]:
        value = float(str(written(text, name))) * draw.uniform(NEAREST, 1 / NEAREST)
        found.append(("near", {name: shown(value, str(written(text, name)))}))
    for _ in range(draws):
        chosen = list(knobs) if wide else draw.sample(list(knobs), draw.randint(1, 3))
        found.append(("drawn", {k: drawn(draw, knobs[k], str(written(text, k))) for k in chosen}))
    return [(named(kind, fit(text, settings)), fit(text, settings)) for kind, settings in found]


def drawn(draw: random.Random, knob: KnobTable, old: str) -> str:
    """A value anywhere in the knob's range."""
    share = draw.random()
    if knob.log:
        return shown(knob.low * (knob.high / knob.low) ** share, old)
    return shown(knob.low + (knob.high - knob.low) * share, old)


def shown(value: float, old: str) -> str:
    """As source text, whole numbers staying whole."""
    return str(max(1, round(value))) if old.isdigit() else f"{value:.4g}"


def fit(text: str, settings: dict[str, str]) -> dict[str, str]:
    """Round a width to a multiple of the heads, without which every run would crash."""
    if not {"WIDTH", "HEADS"} & set(settings) or written(text, "HEADS") is None:
        return settings
    heads = int(settings.get("HEADS") or str(written(text, "HEADS")))
    width = int(settings.get("WIDTH") or str(written(text, "WIDTH")))
    return {**settings, "WIDTH": str(max(1, round(width / heads)) * heads)}


def named(kind: str, settings: dict[str, str]) -> str:
    """What a candidate is called in the table."""
    return f"{kind} {', '.join(f'{name} = {value}' for name, value in settings.items())}".strip()


def source(lab: Lab) -> str:
    """The editable file as it came."""
    return lab.read_file("train.py", lab.history().experiments["e0"].commit)


def written(text: str, knob: str) -> str | None:
    """A constant's value as it is written; None where it is no plain number."""
    found = re.search(rf"^{knob} = ([\d.e+-]+)\b", text, re.M)
    return found[1] if found else None


class Recorder:
    """Takes subjects to their verdicts, outside the ledger, and writes their runs down."""

    def __init__(self, lab: Lab, path: Path, outside: UnrecordedRuns[Subject]) -> None:
        self._lab, self._path, self._outside = lab, path, outside
        self._base = lab.history().experiments["e0"].commit
        self._lower = lab.contract.metric.direction == "min"
        self._controls: list[float] = []

    def run(self, wanted: list[tuple[str, dict[str, str]]], number: int) -> None:
        """Run so many controls, then the candidates, and write the record."""
        controls = Subject("controls", self._base)
        self._outside.run([controls] * number, self._take)
        self._controls = [run["value"] for run in controls.done]
        metric = self._lab.contract.metric
        head = {
            "target": self._lab.contract.target.name,
            "unit": metric.unit,
            "lower_is_better": self._lower,
            "controls": controls.done,
        }
        subjects = [Subject(name, self._commit(settings)) for name, settings in wanted]
        self._outside.run(subjects, self._take)
        lines = [head, *({"name": one.name, "runs": one.done} for one in subjects)]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def _take(self, subject: Subject, report: RunReport, rundir: RunDir) -> bool:
        """Whether the subject needs no further run because of this one."""
        if report.state.repeated:
            print(f"again: {report.reason}", flush=True)
            return False
        subject.done.append(run_fields(report, rundir))
        value = subject.done[-1]["value"]
        print(f"{subject.name}: {report.state} {value} {report.cpu_s:.1f} s", flush=True)
        if not self._controls:
            return True
        if not RecordedRun(**subject.done[-1]).measured:
            return True
        values = [run["value"] for run in subject.done]
        said = judge(values, self._controls, [self._controls], lower_is_better=self._lower)
        return said.outcome is not None

    def _commit(self, settings: dict[str, str]) -> str:
        text, lab = source(self._lab), self._lab
        edits = [
            Edit(path="train.py", find=f"\n{k} = {written(text, k)}", replace=f"\n{k} = {v}")
            for k, v in settings.items()
            if written(text, k) != v
        ]
        if not edits:
            return self._base
        patch = prepare(lab.repository, self._base, edits=edits, allow=lab.contract.edit.allow)
        return lab.repository.commit_tree(patch.tree, (self._base,), "a candidate")


def run_fields(report: RunReport, rundir: RunDir) -> dict[str, Any]:
    """A run as the record has it, with few digits."""
    seen = {"losses": [None] * 100, "cpu_s": [0.0] * 100}
    if rundir.seen_file.exists():
        seen = json.loads(rundir.seen_file.read_text())
    return {
        "ended": str(report.state),
        "value": report.measurement.value if report.measurement else None,
        "cut": bool(report.cut),
        "cpu_s": round(report.cpu_s, 2),
        "losses": [None if one is None else float(f"{one:.5g}") for one in seen["losses"]],
        "cpu_at": [round(one, 2) for one in seen["cpu_s"]],
    }


if __name__ == "__main__":
    main()
