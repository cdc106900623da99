"""Real campaigns on the target `tiny`: agents misbehave, processes are killed, nothing is lost."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from autoresearch.campaigns.records import steer
from autoresearch.campaigns.report import NAME as REPORT
from autoresearch.campaigns.settings import CampaignFolder
from autoresearch.campaigns.start import (
    Plan,
    check_agent,
    require_ready,
    resume_campaign,
    start_campaign,
    supervised,
)
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import CampaignBudget, CampaignEnd, Steering, WorkerEnd
from autoresearch.ledger.campaign_state import CampaignState
from tests.support.nights import AGENT, Night, left_over, start_night, to_the_end, words_heard
from tests.support.refusals import raises
from tests.support.repositories import to_verdict
from tests.support.told import Told


@pytest.fixture
def lab(measured_home: Path, tmp_path: Path) -> Lab:
    """A lab with a measured baseline."""
    shutil.copytree(measured_home, tmp_path / "home", symlinks=True)
    return Lab.reopen("tiny", home=tmp_path / "home")


@pytest.fixture
def night_lab(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Lab:
    """The lab that is named, with a measured baseline, for agents that turn a knob of its code."""
    if request.param == "tiny":
        return request.getfixturevalue("lab")  # type: ignore[no-any-return]
    monkeypatch.setenv("NIGHT_LAB", request.param)
    monkeypatch.setenv("NIGHT_KNOB", "LEARNING_RATE")
    opened = Lab.open(request.param, home=tmp_path / "home")
    to_verdict(opened, "e0")
    return opened


@pytest.mark.long
@pytest.mark.real_runs
@pytest.mark.parametrize("night_lab", ["tiny", "microgpt"], indirect=True)
def test_sixty_experiments_of_agents_that_do_all_that_is_wrong_end_within_the_budget(
    night_lab: Lab,
) -> None:
    modes = ("crash hang work:5 repeat work", "repeat cheat:3 flood work", "flood crash work")
    folder = start_night(
        night_lab, *(f"{AGENT} {mode}" for mode in modes), silence_s=20.0, experiments=60
    )
    state = to_the_end(night_lab, within_s=2400.0)
    assert state.ended is not None
    assert state.ended.event.cause is CampaignEnd.EXPERIMENTS
    assert {WorkerEnd.FAILED, WorkerEnd.REPEATING} <= causes(state)
    assert_whole(night_lab, state, folder, 60)


def until(so: Callable[[], bool], within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def assert_whole(lab: Lab, state: CampaignState, folder: CampaignFolder, experiments: int) -> None:
    """Everything has its verdict once, the ledger agrees, and no process is left."""
    history = Lab.reopen(lab.name, home=lab.home).history()
    proposed = history.proposed_in(state)
    assert len(proposed) == experiments
    assert all(one.id in history.verdicts for one in proposed)
    assert len({one.fingerprint for one in proposed}) == experiments
    assert Lab.reopen(lab.name, home=lab.home).verify().ok
    until(lambda: not left_over(folder) and not supervised(folder))
    assert (folder.path / REPORT).exists()


def causes(state: CampaignState) -> set[WorkerEnd]:
    return {one.event.cause for one in state.ends}


@pytest.mark.slow
@pytest.mark.real_runs
def test_agents_that_crash_and_run_in_circles_are_replaced_and_the_work_is_done(lab: Lab) -> None:
    folder = start_night(lab, f"{AGENT} crash repeat work", experiments=2)
    state = to_the_end(lab)
    assert state.ended is not None
    assert state.ended.event.cause is CampaignEnd.EXPERIMENTS
    assert {WorkerEnd.FAILED, WorkerEnd.REPEATING} <= causes(state)
    assert_whole(lab, state, folder, 2)
    briefs = sorted(folder.worker("w1").scratch.glob("brief-*.md"))
    assert "Do not." in briefs[2].read_text()  # why the third agent was started


@pytest.mark.long
@pytest.mark.real_runs
def test_five_starts_without_an_experiment_end_a_worker_and_none_left_ends_the_campaign(
    lab: Lab,
) -> None:
    folder = start_night(lab, "false", "/no/such/program", hours=1.0)
    state = to_the_end(lab)
    assert state.ended is not None
    assert state.ended.event.cause is CampaignEnd.NO_WORKERS
    assert [state.starts_of(worker) for worker in ("w1", "w2")] == [5, 5]
    assert {one.worker for one in state.retired} == {"w1", "w2"}
    assert_whole(lab, state, folder, 0)


@pytest.mark.long
@pytest.mark.real_runs
def test_an_agent_that_hangs_floods_or_hears_no_signal_is_ended_with_all_it_started(
    lab: Lab,
) -> None:
    agents = [f"{AGENT} {mode} work" for mode in ("hang", "flood", "deaf", "garbage", "cheat:1")]
    folder = start_night(lab, *agents, silence_s=10.0, experiments=6)
    state = to_the_end(lab)
    assert WorkerEnd.SILENT in causes(state)
    assert_whole(lab, state, folder, 6)


@pytest.mark.long
@pytest.mark.real_runs
def test_what_the_user_says_reaches_agents_and_a_pause_in_a_verdict_loses_nothing(
    lab: Lab,
) -> None:
    folder = start_night(lab, f"{AGENT} work", experiments=4)
    until(lambda: bool(lab.history().proposed_in(lab.history().campaigns["c1"])))
    steer(lab, Steering.TELL, "look at SCALE")
    until(lambda: "look at SCALE" in words_heard(folder, "w1"))
    steer(lab, Steering.PAUSE)
    until(lambda: lab.history().campaigns["c1"].active("w1") is None)
    assert not left_over(folder)
    with raises("invalid_state.second_campaign", "c1"):
        require_ready(lab)
    steer(lab, Steering.RESUME)
    state = to_the_end(lab)
    assert WorkerEnd.PAUSED in causes(state)
    assert_whole(lab, state, folder, 4)


@pytest.mark.long
@pytest.mark.real_runs
def test_a_killed_supervisor_is_replaced_and_after_both_are_killed_resume_goes_on(
    lab: Lab,
) -> None:
    folder = start_night(lab, f"{AGENT} work", experiments=5)
    until(lambda: bool(lab.history().proposed_in(lab.history().campaigns["c1"])))
    kill_supervisors(folder, guardian=False)
    until(lambda: supervised(folder))
    kill_supervisors(folder, guardian=True)
    until(lambda: not supervised(folder))
    resume_campaign(lab)
    state = to_the_end(lab)
    assert WorkerEnd.LOST in causes(state)
    assert_whole(lab, state, folder, 5)


def kill_supervisors(folder: CampaignFolder, *, guardian: bool) -> None:
    """Kill the loop, and with it or not the process that would start another."""
    found = [p for p in psutil.process_iter() if is_supervisor(p, folder)]
    for process in found:
        parent_is_one = process.ppid() in {other.pid for other in found}
        if guardian or parent_is_one:
            process.kill()


def is_supervisor(process: psutil.Process, folder: CampaignFolder) -> bool:
    try:
        return process.cmdline()[-2:] == ["campaign", str(folder.path.resolve())]
    except psutil.Error:
        return False


@pytest.mark.long
@pytest.mark.real_runs
@pytest.mark.parametrize(
    ("night_lab", "seed", "apart_s"),
    [("tiny", 0, 3.0), ("tiny", 1, 10.0), ("microgpt", 2, 20.0)],
    indirect=["night_lab"],
)
def test_sixty_experiments_survive_kill_9_at_twenty_random_points_and_two_restarts(
    night_lab: Lab, seed: int, apart_s: float
) -> None:
    lab, draw = night_lab, random.Random(seed)
    modes = ("work", "crash work", "repeat work", "hang work", "cheat:3 work", "flood work")
    agents = [f"{AGENT} {mode}" for mode in draw.sample(modes, 3)]
    folder = start_night(lab, *agents, silence_s=20.0, experiments=60)
    for point in range(20):
        time.sleep(draw.uniform(0.2, apart_s))
        if not lab.history().campaigns["c1"].goes_on:
            break
        if point in (7, 14):  # the machine restarts
            for process in of_the_campaign(lab, folder):
                kill(process)
        else:
            alive = of_the_campaign(lab, folder)
            if alive:
                kill(draw.choice(alive))
        if not supervised(folder):
            time.sleep(3.0)  # as long as a guardian takes
            resume_campaign(lab)
    state = to_the_end(lab, within_s=1800.0)
    assert_whole(lab, state, folder, 60)


def of_the_campaign(lab: Lab, folder: CampaignFolder) -> list[psutil.Process]:
    """Supervisors, agents, servers and runs of the lab."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            mine = str(lab.home) in words or str(folder.path) in " ".join(
                process.environ().values()
            )
        except psutil.Error:
            continue
        if mine and process.pid != os.getpid():
            found.append(process)
    return found


