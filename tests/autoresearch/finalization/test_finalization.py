"""A whole finalize: passengers dropped, the rest confirmed, one branch, nothing else touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoresearch.errors import LabError
from autoresearch.finalization.finalization import (
    FEWEST_RUNS,
    Finalized,
    Options,
    dropped_by_finalize,
    finalize,
)
from autoresearch.finalization.passenger_test import Standing
from autoresearch.finalization.plan import plan
from autoresearch.lab import Lab
from autoresearch.records import Run
from autoresearch.run_directory import RunDir
from tests.support.fakes import processes_with, wait_for
from tests.support.instant import judge, with_executor
from tests.support.passengers import (
    GAINS,
    PASSENGERS,
    SPARE_PARTS,
    LuckyInstantExecutor,
    copied_lab,
    make_lab_with_passengers,
)
from tests.support.refusals import raises
from tests.support.repositories import (
    BETTER,
    every_byte,
    git,
    make_repository,
    plant_work_in_progress,
    propose,
    to_verdict,
)
from tests.support.sized import SCALED, Sized
from tests.support.told import Told

ALL = Options()


def unwatched(_what: str, _runs: int) -> None:
    """For what nobody looks at."""


def finalized(lab: Lab, options: Options = ALL) -> Finalized:
    return finalize(lab, options, unwatched)


def standings(found: Finalized) -> dict[str, Standing]:
    return {one.keep: one.standing for one in found.ablation.answers}


def measured_again(lab: Lab, found: Finalized, commit: str, folder: Path) -> float | None:
    """What a commit's code has on the part of the first pair, with that run's seed and order."""
    assert found.confirmation is not None
    [first] = found.folder.glob("final-*/r1")
    spec = RunDir(first).read_spec()
    run = Run(
        id="r1", experiment="e5", seed=spec.seed, order=spec.order, spare_part=spec.spare_part
    )
    directory = RunDir(folder / "r1")
    lab.runs.start_outside(run, commit, directory)
    wait_for(lambda: lab.runs.executor.settle(directory) is not None)
    report = lab.runs.executor.settle(directory)
    assert report is not None
    assert report.measurement is not None
    return report.measurement.spare


def hold_what_must_hold(lab: Lab, repository: Path, folder: Path) -> None:
    """The third thing that must hold: exactly the two, the score, and no other byte."""
    plant_work_in_progress(repository)
    before = every_byte(repository)
    found = finalized(lab, Options(branch="best"))
    assert found.ablation.dropped == PASSENGERS
    assert found.ablation.standing == GAINS
    assert [one.keeps for one in found.commits] == [(keep,) for keep in GAINS]

    after = every_byte(repository)
    assert {path: after[path] for path in before} == before
    assert {
        path for path in after.keys() - before.keys() if not path.startswith(".git/objects/")
    } == {".git/refs/heads/best", ".git/logs/refs/heads/best"}

    checked_out = folder / "checked-out"
    git(folder, "clone", "-q", "-b", "best", str(repository), str(checked_out))
    assert git(checked_out, "rev-parse", "HEAD^{tree}").strip() == found.commits[-1].tree
    text = (checked_out / "train.py").read_text()
    assert "SALT = 1.0" in text
    assert "PEPPER = 1.0" in text
    for kept in ("FLOOR = 0.2", "PRIOR = 0.1", "SMOOTHING = 0.1"):
        assert kept in text
    confirmed = found.confirmation
    assert confirmed is not None
    assert confirmed.holds
    tip = git(checked_out, "rev-parse", "HEAD").strip()
    score = measured_again(lab, found, tip, folder / "again")
    assert score == pytest.approx(confirmed.pairs[0].final_unseen, abs=1e-9)
    assert confirmed.unseen is not None
    assert confirmed.unseen.low is not None
    assert confirmed.unseen.high is not None
    messages = git(checked_out, "log", "--format=%B", "-3")
    for words in ("Hypothesis: smooth less", "fresh runs without it", "Proposed by: tests none"):
        assert words in messages
    assert "Experiment: e1 of the lab tiny" in messages


@pytest.mark.slow
def test_exactly_the_passengers_are_dropped_and_the_branch_has_the_score_that_is_said(
    passengers_folder: Path, tmp_path: Path
) -> None:
    lab = copied_lab(passengers_folder, tmp_path)
    before, agrees = lab.history().head, lab.verify().findings  # it was copied elsewhere
    hold_what_must_hold(lab, tmp_path / "repository", tmp_path)
    assert lab.history().head == before  # the ledger heard of nothing
    assert lab.verify().findings == agrees
    assert dropped_by_finalize(lab.folder, lab.history()) == frozenset(PASSENGERS)


@pytest.mark.long
@pytest.mark.real_runs
def test_real_runs_drop_exactly_the_passengers_too(tmp_path: Path) -> None:
    lab = make_lab_with_passengers(tmp_path / "repository", tmp_path / "home", instant=False)
    hold_what_must_hold(lab, tmp_path / "repository", tmp_path)
    assert lab.verify().ok
    assert not processes_with(str(lab.folder / "finalization"))


@pytest.mark.long
@pytest.mark.real_runs
def test_ctrl_c_leaves_no_process_and_what_had_ended_is_not_run_again(lab: Lab) -> None:
    assert to_verdict(lab, propose(lab, BETTER)).verdict is not None
    folder = lab.folder / "finalization"

    def ended() -> int:
        reports = (RunDir(file.parent).read_status() for file in folder.glob("*/*/*/status.json"))
        return sum(report is not None and report.state.final for report in reports)

    def watch(_what: str, _runs: int) -> None:
        if ended() >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finalize(lab, ALL, watch)
    wait_for(lambda: not processes_with(str(folder)))
    kept = {file: file.read_bytes() for file in folder.glob("*/*/*/status.json")}
    assert len(kept) == ended() >= 3  # those that were going on are removed
    found = finalized(lab, Options(runs=FEWEST_RUNS))
    assert {file: file.read_bytes() for file in kept} == kept
    assert standings(found) == {"e1": Standing.GAIN}
    assert found.confirmation is not None
    assert found.confirmation.parts == ()  # this lab's held-out documents have no spare part
    assert found.confirmation.holds


@pytest.mark.long
def test_what_was_measured_is_kept_when_it_is_interrupted_and_again_gives_the_same(
    passengers_folder: Path, tmp_path: Path
) -> None:
    executor = LuckyInstantExecutor(dies_after=20)
    lab = copied_lab(passengers_folder, tmp_path, executor=executor)
    with pytest.raises(KeyboardInterrupt):
        finalized(lab)
    assert "autoresearch/" not in git(tmp_path / "repository", "branch", "--list")
    later = LuckyInstantExecutor()
    first = finalized(with_executor(lab, later))
    assert len(executor.started) == 20
    assert not set(executor.started) & set(later.started)
    third = LuckyInstantExecutor()
    again = finalized(with_executor(lab, third))
    assert third.started == []
    assert (again.ablation, again.confirmation) == (first.ablation, first.confirmation)
    assert again.published == first.published


@pytest.mark.long
def test_two_keeps_that_do_the_same_thing_do_not_both_go(
    passengers_folder: Path, tmp_path: Path
) -> None:
    lab = copied_lab(passengers_folder, tmp_path, executor=LuckyInstantExecutor(twins=True))
    found = finalized(lab)
    assert len(found.ablation.dropped) == 1
    [joint] = found.ablation.joint
    assert (joint.keeps, joint.holds) == (PASSENGERS, False)
    assert Standing.RETURNED in standings(found).values()


@pytest.mark.long
def test_a_keep_without_which_the_code_does_not_run_stands(
    passengers_folder: Path, tmp_path: Path
) -> None:
    executor = LuckyInstantExecutor(crashing=("without-e2",))
    lab = copied_lab(passengers_folder, tmp_path, executor=executor)
    found = finalized(lab)
    assert standings(found)["e2"] is Standing.BREAKS
    assert found.ablation.dropped == ("e4",)
    assert found.ablation.joint == ()  # one passenger was judged alone already


@pytest.mark.long
def test_with_few_runs_what_is_undecided_stays_and_the_rest_is_confirmed(
    passengers_folder: Path, tmp_path: Path
) -> None:
    lab = copied_lab(passengers_folder, tmp_path)
    found = finalized(lab, Options(runs=46))
    assert found.runs <= 46
    assert found.ablation.dropped == ()
    assert standings(found)["e2"] is Standing.UNDECIDED
    assert standings(found)["e1"] is Standing.GAIN
    assert found.confirmation is not None
    assert found.confirmation.gain is not None
    assert len(found.commits) == 5


@pytest.mark.long
def test_when_the_hours_are_over_no_keep_is_tested_further_and_the_rest_is_confirmed(
    passengers_folder: Path, tmp_path: Path
) -> None:
    executor = LuckyInstantExecutor()
    lab = copied_lab(passengers_folder, tmp_path, executor=executor)
    clock = iter((0.0, 3000.0, 3000.0, *(3597.0,) * 99))  # 4 s are set aside for the last runs
    found = finalize(lab, Options(hours=1.0), unwatched, now=lambda: next(clock))
    assert Standing.UNDECIDED in standings(found).values()
    assert Standing.GAIN in standings(found).values()
    assert found.confirmation is not None
    assert found.confirmation.holds


@pytest.mark.long
def test_the_gain_over_the_original_code_is_measured_at_the_contracts_sizes(
    tmp_path: Path,
) -> None:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    repository = make_repository(tmp_path / "mine", SCALED)
    lab = with_executor(Lab.open(str(repository), home=tmp_path / "home"), Sized())
    while lab.evaluate("e0").needs:
        pass
    judge(lab, propose(lab, BETTER))
    found = finalized(lab, Options(runs=60))
    assert found.carried_over is not None
    assert found.carried_over.view is not None
    assert (found.carried_over.view.base, found.carried_over.view.missing) == ("e0", 0)
    few = finalized(lab, Options(runs=FEWEST_RUNS))
    assert few.carried_over is not None
    assert (few.carried_over.view, "24 runs" in few.carried_over.why_not) == (None, True)


@pytest.mark.long
@pytest.mark.real_runs
def test_a_killed_finalize_goes_on_where_it_was(lab: Lab) -> None:
    assert to_verdict(lab, propose(lab, BETTER)).verdict is not None
    folder = lab.folder / "finalization"

    def ended() -> dict[Path, bytes]:
        files = {file: file.read_bytes() for file in folder.glob("*/*/*/status.json")}
        return {file: text for file, text in files.items() if json.loads(text)["measurement"]}

    with subprocess.Popen(
        [sys.executable, "-m", "autoresearch_mcp", "finalize", "--json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "AUTORESEARCH_HOME": str(lab.home)},
    ) as child:
        wait_for(lambda: len(ended()) >= 3)
        child.kill()
    before = ended()
    found = finalized(lab)
    after = ended()
    assert {file: after[file] for file in before} == before
    assert standings(found) == {"e1": Standing.GAIN}
    names = sorted(str(file.parent.relative_to(folder)) for file in after)
    assert len(names) == 8 + 4 + 16 == found.runs, names  # nothing was lost, nothing doubled
    assert not processes_with(str(folder))
    assert lab.verify().ok


@pytest.mark.slow
def test_a_plan_tells_all_and_starts_nothing(passengers_folder: Path, tmp_path: Path) -> None:
    executor = LuckyInstantExecutor()
    lab = copied_lab(passengers_folder, tmp_path, executor=executor)
    before = every_byte(tmp_path / "repository")
    planned = plan(lab, Options())
    assert [one.keep for one in planned.keeps] == ["e1", "e2", "e3", "e4", "e5"]
    assert all(one.left_out for one in planned.keeps)
    assert [one.keeps for one in planned.commits] == [(f"e{n}",) for n in range(1, 6)]
    assert planned.fewest_runs == 8 + 5 * 4 + 16
    assert planned.branch == "autoresearch/tiny-e5"
    assert planned.unseen_parts == SPARE_PARTS - 5
    assert executor.started == []
    assert every_byte(tmp_path / "repository") == before
    assert not (lab.folder / "finalization").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (Options(branch="main"), "invalid_state.branch_exists"),
        (Options(branch="a..b"), "invalid_state.bad_branch_name"),
        (Options(runs=FEWEST_RUNS - 1), "invalid_state.too_few_runs"),
    ],
)
def test_what_cannot_end_well_is_refused_before_any_run(
    passengers_folder: Path, tmp_path: Path, options: Options, code: str
) -> None:
    executor = LuckyInstantExecutor()
    lab = copied_lab(passengers_folder, tmp_path, executor=executor)
    with raises(code):
        finalized(lab, options)
    assert executor.started == []


@pytest.mark.long
def test_a_failing_incumbent_ends_it_with_the_reason(
    passengers_folder: Path, tmp_path: Path
) -> None:
    executor = LuckyInstantExecutor(crashing=("whole-pass1",))
    lab = copied_lab(passengers_folder, tmp_path, executor=executor)
    with raises("invalid_state.incumbent_fails", "NameError: SALT"):
        finalized(lab)


def test_a_lab_that_kept_nothing_has_nothing_to_finalize(lab: Lab) -> None:
    with raises("invalid_state.nothing_kept"):
        finalized(lab)


def test_a_lab_that_was_never_finalized_dropped_nothing(tmp_path: Path) -> None:
    assert dropped_by_finalize(tmp_path, Told(1.0).history) is None


@pytest.mark.slow
def test_a_second_finalize_at_once_is_refused(passengers_folder: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    class Meanwhile(LuckyInstantExecutor):
        def submit(self, rundir: RunDir) -> None:
            if not seen:
                other = Lab.reopen("tiny", home=lab.home)
                try:
                    finalized(with_executor(other, LuckyInstantExecutor()))
                except LabError as refused:
                    seen.append(refused.code)
            super().submit(rundir)

    lab = copied_lab(passengers_folder, tmp_path, executor=Meanwhile(dies_after=3))
    with pytest.raises(KeyboardInterrupt):
        finalized(lab)
    assert seen == ["invalid_state.finalize_goes_on"]


@pytest.mark.long
def test_the_result_is_written_down_for_the_league(passengers_folder: Path, tmp_path: Path) -> None:
    lab = copied_lab(passengers_folder, tmp_path)
    found = finalized(lab)
    assert found.published is not None
    kept = json.loads((found.folder / "result.json").read_text())
    assert kept["dropped"] == list(PASSENGERS)
    assert kept["tip"] == found.published.commit
    assert found.published.branch == "autoresearch/tiny-e5"
    # A name of the user's own that finalize wrote before is no obstacle to doing it again.
    assert finalized(lab, Options(branch="autoresearch/tiny-e5")).published == found.published
