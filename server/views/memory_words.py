"""Memory of a lab, for answers: experiments, reopened dead ends, claims, the tree.

Pure functions. Effects are in metric units and positive is better.
"""

import time
from collections.abc import Iterable, Iterator

from autoresearch.common.text import cut
from autoresearch.ledger.history import History
from autoresearch.memory.claims import Claim
from autoresearch.memory.dead_ends import ReopenedDeadEnd, Reopening
from autoresearch.memory.idea_tree import Idea, Relation, idea_tree
from autoresearch.memory.lesson_claims import Doubt
from autoresearch.records import FileChange
from autoresearch.views import Claimed, Proposal, Remembered
from server.views import next_steps
from server.views import research_results as results
from server.views.figures import count, shorten
from server.views.trust import after_verdict, note

DOUBTS = {
    Doubt.HELPED: "the lesson says that it helped, which its verdict does not show",
    Doubt.HURT: "the lesson says that it hurt, but its effect's interval lies above 0",
    Doubt.NUMBER: "the lesson's number lies outside the effect's interval",
}
RELATIONS = {
    Relation.BUILT_ON: "",
    Relation.REPLAY_OF: "the same patch as {parent}, on {base}",
    Relation.STACK_OF: "a stack of {parent} and {others}, on {base}",
    Relation.REOPENED_FROM: "{parent} tried again, on {base}",
}


def memory(one: Remembered) -> results.Memory:
    """Return an earlier experiment, for a list."""
    said = (
        "a near-duplicate of this patch" if one.near_duplicate else None,
        note(one.taken_back, one.built_on_taken_back, one.overtaken),
        DOUBTS[one.doubt] if one.doubt else None,
    )
    return results.Memory(
        experiment=one.experiment,
        base=one.base,
        hypothesis=cut(one.hypothesis, 300),
        outcome=outcome_of(one),
        effect=shorten(one.effect, 4),
        low=shorten(one.low, 4),
        high=shorten(one.high, 4),
        lesson=cut(one.lesson, 400),
        touched=[f"{change.path}:{span}" for change in one.changes for span in lines_of(change)],
        note="; ".join(filter(None, said)) or None,
    )


def claim_result(view: Claimed) -> results.ProposalResult:
    """Return propose_patch's answer to a claim."""
    minutes = round((view.claim.until - view.claim.at) / 60)
    where = f" in {view.claim.area}" if view.claim.area else ""
    alike = f"; {count(len(view.similar), 'similar earlier experiment')}" if view.similar else ""
    return results.ProposalResult(
        summary=f"{view.claim.holder} holds this idea{where} for {minutes} min{alike}.",
        next_step=next_steps.after_claim(view),
        similar=[memory(one) for one in view.similar],
        claims=claims_shown(view.others),
    )


def outcome_of(one: Remembered) -> str:
    """Return an experiment's outcome in one word."""
    if one.overtaken:
        return "overtaken"
    if one.outcome is not None:
        return one.outcome
    return "open" if one.changes else "baseline"


def lines_of(change: FileChange) -> list[str]:
    """Return the lines that one file's change touched, such as 31-40."""
    return [f"{first}-{last}" for first, last in change.spans]


def near_words(view: Proposal) -> str:
    """Say what the nearest near-duplicate showed; "" without one."""
    near = next((one for one in view.similar if one.near_duplicate), None)
    if near is None:
        return ""
    effect = f", effect {near.effect:+.3g}" if near.effect is not None else ""
    return f"; nearly the same as {near.experiment} ({outcome_of(near)}{effect})"


def reopened_words(one: ReopenedDeadEnd) -> str:
    """For example "e4 (-0.021): its base e3 was reversed"."""
    effect = f" ({one.effect:+.3g})" if one.effect is not None else ""
    named = ", ".join(one.keeps[-3:])
    why = {
        Reopening.BASE_REVERSED: f"{named}, on which it failed, was reversed",
        Reopening.LINES_CHANGED: (
            f"{count(one.lines, 'line')} around its own changed since it failed, by {named}"
        ),
        Reopening.MUCH_KEPT: f"{count(len(one.keeps), 'keep')} came since it failed",
    }[one.why]
    return f"{one.experiment}{effect}: {why}"


def claims_shown(claims: Iterable[Claim], now: float | None = None) -> list[str] | None:
    """Return who holds which idea, and for how long yet; None where nobody holds any."""
    at = time.time() if now is None else now
    return [_claim_words(claim, at) for claim in claims] or None


def _claim_words(claim: Claim, now: float) -> str:
    minutes = max(1, round((claim.until - now) / 60))
    where = f" ({claim.area})" if claim.area else ""
    return f"{claim.holder}, {minutes} min: {cut(claim.idea, 200)}{where}"


def tree_lines(history: History) -> Iterator[str]:
    """Yield the tree of ideas, one experiment a line, below the one that it came from."""
    for idea in idea_tree(history):
        yield f"{'  ' * min(idea.depth, 20)}{_idea_words(history, idea)}"


def _idea_words(history: History, idea: Idea) -> str:
    verdict = history.verdicts.get(idea.experiment)
    outcome = str(verdict.outcome) if verdict else "open" if idea.base else "baseline"
    effect = f" {verdict.effect:+.3g}" if verdict and verdict.effect is not None else ""
    shown = RELATIONS[idea.relation] if idea.relation else ""
    others = " and ".join(idea.others)
    came = shown.format(parent=idea.parent, base=idea.base, others=others)
    notes = "; ".join(filter(None, (came, after_verdict(history, idea.experiment))))
    hypothesis = cut(history.experiments[idea.experiment].hypothesis, 100)
    return f"{idea.experiment} {outcome}{effect}: {hypothesis}{f' [{notes}]' if notes else ''}"
