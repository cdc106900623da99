"""Calibration: simulated campaigns and real runs, judged by the judge that the lab calls."""

import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import stdev

import psutil
import pytest

from autoresearch.calibration import rivals, trials
from autoresearch.calibration import simulation as simulate
from autoresearch.calibration.real_trials import broken_promises, calibrate
from autoresearch.calibration.simulation import Setting, simulate_cell, simulate_reversals
from autoresearch.patches.patch import Edit
from autoresearch.records import Outcome
from autoresearch.statistics.gates import GATE
from autoresearch.verdicts import judgement
from tests.support.refusals import raises
from tests.support.repositories import BETTER, CRASHING, make_repository

CONTROLS = [3.20, 3.21, 3.19, 3.20, 3.22, 3.18]
CARELESS = replace(GATE, gain=replace(GATE.gain, keep=-9.0, drop=-10.0, screen=-9.0), no_worse=None)


def test_candidates_are_followed_with_the_function_that_gives_the_labs_verdicts() -> None:
    assert trials.judge is judgement.judge


def test_a_candidate_is_followed_until_its_verdict_and_no_further() -> None:
    trial = trials.follow([3.0, 3.01, 3.0, 3.01, 9.9], CONTROLS)
    assert (trial.outcome, trial.runs, trial.controls) == (Outcome.KEEP, 4, 6)
    assert trials.follow([3.4], CONTROLS).outcome is Outcome.DISCARD


def test_in_a_young_lab_the_controls_come_as_the_judge_asks_for_them() -> None:
    trial = trials.follow([3.0] + [2.99, 3.01] * 5, CONTROLS * 4, known=1)
    assert trial.outcome is Outcome.KEEP
    assert GATE.fewest_controls <= trial.controls <= 2 * trial.runs


def test_the_same_seed_draws_the_same_candidates_and_cells_do_not_share_them() -> None:
    setting = Setting(controls=5)
    again = [list(simulate.draw(setting, 0.0, 20, seed=3)) for _ in range(2)]
    assert again[0] == again[1]
    assert next(simulate.draw(setting, 0.0, 1, seed=4)) != again[0][0]
    assert next(simulate.draw(replace(setting, controls=6), 0.0, 1, seed=3)) != again[0][0]


def test_an_underestimated_sigma_is_too_low_by_so_much_in_what_the_judge_sees() -> None:
    low = Setting(controls=60, underestimated=1.5)
    drawn = simulate.draw(low, 0.0, 100, seed=1)
    spreads = [stdev(controls) for _, controls, _ in drawn]
    assert sum(spreads) / len(spreads) == pytest.approx(1 / 1.5, rel=0.02)


@pytest.mark.slow
def test_progress_counts_every_candidate() -> None:
    told: list[int] = []
    simulate.simulate(seed=1, nulls=10, done=told.append)
    assert sum(told) == simulate.candidates_of(10)


@pytest.mark.slow
def test_a_careless_gate_breaks_what_is_promised() -> None:
    found = simulate.simulate(seed=1, nulls=10, gate=CARELESS)
    assert any("false keeps" in words for words in simulate.broken_promises(found))


@pytest.mark.slow
def test_few_nulls_are_kept_and_real_gains_mostly() -> None:
    setting = Setting(controls=60)
    assert simulate_cell(setting, 0.0, 1000, seed=2).kept <= 4
    assert simulate_cell(setting, 3.0, 100, seed=2).kept >= 95


def test_a_ratchet_keeps_each_new_low_and_claims_them_all() -> None:
    session = rivals.ratchet(5.0, [5.1, 4.9, 4.95, 4.7, 4.8])
    assert session.keeps == 2
    assert session.claimed == pytest.approx(0.3)


def test_pi_autoresearchs_confidence_is_the_best_gain_by_the_median_deviation() -> None:
    assert rivals.confidence([5.0, 5.1, 4.9, 4.7, 5.2]) == pytest.approx(0.3 / 0.1)
    assert rivals.confidence([5.0, 5.0, 5.0]) == 0.0


