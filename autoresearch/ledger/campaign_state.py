"""The campaigns of a lab, folded from its ledger's events. Pure; no files, no clock.

One campaign goes on at a time. What ended gets no further event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from autoresearch.ledger.campaign_records import (
    CampaignEnded,
    CampaignEvent,
    CampaignStarted,
    CampaignSteered,
    CampaignStepped,
    Steering,
    WorkerEnded,
    WorkerRetired,
    WorkerStarted,
)
from autoresearch.ledger.contradiction import Contradiction

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Timed(Generic[E]):
    """An event with its time."""

    at: float
    event: E


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignState:
    """One campaign, up to the last event."""

    started: CampaignStarted
    at: float
    entry: int  # the ledger's entry that started it
    steered: tuple[Timed[CampaignSteered], ...] = ()
    starts: tuple[Timed[WorkerStarted], ...] = ()
    ends: tuple[Timed[WorkerEnded], ...] = ()
    retired: tuple[WorkerRetired, ...] = ()
    steps: tuple[Timed[CampaignStepped], ...] = ()
    ended: Timed[CampaignEnded] | None = None

    @property
    def name(self) -> str:
        """Return its id."""
        return self.started.campaign

    @property
    def goes_on(self) -> bool:
        """Return whether it has not ended; it may be paused."""
        return self.ended is None

    @property
    def paused(self) -> bool:
        """Return whether the user paused it and did not resume it."""
        words = [one.event.steering for one in self.steered]
        switches = [word for word in words if word in (Steering.PAUSE, Steering.RESUME)]
        return bool(switches) and switches[-1] is Steering.PAUSE

    @property
    def stop_wanted(self) -> bool:
        """Return whether the user asked it to stop."""
        return any(one.event.steering is Steering.STOP for one in self.steered)

    @property
    def vetoes(self) -> tuple[str, ...]:
        """Return the globs of files that no patch may touch."""
        return self._texts(Steering.VETO)

    @property
    def told(self) -> tuple[str, ...]:
        """Return what the user told its agents, the oldest first."""
        return self._texts(Steering.TELL)

    def _texts(self, steering: Steering) -> tuple[str, ...]:
        events = (one.event for one in self.steered)
        return tuple(event.text for event in events if event.steering is steering)

    def starts_of(self, worker: str) -> int:
        """Return how often a worker's agent was started."""
        return sum(one.event.worker == worker for one in self.starts)

    def active(self, worker: str) -> WorkerStarted | None:
        """Return the start of a worker's agent that has not ended."""
        ended = {one.event.start for one in self.ends if one.event.worker == worker}
        mine = [one.event for one in self.starts if one.event.worker == worker]
        return next((start for start in mine if start.start not in ended), None)

    def ends_of(self, worker: str) -> tuple[WorkerEnded, ...]:
        """Return how a worker's agents ended, the oldest first."""
        return tuple(one.event for one in self.ends if one.event.worker == worker)

    def retirement(self, worker: str) -> str:
        """Return why a worker is started no more; "" while it is."""
        return next((one.sentence for one in self.retired if one.worker == worker), "")

    def is_retired(self, worker: str) -> bool:
        """Return whether a worker is started no more."""
        return any(one.worker == worker for one in self.retired)


def going_on(campaigns: Mapping[str, CampaignState]) -> CampaignState | None:
    """Return the campaign that has not ended, if there is one."""
    return next((one for one in campaigns.values() if one.goes_on), None)


def contradiction(
    event: CampaignEvent, campaigns: Mapping[str, CampaignState]
) -> Contradiction | None:
    """Return why the event cannot come next, None if it can."""
    if isinstance(event, CampaignStarted):
        return _wrong_start(event, campaigns)
    known = campaigns.get(event.campaign)
    if known is None:
        words = f"campaign {event.campaign} is unknown."
        return Contradiction("unknown_campaign", words)
    if not known.goes_on:
        words = f"campaign {event.campaign} has ended."
        return Contradiction("campaign_ended", words)
    if isinstance(event, WorkerStarted | WorkerEnded | WorkerRetired):
        return _wrong_worker(event, known)
    return None


def _wrong_start(
    event: CampaignStarted, campaigns: Mapping[str, CampaignState]
) -> Contradiction | None:
    due, other = f"c{len(campaigns) + 1}", going_on(campaigns)
    if other is not None:
        words = f"campaign {event.campaign} is started while {other.name} goes on."
        return Contradiction("second_campaign", words)
    words = f"campaign {event.campaign} is started, but {due} is next."
    return None if event.campaign == due else Contradiction("wrong_campaign", words)


def _wrong_worker(
    event: WorkerStarted | WorkerEnded | WorkerRetired, known: CampaignState
) -> Contradiction | None:
    if event.worker not in {worker.name for worker in known.started.workers}:
        words = f"{known.name} has no worker {event.worker}."
        return Contradiction("unknown_worker", words)
    if isinstance(event, WorkerRetired):
        return None
    active = known.active(event.worker)
    if isinstance(event, WorkerStarted):
        due = known.starts_of(event.worker) + 1
        words = f"start {event.start} of {event.worker} is recorded, but {due} is next."
        wrong = active is not None or event.start != due
    else:
        words = f"start {event.start} of {event.worker} ended, but it does not go on."
        wrong = active is None or active.start != event.start
    return Contradiction("wrong_worker_start", words) if wrong else None


def folded(
    event: CampaignEvent, campaigns: Mapping[str, CampaignState], at: float, entry: int
) -> dict[str, CampaignState]:
    """Return the campaigns after an event that contradicts nothing."""
    if isinstance(event, CampaignStarted):
        return {**campaigns, event.campaign: CampaignState(started=event, at=at, entry=entry)}
    known = campaigns[event.campaign]
    match event:
        case CampaignSteered():
            after = replace(known, steered=(*known.steered, Timed(at, event)))
        case WorkerStarted():
            after = replace(known, starts=(*known.starts, Timed(at, event)))
        case WorkerEnded():
            after = replace(known, ends=(*known.ends, Timed(at, event)))
        case WorkerRetired():
            after = replace(known, retired=(*known.retired, event))
        case CampaignStepped():
            after = replace(known, steps=(*known.steps, Timed(at, event)))
        case CampaignEnded():
            after = replace(known, ended=Timed(at, event))
    return {**campaigns, event.campaign: after}
