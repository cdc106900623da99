"""Write what happens in a campaign into its lab's ledger, each event at most once."""

from autoresearch.errors import InvalidStateError
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import (
    CampaignEnd,
    CampaignEnded,
    CampaignEvent,
    CampaignSteered,
    CampaignStepped,
    StartCause,
    Steering,
    WorkerEnd,
    WorkerEnded,
    WorkerRetired,
    WorkerStarted,
)
from autoresearch.ledger.campaign_state import CampaignState, going_on
from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History


def current(lab: Lab) -> CampaignState:
    """Return the campaign that goes on; raise InvalidStateError where none does."""
    return _current(lab.history())


def _current(history: History) -> CampaignState:
    found = going_on(history.campaigns)
    if found is None:
        last = list(history.campaigns.values())[-1:]
        before = f" The last one, {last[0].name}, has ended." if last else ""
        raise InvalidStateError(
            f"No campaign goes on in this lab.{before}",
            "`autoresearch-mcp campaign start` starts one.",
            reason="no_campaign",
        )
    return found


def steer(lab: Lab, steering: Steering, text: str = "") -> CampaignState:
    """Record the user's word; pausing what is paused, and the like, changes nothing.

    Raises InvalidStateError where no campaign goes on.
    """

    def build(history: History) -> Event | None:
        campaign = _current(history)
        if steering is (Steering.PAUSE if campaign.paused else Steering.RESUME):
            return None
        if steering is Steering.STOP and campaign.stop_wanted:
            return None
        return CampaignSteered(campaign=campaign.name, steering=steering, text=text)

    lab.ledger.append(build)
    return current(lab)


class Recorder:
    """Writes the events of one campaign; what its state rules out is not written."""

    def __init__(self, lab: Lab, campaign: str) -> None:
        self._lab = lab
        self._campaign = campaign

    def started(self, worker: str, cause: StartCause, brief: str) -> None:
        """Record that a worker's agent is about to start."""

        def build(history: History) -> Event | None:
            state = history.campaigns[self._campaign]
            if not state.goes_on or state.active(worker) is not None:
                return None
            return WorkerStarted(
                campaign=self._campaign,
                worker=worker,
                start=state.starts_of(worker) + 1,
                cause=cause,
                brief=brief,
            )

        self._lab.ledger.append(build)

    def ended(
        self,
        worker: str,
        cause: WorkerEnd,
        sentence: str,
        *,
        session: str = "",
        tokens: int = 0,
        money: float = 0.0,
    ) -> None:
        """Record that a worker's agent ended."""

        def build(history: History) -> Event | None:
            state = history.campaigns[self._campaign]
            active = state.active(worker)
            if not state.goes_on or active is None:
                return None
            return WorkerEnded(
                campaign=self._campaign,
                worker=worker,
                start=active.start,
                cause=cause,
                sentence=sentence,
                session=session,
                tokens=tokens,
                money=money,
            )

        self._lab.ledger.append(build)

    def retired(self, worker: str, sentence: str) -> None:
        """Record that a worker is started no more."""
        self._once(WorkerRetired(campaign=self._campaign, worker=worker, sentence=sentence))

    def stepped(self, step: CampaignStepped) -> None:
        """Record a step of the ladder."""
        self._once(step)

    def closed(self, cause: CampaignEnd, sentence: str) -> None:
        """Record the campaign's last word."""
        self._once(CampaignEnded(campaign=self._campaign, cause=cause, sentence=sentence))

    def _once(self, event: CampaignEvent) -> None:
        def build(history: History) -> Event | None:
            return event if history.campaigns[self._campaign].goes_on else None

        self._lab.ledger.append(build)
