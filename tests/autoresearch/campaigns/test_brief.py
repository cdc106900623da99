"""A brief is at most 2 kB, and the most important lines come first."""

from dataclasses import replace

from autoresearch.campaigns.brief import MOST_BYTES, brief
from autoresearch.campaigns.budget import used
from autoresearch.ledger.campaign_records import CampaignSteered, StartCause, Steering
from autoresearch.records import Concluded, Proposer
from tests.support.nights import Night
from tests.support.samples import PROPOSER
from tests.support.told import TINY


def brief_of(night: Night, cause: StartCause = StartCause.FIRST) -> str:
    spent = used(night.history, night.campaign, 3600.0)
    return brief(night.history, TINY, night.campaign, "w1", cause, spent)


def test_it_says_task_state_what_is_left_and_what_the_user_said() -> None:
    night = Night(hours=8.0, experiments=20)
    night.drop()
    night.tell(CampaignSteered(campaign="c1", steering=Steering.TELL, text="look at SCALE"))
    night.tell(CampaignSteered(campaign="c1", steering=Steering.VETO, text="data/*"))
    said = brief_of(night)
    for words in ("w1", "c1", "val_bpb", "lower", "7.0 hours, 19 experiments", "look at SCALE"):
        assert words in said
    assert "Do not touch: data/*" in said


def test_it_says_why_the_agent_starts_again() -> None:
    assert "refused call again and again" in brief_of(Night(), StartCause.REPEATING)


def test_it_says_what_is_open_and_what_others_try() -> None:
    night = Night()
    night.propose(proposer=Proposer(client="t", worker="c1/w1"), hypothesis="mine is open")
    night.propose(proposer=Proposer(client="t", worker="c1/w2"), hypothesis="theirs goes on")
    said = brief_of(night)
    assert "Yours and open: e1 (mine is open)" in said
    assert "Others try now: e2 theirs goes on" in said


def test_a_long_history_never_makes_it_longer_than_2_kb_or_cuts_a_line() -> None:
    night = Night()
    for n in range(60):
        name = night.drop(kept=n % 7 == 0)
        lesson = "the loss fell by much less than was hoped for ☃ " * 12
        night.tell(Concluded(experiment=name, lesson=lesson, proposer=PROPOSER))
        words = replace(night.history.experiments[name], hypothesis="a long idea " * 30)
        night.history.experiments[name] = words
    said = brief_of(night)
    assert len(said.encode()) <= MOST_BYTES
    assert said.endswith("\n")
    assert "Learned from" in said
