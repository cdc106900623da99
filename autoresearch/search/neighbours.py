"""Knobs near the last structural keep: those whose definition or use lies in lines it touched.

A structural keep is one that no search proposed, so it did more than turn knobs. What was tuned
around the old code may be wrong for the new, so these knobs are turned first.
"""

from collections.abc import Callable

from autoresearch.ledger.history import History
from autoresearch.search.knobs import Space
from autoresearch.search.sites import lines_naming

CLIENT = "search"  # the name under which searches propose

Touched = Callable[[str, str], tuple[tuple[int, int], ...]]  # (experiment, path): lines now


def structural_keep(history: History) -> str | None:
    """Return the last keep on the kept line that no search proposed; None without one."""
    return next(
        (
            name
            for name in reversed(history.kept[1:])
            if history.experiments[name].proposer.client != CLIENT
        ),
        None,
    )


def near_knobs(
    space: Space, keep: str, text_of: Callable[[str], str], touched: Touched
) -> frozenset[str]:
    """Return the knobs near a keep.

    Args:
        space: The knobs of the incumbent.
        keep: The experiment.
        text_of: Gives the text of the incumbent's file.
        touched: Gives the lines of the incumbent's file that an experiment changed.
    """
    near = set()
    for knob in space:
        spans = touched(keep, knob.path)
        lines = lines_naming(text_of(knob.path), knob.name) if spans else ()
        if any(first <= line <= last for line in lines for first, last in spans):
            near.add(knob.name)
    return frozenset(near)
