"""Proposals: record an accepted patch as an experiment, and re-propose an overtaken keep."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from autoresearch.contract import Contract, sha256
from autoresearch.equivalence.near_duplicates import near, read_change
from autoresearch.equivalence.normal_form import VERSION as FORM_VERSION
from autoresearch.errors import InvalidStateError, LabError, PatchRefusedError
from autoresearch.ledger.campaign_records import IdeaClaimed
from autoresearch.ledger.campaign_rules import refuse_beyond_campaign, refuse_vetoed
from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History
from autoresearch.loop.arguments import checked
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.recall import with_similar_hypothesis
from autoresearch.loop.stacking import reapplied_tree, stacked_tree
from autoresearch.loop.touched_lines import reopened_dead_ends
from autoresearch.memory.claims import HELD_S, Claim, conflict, held_by_others, holder_of
from autoresearch.memory.dead_ends import ReopenedDeadEnd
from autoresearch.memory.known_code import change_of, form_of, same_code
from autoresearch.patches.patch import Edit, PreparedPatch, prepare
from autoresearch.patches.simplification import VERSION as SIMPLER_VERSION
from autoresearch.records import Experiment, Outcome, Prediction, Proposed, Proposer
from autoresearch.verdicts.ending import ending_of
from autoresearch.verdicts.evidence import overtaken
from autoresearch.views import Claimed

LONGEST_IDEA = 200  # characters of a claim
MOST_COMPARED = 30  # dead ends whose patches are compared with a new one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Idea:
    """The description of an experiment beside its patch."""

    hypothesis: str
    prediction: Prediction | None
    proposer: Proposer
    replay_of: str | None = None
    stack: tuple[str, ...] = ()
    reopened_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """A patch that may be proposed, and the normal form of its code."""

    patch: PreparedPatch
    normal_form: str
    dead_ends: tuple[ReopenedDeadEnd, ...] = ()  # on its lines, that reopened


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
    found = _prepare(
        lab,
        history,
        edits=edits,
        diff=diff,
        tree=stacked_tree(lab, stack) if stack else None,
        again=not stack,
    )
    refuse_vetoed(history, found.patch.changes)
    idea = _Idea(
        hypothesis=hypothesis,
        prediction=prediction,
        proposer=proposer,
        stack=tuple(stack),
        reopened_from=_dead_end_of(lab, history, found),
    )
    return _record(lab, history.kept[-1], found, idea)


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


def claim_idea(
    lab: OpenLab, idea: str, area: str, proposer: Proposer, now: float, held_s: float = HELD_S
) -> Claimed:
    """Hold an idea for a while; nobody else can claim it until then.

    Args:
        lab: The lab.
        idea: One line, as a hypothesis.
        area: A file, or a file and a name in it; "" for none.
        proposer: The client and its model.
        now: Seconds since the epoch.
        held_s: For how many seconds it is held.

    Raises:
        InvalidStateError: Somebody else holds it, or the research is over.
        LabError: The idea says too little.
    """
    idea = " ".join(checked("idea", idea).split())[:LONGEST_IDEA]
    refuse_at_the_end(lab.history(), lab.contract, now)
    event = IdeaClaimed(
        idea=idea, area=area.strip(), holder=holder_of(proposer), until=now + held_s
    )

    def build(history: History) -> Event:
        other = conflict(history, now, event)
        if other is not None:
            minutes = max(1, round((other.until - now) / 60))
            where = f" ({other.area})" if other.area else ""
            raise InvalidStateError(
                f"{other.holder} holds this idea for another {minutes} min: {other.idea!r}{where}.",
                "Claim another idea, or another place for it.",
                reason="idea_claimed",
            )
        return event

    entry = lab.ledger.append(build)
    assert entry is not None
    claim = Claim(holder=event.holder, idea=idea, area=event.area, at=entry.at, until=event.until)
    history = lab.history()
    return Claimed(
        claim=claim,
        others=held_by_others(history, now, proposer),
        similar=with_similar_hypothesis(history, idea),
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
        found = _prepare(lab, history, tree=reapplied_tree(lab, experiment))
    except PatchRefusedError:
        return
    known, incumbent = history.experiments[experiment], history.kept[-1]
    idea = _Idea(
        hypothesis=f"{known.hypothesis} ({experiment} re-proposed on {incumbent})",
        prediction=None,  # the prediction was about another base
        proposer=known.proposer,
        replay_of=experiment,
    )
    _record(lab, incumbent, found, idea)


def _prepare(
    lab: OpenLab,
    history: History,
    *,
    edits: Sequence[Edit] = (),
    diff: str = "",
    tree: str | None = None,
    again: bool = False,
) -> _Checked:
    """Prepare a patch on the incumbent; raise PatchRefusedError if it may not be proposed.

    With `again`, the code of a reopened dead end may be proposed once more.
    """
    allow = lab.contract.edit.allow
    patch = prepare(
        lab.repository,
        history.experiments[history.kept[-1]].commit,
        edits=edits,
        diff=diff,
        tree=tree,
        allow=allow,
    )
    dead_ends = reopened_dead_ends(lab, history, patch.changes) if again else ()
    open_again = [one.experiment for one in dead_ends]
    form = form_of(lab.repository, history, dict(patch.files), allow)
    for known in history.experiments.values():
        if known.fingerprint == patch.fingerprint:
            _refuse_repeat(history, known, open_again, disguised=False)
    for known in same_code(lab.repository, history, form, allow):
        if patch.simpler <= known.simpler:  # else it is a simplification, which has its own test
            _refuse_repeat(history, known, open_again, disguised=True)
    return _Checked(patch=patch, normal_form=form, dead_ends=dead_ends)


def _refuse_repeat(
    history: History, known: Experiment, again: Collection[str], *, disguised: bool
) -> None:
    """Raise PatchRefusedError, with its result, unless this code may be proposed once more."""
    verdict = history.verdicts.get(known.id)
    if known.id in again or (verdict is not None and verdict.outcome is Outcome.TAINTED):
        return  # its verdict is about another incumbent; or it was not tested
    how = ", written another way" if disguised else ""
    if disguised and known.id == history.kept[-1]:
        raise PatchRefusedError(
            f"The patch has no effect: this is the code of {known.id}, the incumbent{how}.",
            "Change what the code does.",
            reason="no_effect",
        )
    ruling = history.reversals.get(known.id) or verdict
    result = ruling.sentence if ruling else "it has no verdict yet"
    raise PatchRefusedError(
        f"This is the same code as {known.id}{how}: {result}.",
        "Change what the code does, or build on what that result showed.",
        reason="repeated_code",
    )


def _dead_end_of(lab: OpenLab, history: History, found: _Checked) -> str | None:
    """Return the reopened dead end that this patch tries again, None if it is none."""
    paths = {change.path for change in found.patch.changes}
    known = [history.experiments[one.experiment] for one in found.dead_ends]
    near_by = [e for e in known if {change.path for change in e.changes} == paths]
    if not near_by:
        return None
    base = history.experiments[history.kept[-1]].commit
    mine = read_change(lab.repository.diff(base, found.patch.tree))
    for earlier in near_by[:MOST_COMPARED]:
        if near(change_of(lab.repository, history, earlier), mine):
            return earlier.id
    return None


def _record(lab: OpenLab, base: str, found: _Checked, idea: _Idea) -> Experiment:
    """Commit the patch on its base and record it; InvalidStateError if the incumbent moved."""
    patch = found.patch
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
            normal_form=found.normal_form,
            normal_form_version=FORM_VERSION,
            reopened_from=idea.reopened_from,
        )
        return Proposed(experiment=experiment)

    entry = lab.ledger.append(build)
    assert entry is not None
    assert isinstance(entry.event, Proposed)
    return entry.event.experiment
