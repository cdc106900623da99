"""Layout of a small graph's nodes in layers, from inputs to output.

Pure. An edge that passes a layer keeps a place free in it, so that no line runs through a box.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Nodes by their number: `at[node]` is (layer, height); an edge goes through its points."""

    at: dict[int, tuple[float, float]]
    edges: tuple[tuple[tuple[float, float], ...], ...]  # from a parent to its child
    layers: int
    widest: int  # how many places the fullest layer has


def arrange(parents: Sequence[Sequence[int]]) -> Layout:
    """Lay out a graph whose node i was made from `parents[i]`, all of lower number."""
    layer = _layers(parents)
    points = list(layer)  # nodes first, then the places that edges keep free
    edges: list[list[int]] = []
    for child, its_parents in enumerate(parents):
        for parent in dict.fromkeys(its_parents):
            between = range(layer[parent] + 1, layer[child])
            edges.append([parent, *range(len(points), len(points) + len(between)), child])
            points += between
    near: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        for one, other in itertools.pairwise(edge):
            near[one].append(other)
            near[other].append(one)
    height = _heights(points, near)
    at = [(float(x), height[i]) for i, x in enumerate(points)]
    rows = [points.count(x) for x in set(points)]
    return Layout(
        at={i: at[i] for i in range(len(parents))},
        edges=tuple(tuple(at[i] for i in edge) for edge in edges),
        layers=len(rows),
        widest=max(rows),
    )


def _layers(parents: Sequence[Sequence[int]]) -> list[int]:
    """Return each node's layer: its longest path from an input; inputs stand before their use."""
    layer = [0] * len(parents)
    for node, its_parents in enumerate(parents):
        layer[node] = max((layer[p] + 1 for p in its_parents), default=0)
    for node, its_parents in enumerate(parents):
        uses = [layer[child] for child, p in enumerate(parents) if node in p]
        if not its_parents and uses:
            layer[node] = min(uses) - 1
    return layer


def _heights(points: Sequence[int], near: dict[int, list[int]]) -> list[float]:
    """Order each layer by where its neighbours are, again and again; then space it evenly."""
    order = {x: [i for i, y in enumerate(points) if y == x] for x in sorted(set(points))}
    height = [0.0] * len(points)
    for row in order.values():
        _space(row, height)
    for sweep in range(SWEEPS):
        for x in order if sweep % 2 == 0 else reversed(order):
            side = -1 if sweep % 2 == 0 else 1
            wish = {
                i: _mean([height[n] for n in near[i] if points[n] == x + side], height[i])
                for i in order[x]
            }
            order[x].sort(key=lambda i, wish=wish: wish[i])  # type: ignore[misc]
            _space(order[x], height)
    return height


def _space(row: Sequence[int], height: list[float]) -> None:
    for place, i in enumerate(row):
        height[i] = place - (len(row) - 1) / 2


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
