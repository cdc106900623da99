"""The lines of the incumbent's files that experiments touched, and what that tells."""

from collections.abc import Sequence

from autoresearch.ledger.history import History
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.stacking import Spans, near_misses
from autoresearch.memory.dead_ends import ReopenedDeadEnd, reopened
from autoresearch.patches.code_sections import LineMap
from autoresearch.records import Outcome


def touching(lab: OpenLab, history: History, path: str, first: int, last: int) -> Sequence[str]:
    """Return the experiments that changed those lines of the incumbent's file, the oldest first."""
    return [
        experiment
        for experiment, spans in touched_lines(lab, history, path).items()
        if any(a <= last and first <= b for a, b in spans)
    ]


def touched_lines(lab: OpenLab, history: History, path: str) -> dict[str, list[tuple[int, int]]]:
    """Return the lines of the incumbent's file that each experiment touched."""
    incumbent = history.experiments[history.kept[-1]].commit
    maps: dict[str, LineMap] = {}
    touched: dict[str, list[tuple[int, int]]] = {}
    for experiment in history.experiments.values():
        spans = [
            span for change in experiment.changes if change.path == path for span in change.spans
        ]
        if not spans or experiment.base is None:
            continue
        base = history.experiments[experiment.base].commit
        if base not in maps:
            maps[base] = LineMap(_text_at(lab, base, path), _text_at(lab, incumbent, path))
        touched[experiment.id] = [maps[base].span(*span) for span in spans]
    return touched


def stackable(lab: OpenLab, history: History) -> tuple[str, ...]:
    """Return near misses on lines of their own that would make a stack."""
    if sum(v.outcome is Outcome.INCONCLUSIVE for v in history.verdicts.values()) < 2:
        return ()
    return near_misses(history, all_touched(lab, history))


def reopened_dead_ends(lab: OpenLab, history: History) -> tuple[ReopenedDeadEnd, ...]:
    """Return the dead ends that are worth another look, the most promising first."""
    if not any(v.outcome is Outcome.DISCARD for v in history.verdicts.values()):
        return ()
    if len(history.kept) == 1 and not history.reversals:
        return ()  # all are on e0, which is the incumbent
    return reopened(history, all_touched(lab, history))


def all_touched(lab: OpenLab, history: History) -> dict[str, Spans]:
    """Return, by experiment and path, the lines of the incumbent's files that it touched."""
    touched: dict[str, Spans] = {}
    incumbent = history.experiments[history.kept[-1]].commit
    for path in lab.repository.matching(incumbent, lab.contract.edit.allow):
        for experiment, spans in touched_lines(lab, history, path).items():
            touched.setdefault(experiment, {})[path] = spans
    return touched


def _text_at(lab: OpenLab, commit: str, path: str) -> str:
    there = path in lab.repository.list_files(commit)
    return lab.read_file(path, commit) if there else ""
