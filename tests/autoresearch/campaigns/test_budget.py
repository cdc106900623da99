"""A campaign ends at the first limit that it reaches, and says which."""

import pytest

from autoresearch.campaigns.budget import limit_reached, since_keep, used
from autoresearch.ledger.campaign_records import CampaignEnd
from tests.support.nights import Night
from tests.support.told import TINY


def end_of(night: Night, worked_s: float = 0.0, now: float = 100.0) -> CampaignEnd | None:
    spent = used(night.history, night.campaign, worked_s)
    found = limit_reached(night.history, TINY, night.campaign.started.budget, spent, now)
    return found[0] if found else None


def test_what_was_there_before_the_campaign_is_not_its_own() -> None:
    night = Night(experiments=2)
    assert used(night.history, night.campaign, 0.0).runs == 0
    night.drop()
    night.runs("e0", 3.2)
    spent = used(night.history, night.campaign, 7200.0)
    assert (spent.experiments, spent.runs, spent.hours) == (1, 1, 2.0)


def test_experiments_runs_and_hours_each_end_it() -> None:
    night = Night(experiments=2, runs=3, hours=1.0)
    night.drop()
    assert end_of(night) is None
    assert end_of(night, worked_s=3600.0) is CampaignEnd.HOURS
    night.drop()
    assert end_of(night) is CampaignEnd.EXPERIMENTS
    other = Night(runs=2)
    other.runs("e0", 3.2, 3.2)
    assert end_of(other) is CampaignEnd.RUNS


def test_device_hours_are_those_of_its_runs() -> None:
    night = Night(device_hours=4 / 3600)
    night.runs("e0", 3.2)
    assert end_of(night) is None
    night.runs("e0", 3.2)
    assert end_of(night) is CampaignEnd.DEVICE_HOURS


@pytest.mark.parametrize(
    ("limit", "cause"),
    [({"tokens": 500}, CampaignEnd.TOKENS), ({"money": 1.5}, CampaignEnd.MONEY)],
)
def test_tokens_and_money_of_ended_and_running_agents_count(
    limit: dict[str, float], cause: CampaignEnd
) -> None:
    night = Night(**limit)
    night.start()
    night.end(tokens=300, money=1.0)
    spent = used(night.history, night.campaign, 0.0)
    budget = night.campaign.started.budget
    assert limit_reached(night.history, TINY, budget, spent, 1.0) is None
    spent = used(night.history, night.campaign, 0.0, going=((200, 0.5),))
    found = limit_reached(night.history, TINY, budget, spent, 1.0)
    assert found is not None
    assert found[0] is cause


def test_a_keep_begins_the_plateau_anew() -> None:
    night = Night(plateau=3)
    night.drop()
    night.drop()
    night.drop(kept=True)
    assert since_keep(night.history, night.campaign) == []
    night.drop()
    night.drop()
    assert end_of(night) is None
    night.drop()
    assert end_of(night) is CampaignEnd.PLATEAU


def test_a_target_counts_once_three_control_runs_have_reached_it() -> None:
    night = Night(target=3.0)
    kept = night.drop(kept=True)
    night.runs(kept, 2.9, 2.9)
    assert end_of(night) is None
    night.runs(kept, 2.9)
    assert end_of(night) is CampaignEnd.TARGET
