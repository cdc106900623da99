"""The lines of the incumbent's files that experiments touched, and what that tells."""

from collections.abc import Sequence
from functools import lru_cache

from autoresearch.git.repository import Repository
from autoresearch.ledger.history import History
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.stacking import Spans, near_misses
from autoresearch.memory.dead_ends import ReopenedDeadEnd, reopened
from autoresearch.patches.code_sections import LineMap
from autoresearch.records import Experiment, FileChange, Outcome

Maps = dict[str, LineMap]  # from a base's lines, by its commit
KnownSpans = dict[str, list[tuple[int, int]]]  # by an experiment's commit


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
    maps, known = _mapped(lab.repository, incumbent, path)
    touched: dict[str, list[tuple[int, int]]] = {}
    for experiment in history.experiments.values():
        if experiment.commit not in known:
            known[experiment.commit] = _spans(lab, history, experiment, path, incumbent, maps)
        if known[experiment.commit]:
            touched[experiment.id] = known[experiment.commit]
    return touched


@lru_cache(maxsize=32)
def _mapped(repository: Repository, incumbent: str, path: str) -> tuple[Maps, KnownSpans]:
    """Return what is known of one of an incumbent's files, to be added to: commits never change."""
    return {}, {}


def _spans(
    lab: OpenLab, history: History, experiment: Experiment, path: str, incumbent: str, maps: Maps
) -> list[tuple[int, int]]:
    spans = [span for change in experiment.changes if change.path == path for span in change.spans]
    if not spans or experiment.base is None:
        return []
    base = history.experiments[experiment.base].commit
    if base not in maps:
        maps[base] = LineMap(_text_at(lab, base, path), _text_at(lab, incumbent, path))
    return [maps[base].span(*span) for span in spans]


def stackable(lab: OpenLab, history: History) -> tuple[str, ...]:
    """Return near misses on lines of their own that would make a stack."""
    if sum(v.outcome is Outcome.INCONCLUSIVE for v in history.verdicts.values()) < 2:
        return ()
    return near_misses(history, all_touched(lab, history))


def reopened_dead_ends(
    lab: OpenLab, history: History, changes: Sequence[FileChange] | None = None
) -> tuple[ReopenedDeadEnd, ...]:
    """Return the dead ends that are worth another look, the most promising first.

    `changes` are those of a patch on the incumbent; then only dead ends on its lines are returned.
    """
    if not any(v.outcome is Outcome.DISCARD for v in history.verdicts.values()):
        return ()
    if len(history.kept) == 1 and not history.reversals:
        return ()  # all are on e0, which is the incumbent
    touched = all_touched(lab, history)
    if changes is None:
        return reopened(history, touched)
    on_lines = [
        name
        for name, spans in touched.items()
        if any(
            a <= last and first <= b
            for change in changes
            for a, b in spans.get(change.path, ())
            for first, last in change.spans
        )
    ]
    return reopened(history, touched, among=on_lines)


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
