"""Dead ends that are worth another look: why an idea that failed may not fail now.

An experiment is discarded against the incumbent of its day. It reopens when a keep that it was
built on has been reversed, when later keeps changed the lines around its own, or when so much was
kept since that its verdict is about another program. Pure: a history, and which lines of the
incumbent's files each experiment touched.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from autoresearch.ledger.history import History
from autoresearch.records import Outcome
from autoresearch.verdicts.evidence import lineage

NEAR_LINES = 8  # so far from its own lines a later change still is around them
FEWEST_LINES = 3  # of later keeps, around its own
FEWEST_KEEPS = 5  # later ones, wherever they are
MOST = 200  # that are looked for at once

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


def reopened(
    history: History,
    touched: Mapping[str, Spans],
    *,
    among: Iterable[str] | None = None,
    most: int = MOST,
) -> tuple[ReopenedDeadEnd, ...]:
    """Return the dead ends that reopen, the most promising first.

    Args:
        history: The lab's history.
        touched: By experiment, the lines of the incumbent's files that it changed.
        among: The experiments that are looked at; None looks at all.
        most: How many are returned.
    """
    again = {e.reopened_from for e in history.experiments.values()}
    stacked = {name for e in history.experiments.values() for name in e.stack}
    since = _Since(history, touched)
    found = [
        (name, history.verdicts[name].effect, reason)
        for name in (history.verdicts if among is None else among)
        if _failed(history, name) and name not in again and name not in stacked
        for reason in [since.reason(name)]
        if reason is not None
    ]
    order = list(Reopening)
    found.sort(
        key=lambda one: (
            order.index(one[2][0]),
            -one[2][1],
            -(one[1] if one[1] is not None else float("inf")),
        )
    )
    return tuple(
        ReopenedDeadEnd(
            experiment=name, why=why, keeps=since.keeps(name, why), lines=lines, effect=effect
        )
        for name, effect, (why, lines) in found[:most]
    )


def _failed(history: History, name: str) -> bool:
    verdict = history.verdicts.get(name)
    return verdict is not None and verdict.outcome is Outcome.DISCARD


class _Since:
    """Changes of the kept line since each base, kept by base: many fail on one."""

    def __init__(self, history: History, touched: Mapping[str, Spans]) -> None:
        self.history, self.touched = history, touched
        self.places = {name: place for place, name in enumerate(history.kept)}
        self.counts: dict[tuple[int, str], list[int]] = {}

    def reason(self, name: str) -> tuple[Reopening, int] | None:
        """Return why a discarded experiment reopens, and how many lines changed around its own."""
        base = self.history.experiments[name].base
        place = self.places.get(base or "")
        if place is None:
            return (Reopening.BASE_REVERSED, 0) if self._reversed(name) else None
        lines = sum(
            self._changed(place, path, around)
            for path, spans in self.touched.get(name, {}).items()
            for around in _around(spans)
        )
        if lines >= FEWEST_LINES:
            return Reopening.LINES_CHANGED, lines
        much = len(self.history.kept) - 1 - place >= FEWEST_KEEPS
        return (Reopening.MUCH_KEPT, lines) if much else None

    def keeps(self, name: str, why: Reopening) -> tuple[str, ...]:
        """Return the keeps that are the reason."""
        if why is Reopening.BASE_REVERSED:
            return self._reversed(name)
        later = self._later(self.places[self.history.experiments[name].base or ""])
        if why is Reopening.MUCH_KEPT:
            return later
        mine = self.touched.get(name, {})
        return tuple(
            keep
            for keep in later
            if any(
                max(first, a) <= min(last, b)
                for path, spans in mine.items()
                for first, last in _around(spans)
                for a, b in self.touched.get(keep, {}).get(path, ())
            )
        )

    def _reversed(self, name: str) -> tuple[str, ...]:
        below = lineage(self.history, name)[:-1]
        return tuple(base for base in below if base in self.history.reversals)

    def _later(self, place: int) -> tuple[str, ...]:
        return self.history.kept[place + 1 :]

    def _changed(self, place: int, path: str, around: tuple[int, int]) -> int:
        """Return how many lines the keeps after a base changed in a stretch of a file."""
        if (place, path) not in self.counts:
            changed = [
                line
                for keep in self._later(place)
                for first, last in self.touched.get(keep, {}).get(path, ())
                for line in range(first, last + 1)
            ]
            self.counts[place, path] = sorted(changed)
        lines = self.counts[place, path]
        return bisect_right(lines, around[1]) - bisect_left(lines, around[0])


def _around(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans with NEAR_LINES on both sides, those that meet joined to one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first - NEAR_LINES <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last + NEAR_LINES))
        else:
            found.append((first - NEAR_LINES, last + NEAR_LINES))
    return found