def kill(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.Error:
        return


@pytest.mark.long
@pytest.mark.real_runs
def test_a_lab_that_is_deleted_under_a_campaign_leaves_no_process(lab: Lab) -> None:
    folder = start_night(lab, f"{AGENT} work", hours=1.0)
    until(lambda: bool(left_over(folder)))
    shutil.rmtree(lab.folder, ignore_errors=True)
    until(lambda: not left_over(folder))
    until(lambda: not [p for p in psutil.process_iter() if is_supervisor(p, folder)])


@pytest.mark.slow
def test_a_lab_without_a_measured_baseline_is_refused(lab: Lab) -> None:
    fresh = Told()
    lab.__dict__["history"] = lambda: fresh.history
    with raises("invalid_state.no_baseline", "0 control runs"):
        require_ready(lab)


@pytest.mark.slow
def test_an_agent_that_is_not_there_is_found_before_anything_starts(lab: Lab) -> None:
    plan = Plan(
        budget=CampaignBudget(hours=1.0), agents=("no-such-agent --x",), silence_s=1, grace_s=1
    )
    with raises("lab_error.no_agent", "no-such-agent"):
        start_campaign(lab, plan, None, check=lambda agent: check_agent(agent, None))  # type: ignore[arg-type]
    assert not lab.history().campaigns


@pytest.mark.slow
def test_another_machine_may_not_resume_it(lab: Lab) -> None:
    night = Night(hours=1.0)
    lab.__dict__["history"] = lambda: night.history
    with raises("invalid_state.other_machine", "here"):
        resume_campaign(lab)


@pytest.mark.long
@pytest.mark.real_runs
def test_a_search_is_an_agent_too_beside_another(lab: Lab) -> None:
    pytest.importorskip("optuna", reason="search needs optuna: uv pip install optuna cmaes")
    folder = start_night(lab, "search", f"{AGENT} work:1", experiments=4)
    state = to_the_end(lab)
    clients = {one.proposer.client for one in lab.history().proposed_in(state)}
    assert "search" in clients
    assert {one.proposer.worker for one in lab.history().proposed_in(state)} >= {"c1/w1"}
    assert_whole(lab, state, folder, 4)
