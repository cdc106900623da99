"""Idle devices measure the incumbent; whoever runs an experiment gets a device at once."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from autoresearch.contract import Contract
from autoresearch.errors import InvalidStateError
from autoresearch.executors.local import LocalExecutor
from autoresearch.lab import Lab
from autoresearch.ledger.history import History
from autoresearch.loop.idle_controls import nothing_to_tend
from autoresearch.records import EndCause, Outcome, RunFinished, RunState
from autoresearch.run_directory import empty_report
from autoresearch.scheduling.demands import (
    REST_S,
    broken_baseline,
    idle_demands,
    rest_after_disturbances,
)
from autoresearch.statistics.gates import GATE
from autoresearch.verdicts.evidence import controls_of
from tests.support.fakes import wait_for
from tests.support.pretend import Pretend
from tests.support.repositories import BETTER, HANGING, git, make_repository, propose
from tests.support.samples import finished, started
from tests.support.told import BASELINE, IN_SECONDS, TINY, Told


def idle_wish(history: History, contract: Contract) -> str | None:
    """The experiment whose control run an idle device makes next."""
    return next((one.experiment for one in idle_demands(history, contract)), None)


def resting(history: History, experiment: str, now: float) -> str:
    """Why its next control run waits; "" where it may start."""
    rest = rest_after_disturbances(history, experiment)
    return rest.reason if rest is not None and rest.lasts(now) else ""


@pytest.mark.slow
def test_idle_devices_run_controls_and_no_more_than_there_are_devices(lab: Lab) -> None:
    Pretend(lab, devices=3)
    lab.tend()
    assert lab.running == ("e0-r7", "e0-r8", "e0-r9")
    lab.tend()
    assert len(lab.running) == 3
    assert lab.awaited == lab.running


@pytest.mark.slow
def test_nothing_is_started_while_a_run_waits_for_a_device(lab: Lab) -> None:
    Pretend(lab, devices=3, begin=RunState.QUEUED)
    lab.start_run(propose(lab, BETTER))
    lab.tend()
    assert lab.running == ("e1-r1",)


def test_controls_stop_at_what_the_gate_can_use() -> None:
    told = Told(*BASELINE)
    assert idle_wish(told.history, TINY) == "e0"
    told.runs("e0", *[3.2] * (GATE.most_controls - 7))
    told.tell(started(told.history, "e0"))
    assert idle_wish(told.history, TINY) is None
    assert not nothing_to_tend(told.history, TINY)
    told.tell(finished(f"e0-r{GATE.most_controls}"))
    assert nothing_to_tend(told.history, TINY)


def test_a_new_incumbent_is_measured_anew() -> None:
    told = Told(*BASELINE)
    told.propose()
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    told.judge("e1")
    assert idle_wish(told.history, TINY) == "e1"


def test_where_seconds_are_the_budget_the_parent_keeps_up_with_the_incumbent() -> None:
    told = Told(*BASELINE)
    told.propose()
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    told.judge("e1")
    assert idle_wish(told.history, IN_SECONDS) == "e1"
    told.runs("e1", 3.1, at=50_000.0)
    assert idle_wish(told.history, TINY) == "e1"
    assert idle_wish(told.history, IN_SECONDS) == "e0"
    told.runs("e0", 3.2, at=50_000.0)
    assert idle_wish(told.history, IN_SECONDS) == "e1"


def end_badly(told: Told, cause: EndCause, reason: str, *, at: float = 3.0) -> None:
    """One more run of e0, which ended so."""
    begun = started(told.history, "e0")
    told.tell(begun)
    report = finished(begun.run.id, cause.state).report
    ended = replace(report, reason=reason, cause=cause, measurement=None, ended=at)
    told.tell(RunFinished(report=ended))


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (EndCause.PREEMPTED, "gave its device up"),
        (EndCause.SUPERVISOR_TOLD_TO_END, "its supervisor ended"),
        (EndCause.DISTURBED, "other processes used 90 % of the machine"),
    ],
)
def test_an_incumbent_that_fails_is_left_alone_but_what_the_machine_did_is_no_failure(
    cause: EndCause, reason: str
) -> None:
    told = Told()
    for _ in range(9):
        end_badly(told, cause, reason)
    assert broken_baseline(told.history, "e0") == ""
    assert idle_wish(told.history, TINY) == "e0"
    for _ in range(3):
        end_badly(told, EndCause.EXIT_STATUS, "exited with 1")
    assert "3 runs of the incumbent e0 failed" in broken_baseline(told.history, "e0")
    assert idle_wish(told.history, TINY) is None


def test_after_three_disturbed_runs_in_a_row_the_next_control_waits_a_minute() -> None:
    told = Told(3.2)
    for second in (10.0, 12.0):
        end_badly(told, EndCause.DISTURBED, "a busy machine", at=second)
    end_badly(told, EndCause.PREEMPTED, "gave its device up", at=13.0)
    assert resting(told.history, "e0", now=14.0) == ""
    end_badly(told, EndCause.SUPERVISOR_TOLD_TO_END, "its supervisor ended", at=14.0)
    waits = resting(told.history, "e0", now=20.0)
    assert waits.startswith("the last 3 runs of e0 were lost or disturbed by the machine")
    assert waits.endswith("its supervisor ended")
    assert resting(told.history, "e0", now=14.0 + REST_S) == ""
    assert resting(told.history, "e0", now=5.0) == "", "a clock that was set back ends the rest"
    told.runs("e0", 3.2, at=20.0)
    assert resting(told.history, "e0", now=23.0) == ""


@pytest.mark.slow
def test_a_machine_that_disturbs_every_run_is_not_given_one_after_another(lab: Lab) -> None:
    pretend = Pretend(lab, devices=1)
    for _ in range(3):
        run = lab.runs.start("e0")
        disturbed = replace(empty_report(run, RunState.TAINTED, "busy"), ended=time.time())
        lab.runs.directory(run).write_status(disturbed)
    lab.tend()
    assert lab.running == ()
    needs = lab.evaluate(propose(lab, BETTER)).needs
    assert "needs 1 run of the experiment" in needs
    assert lab.running == ("e1-r1",), "an experiment's own runs do not wait"
    assert pretend.yielding() == []


@pytest.mark.slow
def test_an_experiment_takes_the_device_of_the_newest_control_that_trains(lab: Lab) -> None:
    pretend = Pretend(lab, devices=2)
    lab.tend()
    first = lab.start_run(propose(lab, BETTER))
    assert first.id == "e1-r1"
    assert pretend.yielding() == ["e0-r8"]
    second = propose(lab, ("SCALE = 1.0", "SCALE = 2.0"))
    lab.start_run(second)
    assert pretend.yielding() == ["e0-r7", "e0-r8"]
    pretend.give_up()
    lab.tend()
    assert lab.running == ("e1-r1", "e2-r1")
    assert "e0-r7" not in controls_of(lab.history(), "e0")


@pytest.mark.slow
def test_a_free_device_costs_no_control_its_own(lab: Lab) -> None:
    pretend = Pretend(lab, devices=2)
    lab.start_run("e0")
    lab.start_run(propose(lab, BETTER))
    assert pretend.yielding() == []


@pytest.mark.slow
def test_a_control_that_is_being_scored_is_left_to_end_by_itself(lab: Lab) -> None:
    pretend = Pretend(lab, devices=2)
    lab.tend()
    pretend.put("e0-r8", RunState.SCORING)
    lab.start_run(propose(lab, BETTER))
    assert pretend.yielding() == ["e0-r7"]


@pytest.mark.slow
def test_a_control_takes_no_device_from_another(lab: Lab) -> None:
    pretend = Pretend(lab, devices=1)
    lab.tend()
    lab.start_run("e0")
    assert pretend.yielding() == []


@pytest.mark.slow
def test_how_a_control_does_is_not_shown_before_it_ended(lab: Lab) -> None:
    """Starting an experiment makes one give up: who saw their curves could choose which count."""
    pretend = Pretend(lab, devices=1)
    run = lab.start_run("e0").id
    directory = lab.runs.directory(run)
    directory.log_file.write_text("loss 2.5")
    directory.curve_file.write_text('{"tokens": 10, "loss": 2.5}\n')
    seen = lab.view_run(run, detail=True)
    assert (seen.curve, seen.log_digest) == ((), "")
    with pytest.raises(InvalidStateError, match="shown only once it ends"):
        lab.log(run)
    pretend.put(run, RunState.FINISHED, 3.2)
    assert lab.view_run(run, detail=True).curve
    assert lab.log(run) == "loss 2.5"


@pytest.mark.slow
@pytest.mark.parametrize("tended", [False, True])
def test_on_one_device_a_verdict_comes_and_controls_it_needs_are_not_given_up_in_a_loop(
    lab: Lab, tended: bool
) -> None:
    pretend = Pretend(lab, devices=1)
    experiment = propose(lab, BETTER)
    values = iter([3.15, 3.19, 3.14, 3.18] * 20)
    for _ in range(60):
        found = lab.evaluate(experiment)
        if found.verdict is not None:
            break
        if tended:
            lab.tend()
        pretend.give_up()
        for run in lab.running:
            pretend.put(run, RunState.FINISHED, next(values))
    assert found.verdict is not None
    given_up = len(pretend.yielding())
    assert given_up <= (len(found.runs) if tended else 0)


@pytest.fixture
def slow_to_train(tmp_path) -> Iterator[Lab]:  # type: ignore[no-untyped-def]
    """A lab whose baseline trains for ever; what is left of it is ended afterwards."""
    repository = make_repository(tmp_path / "repository")
    train = repository / "train.py"
    train.write_text(train.read_text().replace(*HANGING))
    git(repository, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qam", "slow")
    lab = Lab.open(str(repository), home=tmp_path / "home")
    yield lab
    for run in lab.running:
        lab.runs.directory(run).stop_file.touch()
    wait_for(lambda: all(lab.view_run(run).state.final for run in lab.running))


@pytest.mark.slow
def test_with_real_supervisors_the_first_experiment_starts_at_once(slow_to_train: Lab) -> None:
    lab = slow_to_train
    devices = len(LocalExecutor("").slots())
    while len(lab.running) < devices:
        lab.tend()
    controls = lab.running
    wait_for(lambda: all(lab.view_run(run).state is RunState.TRAINING for run in controls))
    experiment = propose(lab, (HANGING[1], HANGING[0]), "do not wait")
    run = lab.start_run(experiment).id
    wait_for(lambda: lab.view_run(run).state.final)
    assert lab.view_run(run).state is RunState.FINISHED, lab.view_run(run).reason
    ended = [one for one in controls if lab.view_run(one).state.final]
    assert ended == [controls[-1]]
    assert lab.view_run(ended[0]).state is RunState.LOST
    assert lab.view_run(ended[0]).cause is EndCause.PREEMPTED
    assert broken_baseline(lab.history(), "e0") == ""
    with pytest.raises(InvalidStateError, match="bias"):
        lab.stop_run(controls[0])
    assert Outcome.CRASHED not in {v.outcome for v in lab.history().verdicts.values()}
