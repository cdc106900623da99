"""Dead ends that are worth another look: why an idea that failed may not fail now.

An experiment is discarded against the incumbent of its day. It reopens when a keep that it was
built on has been reversed, when later keeps changed the lines around its own, or when so much was
kept since that its verdict is about another program. Pure: a history, and which lines of the
incumbent's files each experiment touched.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from autoresearch.ledger.history import History
from autoresearch.records import Outcome
from autoresearch.verdicts.evidence import lineage

NEAR_LINES = 8  # so far from its own lines a later change still is around them
FEWEST_LINES = 3  # of later keeps, around its own
FEWEST_KEEPS = 5  # later ones, wherever they are

Spans = Mapping[str, Sequence[tuple[int, int]]]  # path: lines of the incumbent's file


class Reopening(StrEnum):
    """Why a dead end is worth another look."""

    BASE_REVERSED = "base_reversed"
    LINES_CHANGED = "lines_changed"
    MUCH_KEPT = "much_kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenedDeadEnd:
    """A discarded experiment that is worth another look."""

    experiment: str
    why: Reopening
    keeps: tuple[str, ...]  # the reversed keep; or those that changed its lines, or came since
    lines: int = 0  # that those changed around its own
    effect: float | None = None  # that it had


def reopened(history: History, touched: Mapping[str, Spans]) -> tuple[ReopenedDeadEnd, ...]:
    """Return the dead ends that reopen, the most promising first.

    Args:
        history: The lab's history.
        touched: By experiment, the lines of the incumbent's files that it changed.
    """
    again = {e.reopened_from for e in history.experiments.values()}
    stacked = {name for e in history.experiments.values() for name in e.stack}
    found = []
    for name, verdict in history.verdicts.items():
        if verdict.outcome is not Outcome.DISCARD or name in again | stacked:
            continue
        one = _reason(history, touched, name, verdict.effect)
        if one is not None:
            found.append(one)
    order = list(Reopening)
    return tuple(
        sorted(
            found,
            key=lambda one: (
                order.index(one.why),
                -one.lines,
                -len(one.keeps),
                -(one.effect if one.effect is not None else float("-inf")),
            ),
        )
    )


def _reason(
    history: History, touched: Mapping[str, Spans], name: str, effect: float | None
) -> ReopenedDeadEnd | None:
    below = lineage(history, name)[:-1]
    gone = tuple(base for base in below if base in history.reversals)
    if gone:
        return ReopenedDeadEnd(
            experiment=name, why=Reopening.BASE_REVERSED, keeps=gone, effect=effect
        )
    since = history.kept[len(below) :]  # all below stands, so the kept line begins with it
    around = {keep: _lines_around(touched.get(name, {}), touched.get(keep, {})) for keep in since}
    changed = tuple(keep for keep, lines in around.items() if lines)
    lines = sum(around.values())
    if lines >= FEWEST_LINES:
        return ReopenedDeadEnd(
            experiment=name, why=Reopening.LINES_CHANGED, keeps=changed, lines=lines, effect=effect
        )
    if len(since) >= FEWEST_KEEPS:
        return ReopenedDeadEnd(
            experiment=name, why=Reopening.MUCH_KEPT, keeps=since, lines=lines, effect=effect
        )
    return None


def _lines_around(mine: Spans, others: Spans) -> int:
    """Return how many lines of the other's are among mine or within NEAR_LINES of them."""
    return sum(len(_covered(spans, others.get(path, ()))) for path, spans in mine.items())


def _covered(mine: Iterable[tuple[int, int]], others: Iterable[tuple[int, int]]) -> set[int]:
    around = {
        line for first, last in mine for line in range(first - NEAR_LINES, last + NEAR_LINES + 1)
    }
    return {line for first, last in others for line in range(first, last + 1) if line in around}
