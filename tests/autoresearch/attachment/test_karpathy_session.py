"""A whole session on a clone of karpathy/autoresearch, or on what stands for one."""

import os
import shutil
from pathlib import Path

import pytest

from autoresearch.attachment.proposal_parts import Answers
from autoresearch.lab import Lab
from autoresearch.records import Outcome, RunReport
from autoresearch.replays.results_log import judge_log
from server.commands.init.command import attach
from server.views.results_tsv import results_tsv
from tests.support.fakes import wait_for
from tests.support.karpathy_clone import (
    BETTER,
    WORSE,
    contract_of,
    make_clone,
    prepare_data,
    propose_change,
)
from tests.support.printed import quietly
from tests.support.repositories import every_byte, git, to_verdict

WITHIN_S = 400.0  # a verdict, on a machine that others use


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """As `init --yes` leaves it: recognised, its environment built, its baseline proved."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    clone = make_clone(tmp_path / "clone")
    prepare_data(clone, tmp_path / "user")
    opened: list[Lab] = []

    def open_quietly(contract: str) -> Lab:
        opened.append(quietly(Lab.open(str(clone), home=tmp_path / "home", contract=contract)))
        return opened[-1]

    assert attach(clone, Answers(), yes=True, open_lab=open_quietly) == 0
    return opened[-1]


@pytest.mark.long
@pytest.mark.real_runs
def test_a_clone_is_driven_and_written_out_and_stays_as_it_was(lab: Lab, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    (clone / "results.tsv").write_text("mine\n")
    before = every_byte(clone)
    baseline = to_verdict(lab, "e0", WITHIN_S)
    assert baseline.incumbent.mean == pytest.approx(1.8235, abs=0.01)
    worse = to_verdict(lab, propose_change(lab, WORSE, "smooth more"), WITHIN_S).verdict
    better = to_verdict(lab, propose_change(lab, BETTER, "smooth\tless\nby far"), WITHIN_S).verdict
    crash = to_verdict(
        lab, propose_change(lab, (BETTER[1], "BLEND = 0 / 0"), "divide by nothing")
    ).verdict
    assert worse is not None
    assert better is not None
    assert crash is not None
    assert (worse.outcome, crash.outcome) == (Outcome.DISCARD, Outcome.CRASHED)
    assert (better.outcome, better.moved_incumbent) == (Outcome.KEEP, True), better.sentence
    assert "ZeroDivisionError" in crash.sentence
    assert lab.verify().ok, lab.verify().findings
    report = lab.history().reports_of("e2")[0]
    assert report.measurement is not None
    assert dict(report.measurement.said)["num_steps"] > 3

    git(clone, "diff", "--exit-code")
    assert git(clone, "status", "--porcelain", "--untracked-files=all") == ""
    assert every_byte(clone) == before

    table = results_tsv(lab.history(), lab.contract.metric)
    rows = [line.split("\t") for line in table.splitlines()]
    assert rows[0] == ["commit", "val_bpb", "memory_gb", "status", "description"]
    assert [(row[3], row[4]) for row in rows[1:]] == [
        ("keep", "baseline (self-reported)"),
        ("discard", "smooth more"),
        ("keep", "smooth less by far"),
        ("crash", "divide by nothing"),
    ]
    assert rows[4][1:3] == ["0.000000", "0.0"]
    assert all(len(row[0]) == 7 for row in rows[1:])
    (tmp_path / "written.tsv").write_text(table)
    assert judge_log(tmp_path / "written.tsv", 0.001).standing == 1

    lab.branch("autoresearch/nov26")
    subjects = git(clone, "log", "--format=%s", "--reverse", "master..autoresearch/nov26")
    assert " ".join(subjects.split()) == "smooth less by far"
    files = git(clone, "ls-tree", "--name-only", "autoresearch/nov26").split()
    assert files == git(clone, "ls-tree", "--name-only", "master").split()
    assert "BLEND = 0.02" in git(clone, "show", "autoresearch/nov26:train.py")
    git(clone, "diff", "--exit-code")
    assert git(clone, "rev-parse", "--abbrev-ref", "HEAD").strip() == "master"


@pytest.mark.slow
def test_the_real_clone_is_driven_where_one_is_named(tmp_path: Path) -> None:
    named = os.environ.get("AUTORESEARCH_KARPATHY_CLONE")
    if named is None:
        pytest.skip(
            "set AUTORESEARCH_KARPATHY_CLONE to a clone of karpathy/autoresearch whose prepare.py "
            "and train.py were run once: one run of it is then measured, in about ten minutes"
        )
    if shutil.which("nvidia-smi") is None:
        pytest.skip("a clone of karpathy/autoresearch needs an NVIDIA GPU; there is none here")
    clone = Path(named).expanduser().resolve()
    before = git(clone, "status", "--porcelain", "--untracked-files=all")
    lab = Lab.open(str(clone), home=tmp_path / "home", contract=contract_of(clone))
    run = lab.start_run("e0").id
    report = wait_for(lambda: _ended(lab, run), within_s=1200)
    assert report.measurement is not None, report.reason
    assert 0.5 < report.measurement.value < 3
    assert dict(report.measurement.said)["num_steps"] > 11
    git(clone, "diff", "--exit-code")
    assert git(clone, "status", "--porcelain", "--untracked-files=all") == before


def _ended(lab: Lab, run: str) -> RunReport | None:
    report = lab.runs.directory(run).read_status()
    return report if report is not None and report.state.final else None
