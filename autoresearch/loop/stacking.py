"""Stacks: merge several near misses into one patch, as small gains hide one by one."""

from collections.abc import Sequence

from autoresearch.errors import InvalidStateError, PatchRefusedError
from autoresearch.git.three_way_merge import MergeRefusedError, merge_trees
from autoresearch.ledger.history import History
from autoresearch.loop.open_lab import OpenLab
from autoresearch.records import Outcome

FEWEST, MOST = 2, 6  # patches in one stack
UNTESTED = {
    Outcome.CRASHED: "it crashed",
    Outcome.TAINTED: "the machine disturbed its runs, so it was not tested",
}

Spans = dict[str, list[tuple[int, int]]]  # path: lines of the incumbent's file


def stacked_tree(lab: OpenLab, stack: Sequence[str]) -> str:
    """Return the incumbent's tree with these experiments' patches merged, one after the other.

    Raises PatchRefusedError, naming the patch, the files and the lines, where one does not merge.
    """
    history = lab.history()
    refuse_unfit(history, stack)
    incumbent = history.kept[-1]
    tree = history.experiments[incumbent].commit
    for place, name in enumerate(stack):
        try:
            tree = _merged(lab, history, name, tree)
        except MergeRefusedError as refused:
            after = ", then ".join([incumbent, *stack[:place]])
            raise PatchRefusedError(
                f"The patch of {name} does not apply to {after}: {refused.message}",
                f"Leave {name} out, or write the combined change as `edits` on {incumbent}.",
                reason="does_not_merge",
            ) from refused
    return tree


def reapplied_tree(lab: OpenLab, name: str) -> str:
    """Return the incumbent's tree with a patch that was made against an older incumbent.

    Raises PatchRefusedError, naming the files and the lines, where it does not merge.
    """
    history = lab.history()
    incumbent = history.kept[-1]
    try:
        return _merged(lab, history, name, history.experiments[incumbent].commit)
    except MergeRefusedError as refused:
        raise PatchRefusedError(
            f"The patch of {name} does not apply to {incumbent}: {refused.message}",
            f"Write the change yourself as `edits` on {incumbent}.",
            reason="does_not_merge",
        ) from refused


def _merged(lab: OpenLab, history: History, name: str, tree: str) -> str:
    known = history.experiment(name)
    if known.base is None:
        raise PatchRefusedError(f"{name} is the original code, not a patch.", "Name another.")
    base = history.experiments[known.base].commit
    return merge_trees(lab.repository, base, tree, known.commit)


def refuse_unfit(history: History, stack: Sequence[str]) -> None:
    """Raise PatchRefusedError or InvalidStateError, with the reason, if these can't be stacked."""
    if len(set(stack)) != len(stack):
        raise PatchRefusedError(
            "A stack may name each experiment only once.",
            "Leave out repeats.",
            reason="stack_repeats",
        )
    if not FEWEST <= len(stack) <= MOST:
        raise PatchRefusedError(
            f"A stack must have {FEWEST} to {MOST} experiments, not {len(stack)}.",
            "recall_experiments with outcome='inconclusive' shows near misses.",
            reason="stack_size",
        )
    for name in stack:
        history.experiment(name)
        why = _unfit(history, name)
        if why:
            remedy = "Stack experiments that were measured but not kept, preferably near misses."
            raise PatchRefusedError(
                f"{name} can't be stacked: {why}.", remedy, reason="not_stackable"
            )


def near_misses(history: History, touched: dict[str, Spans]) -> tuple[str, ...]:
    """Return inconclusive experiments that leaned up, on lines of their own, in no stack yet.

    The clearest come first, at most as many as a stack takes; fewer than two are none. `touched`
    are the lines of the incumbent's files that each experiment changed.
    """
    stacked = {name for e in history.experiments.values() for name in e.stack}
    leaning = sorted(
        (
            name
            for name, verdict in history.verdicts.items()
            if verdict.outcome is Outcome.INCONCLUSIVE
            and (verdict.effect or 0.0) > 0.0
            and name not in stacked
            and not history.experiments[name].stack
        ),
        key=lambda name: -(history.verdicts[name].evidence or 0.0),
    )
    chosen: list[str] = []
    for name in leaning:
        mine = touched.get(name, {})
        if mine and not any(_overlap(mine, touched[other]) for other in chosen):
            chosen.append(name)
    return tuple(chosen[:MOST]) if len(chosen) >= FEWEST else ()


def _unfit(history: History, name: str) -> str:
    verdict = history.verdicts.get(name)
    if history.experiments[name].base is None:
        return "it is the original code"
    if name in history.reversals:
        return "it was kept and then reversed"
    if verdict is None:
        raise InvalidStateError(
            f"{name} has no verdict yet, so it can't be stacked.",
            f"evaluate_metric with experiment={name!r} brings it to a verdict.",
            reason="no_verdict",
        )
    if verdict.moved_incumbent:
        return "it was kept, so the incumbent already has it"
    if verdict.outcome in UNTESTED:
        return UNTESTED[verdict.outcome]
    return "" if verdict.effect is not None else "it was never measured"


def _overlap(mine: Spans, others: Spans) -> bool:
    return any(
        a <= d and c <= b
        for path, spans in mine.items()
        for a, b in spans
        for c, d in others.get(path, ())
    )
