"""Colours and axes that all charts share. Imports matplotlib only as a type."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT, BAND = "#1f2933", "#9aa5b1", "#e4e9ef"
COLOURS = {
    "keep": "#0f8a5f",
    "discard": "#c0413b",
    "inconclusive": "#c98a12",
    "crashed": "#7b4fb0",
    "tainted": "#7b8794",
    "overtaken": "#3a7ca5",
}


def tidy(axes: "Axes") -> None:
    """Take away what says nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=BAND, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    axes.yaxis.label.set_color(INK)
