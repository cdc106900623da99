"""Claimed ideas: who holds which, and until when. Pure; the time is passed in.

A claim keeps nobody from anything but claiming the same idea. It ends with its time, with the
worker that holds it, and with that worker's campaign.
"""

from dataclasses import dataclass

from autoresearch.ledger.campaign_records import IdeaClaimed
from autoresearch.ledger.history import History
from autoresearch.memory.wording import alike, words_of
from autoresearch.records import Proposer

HELD_S = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An idea that somebody holds."""

    holder: str
    idea: str
    area: str  # "" for none
    at: float
    until: float


def holder_of(proposer: Proposer) -> str:
    """Return the name under which a proposer holds ideas: a worker's, else the client's."""
    return proposer.worker or proposer.client


def held(history: History, now: float) -> tuple[Claim, ...]:
    """Return the claims that are held now, the oldest first; a repeated one counts once."""
    found: dict[tuple[str, str, str], Claim] = {}
    for timed in history.claims:
        one = timed.event
        claim = Claim(holder=one.holder, idea=one.idea, area=one.area, at=timed.at, until=one.until)
        found[one.holder, one.idea, one.area] = claim
    return tuple(
        claim
        for claim in found.values()
        if claim.at <= now + HELD_S and now < claim.until and not _gone(history, claim)
    )


def held_by_others(history: History, now: float, proposer: Proposer) -> tuple[Claim, ...]:
    """Return the claims that somebody else holds now."""
    mine = holder_of(proposer)
    return tuple(claim for claim in held(history, now) if claim.holder != mine)


def conflict(history: History, now: float, claim: IdeaClaimed) -> Claim | None:
    """Return what somebody else holds already and this one claims again; None if it is free."""
    return next(
        (
            other
            for other in held(history, now)
            if other.holder != claim.holder and _same(claim, other)
        ),
        None,
    )


def _same(one: IdeaClaimed, other: Claim) -> bool:
    """Return whether both mean one idea: alike words, in areas that are not apart."""
    if one.idea.casefold().split() == other.idea.casefold().split():
        return _meet(one.area, other.area)
    short = min(len(words_of(one.idea)), len(words_of(other.idea))) < 2
    return not short and alike(one.idea, other.idea) and _meet(one.area, other.area)


def _meet(one: str, other: str) -> bool:
    """Return whether two areas overlap: an empty one is everywhere, a file holds its names."""
    if not one or not other or one == other:
        return True
    (path, _, name), (its_path, _, its_name) = one.partition(":"), other.partition(":")
    return path == its_path and (not name or not its_name)


def _gone(history: History, claim: Claim) -> bool:
    """Return whether the worker that held it, or its campaign, has ended since."""
    campaign, _, worker = claim.holder.partition("/")
    state = history.campaigns.get(campaign) if worker else None
    if state is None:
        return False
    if state.ended is not None:
        return True
    ends = [one.at for one in state.ends if one.event.worker == worker]
    return bool(ends) and ends[-1] >= claim.at
