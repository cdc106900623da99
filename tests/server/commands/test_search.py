"""`search` on the command line: its plan, its end, an interrupt, and what it lacks."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from autoresearch.lab import Lab
from server.commands import run
from tests.support.fakes import wait_for


@pytest.fixture
def home(instant_home, tmp_path, monkeypatch):
    shutil.copytree(instant_home, tmp_path / "home")
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


@pytest.mark.slow
def test_a_dry_run_shows_knobs_and_first_trials_and_starts_nothing(home, capsys):
    before = Lab.reopen("tiny", home=home).history().head
    assert run(["search", "--dry-run", "--hours", "2"]) == 0
    out = capsys.readouterr().out
    assert "SMOOTHING" in out
    assert "0.001 to 100" in out
    assert "would try SMOOTHING 30.0 → " in out
    assert "tpe over 1 knob of e0, 2 hours, after 0 trials" in out.splitlines()[-1]
    assert Lab.reopen("tiny", home=home).history().head == before


@pytest.mark.slow
def test_a_dry_run_speaks_json(home, capsys):
    assert run(["search", "--dry-run", "--json", "--knobs", "SMOOTHING"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [knob["name"] for knob in plan["knobs"]] == ["SMOOTHING"]
    assert plan["first"][0]["prediction"]["confidence"] == 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--experiments", "0"], "--experiments 0 leaves nothing to do"),
        (["--hours", "-1"], "--hours -1 leaves nothing to do"),
        (["--method", "luck"], "luck"),
        (["--knobs", "SMOTHING"], "There is no knob 'SMOTHING'. Knobs: SMOOTHING."),
    ],
)
def test_what_can_not_be_meant_is_refused(home, capsys, arguments, said):
    assert run(["search", *arguments]) in (1, 2)
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_without_optuna_it_says_how_to_install_it_here(home, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert run(["search"]) == 1
    err = capsys.readouterr().err
    assert "[search]'` brings them" in err
    assert "--method factorial" in err


@pytest.mark.long
@pytest.mark.real_runs
def test_an_interrupt_leaves_runs_going_and_the_same_command_goes_on(measured_home, tmp_path):
    shutil.copytree(measured_home, tmp_path / "home")
    environment = {**os.environ, "AUTORESEARCH_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "autoresearch_mcp", "search", "--experiments"]
    lab = Lab.reopen("tiny", home=tmp_path / "home")
    with subprocess.Popen(
        [*command, "30"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as child:
        wait_for(lambda: len(lab.history().runs) > 6)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert "the same command goes on where it was" in err
    history = lab.history()
    left = [e.id for e in history.experiments.values() if e.base and e.id not in history.verdicts]
    done = subprocess.run(
        [*command, "1", "--json"], capture_output=True, text=True, env=environment, check=True
    )
    found = json.loads(done.stdout)
    assert found["why"] == "experiments"
    assert found["still_open"] == []
    assert left
    assert set(left) <= set(lab.history().verdicts)
    assert lab.verify().ok
