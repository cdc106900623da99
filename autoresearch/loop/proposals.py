"""Write an accepted patch down as an experiment, once; replay one on a newer incumbent."""

from dataclasses import dataclass

from autoresearch.contract import sha256
from autoresearch.errors import InvalidStateError, PatchRefusedError
from autoresearch.ledger.history import History
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.stacking import reapplied_tree
from autoresearch.patches.patch import PreparedPatch, prepare
from autoresearch.records import Event, Experiment, Outcome, Prediction, Proposed, Proposer


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """What an experiment is about beside its patch."""

    hypothesis: str
    prediction: Prediction | None
    proposer: Proposer
    replay_of: str | None = None
    stack: tuple[str, ...] = ()


def refuse_repeat(patch: PreparedPatch, history: History) -> None:
    """Raise PatchRefusedError, with what came of it, where the same code was proposed before."""
    for known in history.experiments.values():
        if known.fingerprint != patch.fingerprint:
            continue
        verdict = history.verdicts.get(known.id)
        if verdict is not None and verdict.outcome is Outcome.TAINTED:
            continue  # it was not tested
        word = history.reversals.get(known.id) or verdict
        said = word.sentence if word else "it has no verdict yet"
        raise PatchRefusedError(
            f"This is the code of {known.id} again: {said}.",
            "Change something that runs differently, or build on what it showed.",
            reason="repeated_code",
        )


def record(lab: OpenLab, base: str, patch: PreparedPatch, idea: Idea) -> Experiment:
    """Commit the patch on its base and propose it; InvalidStateError if the incumbent moved."""
    parent = lab.history().experiments[base].commit
    commit = lab.repository.commit_tree(patch.tree, [parent], idea.hypothesis)
    brief = sha256(lab.brief.encode())

    def build(history: History) -> Event:
        if history.incumbent != base:
            raise InvalidStateError(
                "The incumbent moved while this was proposed.", "Propose it again."
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
        )
        return Proposed(experiment=experiment)

    entry = lab.ledger.append(build)
    assert entry is not None
    assert isinstance(entry.event, Proposed)
    return entry.event.experiment


def replay(lab: OpenLab, experiment: str) -> None:
    """Propose a kept patch again, once, on the incumbent that came while it was judged."""
    history = lab.history()
    known = history.experiments[experiment]
    if history.verdicts[experiment].moved_incumbent or known.base is None:
        return
    if any(other.replay_of == experiment for other in history.experiments.values()):
        return
    tip = history.kept[-1]
    try:
        patch = prepare(
            lab.repository,
            history.experiments[tip].commit,
            tree=reapplied_tree(lab, experiment),
            allow=lab.contract.edit.allow,
        )
        refuse_repeat(patch, history)
    except PatchRefusedError:
        return  # it contradicts the new incumbent, or is in it already: nothing to replay
    idea = Idea(
        hypothesis=f"{known.hypothesis} (replay of {experiment} on {tip})",
        prediction=None,  # what was predicted was predicted for another base
        proposer=known.proposer,
        replay_of=experiment,
    )
    record(lab, tip, patch, idea)
