"""The ladder for the stuck: what a campaign does when experiment after experiment is dropped. Pure.

The lab climbs it, not an agent's mood: each step is written into the ledger and told to every
agent in the next answer of any tool. A keep leads back to its foot.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from autoresearch.campaigns.budget import since_keep
from autoresearch.ledger.campaign_records import CampaignStepped, LadderStep
from autoresearch.ledger.campaign_state import CampaignState
from autoresearch.ledger.history import History

# Experiments with a verdict since the last keep, of which none was kept, before each step.
STEPS = (
    (LadderStep.REGION, 4),
    (LadderStep.REVISIT, 8),
    (LadderStep.SEARCH, 12),
    (LadderStep.RESTART, 16),
    (LadderStep.PLATEAU, 24),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Places that a step can point at, gathered by the caller."""

    untouched: tuple[str, ...] = ()  # definitions that no experiment touched, as "train.py: Adam"
    reopened: tuple[str, ...] = ()  # experiments worth another look
    stackable: tuple[str, ...] = ()  # near misses on lines of their own
    can_search: bool = False  # whether a search is installed here


def next_step(
    history: History, campaign: CampaignState, look: Callable[[], Surroundings]
) -> CampaignStepped | None:
    """Return the step that is due and was not taken since the last keep; None where none is.

    `look` is called only for a step that is due.
    """
    since = since_keep(history, campaign)
    taken = {one.event.step for one in campaign.steps if one.event.after in since}
    due = [step for step, count in STEPS if len(since) >= count and step not in taken]
    if not due or not since:
        return None
    step = due[0]
    words = _words(step, history, since, look())
    return CampaignStepped(campaign=campaign.name, step=step, after=since[-1], words=words)


def _words(step: LadderStep, history: History, since: list[str], around: Surroundings) -> str:
    stuck = f"Nothing of the last {len(since)} experiments was kept."
    match step:
        case LadderStep.REGION:
            crowded = Counter(
                change.path for name in since for change in history.experiments[name].changes
            )
            most = crowded.most_common(1)
            where = f" Most of them changed {most[0][0]}." if most else ""
            there = f" Nobody has touched {', '.join(around.untouched[:3])}." * bool(
                around.untouched
            )
            return f"{stuck}{where} Work on other code now.{there}"
        case LadderStep.REVISIT:
            return f"{stuck} {_revisit(around)}"
        case LadderStep.SEARCH:
            return f"{stuck} {_search(around)}"
        case LadderStep.RESTART:
            return f"{stuck} Agents start afresh, with a new brief."
        case LadderStep.PLATEAU:
            return f"{stuck} No step of the ladder is left."


def _search(around: Surroundings) -> str:
    if around.can_search:
        return "A search takes the next wave of numbers; propose structure and leave numbers to it."
    return "Vary the numbers near what was kept; no search is installed that could."


def _revisit(around: Surroundings) -> str:
    if around.stackable:
        return f"Stack near misses: propose_patch with stack={list(around.stackable)}."
    if around.reopened:
        return f"Look again at {', '.join(around.reopened[:3])}: the code around them has changed."
    return "Take the opposite of what failed most clearly, or remove code that no result needs."
