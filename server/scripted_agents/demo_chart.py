"""The chart of a stretch of research: the incumbent's value, and every effect with its interval.

Needs matplotlib, which the plots extra brings; imported only here and only when a chart is drawn.
"""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from server.scripted_agents.demo import DemoResult, Trial
from server.views.chart_style import BAND, COLOURS, FAINT, INK, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE_CHARACTERS = 130  # of a line over the whole figure


def draw_chart(result: DemoResult, path: Path, *, unseen: str = "") -> None:
    """Write a PNG; raise ImportError where matplotlib is not installed.

    `unseen` says how much of the gain holds on data that no verdict looked at.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 7.0), dpi=150, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.15, 1.0))
    better = "lower" if result.lower_is_better else "higher"
    kept = sum(trial.kept for trial in result.trials)
    who = "" if result.scoring == "sealed" else f", {result.scoring}"
    figure.suptitle(
        f"{result.target}: {len(result.trials)} experiments, {kept} kept, "
        f"{result.baseline:.4f} → {result.final:.4f} {result.unit}{who}",
        fontsize=14,
        fontweight="bold",
        color=INK,
    )
    if unseen:
        above.set_title(fill(unseen, TITLE_CHARACTERS), fontsize=10, color=INK, loc="left")
    _draw_incumbent(above, result)
    above.set_ylabel(f"incumbent's {result.metric}\n({result.unit}, {better} is better)")
    _draw_effects(below, result)
    below.set_ylabel(f"effect against the incumbent\n({result.unit}, up is better)")
    for axes in (above, below):
        tidy(axes)
    figure.savefig(path)


def _draw_incumbent(axes: "Axes", result: DemoResult) -> None:
    trials = result.trials
    values = [result.baseline, *(trial.incumbent for trial in trials)]
    axes.axhspan(
        result.baseline - 2 * result.sigma,
        result.baseline + 2 * result.sigma,
        color=BAND,
        zorder=0,
        label="baseline ± 2 sigma of single runs",
    )
    axes.step(
        range(len(values)),
        values,
        where="post",
        color=INK,
        linewidth=2,
        zorder=2,
        label="incumbent (its mean sharpens as control runs come in)",
    )
    axes.plot(0, values[0], "o", color=INK, markersize=7, zorder=3, label="e0, the original")
    spots = [n for n, trial in enumerate(trials, 1) if trial.kept]
    axes.plot(
        spots,
        [values[n] for n in spots],
        "o",
        color=COLOURS["keep"],
        markersize=10,
        markeredgecolor="white",
        markeredgewidth=1.5,
        zorder=4,
        label="kept",
    )
    for n in spots:
        axes.annotate(
            f"{values[n]:.4f}",
            (n, values[n]),
            xytext=(8, 7),
            textcoords="offset points",
            color=COLOURS["keep"],
            fontsize=9,
            fontweight="bold",
        )
    axes.margins(y=0.18)
    axes.legend(loc="best", frameon=False, fontsize=9)


def _draw_effects(axes: "Axes", result: DemoResult) -> None:
    axes.axhspan(-2 * result.sigma, 2 * result.sigma, color=BAND, zorder=0)
    axes.axhline(0, color=FAINT, linewidth=1, zorder=1)
    seen: set[str] = set()
    for n, trial in enumerate(result.trials, 1):
        _draw_effect(axes, n, trial, label="" if trial.outcome in seen else trial.outcome)
        seen.add(trial.outcome)
    axes.set_xlim(-0.5, len(result.trials) + 0.6)
    axes.set_xticks(
        range(len(result.trials) + 1),
        ["e0", *(_label(trial) for trial in result.trials)],
        fontsize=8,
    )
    axes.margins(y=0.2)
    if seen:
        axes.legend(loc="best", frameon=False, fontsize=9)


def _draw_effect(axes: "Axes", n: int, trial: Trial, *, label: str) -> None:
    colour = COLOURS.get(trial.outcome, INK)
    if trial.effect is None or trial.low is None or trial.high is None:
        axes.plot(n, 0, "X", color=colour, markersize=11, zorder=3, label=label or None)
        axes.annotate(
            "no effect\nmeasured",
            (n, 0),
            xytext=(0, 10),
            textcoords="offset points",
            ha="center",
            color=colour,
            fontsize=8,
        )
        return
    axes.errorbar(
        n,
        trial.effect,
        yerr=[[trial.effect - trial.low], [trial.high - trial.effect]],
        fmt="o" if trial.kept else "s",
        color=colour,
        markersize=9 if trial.kept else 6,
        capsize=4,
        linewidth=2,
        zorder=3,
        label=label or None,
    )


def _label(trial: Trial) -> str:
    if trial.cheat:
        return f"{trial.experiment}\na cheat"
    knob, _, values = trial.change.partition(" ")
    return f"{trial.experiment}\n{knob}\n{values}"
