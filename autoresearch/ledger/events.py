"""Events of a ledger: every kind there is, by the name that it has in the ledger."""

from dataclasses import dataclass
from typing import Any, get_args

from autoresearch.ledger.campaign_records import (
    CampaignEnded,
    CampaignEvent,
    CampaignStarted,
    CampaignSteered,
    CampaignStepped,
    IdeaClaimed,
    WorkerEnded,
    WorkerRetired,
    WorkerStarted,
)
from autoresearch.records import (
    Concluded,
    Judged,
    LabOpened,
    Proposed,
    Reverted,
    RunFinished,
    RunStarted,
)

Event = (
    LabOpened
    | Proposed
    | RunStarted
    | RunFinished
    | Judged
    | Concluded
    | Reverted
    | CampaignEvent
    | IdeaClaimed
)
KINDS: dict[str, type[Any]] = {
    "lab_opened": LabOpened,
    "proposed": Proposed,
    "run_started": RunStarted,
    "run_finished": RunFinished,
    "judged": Judged,
    "concluded": Concluded,
    "reverted": Reverted,
    "campaign_started": CampaignStarted,
    "campaign_steered": CampaignSteered,
    "worker_started": WorkerStarted,
    "worker_ended": WorkerEnded,
    "worker_retired": WorkerRetired,
    "campaign_stepped": CampaignStepped,
    "campaign_ended": CampaignEnded,
    "idea_claimed": IdeaClaimed,
}
assert set(KINDS.values()) == set(get_args(Event))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event in the ledger: its place in the chain, its time and its commit."""

    n: int  # 0 for the first
    at: float
    commit: str
    event: Event
