"""The command `replay`: run what was recorded again, and show both values side by side."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from autoresearch.lab import Lab
from autoresearch.records import Run, RunReport
from autoresearch.replays import experiment_replay as replaying
from autoresearch.replays.experiment_replay import Plan, Replayed, Watch
from server.commands.output import (
    JsonOption,
    LabOption,
    console,
    print_json,
    say,
    say_who,
    spinner,
    table,
)
from server.views import figures

INTERRUPTED = 130
SHOWN_FILES = 12
STOPPED = "Stopped: the replay has ended, and nothing was recorded."


def replay(
    name: Annotated[str, Parameter(help="An experiment, such as e7, or a run, such as e7-r2.")],
    *,
    lab: LabOption = "",
    runs: Annotated[
        int, Parameter(help="How many of the experiment's runs, or how many times the run.")
    ] = 1,
    keep: Annotated[
        Path | None, Parameter(help="A new folder in which to keep the experiment's files.")
    ] = None,
    json: JsonOption = False,
) -> int:
    """Run an experiment again, kept or not: its tree, its command, its seeds; nothing is recorded.

    Shows the recorded value beside the new one. What is recorded stays as it is: a replay never
    enters the ledger and moves no verdict.
    """
    here = Lab.reopen(lab or None)
    planned = replaying.plan(here, name, runs)
    if keep is not None:
        replaying.keep_tree(here, planned, keep)
    if not json:
        _show_plan(planned, keep)
    found: list[Replayed] = []
    try:
        with _watched(Console(stderr=True, highlight=False) if json else console) as watch:
            found += replaying.replay(here, planned, watch)
    except KeyboardInterrupt:
        Console(stderr=True).print(STOPPED)
        return INTERRUPTED
    if json:
        print_json({**_figures(planned, found, keep), "scoring": here.contract.metric.provenance})
        return 0
    _show(found)
    say_who(here.contract.metric)
    say(_last_line(planned, found))
    return 0


@contextlib.contextmanager
def _watched(on: Console) -> Iterator[Watch]:
    with spinner(on) as say_now:

        def watch(run: Run, report: RunReport | None) -> None:
            say_now(f"{run.id}, seed {run.seed}: {replaying.progress(report)}")

        yield watch


def _show_plan(planned: Plan, keep: Path | None) -> None:
    shown = table("", "")
    shown.show_header = False
    files = ", ".join(planned.files[:SHOWN_FILES])
    more = len(planned.files) - SHOWN_FILES
    rest = f" and {figures.count(more, 'more file')}" if more > 0 else ""
    for key, value in (
        ("experiment", f"{planned.experiment.id}: {planned.experiment.hypothesis}"),
        ("commit", planned.experiment.commit),
        ("tree", planned.tree),
        ("command", " ".join(planned.command)),
        ("budget", planned.budget),
        ("seeds", ", ".join(f"{run.id}: {run.seed}" for run in planned.runs)),
        ("files", f"{files}{rest}{_left_out(planned)}"),
        *([("kept in", str(keep))] if keep else []),
    ):
        shown.add_row(key, Text(value))
    console.print(shown)
    console.print()


def _show(found: list[Replayed]) -> None:
    shown = table("run", "seed", "recorded", "replayed", "sandbox then, now")
    for one in found:
        before, now = one.values
        shown.add_row(
            one.run,
            str(one.seed),
            Text(_value(one.recorded, before)),
            Text(_value(one.replayed, now)),
            f"{one.recorded.sandbox or 'none'}, {one.replayed.sandbox or 'none'}",
        )
    console.print(shown)
    for one in found:
        say(f"{one.run}: {one.words}")


def _value(report: RunReport, value: float | None) -> str:
    return f"{report.state}: {report.reason}" if value is None else repr(value)


def _last_line(planned: Plan, found: list[Replayed]) -> str:
    same, models = sum(one.same for one in found), sum(one.same_model is True for one in found)
    of = figures.count(len(found), "replay")
    if all(one.values == (None, None) for one in found):
        ended = f"{same} of {of} ended as recorded, with no value to compare"
    else:
        scored = [one for one in found if one.same_model is not None]
        alike = f"{models} of {of} gave the same model bit for bit, {same}" if scored else ""
        ended = f"{alike or f'{same} of {of} gave'} the same value to the last bit"
    return f"{planned.experiment.id}: {ended}; nothing was recorded"


def _figures(planned: Plan, found: list[Replayed], keep: Path | None) -> dict[str, object]:
    return {
        "experiment": planned.experiment.id,
        "commit": planned.experiment.commit,
        "tree": planned.tree,
        "command": list(planned.command),
        "files": list(planned.files),
        "left_out": planned.left_out,
        "kept_in": str(keep) if keep else None,
        "sigma": planned.sigma,
        "same": all(one.same for one in found),
        "same_model": all(one.same_model is True for one in found),
        "runs": [
            {
                "run": one.run,
                "seed": one.seed,
                "same": one.same,
                "same_model": one.same_model,
                "words": one.words,
                "sigmas": one.sigmas,
                "recorded": _ending(one.recorded, one.values[0]),
                "replayed": _ending(one.replayed, one.values[1]),
            }
            for one in found
        ],
    }


def _ending(report: RunReport, value: float | None) -> dict[str, object]:
    return {
        "state": report.state,
        "reason": report.reason,
        "value": value,
        "sandbox": report.sandbox,
        "cpu_s": report.cpu_s,
    }


def _left_out(planned: Plan) -> str:
    held_out = ", ".join(planned.left_out)
    return f"; without {held_out}, the held-out data" if held_out else ""
