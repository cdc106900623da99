"""Candidates that other tools would have kept, given first runs of unchanged code.

Each takes what one run a candidate measured, in order, in any unit; lower is better.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

LIKELY_REAL = 2.0  # from here on pi-autoresearch calls an improvement "likely real"
SESSION = 60  # candidates a session


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratchet:
    """One session of "keep if lower", where the incumbent is its own last lucky run."""

    keeps: int
    claimed: float  # how much better the last keep says it is than the first run; metric units
    likely_real: int  # keeps that pi-autoresearch's confidence calls likely real
    confidence: float  # pi-autoresearch's, at the session's end


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """All sessions together; every keep among them is false."""

    sessions: int
    candidates: int  # a session
    keeps: float  # a session, of keep if lower than the incumbent's own run
    claimed: float  # sigma, mean over the sessions
    fresh: float  # the share kept by keep if lower than a fresh run of the incumbent
    likely_real: float  # the share of the ratchet's keeps that are called likely real
    confidence: float  # median over the sessions


def ratchet(start: float, values: Sequence[float]) -> Ratchet:
    """Keep each value that is lower than the last kept one; `start` is the incumbent's one run."""
    kept, seen = [start], [start]
    likely = 0
    for value in values:
        seen.append(value)
        if value < kept[-1]:
            kept.append(value)
            likely += len(seen) > 2 and confidence(seen) >= LIKELY_REAL
    return Ratchet(
        keeps=len(kept) - 1,
        claimed=start - kept[-1],
        likely_real=likely,
        confidence=confidence(seen),
    )


def confidence(seen: Sequence[float]) -> float:
    """pi-autoresearch's: the best improvement on the first value, by the spread of all values.

    The spread is the median absolute deviation from the median, as its README says.
    """
    middle = median(seen)
    spread = median([abs(value - middle) for value in seen])
    return (seen[0] - min(seen)) / spread if spread else 0.0


def compare(
    starts: Sequence[float],
    sessions: Sequence[Sequence[float]],
    fresh: Sequence[Sequence[float]],
    sigma: float,
) -> Rivals:
    """Count what the rivals keep in sessions of candidates that change nothing.

    Args:
        starts: the one run of the incumbent that a session begins with.
        sessions: what the candidates' first runs measure.
        fresh: runs of the incumbent, one beside each candidate.
        sigma: the spread of single runs, to give claims in.
    """
    played = [ratchet(start, values) for start, values in zip(starts, sessions, strict=True)]
    lower = [
        value < beside
        for values, besides in zip(sessions, fresh, strict=True)
        for value, beside in zip(values, besides, strict=True)
    ]
    keeps = sum(one.keeps for one in played)
    return Rivals(
        sessions=len(played),
        candidates=len(sessions[0]),
        keeps=keeps / len(played),
        claimed=fmean(one.claimed for one in played) / sigma,
        fresh=sum(lower) / len(lower),
        likely_real=sum(one.likely_real for one in played) / keeps if keeps else 0.0,
        confidence=median(one.confidence for one in played),
    )
