"""`campaign`: what is refused before anything starts, what is printed, how it is steered."""

import json
import shutil
from pathlib import Path

import pytest

from autoresearch.campaigns.notices import Notice, Notifier, check_addresses
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import (
    Steering,
)
from server.commands import run
from tests.support.nights import record_campaign
from tests.support.refusals import raises


@pytest.fixture
def lab(instant_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    shutil.copytree(instant_home, tmp_path / "home", symlinks=True)
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    return Lab.reopen("tiny", home=tmp_path / "home")


@pytest.fixture
def going(lab: Lab) -> Lab:
    """A lab whose campaign is on record, with nobody who supervises it."""
    record_campaign(lab)
    return lab


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["campaign", *arguments]) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--hours", "0"), ("--experiments", "-1"), ("--workers", "0"), ("--silence", "0")],
)
def test_a_limit_that_is_no_limit_is_refused(lab, capsys, option: str, value: str) -> None:
    assert option in refused(capsys, "start", option, value)
    assert not lab.history().campaigns


def test_a_dry_run_prints_each_agents_command_once_and_starts_nothing(lab, capsys) -> None:
    agents = ("--agent", "claude-code", "--agent", "codex -m gpt-5")
    assert run(["campaign", "start", "--dry-run", "--workers", "4", *agents]) == 0
    printed = capsys.readouterr().out
    assert printed.count("claude -p") == printed.count("codex exec") == 1
    assert "serve --toolset research" in printed.replace('", "', " ")
    assert not lab.history().campaigns


def test_an_agent_that_is_not_there_costs_nothing(lab, capsys) -> None:
    assert "no-such-agent" in refused(capsys, "start", "--agent", "no-such-agent")
    assert not lab.history().campaigns


def test_without_a_campaign_there_is_nothing_to_steer(lab, capsys) -> None:
    for command in (("pause",), ("stop",), ("tell", "look there"), ("veto", "data/*")):
        assert "campaign start" in refused(capsys, *command)
    assert run(["campaign", "status"]) == 0
    assert "campaign start" in capsys.readouterr().out


def test_what_the_user_says_is_in_the_ledger(going, capsys) -> None:
    assert run(["campaign", "tell", "look at SCALE"]) == 0
    assert run(["campaign", "veto", "data/*"]) == 0
    assert run(["campaign", "pause"]) == 0
    assert run(["campaign", "pause"]) == 0  # changes nothing
    campaign = Lab.reopen("tiny", home=going.home).history().campaigns["c1"]
    assert (campaign.told, campaign.vetoes, campaign.paused) == (
        ("look at SCALE",),
        ("data/*",),
        True,
    )
    assert [one.event.steering for one in campaign.steered].count(Steering.PAUSE) == 1
    assert "nothing to tell" in refused(capsys, "tell", " ")


def test_a_campaign_without_a_supervisor_needs_you(going, capsys) -> None:
    assert run(["campaign", "status"]) == 1
    assert "campaign resume" in capsys.readouterr().out
    assert run(["campaign", "status", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["needs_you"]
    assert told["workers"] == [
        {"worker": "w1", "agent": "claude-code", "starts": 0, "now": "waits to be started"}
    ]
    assert any("campaign resume" in notice for notice in going.overview().notices)


def test_a_second_campaign_is_refused_with_what_to_do(going, capsys) -> None:
    assert "campaign stop" in refused(capsys, "start", "--agent", "sh")


def test_the_report_says_what_there_was_and_that_it_goes_on(going, capsys) -> None:
    assert run(["campaign", "report"]) == 0
    printed = capsys.readouterr().out
    assert "# Campaign c1 on tiny" in printed
    assert "It goes on." in printed


def test_a_vetoed_file_is_refused_at_the_door(going) -> None:
    from tests.support.repositories import BETTER, propose

    run(["campaign", "veto", "train.*"])
    with raises("patch_refused.vetoed", "train.*"):
        propose(Lab.reopen("tiny", home=going.home), BETTER)


def test_a_notice_is_sent_once_and_one_that_fails_stops_nothing(tmp_path: Path) -> None:
    pytest.importorskip("apprise", reason="notices need apprise: uv pip install apprise")
    notifier = Notifier(["json://127.0.0.1:9/x"], "tiny", "c1")
    assert not notifier.send(Notice.KEPT, "e4 was kept", "e4")
    assert not notifier.send(Notice.KEPT, "e4 was kept", "e4")
    with raises("lab_error.notify"):
        check_addresses(["json://127.0.0.1:9/x"], "tiny", "c1")
    with raises("lab_error.notify"):
        check_addresses(["no address at all"], "tiny", "c1")
