"""Who holds an idea, for how long, and what ends a claim before its time."""

import pytest

from autoresearch.ledger.campaign_records import (
    CampaignBudget,
    CampaignEnd,
    CampaignEnded,
    CampaignStarted,
    IdeaClaimed,
    StartCause,
    Worker,
    WorkerEnd,
    WorkerEnded,
    WorkerStarted,
)
from autoresearch.memory.claims import conflict, held, held_by_others, holder_of
from autoresearch.records import Proposer
from tests.support.told import Told

IDEA = "a longer warmup of the learning rate"
MINE = Proposer(client="claude-code", worker="c1/w1")
THEIRS = Proposer(client="claude-code", worker="c1/w2")


def claimed(holder: str, idea: str = IDEA, area: str = "", until: float = 1000.0) -> IdeaClaimed:
    return IdeaClaimed(idea=idea, area=area, holder=holder, until=until)


@pytest.fixture
def told() -> Told:
    """A campaign with two workers that are at it."""
    found = Told()
    workers = tuple(Worker(name=name, agent="codex") for name in ("w1", "w2"))
    found.tell(
        CampaignStarted(
            campaign="c1",
            budget=CampaignBudget(hours=1.0),
            workers=workers,
            silence_s=60.0,
            grace_s=60.0,
            machine="m",
        )
    )
    for worker in workers:
        start(found, worker.name, 1)
    return found


def start(told: Told, worker: str, number: int) -> None:
    told.tell(
        WorkerStarted(
            campaign="c1", worker=worker, start=number, cause=StartCause.FIRST, brief="look"
        )
    )


def end(told: Told, worker: str, number: int) -> None:
    told.tell(
        WorkerEnded(
            campaign="c1", worker=worker, start=number, cause=WorkerEnd.EXITED, sentence="it ended"
        )
    )


def test_a_claim_is_seen_by_others_until_its_time_is_up(told: Told) -> None:
    told.tell(claimed("c1/w2"))
    [seen] = held_by_others(told.history, 999.0, MINE)
    assert (seen.holder, seen.idea) == ("c1/w2", IDEA)
    assert held_by_others(told.history, 999.0, THEIRS) == ()
    assert held(told.history, 1000.0) == ()


def test_the_same_idea_cannot_be_claimed_by_another_while_it_is_held(told: Told) -> None:
    told.tell(claimed("c1/w2"))
    again = claimed("c1/w1", "the learning rate gets a long warmup")
    found = conflict(told.history, 500.0, again)
    assert found is not None
    assert (found.holder, found.until) == ("c1/w2", 1000.0)
    assert conflict(told.history, 1000.0, again) is None
    assert conflict(told.history, 500.0, claimed("c1/w2")) is None
    assert conflict(told.history, 500.0, claimed("c1/w1", "heads share their keys")) is None


@pytest.mark.parametrize(
    ("area", "other", "meets"),
    [
        ("train.py", "train.py:lr_at", True),
        ("train.py:lr_at", "train.py:lr_at", True),
        ("train.py:lr_at", "", True),
        ("train.py:lr_at", "train.py:Adam", False),
        ("train.py", "model.py", False),
    ],
)
def test_one_idea_for_two_places_is_two_ideas(
    told: Told, area: str, other: str, meets: bool
) -> None:
    told.tell(claimed("c1/w2", area=area))
    assert (conflict(told.history, 1.0, claimed("c1/w1", area=other)) is not None) == meets


def test_a_worker_that_ended_holds_nothing_and_started_again_it_can_claim_anew(told: Told) -> None:
    told.tell(claimed("c1/w2"))
    told.tell(claimed("c1/w1", "heads share their keys"))
    end(told, "w2", 1)
    assert [one.holder for one in held(told.history, 10.0)] == ["c1/w1"]
    start(told, "w2", 2)
    assert [one.holder for one in held(told.history, 10.0)] == ["c1/w1"]
    told.tell(claimed("c1/w2"))
    assert {one.holder for one in held(told.history, 10.0)} == {"c1/w1", "c1/w2"}


def test_the_end_of_a_campaign_ends_the_claims_of_its_workers_alone(told: Told) -> None:
    told.tell(claimed("c1/w2"))
    told.tell(claimed("codex", "heads share their keys"))
    end(told, "w1", 1)
    end(told, "w2", 1)
    told.tell(CampaignEnded(campaign="c1", cause=CampaignEnd.STOPPED, sentence="stopped"))
    assert [one.holder for one in held(told.history, 10.0)] == ["codex"]


def test_a_claim_that_is_made_again_is_held_longer_and_counts_once(told: Told) -> None:
    told.tell(claimed("c1/w2", until=100.0))
    told.tell(claimed("c1/w2", until=1000.0))
    [one] = held(told.history, 500.0)
    assert one.until == 1000.0


def test_the_holder_is_the_worker_or_else_the_client() -> None:
    assert holder_of(MINE) == "c1/w1"
    assert holder_of(Proposer(client="codex", model="x")) == "codex"
