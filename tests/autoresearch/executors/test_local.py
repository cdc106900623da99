"""Submitting, leasing, and what becomes of a run whose supervisor dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autoresearch.executors.local import LocalExecutor, kill_orphans
from autoresearch.records import EndCause, RunReport, RunState
from autoresearch.run_directory import RunDir
from autoresearch.system.locks import try_lock
from autoresearch.system.processes import boot_id
from tests.support.fakes import final_report, make_run, processes_with, run_to_end, wait_for
from tests.support.refusals import raises


@pytest.fixture
def executor() -> LocalExecutor:
    return LocalExecutor(sys.executable)


def kill_supervisor(rundir: RunDir) -> None:
    [supervisor] = processes_with(str(rundir.path.resolve()))
    supervisor.send_signal(signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(supervisor.pid))


def recorded(rundir: RunDir) -> list[list[float]]:
    found: list[list[float]] = json.loads(rundir.processes_file.read_text())["processes"]
    return found


@pytest.fixture
def stranger() -> Iterator[tuple[int, psutil.Process]]:
    """The id of a session whose leader is dead, and its one member."""
    source = "import subprocess\nprint(subprocess.Popen(['sleep', '1000'], stdout=-3).pid)"
    argv = [sys.executable, "-c", source]
    with subprocess.Popen(argv, start_new_session=True, stdout=subprocess.PIPE) as leader:
        assert leader.stdout is not None
        member = psutil.Process(int(leader.stdout.read()))
    yield leader.pid, member
    member.kill()


def left_by_a_dead_supervisor(folder: Path, record: object, last_sign: float) -> RunDir:
    rundir = RunDir(folder / "run")
    rundir.path.mkdir()
    rundir.processes_file.write_text(json.dumps(record))
    rundir.write_status(
        RunReport(
            run="e1-r1",
            state=RunState.TRAINING,
            reason="trains",
            started=last_sign,
            ended=last_sign,
            wall_s=0.0,
            cpu_s=0.0,
            tokens=0,
            device="",
            sandbox="",
            measurement=None,
        )
    )
    return rundir


def age(rundir: RunDir) -> None:
    """As if the run had been started long ago."""
    os.utime(rundir.spec_file, (0, 0))


def state_is(rundir: RunDir, state: RunState) -> RunReport | None:
    report = rundir.read_status()
    return report if report is not None and report.state is state else None


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_submitted_run_is_alive_until_it_ends(tmp_path: Path, executor: LocalExecutor) -> None:
    rundir = make_run(tmp_path, "import time\ntime.sleep(1000)")
    executor.submit(rundir)
    wait_for(lambda: state_is(rundir, RunState.TRAINING))
    assert executor.alive(rundir)
    assert executor.settle(rundir) is None
    rundir.stop_file.touch()
    report = final_report(rundir)
    assert executor.settle(rundir) == report
    with raises("run_start.run_before"):
        executor.submit(rundir)


@pytest.mark.slow
def test_a_run_that_lost_its_supervisor_is_settled_as_lost_and_its_tree_is_dead(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    mark = f"orphan-{os.getpid()}-{tmp_path.name}"
    train = f"""
import os, subprocess, sys, time
child = [sys.executable, "-c", "import time; time.sleep(1000)", {mark!r}]
subprocess.Popen(child)
subprocess.Popen(child, start_new_session=True)
subprocess.Popen(child, start_new_session=True, env={{}})
time.sleep(1000)
"""
    rundir = make_run(tmp_path, train)
    executor.submit(rundir)
    wait_for(lambda: len(processes_with(mark)) == 3)
    wait_for(lambda: {p.pid for p in processes_with(mark)} <= {pid for pid, _ in recorded(rundir)})
    kill_supervisor(rundir)
    assert not executor.alive(rundir)
    report = executor.settle(rundir)
    assert report is not None
    assert (report.state, report.run) == (RunState.LOST, "e1-r1")
    assert report.cause is EndCause.SUPERVISOR_DIED
    assert "training" in report.reason
    assert not processes_with(mark)
    assert not rundir.tree.exists()
    assert executor.settle(rundir) == report == rundir.read_status()


@pytest.mark.slow
def test_a_supervisor_killed_while_it_scores_leaves_nothing(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    train = """
import os
open(os.environ["AUTORESEARCH_OUT"] + "/model.npy", "w").close()
def load(path):
    import time
    time.sleep(1000)
