"""The budget of a campaign: what it has used, and which limit is reached first. Pure.

Time that a campaign is paused, or that nobody supervises it, is not counted as its hours.
"""

from dataclasses import dataclass

from autoresearch.contract import Contract
from autoresearch.ledger.campaign_records import CampaignBudget, CampaignEnd
from autoresearch.ledger.campaign_state import CampaignState
from autoresearch.ledger.history import History
from autoresearch.records import RunReport
from autoresearch.verdicts.ending import ending_of
from autoresearch.verdicts.evidence import controls_of, values

HOUR_S = 3600.0
CONFIRMING = 3  # control runs before a target counts as reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Use of a campaign so far."""

    hours: float
    experiments: int
    runs: int
    device_hours: float
    tokens: int
    money: float  # US dollars
    since_keep: int  # experiments with a verdict since the last keep


def used(
    history: History,
    campaign: CampaignState,
    worked_s: float,
    going: tuple[tuple[int, float], ...] = (),
) -> Used:
    """Return what a campaign has used.

    Args:
        history: The lab's.
        campaign: The campaign.
        worked_s: Seconds that it was supervised and not paused.
        going: Tokens and money of each agent that has not ended.
    """
    reports = _reports_in(history, campaign)
    ends = [one.event for one in campaign.ends]
    return Used(
        hours=worked_s / HOUR_S,
        experiments=len(history.proposed_in(campaign)),
        runs=len(reports),
        device_hours=sum(report.wall_s for report in reports) / HOUR_S,
        tokens=sum(end.tokens for end in ends) + sum(tokens for tokens, _ in going),
        money=sum(end.money for end in ends) + sum(money for _, money in going),
        since_keep=len(since_keep(history, campaign)),
    )


def since_keep(history: History, campaign: CampaignState) -> list[str]:
    """Return its experiments that got a verdict since one was kept, the oldest first."""
    judged = [e.id for e in history.proposed_in(campaign) if e.id in history.verdicts]
    kept = [n for n, name in enumerate(judged) if history.verdicts[name].moved_incumbent]
    return judged[kept[-1] + 1 :] if kept else judged


def limit_reached(
    history: History, contract: Contract, budget: CampaignBudget, spent: Used, now: float
) -> tuple[CampaignEnd, str] | None:
    """Return the first limit that is reached, with a sentence; None while none is."""
    ending = ending_of(history, contract, now)
    if ending.over:
        return CampaignEnd.CONTRACT, ending.sentence
    if budget.target is not None and _reached(history, contract, budget.target):
        metric = contract.metric
        return CampaignEnd.TARGET, f"{metric.name} reached the target of {budget.target:g}."
    for cause, most, have, words in _limits(budget, spent):
        if most is not None and have >= most:
            return cause, words
    return None


def _limits(
    budget: CampaignBudget, spent: Used
) -> tuple[tuple[CampaignEnd, float | None, float, str], ...]:
    return (
        (
            CampaignEnd.HOURS,
            budget.hours,
            spent.hours,
            f"Its {budget.hours or 0:g} hours are over.",
        ),
        (
            CampaignEnd.EXPERIMENTS,
            budget.experiments,
            spent.experiments,
            f"All of its {budget.experiments} experiments were proposed.",
        ),
        (CampaignEnd.RUNS, budget.runs, spent.runs, f"All of its {budget.runs} runs were made."),
        (
            CampaignEnd.DEVICE_HOURS,
            budget.device_hours,
            spent.device_hours,
            f"Its {budget.device_hours or 0:g} device hours are used up.",
        ),
        (
            CampaignEnd.TOKENS,
            budget.tokens,
            spent.tokens,
            f"Its agents used {spent.tokens:,} tokens of {budget.tokens or 0:,}.",
        ),
        (
            CampaignEnd.MONEY,
            budget.money,
            spent.money,
            f"Its agents cost {spent.money:.2f} of {budget.money or 0:.2f} US dollars.",
        ),
        (
            CampaignEnd.PLATEAU,
            budget.plateau,
            spent.since_keep,
            f"The last {spent.since_keep} experiments with a verdict were not kept.",
        ),
    )


def _reached(history: History, contract: Contract, target: float) -> bool:
    """Return whether the mean of the incumbent's control runs is the target or better."""
    found = values(history, controls_of(history, history.kept[-1]))
    if len(found) < CONFIRMING:
        return False
    mean = sum(found) / len(found)
    return mean <= target if contract.metric.direction == "min" else mean >= target


def _reports_in(history: History, campaign: CampaignState) -> list[RunReport]:
    return [
        report
        for name, report in history.reports.items()
        if history.entry_of.get(name, -1) > campaign.entry
    ]