@pytest.mark.slow
def test_rivals_keep_in_unchanged_code_what_the_theory_says() -> None:
    found = simulate.simulate_rivals(6000, seed=1)
    assert (found.sessions, found.candidates) == (100, 60)
    assert found.keeps == pytest.approx(3.7, abs=0.6)  # the harmonic number of 61, less 1
    assert found.claimed == pytest.approx(2.3, abs=0.4)
    assert found.fresh == pytest.approx(0.5, abs=0.03)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_every_bound_holds_on_ten_thousand_candidates_without_a_gain(seed: int) -> None:
    found = simulate.simulate(seed=seed)
    assert simulate.broken_promises(found) == ()
    assert {row.at(0).candidates for row in found.rows} == {10_000}
    assert found.rivals.keeps == pytest.approx(3.7, abs=0.4)
    for row in found.simplifications:
        assert row.at(-1).rate < 0.04
        assert row.at(-2).rate < 0.01


@pytest.mark.long
def test_hardly_any_real_gain_is_taken_back() -> None:
    found = simulate_reversals(1.5, 20, 3000, seed=1)
    assert found.kept > 1000
    assert found.reverted <= 0.005 * found.kept
    small = simulate_reversals(1.0, 20, 5000, seed=1)
    assert small.reverted <= 0.02 * small.kept


def processes_below(folder: Path) -> list[psutil.Process]:
    """Processes that name the folder and do not end; one that is ending is given its moment."""
    found = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or [])
    ]
    return psutil.wait_procs(found, timeout=30)[1]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary labs are made in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.long
def test_real_runs_of_unchanged_code_and_of_a_gain_are_judged_and_leave_nothing(
    tmp_path: Path, temporary: Path
) -> None:
    repository = make_repository(tmp_path / "repository")
    ended: list[str] = []
    found = calibrate(
        4,
        watch=lambda what, done, of: ended.append(f"{what} {done}/{of}"),
        target=str(repository),
        planted=[Edit(path="train.py", find=BETTER[0], replace=BETTER[1])],
        repeats=2,
        controls=8,
    )
    assert ended[7] == "control 8/14"
    assert ended[-1] == "keep 14/14"
    assert len(found.controls) == 8
    assert len(found.nulls) == 4
    assert [one.trial.outcome for one in found.planted] == [Outcome.KEEP] * 2
    assert found.planted_effect is not None
    assert found.planted_effect > 3 * found.sigma
    assert found.rivals is not None
    assert len({value for one in found.nulls for value in one.values}) > 4
    assert broken_promises(found) == ()
    assert not list(temporary.iterdir())


@pytest.mark.slow
def test_an_interrupted_calibration_leaves_no_process_and_no_folder(
    tmp_path: Path, temporary: Path
) -> None:
    repository = make_repository(tmp_path / "repository")

    def interrupt(what: str, done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(1, watch=interrupt, target=str(repository))
    assert not list(temporary.iterdir())
    assert not processes_below(temporary)


@pytest.mark.long
def test_a_planted_patch_that_crashes_counts_against_the_candidate(
    tmp_path: Path, temporary: Path
) -> None:
    found = calibrate(
        1,
        watch=lambda *_: None,
        target=str(make_repository(tmp_path / "repository")),
        planted=[Edit(path="train.py", find=CRASHING[0], replace=CRASHING[1])],
        repeats=1,
        controls=GATE.fewest_controls,
    )
    assert [one.trial.outcome for one in found.planted] == [Outcome.CRASHED]
    assert "0 of 1 repeats" in " ".join(broken_promises(found))


def test_no_candidates_and_too_few_controls_are_refused_before_anything_is_opened(
    temporary: Path,
) -> None:
    with raises("lab_error.too_few_candidates"):
        calibrate(0, watch=lambda *_: None)
    with raises("lab_error.too_few_controls", "2"):
        calibrate(1, watch=lambda *_: None, controls=2)
    assert not list(temporary.iterdir())
