"""Pictures for where people would rather look: PNG files of what the trained model really holds.

Needs matplotlib, which the plots extra brings; imported only here, and only when one is drawn.
"""

import importlib.util
import itertools
import math
from dataclasses import dataclass
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING

from curricula.errors import CourseError, UnknownNameError
from curricula.explanation.expression import Node, graph, tidy
from curricula.explanation.graph_layout import arrange
from curricula.explanation.tracing import attention_shares, check_example, context, trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {
    "attention": "what each head looks at while it reads the example",
    "loss": "the loss while the model was trained",
    "embedding": "where the model puts the letters",
    "graph": "the autograd graph of a small expression",
}
INK, FAINT, GIVEN, MADE, VOWEL = "#1f2933", "#9aa5b1", "#e4e9ef", "#fdf3dc", "#c0413b"
OTHER = "#2b6cb0"
VOWELS = "aeiouy"
DPI = 110
EXAMPLE = "emma"
EXPRESSION = "a = 2; b = -3; relu(a * b + 10) ** 2"
HALF_X, HALF_Y = 0.33, 0.34  # of a node's box, where layers and places are 1 apart
LEAST_LAYERS = 3  # that a graph is given the width of
MOST_WRITTEN = 8  # positions up to which a map has its numbers written in


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture, and what a caller says about it."""

    png: bytes
    shows: str  # "attention, what each head looks at while it reads the example: 'ada'"
    example: str  # as it was used; "" where the picture has none


def drawing(kind: str, example: str = "") -> Drawing:
    """Draw one of KINDS of an example or, for "graph", of an expression; "" for ours.

    Raises as `picture` does.
    """
    if kind == "graph":
        used = example or EXPRESSION
        png = picture(kind, expression=used)
    elif kind == "attention":
        used = example or EXAMPLE
        png = picture(kind, used)
    else:
        used, png = "", picture(kind)
    of = f": {used!r}" if used else ""
    unused = (
        f" (it has no example, so {example!r} changes nothing)" if example != used == "" else ""
    )
    return Drawing(png, f"{kind}, {KINDS[kind]}{of}{unused}", used)


def picture(kind: str, example: str = EXAMPLE, expression: str = EXPRESSION) -> bytes:
    """Draw one of KINDS, and return the PNG.

    `example` is for "attention", `expression` for "graph". Raises Unknown for another kind,
    SubmissionError for an example or expression that can't be read, CourseError without matplotlib.
    """
    if kind not in KINDS:
        raise UnknownNameError(
            f"There is no picture {kind!r}.", f"Pictures: {', '.join(KINDS)}.", reason="picture"
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise CourseError(
            "Pictures need matplotlib, which is not installed.",
            "Install autoresearch-mcp[plots].",
            reason="plots_missing",
        )
    match kind:
        case "attention":
            figure = _attention(check_example(example))
        case "loss":
            figure = _loss()
        case "embedding":
            figure = _embedding()
        case _:
            figure = _graph(graph(expression), expression)
    made = BytesIO()
    figure.savefig(
        made, format="png", metadata={"Software": None}, bbox_inches="tight", pad_inches=0.15
    )
    return made.getvalue()


def _figure(width: float, height: float) -> "Figure":
    """Width and height in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _attention(example: str) -> "Figure":
    maps = attention_shares(example)
    labels = ["BOS", *example][: context()]
    size = len(labels)
    columns = min(4, len(maps))
    rows = math.ceil(len(maps) / columns)
    figure = _figure(3.1 * columns + 0.8, 3.4 * rows + 0.7)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for head, (shares, one) in enumerate(zip(maps, axes.flat, strict=False)):
        grid = [row + [math.nan] * (size - len(row)) for row in shares]
        image = one.imshow(grid, cmap="Blues", vmin=0, vmax=1)
        one.set_facecolor(GIVEN)
        one.set_title(f"head {head + 1}", fontsize=11, color=INK)
        one.set_xticks(range(size), labels)
        one.set_yticks(range(size), labels)
        one.set_xlabel("looked at")
        one.tick_params(labelsize=9 if size <= MOST_WRITTEN else 7, length=0)
        if size <= MOST_WRITTEN:
            _write_shares(one, shares)
    axes[0][0].set_ylabel("read at this position")
    bar = figure.colorbar(image, ax=axes, shrink=0.75, pad=0.02)
    bar.set_label("share of the attention (a row sums to 1)", fontsize=9)
    _headline(figure, f"Where each head looks back to while reading “{example}”")
    return figure


def _write_shares(axes: "Axes", shares: list[list[float]]) -> None:
    for y, row in enumerate(shares):
        for x, share in enumerate(row):
            colour = "white" if share > 0.6 else INK
            axes.text(x, y, f"{share:.2f}", ha="center", va="center", fontsize=7.5, color=colour)


