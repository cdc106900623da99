"""The command `scale`: whether an experiment's gain holds at ten times the compute."""

import shutil
import time
from pathlib import Path
from statistics import fmean
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from autoresearch.lab import Lab
from autoresearch.loop.scaling import RUNS, ScalingView, SizeRuns
from server.commands.output import JsonOption, LabOption, console, print_json, say, say_who, table
from server.reports.scaling_report import chart_of, scaling_shown
from server.views.figures import digits_for, shorten
from server.views.scaling_text import law, rows, sentence

LOOK_S = 0.5


def scale(
    experiment: Annotated[str, Parameter(help="An experiment, such as e7; kept or not.")],
    *,
    lab: LabOption = "",
    chart: Annotated[Path | None, Parameter(help="A file to copy the chart to.")] = None,
    json: JsonOption = False,
) -> None:
    """Run an experiment and its base at several sizes: does its gain hold at ten times the compute?

    The sizes are those of [scaling] in the contract. No verdict changes. After Ctrl-C the
    runs continue, and the same command picks up where it was.
    """
    here = Lab.reopen(lab or None)
    view = _to_its_end(here, experiment, Console(stderr=True, highlight=False) if json else console)
    drawn = chart_of(view)
    if drawn and chart:
        shutil.copyfile(drawn, chart)
        drawn = chart
    if json:
        print_json(scaling_shown(view, drawn, here.contract.metric, here.ending()))
        return
    _show(view)
    say_who(here.contract.metric)
    if drawn:
        say(f"Chart: {drawn}")
    elif view.fit:
        say("No chart: install autoresearch-mcp[scaling] for one.")


def _to_its_end(lab: Lab, experiment: str, on: Console) -> ScalingView:
    with Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f} of {task.total:.0f} runs"),
        TimeElapsedColumn(),
        console=on,
        transient=True,
    ) as progress:
        view = lab.scale(experiment)
        every = RUNS * len(view.sizes)
        task = progress.add_task("", total=every)
        while view.missing:
            progress.update(task, completed=every - view.missing)
            time.sleep(LOOK_S)
            view = lab.scale(experiment)
    return view


def _show(view: ScalingView) -> None:
    digits = digits_for(view.fit.spread) if view.fit else 4
    made = table(
        view.knob,
        *(
            f"{name}, {what}"
            for name in (view.base, view.experiment)
            for what in (view.unit, view.compute_unit)
        ),
        "gain",
    )
    for base, candidate in rows(view):
        cells = [*_cells(base, digits), *_cells(candidate, digits)]
        made.add_row(f"{base.size:g}", *cells, _gain(view, base, candidate, digits))
    console.print(made)
    if view.fit:
        say(f"{view.base}: {law(view.fit.baseline, view)}")
        say(f"{view.experiment}: {law(view.fit.candidate, view)}")
    say(sentence(view))


def _cells(one: SizeRuns, digits: int) -> tuple[str, str]:
    """Return the mean, or why it is missing, and the compute."""
    if not one.values:
        return one.failed, ""
    return f"{fmean(one.values):.{digits}f}", f"{shorten(one.compute, 3):g}"


def _gain(view: ScalingView, base: SizeRuns, candidate: SizeRuns, digits: int) -> str:
    if not base.values or not candidate.values:
        return ""
    gain = fmean(base.values) - fmean(candidate.values)
    return f"{gain if view.lower_is_better else -gain:+.{digits}f}"
