"""`demo` on a terminal: progress while it runs, then table, chart, report, what is next."""

import shlex
import time
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from autoresearch.common.text import cut
from autoresearch.errors import LabError
from autoresearch.records import Outcome
from autoresearch.system.home import default_home
from server.clients.launch import launch_command
from server.commands.output import JsonOption, console, print_json, say, table
from server.scripted_agents.demo import EXPERIMENTS, OVERTAKEN, DemoResult, Trial, run_demo
from server.scripted_agents.demo_chart import draw_chart
from server.scripted_agents.demo_report import unseen_data, write_report

STYLES = {
    str(Outcome.KEEP): "green",
    str(Outcome.DISCARD): "red",
    str(Outcome.CRASHED): "magenta",
    str(Outcome.INCONCLUSIVE): "yellow",
    OVERTAKEN: "blue",
}
BAR = 20
BESIDE = BAR + 32  # what spinner, count, bar and clock take of a line


def demo(
    *,
    home: Annotated[
        Path | None, Parameter(help="Folder for its lab; by default a new one in the data folder.")
    ] = None,
    experiments: Annotated[int, Parameter(help="How many experiments to try.")] = EXPERIMENTS,
    json: JsonOption = False,
) -> None:
    """Run a whole research loop on microgpt, without any agent: one to two minutes.

    Starts the server as a client would, measures the baseline and its noise, tries a handful of
    honest changes and one cheat, keeps what the judge keeps, and writes a chart and a report.
    """
    if experiments < 1:
        raise LabError(
            f"Can't try {experiments} experiments.", "Try at least 1, such as 8.", reason="too_few"
        )
    folder = (home or default_home() / "demo" / time.strftime("%Y%m%d-%H%M%S")).resolve()
    if (folder / "labs").exists():
        raise LabError(
            f"{folder} already holds labs.", "Name a new folder with --home.", reason="home_in_use"
        )
    progress_on = Console(stderr=True, highlight=False) if json else console
    if not json:
        say(f"The lab of this demo is in {folder}")
    result = _watched(folder, experiments, progress_on)
    chart = _chart(result, folder / "chart.png")
    report = folder / "report.md"
    again = f"AUTORESEARCH_HOME={shlex.quote(str(folder))} {_called()}"
    write_report(result, report, chart=chart, again=again)
    if json:
        print_json({**figures_of(result), "report": str(report), "chart": chart and str(chart)})
        return
    _show(result)
    say(f"Report: {report}")
    if chart:
        say(f"Chart:  {chart}")
    else:
        say("No chart: install autoresearch-mcp[plots] for one, such as uvx --from '…[plots]'.")
    say(f"Next:   {again} log")
    say(_last_line(result))


def _watched(folder: Path, experiments: int, on: Console) -> DemoResult:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} verdicts", table_column=fixed()),
        BarColumn(bar_width=BAR),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False, table_column=fixed()),
        console=on,
    ) as progress:
        task = progress.add_task("starting the server", total=experiments)

        def watch(about: str, now: str, judged: bool) -> None:
            completed = progress.tasks[0].completed + judged
            progress.update(
                task,
                description=cut(f"{about} {now}", on.width - BESIDE),
                completed=completed,
                total=max(experiments, completed),  # a patch that was overtaken is tried again
            )
            if judged or not on.is_terminal:
                progress.console.print(Text(f"  {about} {now}"))

        result = anyio.run(lambda: run_demo(folder, watch, most=experiments))
        progress.update(task, description="done", completed=len(result.trials))
        return result


def fixed() -> Column:
    """A column that a long description beside it does not squeeze."""
    return Column(no_wrap=True)


def _chart(result: DemoResult, path: Path) -> Path | None:
    try:
        draw_chart(result, path, unseen=unseen_data(result.home))
    except ImportError:
        return None
    return path


def _show(result: DemoResult) -> None:
    shown = table("", "change", "verdict", "effect (95 %)", "runs", "incumbent")
    shown.add_row("e0", "original code", "baseline", "", "", f"{result.baseline:.4f}")
    for trial in result.trials:
        shown.add_row(
            trial.experiment,
            trial.change,
            Text(trial.outcome, style=STYLES.get(trial.outcome, "")),
            _effect(trial),
            str(trial.runs),
            f"{trial.incumbent:.4f}",
        )
    console.print(shown)
    for trial in result.trials:
        say(f"{_fate(trial)} {trial.experiment}: {trial.verdict}", "red" if trial.cheat else "")


def _fate(trial: Trial) -> str:
    if trial.cheat:
        return "A CHEAT GOT THROUGH" if trial.fooled else "caught   "
    if trial.outcome == OVERTAKEN:
        return "overtaken"
    return "kept     " if trial.kept else "dropped  "


def _effect(trial: Trial) -> str:
    if trial.effect is None or trial.low is None or trial.high is None:
        return ""
    return f"{trial.effect:+.4f} ±{(trial.high - trial.low) / 2:.4f}"


def _last_line(result: DemoResult) -> str:
    kept = sum(trial.kept for trial in result.trials)
    caught = sum(not trial.fooled for trial in result.cheats)
    return (
        f"{result.metric} {result.baseline:.4f} → {result.final:.4f} {result.unit} "
        f"({result.gain:+.4f}, sigma {result.sigma:.4f}); {len(result.trials)} experiments, {kept} "
        f"kept, {caught} of {len(result.cheats)} cheats caught, {result.runs} runs, "
        f"{result.seconds:.0f} s"
    )


def figures_of(result: DemoResult) -> dict[str, object]:
    """Return the figures that `--json` prints of a demo."""
    return {
        "home": str(result.home),
        "baseline": result.baseline,
        "final": result.final,
        "gain": result.gain,
        "sigma": result.sigma,
        "kept": list(result.kept_line),
        "runs": result.runs,
        "seconds": round(result.seconds, 1),
        "experiments": [
            {
                "experiment": trial.experiment,
                "change": trial.change,
                "outcome": trial.outcome,
                "effect": trial.effect,
                "low": trial.low,
                "high": trial.high,
                "runs": trial.runs,
                "cheat": trial.cheat,
            }
            for trial in result.trials
        ],
        "cheats_caught": sum(not trial.fooled for trial in result.cheats),
    }


def _called() -> str:
    launch = launch_command()
    return shlex.join([launch.command, *launch.args])