"""
    rundir = make_run(tmp_path, train)
    executor.submit(rundir)
    wait_for(lambda: state_is(rundir, RunState.SCORING))
    wait_for(lambda: processes_with(str(rundir.out.resolve())))  # the model's process is there
    supervisor = next(
        p for p in processes_with(str(rundir.path.resolve())) if "supervise" in p.cmdline()
    )
    supervisor.kill()
    wait_for(lambda: not executor.alive(rundir))
    report = executor.settle(rundir)
    assert report is not None
    assert report.state is RunState.LOST
    assert not processes_with(str(rundir.path.resolve()))


@pytest.mark.parametrize(
    ("boot", "leader_born", "last_sign"),
    [
        ("another", -10, 10),  # before the machine was started again
        (boot_id(), -1000, -100),  # the number came again after the supervisor's death
        (boot_id(), 100, 200),  # older than the recorded leader
    ],
    ids=["another boot", "born too late", "born too early"],
)
def test_a_session_of_strangers_that_came_to_a_recorded_number_lives_on(
    tmp_path: Path,
    stranger: tuple[int, psutil.Process],
    boot: str,
    leader_born: float,
    last_sign: float,
) -> None:
    session, member = stranger
    born = member.create_time()
    record = {"boot": boot, "processes": [[session, born + leader_born]]}
    kill_orphans(left_by_a_dead_supervisor(tmp_path, record, born + last_sign))
    assert member.status() != psutil.STATUS_ZOMBIE


def test_a_record_without_a_boot_kills_nobody(
    tmp_path: Path, stranger: tuple[int, psutil.Process]
) -> None:
    session, member = stranger
    born = member.create_time()
    record = [[session, born], [member.pid, born]]
    kill_orphans(left_by_a_dead_supervisor(tmp_path, record, born))
    assert member.status() != psutil.STATUS_ZOMBIE


def test_a_session_whose_leader_is_dead_is_ended_if_it_is_the_runs(
    tmp_path: Path, stranger: tuple[int, psutil.Process]
) -> None:
    session, member = stranger
    born = member.create_time()
    record = {"boot": boot_id(), "processes": [[session, born - 0.5]]}
    kill_orphans(left_by_a_dead_supervisor(tmp_path, record, born + 1))
    wait_for(lambda: not member.is_running() or member.status() == psutil.STATUS_ZOMBIE)


def test_a_run_started_before_the_clock_was_set_back_is_old(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    rundir = make_run(tmp_path)
    future = time.time() + 10_000
    os.utime(rundir.spec_file, (future, future))
    report = executor.settle(rundir)
    assert report is not None
    assert report.state is RunState.LOST


@pytest.mark.slow
def test_a_finished_run_is_never_overwritten(tmp_path: Path, executor: LocalExecutor) -> None:
    rundir, report = run_to_end(tmp_path, "raise ValueError('x')")
    age(rundir)
    assert executor.settle(rundir) == report
    assert rundir.read_status() == report


def test_a_run_whose_supervisor_never_came_is_lost_after_a_while(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    rundir = make_run(tmp_path)
    assert executor.settle(rundir) is None
    age(rundir)
    report = executor.settle(rundir)
    assert report is not None
    assert (report.state, report.cause) == (RunState.LOST, EndCause.NEVER_STARTED)


def test_a_supervisor_that_cannot_start_says_why(tmp_path: Path) -> None:
    rundir = make_run(tmp_path)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no such module >&2\nexit 3\n")
    python.chmod(0o755)
    with raises("run_start.supervisor_failed", "no such module"):
        LocalExecutor(str(python)).submit(rundir)


def test_a_python_that_is_not_there_is_a_failed_start(tmp_path: Path) -> None:
    with raises("run_start.supervisor_not_executable"):
        LocalExecutor(str(tmp_path / "missing")).submit(make_run(tmp_path))


def test_a_lock_is_exclusive(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "lock")
    assert lock is not None
    assert try_lock(tmp_path / "lock") is None
    lock.release()


def test_there_is_a_slot_for_every_core(executor: LocalExecutor) -> None:
    names = [slot.name for slot in executor.slots("cpu")]
    assert names[0] == "cpu-0"
    assert len(names) == len(set(names)) <= (os.cpu_count() or 1)