def _loss() -> "Figure":
    model = trained()
    steps = [step for step, _ in model.loss_curve]
    losses = [loss for _, loss in model.loss_curve]
    guess = math.log(len(model.letters) + 1)
    figure = _figure(7.6, 4.4)
    axes = figure.subplots()
    axes.axhline(guess, color=FAINT, linewidth=1.2)
    axes.annotate(
        f"all {len(model.letters) + 1} tokens equally likely: {guess:.2f}",
        (steps[-1], guess),
        xytext=(0, -5),
        textcoords="offset points",
        ha="right",
        va="top",
        color=INK,
        fontsize=9,
    )
    axes.plot(steps, losses, color=OTHER, linewidth=2, label="names it learns from")
    axes.axhline(
        model.held_out_loss,
        color=VOWEL,
        linewidth=1.4,
        linestyle="--",
        label=f"names held out, after the last step: {model.held_out_loss:.2f}",
    )
    axes.set_xlabel(f"step of training ({model.settings['batch']} names each)")
    axes.set_ylabel("loss (nats a token)")
    axes.set_xlim(0, steps[-1])
    axes.legend(frameon=False, fontsize=9, loc="center right")
    _tidy(axes)
    _headline(figure, "The loss of the lessons' model while it was trained")
    return figure


def _embedding() -> "Figure":
    import numpy as np

    model = trained()
    rows = np.array(model.weights["token"])[: len(model.letters)]  # BOS, the last, is left out
    centred = rows - rows.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    spots = centred @ directions[:2].T
    shares = sizes**2 / (sizes**2).sum()
    figure = _figure(6.6, 6.0)
    axes = figure.subplots()
    for own, label in ((VOWELS, "a e i o u y"), ("", "the other letters")):
        chosen = [i for i, letter in enumerate(model.letters) if (letter in VOWELS) == bool(own)]
        colour = VOWEL if own else OTHER
        axes.plot(*spots[chosen].T, "o", color=colour, markersize=6, label=label)
    for i, letter in enumerate(model.letters):  # written on the side away from its neighbour
        away = spots[i] - spots
        distance = np.hypot(*away.T) + 1e-9
        distance[i] = np.inf
        nearest = int(distance.argmin())
        axes.annotate(
            letter,
            spots[i],
            xytext=10 * away[nearest] / distance[nearest],
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=12,
            color=INK,
        )
    axes.set_xlabel(f"direction of most difference ({shares[0]:.0%} of the variance)")
    axes.set_ylabel(f"the next one ({shares[1]:.0%})")
    axes.margins(0.1)
    axes.legend(frameon=False, fontsize=9, loc="best")
    _tidy(axes)
    width = rows.shape[1]
    _headline(figure, f"The letters' embeddings: {width} numbers each, flattened to 2")
    return figure


def _graph(nodes: tuple[Node, ...], expression: str) -> "Figure":
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    layout = arrange([node.parents for node in nodes])
    layers = max(layout.layers, LEAST_LAYERS)
    figure = _figure(1.75 * layers + 0.5, 1.15 * layout.widest + 1.0)
    axes = figure.subplots()
    for points in layout.edges:
        (x0, y0), *between, (x1, y1) = points
        beside = [(x + side, y) for x, y in between for side in (-HALF_X, HALF_X)]
        way = [(x0 + HALF_X, y0), *beside, (x1 - HALF_X - 0.03, y1)]
        axes.add_patch(
            FancyArrowPatch(
                path=Path(*_smooth(way)), arrowstyle="-|>", mutation_scale=11, color=FAINT, lw=1.3
            )
        )
    for i, node in enumerate(nodes):
        _box(axes, node, *layout.at[i])
    heights = [y for points in layout.edges for _, y in points] or [0.0]
    middle = (layout.layers - 1) / 2
    axes.set_xlim(middle - layers / 2, middle + layers / 2)
    axes.set_ylim(max(heights) + 0.55, min(heights) - 0.55)
    axes.axis("off")
    _headline(figure, "\n".join(wrap(tidy(expression), 13 * layers)))
    figure.supxlabel(
        "arrows: what was made from what · grad: d(last) / d(this)", fontsize=9, color=INK
    )
    return figure


def _box(axes: "Axes", node: Node, x: float, y: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (x - HALF_X, y - HALF_Y),
            2 * HALF_X,
            2 * HALF_Y,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=GIVEN if node.leaf else MADE,
            edgecolor=FAINT,
        )
    )
    rows = (
        (-0.2, node.label, INK, 11),
        (0.03, f"data {node.data:.4g}", INK, 9),
        (0.21, f"grad {node.grad:.4g}", VOWEL, 9),
    )
    for below, text, colour, size in rows:
        weight = "bold" if size > 9 else "normal"
        axes.text(
            x, y + below, text, ha="center", va="center", color=colour, size=size, weight=weight
        )


def _smooth(way: list[tuple[float, float]]) -> tuple[list[tuple[float, float]], list[int]]:
    """A path of curves that leave and reach each point level: vertices and their codes."""
    vertices, codes = [way[0]], [1]  # MOVETO
    for (x0, y0), (x1, y1) in itertools.pairwise(way):
        middle = (x0 + x1) / 2
        vertices += [(middle, y0), (middle, y1), (x1, y1)]
        codes += [4, 4, 4]  # CURVE4
    return vertices, codes


def _headline(figure: "Figure", text: str) -> None:
    figure.suptitle(text, fontsize=12.5, fontweight="bold", color=INK)


def _tidy(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)
