"""Running again what was recorded: the same tree, command and seeds, outside the ledger."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from autoresearch.lab import Lab
from autoresearch.records import Run, RunReport, RunState
from autoresearch.replays import experiment_replay as replaying
from autoresearch.run_directory import RunDir, empty_report
from autoresearch.system.locks import try_lock
from tests.support.fakes import processes_with, wait_for
from tests.support.instant import InstantExecutor, with_executor
from tests.support.refusals import raises
from tests.support.repositories import HANGING, every_byte, propose


def unwatched(_run: Run, _report: RunReport | None) -> None:
    """For replays that nobody looks at."""


def replayed(lab: Lab, name: str, runs: int = 1) -> list[replaying.Replayed]:
    return list(replaying.replay(lab, replaying.plan(lab, name, runs), unwatched))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["e1", "e2", "e2-r1", "e0-r3"])
def test_the_same_code_and_seed_give_the_same_value_and_the_ledger_hears_nothing(
    judged_lab: Lab, name: str
) -> None:
    before = judged_lab.history().head
    [found] = replayed(judged_lab, name)
    assert found.same
    assert found.values[0] == found.values[1] is not None
    assert (found.sigmas, found.words) == (0.0, "bit for bit the same")
    assert found.seed == judged_lab.history().runs[found.run].seed
    assert judged_lab.history().head == before
    assert list((judged_lab.folder / "replays").iterdir()) == []


@pytest.mark.slow
def test_a_plan_names_everything_that_is_rebuilt(judged_lab: Lab) -> None:
    planned = replaying.plan(judged_lab, "e2")
    commit = judged_lab.history().experiments["e2"].commit
    tree = judged_lab.repository.git.run("rev-parse", f"{commit}^{{tree}}").decode().strip()
    assert (planned.experiment.commit, planned.tree) == (commit, tree)
    assert planned.command == (judged_lab.runs.python, "train.py")
    assert planned.files == ("autoresearch.toml", "notes.md", "program.md", "train.py")
    assert planned.left_out == ("names.txt",)
    assert planned.budget == "1,500 tokens"
    assert planned.sigma == judged_lab.history().verdicts["e2"].sigma


@pytest.mark.slow
def test_another_value_is_told_in_sigmas(judged_lab: Lab) -> None:
    with_executor(judged_lab, InstantExecutor(drift=0.25))
    [found] = replayed(judged_lab, "e1")
    assert not found.same
    sigma = judged_lab.history().verdicts["e1"].sigma
    assert sigma is not None
    assert found.sigmas == pytest.approx(0.25 / sigma)
    assert found.words.startswith("NOT bit for bit the same: +0.25 (+")


@pytest.mark.slow
def test_a_run_that_ends_otherwise_is_not_the_same(judged_lab: Lab) -> None:
    with_executor(judged_lab, InstantExecutor(state=RunState.CRASHED))
    [found] = replayed(judged_lab, "e1-r1")
    assert (found.same, found.sigmas, found.values[1]) == (False, None, None)
    assert found.words == "NOT the same: it ended differently"


@pytest.mark.slow
def test_several_runs_of_an_experiment_or_one_run_several_times(judged_lab: Lab) -> None:
    assert [one.run for one in replayed(judged_lab, "e0", 3)] == ["e0-r1", "e0-r2", "e0-r3"]
    assert [one.run for one in replayed(judged_lab, "e0-r2", 2)] == ["e0-r2", "e0-r2"]


@pytest.mark.slow
def test_a_replay_is_given_what_the_run_was_given(judged_lab: Lab) -> None:
    executor = InstantExecutor(state=RunState.TRAINING)
    with_executor(judged_lab, executor)
    seen = []

    def watch(run: Run, report: RunReport | None) -> None:
        if report is not None:
            seen.append(replaying.progress(report))
            [directory] = executor.submitted
            files = sorted(every_byte(directory.tree))
            assert files == list(replaying.plan(judged_lab, "e1").files)
            assert directory.read_spec().seed == run.seed
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(replaying.replay(judged_lab, replaying.plan(judged_lab, "e1"), watch))
    assert seen == ["training, 1,500 tokens"]
    assert list((judged_lab.folder / "replays").iterdir()) == []


@pytest.mark.slow
def test_the_tree_is_left_where_it_was_asked_for_and_nothing_is_overwritten(
    judged_lab: Lab, tmp_path: Path
) -> None:
    planned = replaying.plan(judged_lab, "e2")
    replaying.keep_tree(judged_lab, planned, tmp_path / "kept")
    assert sorted(every_byte(tmp_path / "kept")) == list(planned.files)
    assert "SMOOTHING = 900.0" in (tmp_path / "kept" / "train.py").read_text()
    with raises("invalid_state.folder_exists"):
        replaying.keep_tree(judged_lab, planned, tmp_path / "kept")


@pytest.mark.slow
def test_what_a_killed_replay_left_is_stopped_then_removed_by_the_next(judged_lab: Lab) -> None:
    left = judged_lab.folder / "replays" / "replay-left"
    directory = RunDir(left / "e1-r1")
    directory.out.mkdir(parents=True)
    os.utime(left, (1.0, 1.0))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with_executor(judged_lab, InstantExecutor(state=RunState.TRAINING))
    with pytest.raises(KeyboardInterrupt):
        list(replaying.replay(judged_lab, replaying.plan(judged_lab, "e1"), interrupted))
    assert directory.stop_file.exists()
    os.utime(left, (1.0, 1.0))
    with_executor(judged_lab, InstantExecutor())
    replayed(judged_lab, "e1")
    assert not left.exists()


def another(lab: Lab) -> Lab:
    """The same lab as another process would open it."""
    return with_executor(Lab.reopen("tiny", home=lab.home), InstantExecutor())


@pytest.mark.slow
def test_two_replays_at_once_never_sweep_the_same_folders(judged_lab: Lab) -> None:
    folders = judged_lab.folder / "replays"
    left = [folders / f"replay-left-{n}" for n in range(3)]
    for folder in left:
        (folder / "e1-r1").mkdir(parents=True)
        os.utime(folder, (1.0, 1.0))
    began: list[Future[list[replaying.Replayed]]] = []

    class Meanwhile(InstantExecutor):
        def alive(self, rundir: RunDir) -> bool:
            if rundir.path.parent in left and not began:
                began.append(pool.submit(replayed, another(judged_lab), "e1"))
                assert try_lock(judged_lab.folder / "replays.lock") is None  # so it must wait
            return super().alive(rundir)

    with ThreadPoolExecutor() as pool:
        [first] = replayed(with_executor(judged_lab, Meanwhile()), "e1")
    [second] = began[0].result()
    assert first.same
    assert second.same
    assert list(folders.iterdir()) == []


@pytest.mark.slow
def test_a_long_replay_is_not_swept_by_another(judged_lab: Lab) -> None:
    executor = InstantExecutor(state=RunState.TRAINING)

    def watch(_: Run, report: RunReport | None) -> None:
        if report is not None:
            [directory] = executor.submitted
            os.utime(directory.path.parent, (1.0, 1.0))
            [beside] = replayed(another(judged_lab), "e1")
            assert beside.same
            assert directory.tree.is_dir()
            assert not directory.stop_file.exists()
            directory.stop_file.touch()

    with_executor(judged_lab, executor)
    [found] = replaying.replay(judged_lab, replaying.plan(judged_lab, "e1"), watch)
    assert found.replayed.state is RunState.STOPPED
    assert list((judged_lab.folder / "replays").iterdir()) == []


@pytest.mark.slow
def test_a_replay_that_cannot_begin_says_who_keeps_it(
    judged_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "STOP_S", 0.0)
    kept = try_lock(judged_lab.folder / "replays.lock")
    assert kept is not None
    with raises("invalid_state.replays_locked"):
        replayed(judged_lab, "e1")
    kept.release()
    [found] = replayed(judged_lab, "e1")
    assert found.same


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "runs", "code", "mentions"),
    [
        ("e9", 1, "not_found.run_or_experiment", ["'e9'", "e0, e1, e2, e3"]),
        ("e3", 1, "invalid_state.no_ended_run", ["e3"]),
        ("e2", 2, "invalid_state.too_many_runs", ["e2", "1", "2"]),
        ("e1", 0, "invalid_state.too_few_runs", ["0"]),
    ],
)
def test_what_cannot_be_replayed_says_why(
    judged_lab: Lab, name: str, runs: int, code: str, mentions: list[str]
) -> None:
    with raises(code, *mentions):
        replaying.plan(judged_lab, name, runs)


def test_runs_that_crash_alike_are_not_called_bit_for_bit_the_same() -> None:
    crashed = empty_report("e2-r1", RunState.CRASHED, "ValueError: cannot reshape")
    found = replaying.Replayed(
        run="e2-r1", seed=1, recorded=crashed, replayed=crashed, sigmas=None, same_model=None
    )
    assert found.same
    assert found.words == "ended the same, without a value"


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_real_run_gives_its_model_again_bit_for_bit_and_its_value(lab: Lab) -> None:
    [found] = replayed(lab, "e0-r1")
    assert found.replayed.state is RunState.FINISHED
    assert found.same_model
    assert found.words.startswith("bit for bit the same")
    before, now = found.values
    assert before is not None
    assert now == pytest.approx(before, abs=replaying.ROUNDING)
    assert lab.verify().ok


@pytest.mark.slow
@pytest.mark.real_runs
def test_an_interrupted_replay_leaves_no_process_and_no_file(lab: Lab) -> None:
    run = lab.start_run(propose(lab, HANGING)).id
    wait_for(lambda: lab.view_run(run).state is RunState.TRAINING)
    lab.stop_run(run)
    wait_for(lambda: lab.view_run(run).state.final)

    def watch(_: Run, report: RunReport | None) -> None:
        if report is not None and report.state is RunState.TRAINING:
            assert processes_with(str(lab.folder / "replays"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(replaying.replay(lab, replaying.plan(lab, run), watch))
    # Its supervisor lets go of its lock as the last thing it does.
    wait_for(lambda: not processes_with(str(lab.folder / "replays")))
    assert list((lab.folder / "replays").iterdir()) == []
