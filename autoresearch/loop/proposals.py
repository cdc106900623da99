"""Proposals: record an accepted patch as an experiment, and re-propose an overtaken keep."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from autoresearch.contract import Contract, sha256
from autoresearch.errors import InvalidStateError, LabError, PatchRefusedError
from autoresearch.ledger.campaign_rules import refuse_beyond_campaign, refuse_vetoed
from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History
from autoresearch.loop.arguments import checked
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.stacking import reapplied_tree, stacked_tree
from autoresearch.patches.patch import Edit, PreparedPatch, prepare
from autoresearch.patches.simplification import VERSION as SIMPLER_VERSION
from autoresearch.records import Experiment, Outcome, Prediction, Proposed, Proposer
from autoresearch.verdicts.ending import ending_of
from autoresearch.verdicts.evidence import overtaken


@dataclass(frozen=True, slots=True, kw_only=True)
class _Idea:
    """The description of an experiment beside its patch."""

    hypothesis: str
    prediction: Prediction | None
    proposer: Proposer
    replay_of: str | None = None
    stack: tuple[str, ...] = ()


def propose(
    lab: OpenLab,
    hypothesis: str,
    *,
    edits: Sequence[Edit] = (),
    diff: str = "",
    stack: Sequence[str] = (),
    prediction: Prediction | None = None,
    proposer: Proposer,
) -> Experiment:
    """Commit a patch on the incumbent and record it as an experiment.

    Args:
        lab: The lab; whoever calls holds its lock.
        hypothesis: One sentence of what is expected and why.
        edits: The patch, as replacements of text.
        diff: The patch, as a unified diff instead.
        stack: Ids of near misses whose patches are merged instead.
        prediction: The effect that the proposer expects.
        proposer: The client and its model.

    Raises:
        PatchRefusedError: The patch is not allowed, does not apply, or repeats an experiment.
        LabError: The hypothesis says too little, or a stack came with a patch.
        InvalidStateError: The incumbent moved meanwhile, or the research is over: the goal of the
            contract is reached, or a limit of it used up.
    """
    hypothesis = checked("hypothesis", hypothesis)
    if stack and (edits or diff):
        raise LabError(
            "A stack was given together with a patch.",
            "Give one or the other.",
            reason="stack_with_patch",
        )
    history = lab.history()
    refuse_at_the_end(history, lab.contract, time.time())
    refuse_beyond_campaign(history, proposer)
    patch = _prepare(
        lab,
        history,
        edits=edits,
        diff=diff,
        tree=stacked_tree(lab, stack) if stack else None,
    )
    refuse_vetoed(history, patch.changes)
    idea = _Idea(
        hypothesis=hypothesis,
        prediction=prediction,
        proposer=proposer,
        stack=tuple(stack),
    )
    return _record(lab, history.kept[-1], patch, idea)


def refuse_at_the_end(history: History, contract: Contract, now: float) -> None:
    """Raise InvalidStateError if the goal is reached and confirmed, or a limit is used up."""
    ending = ending_of(history, contract, now)
    if not ending.over:
        return
    key = "[metric] goal" if ending.done else f"[stop] {ending.used_up}"
    still_open = [
        e.id for e in history.experiments.values() if e.base and e.id not in history.verdicts
    ]
    first = (
        f"Bring {', '.join(still_open)} to a verdict with evaluate_metric; then tell"
        if still_open
        else "Tell"
    )
    raise InvalidStateError(
        f"{ending.sentence} No further experiment is taken.",
        f"{first} the user what was kept and learnt. To go on, the user changes {key} in the "
        "contract and opens it as a new lab; `autoresearch-mcp branch NAME` brings the incumbent "
        "into their repository first.",
        reason="goal_reached" if ending.done else "limit_used_up",
    )


def repropose(lab: OpenLab, experiment: str) -> None:
    """Propose the patch of an overtaken keep again, once, on the present incumbent.

    Nothing happens for an experiment that was not overtaken, and where its patch contradicts the
    incumbent or is in it already.
    """
    history = lab.history()
    if not overtaken(history, experiment):
        return
    if any(other.replay_of == experiment for other in history.experiments.values()):
        return
    try:
        patch = _prepare(lab, history, tree=reapplied_tree(lab, experiment))
    except PatchRefusedError:
        return
    known, incumbent = history.experiments[experiment], history.kept[-1]
    idea = _Idea(
        hypothesis=f"{known.hypothesis} ({experiment} re-proposed on {incumbent})",
        prediction=None,  # the prediction was about another base
        proposer=known.proposer,
        replay_of=experiment,
    )
    _record(lab, incumbent, patch, idea)


def _prepare(
    lab: OpenLab,
    history: History,
    *,
    edits: Sequence[Edit] = (),
    diff: str = "",
    tree: str | None = None,
) -> PreparedPatch:
    """Prepare a patch on the incumbent; raise PatchRefusedError if it may not be proposed."""
    patch = prepare(
        lab.repository,
        history.experiments[history.kept[-1]].commit,
        edits=edits,
        diff=diff,
        tree=tree,
        allow=lab.contract.edit.allow,
    )
    _refuse_repeat(patch, history)
    return patch


def _refuse_repeat(patch: PreparedPatch, history: History) -> None:
    """Raise PatchRefusedError, with its result, if the same code was proposed before."""
    for known in history.experiments.values():
        if known.fingerprint != patch.fingerprint:
            continue
        verdict = history.verdicts.get(known.id)
        if verdict is not None and verdict.outcome is Outcome.TAINTED:
            continue  # it was not tested
        ruling = history.reversals.get(known.id) or verdict
        result = ruling.sentence if ruling else "it has no verdict yet"
        raise PatchRefusedError(
            f"This is the same code as {known.id}: {result}.",
            "Change what the code does, or build on what that result showed.",
            reason="repeated_code",
        )


def _record(lab: OpenLab, base: str, patch: PreparedPatch, idea: _Idea) -> Experiment:
    """Commit the patch on its base and record it; InvalidStateError if the incumbent moved."""
    parent = lab.history().experiments[base].commit
    commit = lab.repository.commit_tree(patch.tree, [parent], idea.hypothesis)
    brief = sha256(lab.brief.encode())

    def build(history: History) -> Event:
        if history.incumbent != base:
            raise InvalidStateError(
                "The incumbent changed while this was being proposed.",
                "Propose it again.",
                reason="incumbent_moved",
            )
        experiment = Experiment(
            id=history.next_experiment,
            hypothesis=idea.hypothesis,
            base=base,
            commit=commit,
            fingerprint=patch.fingerprint,
            changes=patch.changes,
            brief_sha256=brief,
            prediction=idea.prediction,
            proposer=idea.proposer,
            replay_of=idea.replay_of,
            stack=idea.stack,
            simpler=patch.simpler,
            simpler_version=SIMPLER_VERSION,
        )
        return Proposed(experiment=experiment)

    entry = lab.ledger.append(build)
    assert entry is not None
    assert isinstance(entry.event, Proposed)
    return entry.event.experiment
