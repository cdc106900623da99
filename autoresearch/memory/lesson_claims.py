"""Claims in lessons that the ledger does not bear out, found by a small rule and marked.

A lesson is an opinion beside the evidence. Two things in it can be compared with the verdict:

1. A word that says that it helped or that it hurt, from the lists below. A word counts only in
   the first sentence, which is about the experiment itself, and not within three words after a
   negation or a word such as "would". A lesson with words of both lists, or of none, claims
   nothing. "It helped" is borne out where the verdict is a keep that stands; "it hurt" where the
   effect's interval does not lie above 0.
2. A number with a sign right after one of "effect", "gain", "gained", "gains", "improvement",
   "improved by": it is borne out where it lies in the effect's interval.

The rule marks; it changes nothing, and no verdict rests on it.
"""

import re
from enum import StrEnum

from autoresearch.records import Outcome, Verdict

# fmt: off
HELPED = frozenset({
    "better", "helped", "helps", "improved", "improves", "improvement", "beneficial", "gained",
    "outperforms", "outperformed",
})
HURT = frozenset({
    "worse", "hurt", "hurts", "harmed", "harms", "harmful", "worsened", "worsens", "degraded",
    "degrades",
})
NEGATIONS = frozenset({
    "not", "no", "never", "without", "nor", "hardly", "neither", "would", "could", "might", "may",
    "should", "if",
})
# fmt: on
_BEFORE = 3  # words in which a negation counts
_NUMBER = re.compile(
    r"\b(?:effect|gain|gained|gains|improvement|improved by)(?: of| was| is|:)?\s*"
    r"(?P<number>[+\u2212-]\d*\.?\d+(?:[eE][+-]?\d+)?)(?!\s*%|[\d.]*%)",
    re.IGNORECASE,
)


class Doubt(StrEnum):
    """Claim of a lesson that the ledger does not bear out."""

    HELPED = "helped"
    HURT = "hurt"
    NUMBER = "number"


def doubt_about(lesson: str, verdict: Verdict | None, *, reversed_since: bool) -> Doubt | None:
    """Return what a lesson claims that its experiment's verdict does not bear out.

    Args:
        lesson: The lesson's text.
        verdict: The verdict on its experiment; None bears nothing out and contradicts nothing.
        reversed_since: Whether it was kept and then reversed.
    """
    if verdict is None or not lesson:
        return None
    claimed = _claimed(lesson)
    if claimed is Doubt.HELPED and (verdict.outcome is not Outcome.KEEP or reversed_since):
        return Doubt.HELPED
    if claimed is Doubt.HURT and verdict.low is not None and verdict.low > 0:
        return Doubt.HURT
    return Doubt.NUMBER if _wrong_number(lesson, verdict) else None


def _claimed(lesson: str) -> Doubt | None:
    first = re.split(r"(?<=[.!?;])\s", lesson.strip(), maxsplit=1)[0]
    words = re.findall(r"[a-z']+", first.lower())
    said = {
        doubt
        for place, word in enumerate(words)
        for doubt, known in ((Doubt.HELPED, HELPED), (Doubt.HURT, HURT))
        if word in known and not _negated(words[max(0, place - _BEFORE) : place])
    }
    return next(iter(said)) if len(said) == 1 else None


def _negated(before: list[str]) -> bool:
    return any(word in NEGATIONS or word.endswith("n't") for word in before)


def _wrong_number(lesson: str, verdict: Verdict) -> bool:
    if verdict.low is None or verdict.high is None:
        return False
    found = _NUMBER.search(lesson)
    if found is None:
        return False
    return not verdict.low <= float(found["number"].replace("\u2212", "-")) <= verdict.high
