"""When a worker's agent is started again, in which session, and when a worker is given up."""

import json
from pathlib import Path

import pytest

from autoresearch.campaigns.agents import AgentReport
from autoresearch.campaigns.calls import REPEATS, in_circles, last_calls, write_call
from autoresearch.campaigns.workers import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    empty_starts,
    end_of_exited,
    pause_s,
    session_to_resume,
    start_cause,
)
from autoresearch.ledger.campaign_records import StartCause, WorkerEnd
from tests.support.nights import Night


def ended(cause: WorkerEnd, session: str = "s1") -> Night:
    night = Night()
    night.start()
    night.end(cause=cause, session=session)
    return night


def test_starts_without_an_experiment_are_counted_until_there_is_one() -> None:
    night = Night()
    for n in range(3):
        night.start()
        night.end()
        assert empty_starts(night.history, night.campaign, "w1") == n + 1
    assert empty_starts(night.history, night.campaign, "w2") == 0
    night.drop(worker="c1/w2")
    assert empty_starts(night.history, night.campaign, "w1") == 3
    night.drop(worker="c1/w1")
    assert empty_starts(night.history, night.campaign, "w1") == 0


@pytest.mark.parametrize("cause", [WorkerEnd.PAUSED, WorkerEnd.LOST, WorkerEnd.STUCK])
def test_what_the_user_or_the_machine_ended_counts_against_nobody(cause: WorkerEnd) -> None:
    night = ended(cause)
    assert empty_starts(night.history, night.campaign, "w1") == 0


def test_pauses_grow_to_a_longest_one() -> None:
    found = [pause_s(n) for n in range(12)]
    assert found[:3] == [0.0, FIRST_PAUSE_S, 2 * FIRST_PAUSE_S]
    assert found == sorted(found)
    assert found[-1] == LONGEST_PAUSE_S


def test_the_first_start_says_so_and_a_later_one_why() -> None:
    assert start_cause(Night().campaign, "w1") is StartCause.FIRST
    assert start_cause(ended(WorkerEnd.SILENT).campaign, "w1") is StartCause.SILENT
    assert start_cause(ended(WorkerEnd.NOT_CONNECTED).campaign, "w1") is StartCause.FAILED


@pytest.mark.parametrize(
    ("cause", "session"),
    [
        (WorkerEnd.EXITED, "s1"),
        (WorkerEnd.PAUSED, "s1"),
        (WorkerEnd.LOST, "s1"),
        (WorkerEnd.FAILED, ""),
        (WorkerEnd.REPEATING, ""),
        (WorkerEnd.STUCK, ""),
    ],
)
def test_a_session_goes_on_unless_it_went_wrong(cause: WorkerEnd, session: str) -> None:
    campaign = ended(cause).campaign
    assert session_to_resume(campaign, "w1", "claude-code") == session
    assert session_to_resume(campaign, "w1", "./own-agent") == ""


def test_how_an_agent_ended_is_told_apart() -> None:
    assert end_of_exited(AgentReport(), 0)[0] is WorkerEnd.EXITED
    assert end_of_exited(AgentReport(), 3)[0] is WorkerEnd.FAILED
    assert "signal 9" in end_of_exited(AgentReport(), -9)[1]
    assert end_of_exited(AgentReport(error="no credit"), 0)[0] is WorkerEnd.FAILED
    assert end_of_exited(AgentReport(connected=False), 0)[0] is WorkerEnd.NOT_CONNECTED


def test_one_refused_call_again_and_again_is_a_circle(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    for _ in range(REPEATS - 1):
        write_call(file, "propose_patch", {"diff": "x"}, "patch_refused")
    assert not in_circles(last_calls(file))
    write_call(file, "propose_patch", {"diff": "x"}, "patch_refused")
    assert in_circles(last_calls(file))
    write_call(file, "propose_patch", {"diff": "y"}, "patch_refused")
    assert not in_circles(last_calls(file))


def test_a_call_that_succeeds_again_and_again_is_no_circle(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    for _ in range(2 * REPEATS):
        write_call(file, "check_run", {}, "")
    assert not in_circles(last_calls(file))


def test_a_line_that_is_half_written_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    write_call(file, "open_lab", {}, "")
    with file.open("a") as opened:
        opened.write(json.dumps({"at": 1.0})[:-1])
    assert [call.tool for call in last_calls(file)] == ["open_lab"]
    assert last_calls(tmp_path / "none") == ()
