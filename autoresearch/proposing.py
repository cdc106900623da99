"""Write an accepted patch down as an experiment, once; replay one on a newer incumbent."""

from typing import TYPE_CHECKING

from autoresearch.contract import sha256
from autoresearch.errors import NotNow, PatchRefused
from autoresearch.history import History
from autoresearch.patch import PreparedPatch, prepare
from autoresearch.records import Event, Experiment, Outcome, Prediction, Proposed, Proposer

if TYPE_CHECKING:
    from autoresearch.lab import Lab


def refuse_repeat(patch: PreparedPatch, history: History) -> None:
    """Raise PatchRefused, with what came of it, where the same code was proposed before."""
    repeated = history.same_code(patch.fingerprint)
    verdict = history.verdicts.get(repeated) if repeated else None
    untested = verdict is not None and verdict.outcome is Outcome.TAINTED
    if repeated is not None and not untested:
        said = verdict.sentence if verdict else "it has no verdict yet"
        raise PatchRefused(
            f"This is the code of {repeated} again: {said}.",
            "Change something that runs differently, or build on what it showed.",
        )


def record(
    lab: "Lab",
    hypothesis: str,
    base: str,
    patch: PreparedPatch,
    prediction: Prediction | None,
    proposer: Proposer,
    replay_of: str | None = None,
) -> Experiment:
    """Commit the patch on its base and propose it; NotNow where the incumbent moved meanwhile."""
    parent = lab.history().experiments[base].commit
    commit = lab.repository.commit_tree(patch.tree, [parent], hypothesis)
    brief = sha256(lab.brief.encode())

    def build(history: History) -> Event:
        if history.incumbent != base:
            raise NotNow("The incumbent moved while this was proposed.", "Propose it again.")
        experiment = Experiment(
            id=history.next_experiment,
            hypothesis=hypothesis,
            base=base,
            commit=commit,
            fingerprint=patch.fingerprint,
            changes=patch.changes,
            brief_sha256=brief,
            prediction=prediction,
            proposer=proposer,
            replay_of=replay_of,
        )
        return Proposed(experiment=experiment)

    entry = lab.ledger.append(build)
    assert entry is not None
    assert isinstance(entry.event, Proposed)
    return entry.event.experiment


def replay(lab: "Lab", experiment: str) -> None:
    """Propose a kept patch again on the incumbent that came while it was judged."""
    history = lab.history()
    known = history.experiments[experiment]
    if history.verdicts[experiment].moved_incumbent or known.base is None:
        return
    tip = history.kept[-1]
    try:
        patch = prepare(
            lab.repository,
            history.experiments[tip].commit,
            diff=lab.diff(experiment),
            allow=lab.contract.edit.allow,
        )
        refuse_repeat(patch, history)
    except PatchRefused:
        return  # it contradicts the new incumbent, or is in it already: nothing to replay
    record(
        lab,
        f"{known.hypothesis} (replay of {experiment} on {tip})",
        tip,
        patch,
        None,  # what was predicted was predicted for another base
        known.proposer,
        replay_of=experiment,
    )
