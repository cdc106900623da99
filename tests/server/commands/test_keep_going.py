"""The Stop hook: who worked on a campaign's lab goes on, and nobody else is held up."""

import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from autoresearch.campaigns.settings import CampaignFolder
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import (
    CampaignSteered,
    Steering,
)
from autoresearch.system.agent_marks import WORKER
from autoresearch.system.locks import try_lock
from server.commands import run
from server.commands.keep_going import OFF, reason_to_go_on
from tests.support.nights import record_campaign

CALL = {
    "type": "assistant",
    "message": {
        "content": [
            {"type": "tool_use", "name": "mcp__plugin_autoresearch_autoresearch__run_training"}
        ]
    },
}


@pytest.fixture
def lab(instant_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    shutil.copytree(instant_home, tmp_path / "home", symlinks=True)
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    return Lab.reopen("tiny", home=tmp_path / "home")


@pytest.fixture
def going(lab: Lab, request: pytest.FixtureRequest) -> Lab:
    """A lab with a campaign of eight hours that has a supervisor."""
    record_campaign(lab)
    folder = CampaignFolder.of(lab.folder, "c1")
    folder.path.mkdir(parents=True)
    lock = try_lock(folder.lock_file)
    assert lock is not None
    request.addfinalizer(lock.release)
    return lab


def hook_input(folder: Path, *lines: object) -> str:
    transcript = folder / "transcript.jsonl"
    transcript.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return json.dumps({"transcript_path": str(transcript), "stop_hook_active": False})


@pytest.fixture
def worked(tmp_path: Path) -> str:
    return hook_input(tmp_path, {"type": "user", "message": {"content": "go"}}, CALL)


def test_who_worked_on_experiments_goes_on_while_budget_is_left(
    going, worked, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(worked))
    assert run(["campaign", "keep-going"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["decision"] == "block"
    assert "campaign of the lab tiny goes on: 8.0 of its 8 hours are left" in answer["reason"]
    assert f"{OFF}=0" in answer["reason"]


def test_who_did_something_else_may_stop(going, tmp_path, capsys, monkeypatch) -> None:
    talked = {"type": "user", "message": {"content": '"name": "mcp__autoresearch__run_training"'}}
    monkeypatch.setattr(sys, "stdin", io.StringIO(hook_input(tmp_path, talked)))
    assert run(["campaign", "keep-going"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("asked", ["", "{", "[]", "{}", '{"transcript_path": "/nowhere"}', "null"])
def test_what_no_client_sends_holds_nobody_up(going, asked) -> None:
    assert reason_to_go_on(asked, {}) == ""


@pytest.mark.parametrize("environ", [{OFF: "0"}, {WORKER: "c1/w1"}])
def test_one_line_switches_it_off_and_a_campaigns_own_agents_are_not_held(
    going, worked, environ
) -> None:
    assert reason_to_go_on(worked, {}) != ""
    assert reason_to_go_on(worked, environ) == ""


def test_a_pause_lets_it_stop(going, worked) -> None:
    pause = CampaignSteered(campaign="c1", steering=Steering.PAUSE)
    going.ledger.append(lambda _: pause)
    assert reason_to_go_on(worked, {}) == ""


def test_hours_that_are_over_let_it_stop(going, worked) -> None:
    CampaignFolder.of(going.folder, "c1").clock_file.write_text(json.dumps({"worked_s": 8 * 3600}))
    assert reason_to_go_on(worked, {}) == ""


def test_without_a_supervisor_or_a_campaign_it_may_stop(lab, worked) -> None:
    assert reason_to_go_on(worked, dict(os.environ)) == ""


def test_a_damaged_lab_beside_it_is_passed_over(going, worked) -> None:
    beside = going.home / "labs" / "broken"
    beside.mkdir()
    (beside / "lab.json").write_text("{")
    assert "lab tiny" in reason_to_go_on(worked, {})
