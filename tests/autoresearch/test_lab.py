"""The lab from outside: real git, real runs, real scores; what moves the incumbent and what not."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from autoresearch.errors import (
    NotFoundError,
)
from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit
from autoresearch.records import Outcome, Prediction, RunState
from autoresearch.system.home import lab_names
from tests.support.fakes import processes_with, wait_for
from tests.support.instant import InstantExecutor, with_executor
from tests.support.refusals import raises
from tests.support.repositories import (
    BETTER,
    CRASHING,
    HANGING,
    TESTER,
    WORSE,
    every_byte,
    git,
    make_repository,
    plant_work_in_progress,
    propose,
    to_verdict,
)


@pytest.mark.long
@pytest.mark.real_runs
def test_a_gain_is_kept_over_several_runs_and_moves_the_incumbent(lab: Lab) -> None:
    experiment = propose(lab, BETTER)
    lab.start_run(experiment)
    found = to_verdict(lab, experiment)
    assert found.verdict is not None
    assert found.verdict.outcome is Outcome.KEEP
    assert len(found.verdict.candidate_runs) >= 2
    assert len(found.verdict.control_runs) >= 6
    assert found.verdict.effect is not None
    assert found.verdict.effect > 0
    assert "95 % interval" in found.verdict.sentence
    assert found.incumbent.experiment == experiment
    assert found.incumbent.kept == ("e0", experiment)
    assert lab.verify().ok


@pytest.mark.slow
def test_a_loss_is_discarded_after_one_run_and_moves_nothing(lab: Lab) -> None:
    experiment = propose(lab, WORSE)
    found = to_verdict(lab, experiment)
    assert found.verdict is not None
    assert found.verdict.outcome is Outcome.DISCARD
    assert len(found.verdict.candidate_runs) == 1
    assert found.incumbent.experiment == "e0"


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_crash_is_a_verdict_with_the_true_exception(lab: Lab) -> None:
    experiment = propose(lab, CRASHING)
    found = to_verdict(lab, experiment)
    assert found.verdict is not None
    assert found.verdict.outcome is Outcome.CRASHED
    assert "ZeroDivisionError" in found.verdict.sentence
    run = lab.view_run(experiment)
    assert run.state is RunState.CRASHED
    assert run.exception is not None
    assert run.exception.startswith("ZeroDivisionError")
    assert run.value is None


@pytest.mark.slow
def test_a_verdict_is_final(lab: Lab) -> None:
    experiment = propose(lab, WORSE)
    first = to_verdict(lab, experiment).verdict
    assert lab.evaluate(experiment).verdict == first
    with raises("invalid_state.has_verdict"):
        lab.start_run(experiment)


@pytest.mark.slow
def test_the_same_code_is_refused_even_in_disguise(lab: Lab) -> None:
    first = propose(lab, BETTER)
    disguised = ("SMOOTHING = 30.0", "# a fine idea\nSMOOTHING = 5e-1")
    with raises("patch_refused.repeated_code", first):
        propose(lab, disguised)
    assert list(lab.history().experiments) == ["e0", first]


@pytest.mark.slow
def test_what_was_predicted_and_by_whom_is_in_the_ledger_before_any_run(lab: Lab) -> None:
    proposal = lab.propose(
        "smooth less",
        edits=[Edit(path="train.py", find=BETTER[0], replace=BETTER[1])],
        prediction=Prediction(effect=0.2, confidence=0.9),
        proposer=TESTER,
    )
    known = lab.history().experiments[proposal.experiment.id]
    assert known.prediction == Prediction(effect=0.2, confidence=0.9)
    assert known.proposer == TESTER
    assert len(known.brief_sha256) == 64
    assert lab.history().runs_of(known.id) == ()


@pytest.mark.slow
def test_deleting_the_cache_loses_nothing(lab: Lab, again: Callable[[], Lab]) -> None:
    experiment = propose(lab, WORSE, "divide by more")
    to_verdict(lab, experiment)
    for file in lab.folder.glob("cache.sqlite*"):
        file.unlink()
    fresh = again()
    assert fresh.verify().ok
    [found] = fresh.recall(words="divide")
    assert found.experiment == experiment
    assert found.outcome is Outcome.DISCARD


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_stopped_run_ends_its_experiment_so_that_unlucky_seeds_cannot_be_dropped(
    lab: Lab,
) -> None:
    experiment = propose(lab, HANGING)
    run = lab.start_run(experiment).id
    lab.stop_run(run)
    wait_for(lambda: lab.view_run(run).state.final)
    assert lab.view_run(run).state is RunState.STOPPED
    verdict = lab.evaluate(experiment).verdict
    assert verdict is not None
    assert verdict.outcome is Outcome.DISCARD
    assert "stopped" in verdict.sentence


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_control_run_cannot_be_stopped(lab: Lab) -> None:
    run = lab.start_run("e0").id
    with raises("invalid_state.control_run"):
        lab.stop_run(run)
    wait_for(lambda: lab.view_run(run).state.final)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_run_whose_supervisor_is_killed_is_lost_once_and_replaced(
    lab: Lab, again: Callable[[], Lab]
) -> None:
    experiment = propose(lab, HANGING)
    run = lab.start_run(experiment).id
    wait_for(lambda: lab.view_run(run).state is RunState.TRAINING)
    mark = str(lab.runs.directory(run).path)
    [supervisor] = wait_for(lambda: processes_with(mark))
    os.kill(supervisor.pid, signal.SIGKILL)
    psutil.wait_procs([supervisor], timeout=10)
    wait_for(lambda: again().view_run(run).state is RunState.LOST)
    lab.evaluate(experiment)
    assert [r.id for r in lab.history().runs_of(experiment)] == [run, f"{experiment}-r2"]
    reports = [e.event for e in lab.history().entries if getattr(e.event, "report", None)]
    assert sum(event.report.run == run for event in reports) == 1  # type: ignore[union-attr]
    lab.stop_run(f"{experiment}-r2")
    wait_for(lambda: lab.view_run(f"{experiment}-r2").state.final)


@pytest.mark.long
@pytest.mark.real_runs
def test_a_run_needs_the_memory_that_runs_of_its_base_took_and_no_ceiling(judged_lab: Lab) -> None:
    def needed_mb(experiment: str, executor: InstantExecutor) -> float:
        with_executor(judged_lab, executor)
        judged_lab.runs.start(experiment)
        judged_lab.runs.absorb()
        return executor.submitted[-1].read_spec().needed_mb

    assert needed_mb("e0", InstantExecutor(peak_mb=300.0)) == 0.0  # nothing is known
    assert needed_mb("e3", InstantExecutor(peak_mb=9000.0)) == 300.0  # of e0, nothing is of e1
    assert needed_mb("e1", InstantExecutor(peak_mb=700.0)) == 300.0
    assert needed_mb("e1", InstantExecutor(peak_mb=5000.0, state=RunState.CRASHED)) == 300.0
    assert needed_mb("e3", InstantExecutor()) == 700.0


@pytest.mark.long
@pytest.mark.real_runs
def test_two_servers_on_one_lab_give_one_verdict(lab: Lab, again: Callable[[], Lab]) -> None:
    experiment = propose(lab, BETTER)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            to_verdict(again(), experiment)
        except BaseException as error:  # noqa: BLE001  a thread's failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    verdicts = [e for e in lab.history().entries if getattr(e.event, "verdict", None)]
    assert len(verdicts) == 1
    assert lab.verify().ok


@pytest.mark.long
@pytest.mark.real_runs
def test_a_patch_kept_against_an_old_incumbent_is_replayed_on_the_new_one(lab: Lab) -> None:
    first = propose(lab, BETTER)
    second = propose(lab, ("+ SMOOTHING", "+ min(SMOOTHING, 0.05)"), "smooth even less")
    assert to_verdict(lab, first).incumbent.experiment == first
    found = to_verdict(lab, second)
    assert found.verdict is not None
    assert found.verdict.outcome is Outcome.KEEP
    assert not found.verdict.moved_incumbent
    assert found.incumbent.experiment == first
    assert found.replayed_as == "e3"
    replayed = lab.history().experiments["e3"]
    assert replayed.base == first
    assert replayed.replay_of == second
    assert "min(SMOOTHING, 0.05)" in lab.diff("e3")


@pytest.mark.slow
def test_conclusions_need_evidence_and_are_recalled(lab: Lab) -> None:
    experiment = propose(lab, WORSE, "drown the counts")
    with raises("invalid_state.no_verdict"):
        lab.conclude(experiment, "it hurts", TESTER)
    to_verdict(lab, experiment)
    assert lab.conclude(experiment, "more smoothing hurts", TESTER).outcome is Outcome.DISCARD
    [found] = lab.recall(words="hurts")
    assert found.lesson == "more smoothing hurts"
    assert lab.recall(outcome=Outcome.KEEP) == ()


@pytest.mark.slow
def test_an_explained_section_shows_knobs_and_what_experiments_on_it_showed(lab: Lab) -> None:
    experiment = propose(lab, WORSE)
    to_verdict(lab, experiment)
    section = lab.explain("train.py:4-7")
    [knob] = [knob for knob in section.knobs if knob.name == "SMOOTHING"]
    assert (knob.value, knob.low, knob.high) == ("30.0", 0.001, 100)
    assert [found.experiment for found in section.experiments] == [experiment]
    assert lab.explain("load").first > section.last
    assert lab.explain("train.py:load").experiments == ()
    with raises("not_found.symbol", "lod"):
        lab.explain("train.py:lod")


@pytest.mark.slow
def test_held_out_data_that_was_changed_is_found_and_nothing_is_scored_on_it(lab: Lab) -> None:
    documents = lab.folder / "sealed" / "documents"
    documents.write_text(documents.read_text() + "zzz\n")
    assert not lab.verify().ok
    with raises("invalid_state.data_changed", "documents"):
        lab.start_run(propose(lab, BETTER))
    assert lab.running == ()


@pytest.mark.slow
def test_lines_to_recall_are_those_of_the_code_that_is_shown(lab: Lab) -> None:
    longer = (BETTER[0], "A = 1\nB = 2\nSMOOTHING = 0.5")
    first = propose(lab, longer, "smooth less, further down")
    to_verdict(lab, first)
    second = propose(lab, ("SMOOTHING = 0.5", "SMOOTHING = 400.0"), "smooth more again")
    assert [m.experiment for m in lab.recall(path="train.py", lines=(7, 7))] == [second, first]
    with raises("not_found.lines"):
        lab.recall(path="train.py", lines=(9, 3))


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_log_is_found_by_its_experiment_too(lab: Lab) -> None:
    assert "trained on" in lab.log("e0")
    assert lab.log("e0") == lab.log("e0-r6")


@pytest.mark.slow
def test_the_held_out_data_is_shown_to_nobody(lab: Lab) -> None:
    with pytest.raises(NotFoundError):
        lab.explain("names.txt")
    assert not (lab.runs.directory("e0-r1").tree / "names.txt").exists()


@pytest.mark.slow
def test_a_users_repository_is_byte_for_byte_the_same_until_a_branch_is_asked_for(
    tmp_path: Path,
) -> None:
    repository = make_repository(tmp_path / "repository")
    plant_work_in_progress(repository)
    before = every_byte(repository)
    lab = Lab.open(str(repository), home=tmp_path / "home")
    assert any("notes.md" in notice for notice in lab.overview().notices)
    for change in (WORSE, CRASHING, BETTER):
        to_verdict(lab, propose(lab, change))
    assert every_byte(repository) == before

    lab.branch("better-smoothing")
    after = every_byte(repository)
    assert {path: after[path] for path in before} == before
    assert {
        path for path in after.keys() - before.keys() if not path.startswith(".git/objects/")
    } == {".git/refs/heads/better-smoothing", ".git/logs/refs/heads/better-smoothing"}
    assert "SMOOTHING = 0.5" in git(repository, "show", "better-smoothing:train.py")
    with raises("invalid_state.branch_exists", "better-smoothing"):
        lab.branch("better-smoothing")


@pytest.mark.parametrize(
    ("spoil", "code", "mentions"),
    [
        (
            {"autoresearch.toml": "[target]\nname = 'tiny'\n"},
            "contract.mistakes",
            ["- edit: ", "- run: ", "- metric: "],
        ),
        ({"autoresearch.toml": None}, "contract.no_contract", ["autoresearch.toml"]),
        ({"names.txt": None}, "contract.does_not_fit", ["- sealed.data: 'names.txt'"]),
        ({"names.txt": "a\nb\n"}, "contract.held_out_size", ["sealed.held_out: ", " 2 ", " 100 "]),
    ],
)
def test_a_repository_that_does_not_fit_its_contract_leaves_no_lab_behind(
    tmp_path: Path, spoil: dict[str, str | None], code: str, mentions: list[str]
) -> None:
    repository = make_repository(tmp_path / "repository")
    for name, text in spoil.items():
        if text is None:
            (repository / name).unlink()
        else:
            (repository / name).write_text(text)
    git(repository, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qam", "x")
    with raises(code, *mentions):
        Lab.open(str(repository), home=tmp_path / "home")
    assert not list(lab_names(tmp_path / "home"))
    assert not list((tmp_path / "home").glob("labs/.building-*"))


def test_unknown_names_are_answered_with_the_known_ones(lab: Lab, tmp_path: Path) -> None:
    with raises("not_found.experiment", "e0"):
        lab.evaluate("e9")
    with raises("not_found.run_or_experiment", "e0-r6"):
        lab.view_run("e0-r77")
    with raises("not_found.target", "microgpt"):
        Lab.open("macrogpt", home=tmp_path)
    with raises("not_found.lab"):
        Lab.reopen(home=tmp_path)


def test_a_lab_is_opened_again_by_name_or_by_its_repository(lab: Lab) -> None:
    assert list(lab_names(lab.home)) == ["tiny"]
    assert Lab.open("tiny", home=lab.home).name == "tiny"
    assert Lab.open(lab.settings.source, home=lab.home).name == "tiny"
    assert list(lab_names(lab.home)) == ["tiny"]


@pytest.mark.slow
def test_a_repository_that_moved_on_or_away_is_a_notice_and_no_failure(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repository")
    lab = Lab.open(str(repository), home=tmp_path / "home")
    assert not any("moved on" in notice for notice in lab.overview().notices)
    commit = ("-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", "more")
    git(repository, *commit, "--allow-empty")
    assert any("has moved on from" in notice for notice in lab.overview().notices)
    repository.rename(tmp_path / "elsewhere")
    assert any("can't be read now" in notice for notice in lab.overview().notices)


def test_a_ledger_whose_last_commit_is_damaged_is_said_to_be_and_not_taken_for_none(
    lab: Lab, again: Callable[[], Lab]
) -> None:
    head = git(lab.repository.path, "rev-parse", "autoresearch/ledger").strip()
    spoilt = lab.repository.path / "objects" / head[:2] / head[2:]
    spoilt.chmod(0o644)
    spoilt.write_bytes(b"\0" + spoilt.read_bytes()[1:])
    with raises("ledger_damaged.unreadable_commit"):
        again().overview()
    found = again().verify()
    assert not found.ok
    assert found.findings
