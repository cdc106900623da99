"""The charts of a final report: what each keep is worth at the end, and all that was tried.

Needs matplotlib, which the plots extra brings; imported only when a chart is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autoresearch.finalization.confirmation import Confirmation, Span
from autoresearch.finalization.finalization import Finalized
from autoresearch.ledger.history import History
from server.views.chart_style import BAND, COLOURS, FAINT, INK, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STANDS, DROPPED, UNKNOWN = COLOURS["keep"], COLOURS["discard"], COLOURS["tainted"]
LONGEST_AXIS = 60  # experiments that get a name below the axis


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """One verdict, in the order in which they were given."""

    experiment: str
    outcome: str
    effect: float | None  # metric units, positive is better
    low: float | None
    high: float | None
    kept: bool


def points_of(history: History) -> list[ChartPoint]:
    """Return all verdicts as points of a chart."""
    return [
        ChartPoint(
            experiment=name,
            outcome=str(verdict.outcome),
            effect=verdict.effect,
            low=verdict.low,
            high=verdict.high,
            kept=verdict.moved_incumbent,
        )
        for name, verdict in history.verdicts.items()
    ]


def draw_final(found: Finalized, metric: str, unit: str, path: Path) -> None:
    """Write a PNG of the keeps and of the final code; raise ImportError without matplotlib."""
    figure = _figure(9.5, 2.6 + 0.42 * len(found.ablation.answers) + 1.8)
    rows = max(2, len(found.ablation.answers))
    above, below = figure.subplots(2, 1, height_ratios=(rows, 3))
    figure.suptitle(
        f"{found.lab}: what each keep is worth at the end, and all together",
        fontsize=13,
        fontweight="bold",
        color=INK,
    )
    _draw_keeps(above, found)
    above.set_xlabel(f"loss of {metric} without it ({unit or metric}; right of 0 it is needed)")
    _draw_confirmation(below, found.confirmation)
    below.set_xlabel(f"gain of the final code over e0 ({unit or metric})")
    figure.savefig(path)


def draw_history(points: Sequence[ChartPoint], lab: str, unit: str, path: Path) -> None:
    """Write a PNG of every verdict's effect; raise ImportError without matplotlib."""
    figure = _figure(10.5, 4.2)
    axes = figure.subplots()
    kept = sum(point.kept for point in points)
    axes.set_title(
        f"{lab}: {len(points)} verdicts, {kept} kept", color=INK, fontweight="bold", loc="left"
    )
    axes.axhline(0, color=FAINT, linewidth=1, zorder=1)
    seen: set[str] = set()
    for n, point in enumerate(points):
        label = None if point.outcome in seen else point.outcome
        seen.add(point.outcome)
        colour = COLOURS.get(point.outcome, INK)
        if point.effect is None or point.low is None or point.high is None:
            axes.plot(n, 0, "X", color=colour, markersize=7, label=label, zorder=3)
            continue
        bars = [[point.effect - point.low], [point.high - point.effect]]
        axes.errorbar(
            n,
            point.effect,
            yerr=bars,
            fmt="o" if point.kept else "s",
            color=colour,
            markersize=7 if point.kept else 4,
            capsize=2,
            label=label,
            zorder=3,
        )
    if len(points) <= LONGEST_AXIS:
        names = [point.experiment for point in points]
        axes.set_xticks(range(len(points)), names, fontsize=8)
    axes.set_ylabel(f"effect against the incumbent\n({unit or 'metric'}, up is better)")
    tidy(axes)
    if seen:
        axes.legend(loc="best", frameon=False, fontsize=9)
    figure.savefig(path)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _draw_keeps(axes: "Axes", found: Finalized) -> None:
    answers = found.ablation.answers
    axes.axvline(0, color=FAINT, linewidth=1, zorder=1)
    for n, one in enumerate(answers):
        colour = DROPPED if one.dropped else STANDS
        if one.gain is None or one.low is None or one.high is None:
            axes.plot(0, n, "X", color=UNKNOWN, markersize=9, zorder=3)
            continue
        bars = [[one.gain - one.low], [one.high - one.gain]]
        axes.errorbar(one.gain, n, xerr=bars, fmt="o", color=colour, markersize=8, capsize=4)
    names = [f"{one.keep}{' (dropped)' if one.dropped else ''}" for one in answers]
    axes.set_yticks(range(len(answers)), names)
    axes.invert_yaxis()
    tidy(axes)


def _draw_confirmation(axes: "Axes", confirmed: Confirmation | None) -> None:
    spans: list[tuple[str, Span | None]] = []
    if confirmed is not None:
        spans = [
            ("documents that\nverdicts use", confirmed.gain),
            ("unseen\ndocuments", confirmed.unseen_gain),
        ]
    axes.axvline(0, color=FAINT, linewidth=1, zorder=1)
    for n, (_, span) in enumerate(spans):
        if span is None:
            continue
        axes.axhspan(n - 0.4, n + 0.4, color=BAND, zorder=0)
        low, high = (span.value if end is None else end for end in (span.low, span.high))
        ends = [[span.value - low], [high - span.value]]
        axes.errorbar(span.value, n, xerr=ends, fmt="D", color=STANDS, markersize=8, capsize=4)
    axes.set_yticks(range(len(spans)), [name for name, _ in spans])
    axes.invert_yaxis()
    tidy(axes)
