"""A ledger that version 0.1 wrote, before rooms and causes, still reads, verifies and replays."""

import json
import shutil
from pathlib import Path

import pytest

from autoresearch.git.repository import Repository
from autoresearch.lab import Lab
from autoresearch.records import Outcome, RunState
from tests.support.paths import ROOT
from tests.support.repositories import git

OLD = ROOT / "tests" / "data" / "version_0_1" / "lab"
HEAD = json.loads((OLD / "ledger-head.json").read_text())["head"]


@pytest.fixture
def old_lab(tmp_path: Path) -> Lab:
    """The lab of a whole demo: 9 experiments, 8 verdicts, one of them a cheat that was caught."""
    folder = tmp_path / "labs" / "microgpt"
    repository = Repository.create(folder / "repository.git").path
    git(repository, "fetch", "-q", str(OLD / "repository.bundle"), "refs/heads/*:refs/heads/*")
    (repository / "FETCH_HEAD").unlink()
    for name in ("lab.json", "ledger-head.json", "inputs.json"):
        shutil.copy(OLD / name, folder)
    (folder / "sealed").mkdir()
    shutil.copy(ROOT / "microgpt" / "data" / "surnames.txt", folder / "sealed" / "documents")
    return Lab.reopen(home=tmp_path)


@pytest.mark.slow
def test_an_old_ledger_verifies_with_every_verdict_derived_again(old_lab: Lab) -> None:
    found = old_lab.verify(HEAD)
    assert found.findings == ()
    assert (found.entries, found.verdicts) == (93, 8)


def test_an_old_ledgers_runs_and_verdicts_mean_what_they_meant(old_lab: Lab) -> None:
    history = old_lab.history()
    outcomes = [verdict.outcome for verdict in history.verdicts.values()]
    assert history.kept[0] == "e0"
    assert len(history.kept) == 3
    assert outcomes.count(Outcome.KEEP) == 2
    assert outcomes.count(Outcome.CRASHED) == 2
    states = [report.state for report in history.reports.values()]
    preempted = [report.run for report in history.reports.values() if report.yielded]
    assert states.count(RunState.LOST) == len(preempted)
