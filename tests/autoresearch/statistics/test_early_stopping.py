"""When a curve is hopeless, who may be stopped for it, and what a stop does to a verdict."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch.contract import parse_contract
from autoresearch.executors.local import LocalExecutor
from autoresearch.lab import Lab
from autoresearch.records import Judged, Outcome, RunFinished, RunState
from autoresearch.run_directory import RunDir
from autoresearch.run_output.curve import read_line
from autoresearch.statistics.early_stopping import (
    EARLIEST,
    FEWEST_CONTROLS,
    POINTS,
    Curve,
    find_early_stop,
)
from autoresearch.training.curve_watch import CurveWatch, read_controls, read_seen, write_controls
from autoresearch.training.training_process import Progress
from autoresearch.verdicts.evidence import failures, stopped_beside
from autoresearch.verdicts.verdicts import due_verdict, judge_again
from server.views.research_views import run_result
from tests.support.fakes import (
    final_report,
    make_run,
    make_spec,
    processes_with,
    run_to_end,
    wait_for,
)
from tests.support.pretend import Pretend
from tests.support.repositories import BETTER, CONTRACT, make_repository, propose
from tests.support.samples import finished, started
from tests.support.told import BASELINE, IN_SECONDS, TINY, Told


def falling(start: float, end: float, until: int = POINTS) -> list[float | None]:
    """A loss that falls fast at first, with no noise; not seen after `until` hundredths."""
    way = [(1 - (at + 1) / POINTS) ** 2 for at in range(POINTS)]
    return [end + (start - end) * left if at < until else None for at, left in enumerate(way)]


CONTROLS: list[Curve] = [falling(3.6, 2.4 + n / 100) for n in range(-2, 3)]
LOST = falling(4.6, 4.4)  # hopeless from the first to the last


def test_a_curve_far_above_all_controls_is_hopeless_and_the_words_carry_its_numbers() -> None:
    found = find_early_stop(LOST, CONTROLS)
    assert found is not None
    assert found.point == EARLIEST - 1
    assert found.sentence == (
        "at 20% of its budget its loss was 4.535, while the incumbent's 5 controls had "
        "3.201 to 3.214, and ended with 2.401"
    )


def test_the_controls_own_curves_and_anything_below_them_are_not_hopeless() -> None:
    assert all(find_early_stop(one, CONTROLS) is None for one in CONTROLS)
    assert find_early_stop(falling(3.6, 1.0), CONTROLS) is None


def test_a_curve_that_would_catch_up_by_gaining_twice_what_the_controls_gain_goes_on() -> None:
    late = [loss + 0.9 * (loss - 2.4) if loss else None for loss in CONTROLS[-1]]
    assert find_early_stop(late, CONTROLS) is None


@pytest.mark.slow
def test_the_answer_on_a_part_of_a_curve_is_the_answer_on_the_whole() -> None:
    turning = [*falling(3.5, 2.4)[:40], *([4.0] * 60)]
    whole = find_early_stop(turning, CONTROLS)
    assert whole is not None
    assert 40 < whole.point < 60
    for until in range(POINTS + 1):
        part = find_early_stop([*turning[:until], *([None] * (POINTS - until))], CONTROLS)
        assert part == (whole if until > whole.point + 1 else None)


def test_where_points_are_few_the_stretch_is_longer() -> None:
    few = [loss if at % 10 == 0 else None for at, loss in enumerate(LOST)]
    found = find_early_stop(few, CONTROLS)
    assert found is not None
    assert found.point == 30


def test_a_curve_that_is_catching_up_fast_enough_goes_on() -> None:
    catching = [loss + 4.0 * 0.9**at for at, loss in enumerate(falling(3.6, 2.4)) if loss]
    assert catching[EARLIEST] > 3.6  # far above the bar
    assert find_early_stop(catching, CONTROLS) is None
    slowly = [loss + 1.5 * 0.99**at for at, loss in enumerate(falling(3.6, 2.4)) if loss]
    assert find_early_stop(slowly, CONTROLS) is not None


def test_a_few_bad_points_are_no_stretch() -> None:
    curve = falling(3.6, 2.4)
    curve[50] = curve[51] = 3.6
    assert find_early_stop(curve, CONTROLS) is None


def test_nothing_is_hopeless_at_the_very_beginning_or_near_the_end() -> None:
    assert find_early_stop(falling(4.6, 4.4, until=EARLIEST), CONTROLS) is None
    assert find_early_stop([*falling(3.6, 2.4)[:90], *([9.0] * 10)], CONTROLS) is None


def test_too_few_controls_or_one_without_a_whole_curve_stop_nothing() -> None:
    assert find_early_stop(LOST, CONTROLS[: FEWEST_CONTROLS - 1]) is None
    assert find_early_stop(LOST, [*CONTROLS, falling(3.6, 2.4, until=60)]) is None
    assert find_early_stop([None] * POINTS, CONTROLS) is None


def test_a_line_of_a_curve_is_a_finite_loss_and_perhaps_a_number_of_tokens() -> None:
    seen = read_line(b'{"tokens": 64, "loss": 2.5}')
    assert seen is not None
    assert (seen.loss, seen.tokens) == (2.5, 64.0)
    assert read_line(b'{"step": 3, "loss": 2.5}') is not None
    for line in (b"", b"nonsense", b"[1]", b'{"loss": NaN}', b'{"loss": "2"}', b"[" * 4000):
        assert read_line(line) is None


@pytest.fixture
def watched(tmp_path: Path) -> tuple[RunDir, CurveWatch]:
    rundir = make_run(tmp_path)
    rundir.out.mkdir()
    return rundir, CurveWatch(rundir, make_spec(tmp_path, early_stop=True, budget=1000))


def write(rundir: RunDir, *lines: str, end: str = "\n") -> None:
    with rundir.curve_file.open("a") as curve:
        curve.write("\n".join(lines) + end)


def point(loss: float, tokens: int | None = None) -> str:
    return json.dumps({"loss": loss, **({} if tokens is None else {"tokens": tokens})})


def took(tokens: int) -> Progress:
    return Progress(wall_s=9.0, cpu_s=tokens / 100, tokens=tokens)


def test_points_are_placed_by_the_budget_that_the_supervisor_saw_used(
    watched: tuple[RunDir, CurveWatch],
) -> None:
    rundir, watch = watched
    write(rundir, point(3.0), point(3.2))
    watch.look(took(105))
    write(rundir, point(2.5)[:9], end="")
    watch.look(took(300))
    write(rundir, point(2.5)[9:])
    watch.look(took(305))
    assert {at: loss for at, loss in enumerate(watch.curve) if loss} == {10: 3.1, 30: 2.5}
    watch.keep()
    assert read_seen(rundir) == watch.curve


def test_a_run_that_takes_its_tokens_ahead_is_compared_where_it_says_it_is(
    watched: tuple[RunDir, CurveWatch],
) -> None:
    rundir, watch = watched
    write(rundir, point(3.0, tokens=200), point(2.0, tokens=5000), point(1.0, tokens=-7))
    watch.look(took(900))
    found = {at: loss for at, loss in enumerate(watch.curve) if loss}
    assert found == {20: 3.0, 90: 2.0, 0: 1.0}


def test_with_a_budget_of_seconds_a_run_has_no_say_in_where_its_points_are(tmp_path: Path) -> None:
    rundir = make_run(tmp_path)
    rundir.out.mkdir()
    spec = make_spec(tmp_path, early_stop=True, budget_unit="wall_s", budget=18.0)
    watch = CurveWatch(rundir, spec)
    write(rundir, point(3.0, tokens=1))
    watch.look(took(0))
    assert watch.curve[50] == 3.0


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder"])
def test_a_curve_that_is_no_regular_file_is_not_read(
    watched: tuple[RunDir, CurveWatch], kind: str
) -> None:
    rundir, watch = watched
    other = rundir.path / "other"
    other.write_text(point(3.0) + "\n")
    if kind == "symlink":
        rundir.curve_file.symlink_to(other)
    elif kind == "fifo":
        os.mkfifo(rundir.curve_file)
    else:
        rundir.curve_file.mkdir()
    watch.look(took(500))
    watch.keep()
    assert not any(watch.curve)
    assert read_seen(rundir) is None


def test_numbers_that_no_mean_could_hold_and_endless_lines_are_passed_over(
    watched: tuple[RunDir, CurveWatch],
) -> None:
    rundir, watch = watched
    write(rundir, point(1e300), "x" * 200_000, point(3.0))
    for _ in range(9):
        watch.look(took(500))
    assert {at: loss for at, loss in enumerate(watch.curve) if loss} == {50: 3.0}


def test_a_run_that_is_not_watched_leaves_nothing(tmp_path: Path) -> None:
    rundir = make_run(tmp_path)
    rundir.out.mkdir()
    watch = CurveWatch(rundir, make_spec(tmp_path))
    write(rundir, point(3.0))
    watch.look(took(100))
    watch.keep()
    assert not rundir.seen_file.exists()


# Writes a curve as it takes its tokens, up to 60 % of them; then it hangs, or ends.
CURVING = """
import json, os, sys, time
loss, hangs = {loss}, {hangs}
out = os.environ["AUTORESEARCH_OUT"]
budget = int(os.environ["AUTORESEARCH_BUDGET"])
stream = open(os.environ["AUTORESEARCH_DATA"], "rb", buffering=0)
with open(out + "/curve.jsonl", "w") as curve:
    for point in range(60):
        for _ in range(budget // 100):
            stream.read(2)
        curve.write(json.dumps({{"loss": loss}}) + "\\n")
        curve.flush()
        time.sleep(0.01)
if hangs:
    time.sleep(1000)
"""


def curving(tmp_path: Path, *, loss: float, hangs: bool, told: bool = True) -> tuple[RunDir, str]:
    """A run beside controls whose loss was about 2.5, or not told of any."""
    tmp_path.mkdir(exist_ok=True)
    rundir = make_run(tmp_path, CURVING.format(loss=loss, hangs=hangs), early_stop=True)
    if told:
        rundir.controls_file.write_text(json.dumps([falling(2.6, 2.5)] * 5))
    LocalExecutor(sys.executable).submit(rundir)
    report = final_report(rundir)
    assert report.state is (RunState.STOPPED if report.hopeless else RunState.CRASHED)
    return rundir, report.hopeless


@pytest.mark.slow
def test_a_hopeless_run_is_ended_with_all_its_processes_and_says_why(tmp_path: Path) -> None:
    rundir, hopeless = curving(tmp_path, loss=4.5, hangs=True)
    assert "% of its budget its loss was 4.5, while the incumbent's 5 controls had 2.5" in hopeless
    assert wait_for(lambda: not processes_with(str(rundir.path)))
    status = rundir.read_status()
    assert status is not None
    assert status.reason == f"stopped early: {hopeless}"
    assert status.measurement is None


@pytest.mark.slow
def test_a_run_with_a_good_curve_or_without_controls_goes_on_to_its_own_end(
    tmp_path: Path,
) -> None:
    _, hopeless = curving(tmp_path / "good", loss=2.5, hangs=False)
    assert hopeless == ""
    rundir, hopeless = curving(tmp_path / "alone", loss=4.5, hangs=False, told=False)
    assert hopeless == ""
    seen = read_seen(rundir)  # for others to be compared with
    assert seen is not None
    assert {loss for loss in seen if loss is not None} == {4.5}


@pytest.mark.slow
def test_a_run_that_writes_no_curve_is_never_stopped(tmp_path: Path) -> None:
    rundir, report = run_to_end(tmp_path, early_stop=True)
    assert (report.state, report.hopeless) == (RunState.FINISHED, "")
    assert rundir.seen_file.exists()


STOPS = parse_contract(CONTRACT.replace("startup_s", "early_stop = true\nstartup_s").encode())


@pytest.fixture
def told() -> Told:
    found = Told(*BASELINE)
    found.propose()
    return found


def stop(told: Told, experiment: str) -> None:
    told.tell(started(told.history, experiment))
    run = told.history.runs_of(experiment)[-1].id
    ended = finished(run, RunState.STOPPED).report
    told.tell(RunFinished(report=replace(ended, hopeless="its loss was 9")))


def test_a_hopeless_run_ends_its_experiment_as_a_discard_that_derives_again(told: Told) -> None:
    stop(told, "e1")
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    assert verdict.outcome is Outcome.DISCARD
    assert verdict.effect is None
    assert verdict.sentence == "e1-r1: stopped early: its loss was 9: discard"
    assert judge_again(told.history, verdict, TINY) == verdict
    old = replace(verdict, judge_version=1)
    assert judge_again(told.history, old, TINY) == old
    told.tell(Judged(verdict=verdict))
    assert told.history.incumbent == "e0"


def test_a_stop_that_nobody_asked_for_is_told_from_one_that_was(told: Told) -> None:
    told.tell(started(told.history, "e1"))
    told.tell(finished("e1-r1", RunState.STOPPED))
    verdict = due_verdict("e1", told.history, TINY)
    assert verdict is not None
    assert "stopped before it could be measured" in verdict.sentence


def test_only_the_first_run_of_an_experiment_may_be_stopped_and_never_a_control(
    told: Told,
) -> None:
    controls = tuple(f"e0-r{n}" for n in range(1, 7))
    assert stopped_beside(told.history, "e1", TINY, now=9.0) == controls
    told.runs("e1", 3.1)
    assert stopped_beside(told.history, "e1", TINY, now=9.0) == ()
    assert stopped_beside(told.history, "e0", TINY, now=9.0) == ()
    told.runs("e1", 3.11, 3.09, 3.1)
    assert told.judge("e1").moved_incumbent
    assert stopped_beside(told.history, "e1", TINY, now=9.0) == ()
    told.propose()
    assert stopped_beside(told.history, "e2", TINY, now=9.0) == ()  # of e1, the chosen runs only


def test_with_a_budget_of_seconds_old_controls_stop_nothing(told: Told) -> None:
    assert stopped_beside(told.history, "e1", IN_SECONDS, now=9.0)
    assert stopped_beside(told.history, "e1", IN_SECONDS, now=90_000.0) == ()
    assert stopped_beside(told.history, "e1", TINY, now=90_000.0)


def test_a_run_that_was_lost_leaves_the_next_one_the_first(told: Told) -> None:
    told.tell(started(told.history, "e1"))
    told.tell(finished("e1-r1", RunState.LOST))
    assert stopped_beside(told.history, "e1", TINY, now=9.0)


@pytest.mark.slow
def test_the_controls_curves_lie_in_the_run_directory_when_the_run_starts(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "mine")
    lab = Lab.open(str(repository), home=tmp_path / "home")
    lab.__dict__["contract"] = STOPS
    executor = Pretend(lab, devices=4)
    executor.measure("e0", *BASELINE)
    for run in lab.history().runs:
        (lab.runs.directory(run).path / "seen.json").write_text(
            json.dumps({"losses": falling(3.6, 2.4)})
        )
    name = propose(lab, BETTER)
    directory = lab.runs.directory(lab.start_run(name).id)
    assert read_controls(directory) == [falling(3.6, 2.4)] * 6
    assert directory.read_spec().early_stop
    executor.put(f"{name}-r1", RunState.FINISHED, 3.19)
    lab.evaluate(name)
    second = lab.runs.directory(f"{name}-r2")
    assert second.spec_file.exists()
    assert read_controls(second) == []
    control = lab.runs.directory(lab.runs.start("e0"))
    assert read_controls(control) == []


def test_curves_that_are_not_there_or_damaged_are_left_out(tmp_path: Path) -> None:
    whole, damaged, run = (RunDir(tmp_path / name) for name in ("a", "b", "c"))
    for rundir in (whole, damaged, run):
        rundir.path.mkdir()
    whole.seen_file.write_text(json.dumps({"losses": falling(3.0, 2.0)}))
    damaged.seen_file.write_text("{")
    write_controls(run, [whole, damaged, RunDir(tmp_path / "gone")])
    assert read_controls(run) == [falling(3.0, 2.0)]
    write_controls(whole, [damaged])
    assert not whole.controls_file.exists()


def test_a_hopeless_run_is_no_failure_of_the_incumbent(told: Told) -> None:
    stop(told, "e1")
    assert failures(told.history, "e0") == ()


@pytest.mark.slow
def test_a_client_is_told_that_the_run_was_stopped_early_and_what_comes_next(lab: Lab) -> None:
    executor = Pretend(lab, devices=4)
    name = propose(lab, BETTER)
    run = lab.start_run(name).id
    report = lab.runs.directory(run).read_status()
    assert report is not None
    hopeless = "at 31% of its budget its loss was 3.41"
    lab.runs.directory(run).write_status(
        replace(
            report, state=RunState.STOPPED, reason=f"stopped early: {hopeless}", hopeless=hopeless
        )
    )
    view = lab.view_run(run)
    shown = run_result(view, lab.contract.metric, detail=False)
    assert "stopped early: at 31% of its budget" in shown.summary
    assert "records that it was stopped early" in shown.next_step
    assert "why you stopped it" not in shown.next_step
    found = lab.evaluate(name)
    assert found.verdict is not None
    assert found.verdict.sentence == f"{run}: stopped early: {hopeless}: discard"
    assert lab.verify().ok
    assert executor.yielding() == []
