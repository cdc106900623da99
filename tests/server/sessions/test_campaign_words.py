"""What the user tells a campaign comes with the next answer of any tool, once to each session."""

import pytest
from fastmcp import Client

from autoresearch.campaigns.calls import last_calls
from autoresearch.ledger.campaign_records import (
    CampaignEnd,
    CampaignEnded,
    CampaignSteered,
    CampaignStepped,
    LadderStep,
    Steering,
)
from server.app import build_server
from server.sessions.campaign_words import AgentPlace, words_since
from tests.server.conftest import call
from tests.support.fake_lab import FakeLab, FakeLabs
from tests.support.nights import Night

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # a server and a client each


@pytest.fixture
def night() -> Night:
    return Night(hours=8.0)


@pytest.fixture
def lab(night: Night) -> FakeLab:
    made = FakeLab()
    made.history = lambda: night.history
    return made


def tell(night: Night, steering: Steering, text: str) -> None:
    night.tell(CampaignSteered(campaign="c1", steering=steering, text=text))


async def test_a_users_word_comes_once_with_the_next_answer(connect, lab, night) -> None:
    async with connect(lab) as client:
        assert "campaign" not in await call(client, "open_lab")
        tell(night, Steering.TELL, "look at SCALE")
        tell(night, Steering.VETO, "data/*")
        answer = await call(client, "recall_experiments")
        assert answer["campaign"] == [
            "The user says: look at SCALE",
            "The user forbids changes to data/*.",
        ]
        assert "campaign" not in await call(client, "recall_experiments")


async def test_steps_of_the_ladder_come_too_and_a_refusal_carries_them(connect, lab, night) -> None:
    async with connect(lab) as client:
        await call(client, "open_lab")
        step = CampaignStepped(
            campaign="c1", step=LadderStep.REGION, after="e4", words="Work on other code now."
        )
        night.tell(step)
        refused = await client.call_tool(
            "propose_patch", {"hypothesis": "nothing is given"}, raise_on_error=False
        )
        assert refused.is_error
        assert "Work on other code now." in "".join(part.text for part in refused.content)


async def test_a_session_that_joins_later_hears_what_was_said_before(connect, lab, night) -> None:
    tell(night, Steering.TELL, "look at SCALE")
    async with connect(lab) as client:
        assert (await call(client, "open_lab"))["campaign"] == ["The user says: look at SCALE"]


async def test_after_the_end_nothing_is_said(connect, lab, night) -> None:
    tell(night, Steering.TELL, "look at SCALE")
    night.tell(CampaignEnded(campaign="c1", cause=CampaignEnd.HOURS, sentence="It is over."))
    async with connect(lab) as client:
        assert "campaign" not in await call(client, "open_lab")


async def test_a_workers_calls_are_written_down_with_the_code_of_a_refusal(
    lab, mode, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "calls.jsonl"
    monkeypatch.setenv("AUTORESEARCH_CALLS", str(file))
    monkeypatch.setenv("AUTORESEARCH_WORKER", "c1/w2")
    server = build_server(FakeLabs(lab), look_s=0.0, toolset="research")
    async with Client(server, mode=mode) as client:
        await call(client, "open_lab")
        await client.call_tool("propose_patch", {"hypothesis": "x"}, raise_on_error=False)
    found = last_calls(file)
    assert [(one.tool, one.refused) for one in found] == [
        ("open_lab", ""),
        ("propose_patch", "arguments.one_of"),
    ]


def test_a_worker_hears_only_what_its_brief_did_not_say(night: Night) -> None:
    tell(night, Steering.TELL, "before")
    known = len(night.history.entries)
    tell(night, Steering.TELL, "after")
    assert words_since(night.campaign, night.history, known) == ["The user says: after"]


@pytest.mark.parametrize("told", ["", "-3", "x"])
def test_a_place_that_is_no_number_counts_as_none(told: str) -> None:
    place = AgentPlace.of({"AUTORESEARCH_TOLD": told, "AUTORESEARCH_WORKER": "c1/w1"})
    assert place == AgentPlace(worker="c1/w1")
