"""Whole labs on repositories that print their own number, or whose time is the metric."""

from pathlib import Path

import pytest

from autoresearch.lab import Lab
from autoresearch.records import Outcome, RunState
from autoresearch.sandboxes.selection import current_sandbox
from tests.support.fakes import final_report
from tests.support.printed import (
    BETTER,
    CONTRACT,
    WORSE,
    make_printed,
    open_printed,
    propose_work,
    quietly,
)
from tests.support.repositories import every_byte, plant_work_in_progress, to_verdict


@pytest.mark.long
def test_a_printed_number_is_judged_as_a_sealed_one_is(tmp_path: Path) -> None:
    lab = open_printed(tmp_path)
    plant_work_in_progress(tmp_path / "repository")
    before = every_byte(tmp_path / "repository")
    baseline = to_verdict(lab, "e0")
    assert baseline.incumbent.mean == pytest.approx(7, abs=0.5)
    better = to_verdict(lab, propose_work(lab, BETTER)).verdict
    assert better is not None
    assert (better.outcome, better.moved_incumbent) == (Outcome.KEEP, True)
    worse = to_verdict(lab, propose_work(lab, (BETTER[1], WORSE[1]))).verdict
    assert worse is not None
    assert worse.outcome is Outcome.DISCARD
    crash = to_verdict(lab, propose_work(lab, (BETTER[1], "STEP = 1 / 0"))).verdict
    assert crash is not None
    assert (crash.outcome, crash.sentence) == (
        Outcome.CRASHED,
        "e3-r1: ZeroDivisionError: division by zero: crashed; self-reported",
    )
    assert lab.verify().ok, lab.verify().findings
    assert "e1" in lab.branch("better")
    assert (tmp_path / "repository" / ".git" / "refs" / "heads" / "better").is_file()
    after = every_byte(tmp_path / "repository")
    assert {path: after[path] for path in before} == before


@pytest.mark.long
def test_a_faster_command_is_kept_by_the_clock(tmp_path: Path) -> None:
    contract = CONTRACT.replace('name = "score"', 'name = "cpu_s"').replace(
        '"max"\nscoring = "stdout"', '"min"\nscoring = "clock"'
    )
    work = "import time\nSPENDS = 0.4\nwhile time.process_time() < SPENDS: pass\n"
    lab = open_printed(tmp_path, contract=contract, work=work)
    to_verdict(lab, "e0")
    faster = to_verdict(lab, propose_work(lab, ("SPENDS = 0.4", "SPENDS = 0.05"))).verdict
    assert faster is not None
    assert (faster.outcome, faster.moved_incumbent) == (Outcome.KEEP, True), faster.sentence
    assert lab.verify().ok, lab.verify().findings


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_network_is_in_the_name_of_what_held_a_run(tmp_path: Path) -> None:
    contract = CONTRACT.replace("[run]", "[inputs]\nnetwork = true\n[run]")
    lab = open_printed(tmp_path, contract=contract)
    report = final_report(lab.runs.directory(lab.start_run("e0").id))
    assert report.state is RunState.FINISHED, report.reason
    assert report.sandbox == lab.overview().sandbox == f"{current_sandbox().name}+network"
    assert any("can use the network" in notice for notice in lab.overview().notices)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_file_that_a_run_is_to_leave_is_not_there_before_it(tmp_path: Path) -> None:
    contract = CONTRACT.replace('"stdout"', '"stdout"\nfile = "metrics.json"')
    source = make_printed(
        tmp_path / "repository",
        {"metrics.json": '{"score": 99}', "work.py": "import os; print(os.listdir('.'))"},
        contract=contract,
    )
    lab = quietly(Lab.open(str(source), home=tmp_path / "home"))
    directory = lab.runs.directory(lab.start_run("e0").id)
    assert final_report(directory).state is RunState.CRASHED
    assert "metrics.json" not in directory.log_file.read_text()
