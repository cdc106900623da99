"""The command `finalize`: what stood of everything kept, as a branch and a report."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from autoresearch.finalization.finalization import Finalized, Options
from autoresearch.finalization.finalization import finalize as finalize_lab
from autoresearch.finalization.fresh_runs import Watch
from autoresearch.finalization.plan import Plan, PlannedKeep, plan
from autoresearch.finalization.wording import gain_words, standing_words
from autoresearch.lab import Lab
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
from server.reports.home_league import rows_of_home
from server.reports.league_table import league_figures
from server.views import figures

if TYPE_CHECKING:
    from server.reports.final_report import Report

INTERRUPTED = 130
STOPPED = (
    "Stopped: no run of it goes on. What was measured is kept: the same command goes on from there."
)


def finalize(
    *,
    lab: LabOption = "",
    branch: Annotated[
        str, Parameter(help="The new branch's name; by default autoresearch/LAB-INCUMBENT.")
    ] = "",
    output: Annotated[
        Path | None,
        Parameter(name=("--output", "-o"), help="A folder for report.md and its charts."),
    ] = None,
    runs: Annotated[int | None, Parameter(help="Fresh runs at most.")] = None,
    hours: Annotated[
        float | None, Parameter(help="Hours, after which no keep is tested further.")
    ] = None,
    dry_run: Annotated[
        bool, Parameter(help="Show all that would be done and what it costs; start nothing.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Test what was kept once more, and leave a branch and a report of what stood.

    Each keep is left out and the code without it is run again, so that keeps that were luck are
    dropped. What stands is compared with e0 on held-out data that no verdict used, and becomes one
    new branch in your repository, a commit an idea. Nothing else in it changes, and nothing is
    pushed. After Ctrl-C the same command goes on where it was.
    """
    here = Lab.reopen(lab or None)
    options = Options(branch=branch, runs=runs, hours=hours)
    if dry_run:
        _show_plan(plan(here, options), output, json=json)
        return 0
    try:
        with _watched(Console(stderr=True, highlight=False) if json else console) as watch:
            found = finalize_lab(here, options, watch)
    except KeyboardInterrupt:
        Console(stderr=True).print(STOPPED)
        return INTERRUPTED
    from server.reports.final_report import write_report  # jinja2

    rows, _ = rows_of_home(here.home)
    report = write_report(here, found, rows, output or found.folder)
    if json:
        shown = _figures(here, found, report)
        print_json({**shown, "league": [league_figures(row) for row in rows]})
        return 0
    _show(here, found, report)
    return 0


@contextlib.contextmanager
def _watched(on: Console) -> Iterator[Watch]:
    with spinner(on) as say_now:

        def watch(what: str, runs: int) -> None:
            say_now(f"{what}: {figures.count(runs, 'fresh run')} so far")

        yield watch


def _show_plan(planned: Plan, output: Path | None, *, json: bool) -> None:
    if json:
        print_json(_plan_figures(planned, output))
        return
    shown = table("keep", "what is done", "hypothesis")
    for one in planned.keeps:
        shown.add_row(one.keep, _planned_words(one), Text(one.hypothesis))
    console.print(shown)
    say("")
    for key, words in _plan_rows(planned, output):
        say(f"{key}: {words}")
    say("")
    say("The commits, in order, if no passenger is found:")
    for number, commit in enumerate(planned.commits, 1):
        say(f"  {number}. {', '.join(commit.keeps)}: {commit.subject}")
    say("Nothing was started, and nothing was written.")


def _plan_rows(planned: Plan, output: Path | None) -> Iterator[tuple[str, str]]:
    if planned.near_misses:
        yield "near misses", f"{', '.join(planned.near_misses)} are stacked and tested first"
    cost = f"{planned.fewest_runs} to {planned.most_runs}, at most {planned.at_once} at once"
    if planned.done:
        cost += f"; {planned.done} of them were made already"
    if planned.seconds_each:
        least, most = (
            n * planned.seconds_each / planned.at_once / 3600
            for n in (planned.fewest_runs, planned.most_runs)
        )
        cost += f"; {least:.2g} to {most:.2g} hours at {planned.seconds_each:.3g} s a run"
    yield "fresh runs", cost
    yield (
        "held-out data that no run was scored on",
        figures.count(planned.unseen_parts, "spare part")
        if planned.unseen_parts
        else "none is left, or the metric has none",
    )
    if planned.sizes:
        sizes = ", ".join(f"{size:g}" for size in planned.sizes)
        yield "sizes", f"{planned.incumbent} and e0 at {sizes}"
    whose = "the lab's own repository" if planned.shipped else "your repository"
    yield "branch", f"{planned.branch}, new, in {whose} {planned.repository}"
    yield "report", f"{output or planned.folder}/report.md"


def _planned_words(one: PlannedKeep) -> str:
    if one.left_out:
        return "left out"
    return "replaced by later keeps" if one.gone else f"stays: {one.built_on} is built on it"


def _plan_figures(planned: Plan, output: Path | None) -> dict[str, Any]:
    shown = asdict(planned)
    shown["commits"] = [
        {"keeps": list(one.keeps), "message": one.message} for one in planned.commits
    ]
    shown |= {
        "repository": str(planned.repository),
        "folder": str(planned.folder),
        "report": str((output or planned.folder) / "report.md"),
    }
    return shown


def _show(lab: Lab, found: Finalized, report: "Report") -> None:
    from server.reports.final_report import headline

    shown = table("keep", "at the end", "worth at the end")
    unit = lab.contract.metric.unit
    for one in found.ablation.answers:
        words = Text(standing_words(one), style="red" if one.dropped else "green")
        shown.add_row(one.keep, words, Text(gain_words(one, unit) or "not measured"))
    console.print(shown)
    for stack in found.stacks:
        say(f"near misses {', '.join(stack.stack)}: {stack.outcome or stack.sentence}")
    say(headline(lab, found))
    say_who(lab.contract.metric)
    if found.published:
        commits = figures.count(len(found.commits), "commit")
        say(f"Branch {found.published.branch}, {commits}: {found.published.look}")
    say(f"Report: {report.page}")


def _figures(lab: Lab, found: Finalized, report: "Report") -> dict[str, Any]:
    from server.reports.final_report import headline, scaling_words

    published = found.published
    return {
        "lab": found.lab,
        "incumbent": found.incumbent,
        "summary": headline(lab, found),
        "scoring": lab.contract.metric.provenance,
        "keeps": [{**asdict(one), "dropped": one.dropped} for one in found.ablation.answers],
        "left_out_together": [asdict(one) for one in found.ablation.joint],
        "near_misses": [asdict(one) for one in found.stacks],
        "commits": [{"keeps": list(one.keeps), "message": one.message} for one in found.commits],
        "confirmation": asdict(found.confirmation) if found.confirmation else None,
        "sizes": scaling_words(found) or None,
        "branch": published.branch if published else None,
        "commit": published.commit if published else None,
        "look": published.look if published else None,
        "runs": found.runs,
        "report": str(report.page),
        "charts": [str(chart) for chart in report.charts],
    }
