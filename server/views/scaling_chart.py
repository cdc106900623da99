"""The chart of a scaling: both laws with their bands, and the gain out to ten times the compute.

Needs matplotlib, which the extras plots and scaling bring; imported only when a chart is drawn.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from autoresearch.loop.scaling import ScalingView
from autoresearch.statistics.scaling_laws import At, Interval, Scaling
from server.views.chart_style import COLOURS, FAINT, INK, tidy
from server.views.scaling_text import sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

BASE, CANDIDATE = COLOURS["tainted"], COLOURS["overtaken"]
BEYOND = "#f5f1e8"


def draw_scaling(view: ScalingView, path: Path) -> None:
    """Write a PNG; raise ImportError where matplotlib is not installed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fit = view.fit
    assert fit is not None
    figure = Figure(figsize=(9.5, 7.0), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.25, 1.0))
    figure.suptitle(
        f"{view.experiment} on {view.base} at {sizes(view)}: {fit.answer}",
        fontsize=13,
        fontweight="bold",
        color=INK,
    )
    for axes in (above, below):
        axes.axvspan(fit.x0, fit.reach.compute, color=BEYOND, zorder=0)
        tidy(axes)
    _draw_law(above, view, view.base, BASE, lambda at: at.baseline)
    _draw_law(above, view, view.experiment, CANDIDATE, lambda at: at.candidate)
    above.legend(loc="best", frameon=False, fontsize=9)
    above.set_ylabel(f"{view.metric} ({view.unit})")
    above.set_xscale("log")
    _draw_gain(below, fit)
    below.set_ylabel(f"gain at equal compute\n({view.unit}, up is better)")
    below.set_xlabel(f"compute of one run ({view.compute_unit}); shaded: beyond the sizes run")
    figure.savefig(path)


def _draw_law(
    axes: "Axes",
    view: ScalingView,
    experiment: str,
    colour: str,
    side: "Callable[[At], Interval]",
) -> None:
    assert view.fit is not None
    way = [at.compute for at in view.fit.curve]
    law = [side(at) for at in view.fit.curve]
    for one in view.sizes:
        if one.experiment == experiment and one.compute:
            axes.plot(
                [one.compute] * len(one.values),
                one.values,
                "o",
                color=colour,
                markersize=5,
                alpha=0.8,
                zorder=3,
            )
    axes.plot(way, [at.value for at in law], color=colour, linewidth=2, zorder=2, label=experiment)
    axes.fill_between(
        way, [at.low for at in law], [at.high for at in law], color=colour, alpha=0.18, linewidth=0
    )


def _draw_gain(axes: "Axes", fit: Scaling) -> None:
    way = [at.compute for at in fit.curve]
    axes.axhline(0, color=FAINT, linewidth=1, zorder=1)
    axes.plot(way, [at.gain.value for at in fit.curve], color=COLOURS["keep"], linewidth=2)
    axes.fill_between(
        way,
        [at.gain.low for at in fit.curve],
        [at.gain.high for at in fit.curve],
        color=COLOURS["keep"],
        alpha=0.18,
        linewidth=0,
        label="95 % interval",
    )
    axes.legend(loc="best", frameon=False, fontsize=9)
