"""`replay` on the command line: what it prints, and that an interrupt ends what it started."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from autoresearch.lab import Lab
from autoresearch.records import RunState
from server.commands import run
from server.commands.replay import STOPPED
from tests.support.fakes import processes_with, wait_for
from tests.support.instant import make_judged_lab
from tests.support.repositories import HANGING, propose


@pytest.fixture
def measured(measured_home, tmp_path, monkeypatch):
    home = tmp_path / "home"
    shutil.copytree(measured_home, home)
    monkeypatch.setenv("AUTORESEARCH_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")
    return Lab.reopen("tiny", home=home)


@pytest.fixture
def judged(judged_home, tmp_path, monkeypatch):
    shutil.copytree(judged_home, tmp_path / "home")
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))


@pytest.mark.slow
def test_a_replay_shows_both_values_and_says_how_they_compare(measured, tmp_path, capsys):
    kept = tmp_path / "kept"
    assert run(["replay", "e0-r2", "--keep", str(kept)]) == 0
    out = capsys.readouterr().out
    flowing = " ".join(out.split())  # a narrow terminal folds
    assert repr(measured.history().reports["e0-r2"].measurement.value) in out
    assert re.search(r"e0-r2: .*bit for bit", out)
    assert measured.history().experiments["e0"].commit in out
    assert "names.txt" in flowing
    assert "1 of 1 replay" in out.splitlines()[-1]
    assert (kept / "train.py").exists()
    assert run(["replay", "e0-r2", "--keep", str(kept)]) == 1
    assert str(kept) in capsys.readouterr().err


@pytest.mark.slow
def test_a_replay_speaks_json(measured, capsys):
    assert run(["replay", "e0", "--runs", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["same_model"] is True
    assert [one["run"] for one in found["runs"]] == ["e0-r1", "e0-r2"]
    assert found["runs"][0]["sigmas"] == pytest.approx(0, abs=1e-6)


@pytest.mark.long
def test_an_interrupt_ends_the_replay_and_says_so(measured):
    name = measured.start_run(propose(measured, HANGING)).id
    wait_for(lambda: measured.view_run(name).state is RunState.TRAINING)
    measured.stop_run(name)
    wait_for(lambda: measured.view_run(name).state.final)
    with subprocess.Popen(
        [sys.executable, "-m", "autoresearch_mcp", "replay", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as child:
        mark = str(measured.folder / "replays")
        wait_for(lambda: list((measured.folder / "replays").glob("*/*/processes.json")))
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert STOPPED in err
    wait_for(lambda: not processes_with(mark))


@pytest.mark.slow
def test_what_cannot_be_replayed_is_one_line_and_exit_1(judged, refused_command):
    said = refused_command(["replay", "e3"])
    assert (said.out, len(said.splitlines())) == ("", 1)
    assert said.kind == "invalid_state"
    assert "e3" in said


@pytest.mark.slow
def test_verify_prints_the_head_to_write_down_and_takes_it_again(judged, capsys):
    assert run(["verify"]) == 0
    out = capsys.readouterr().out
    head = out.partition("--head ")[2].split()[0]
    history = Lab.reopen().history()
    assert head == f"{history.head}:{len(history.entries)}"
    assert run(["verify", "--head", head, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["head"] == head
    assert "as given" in found["anchor"]
    assert run(["verify", "--head", "0123456789abcdef"]) == 1
    assert "1 finding" in capsys.readouterr().out.splitlines()[-1]
    assert run(["verify", "--head", "latest"]) == 1
    assert "HASH:COUNT" in capsys.readouterr().err


@pytest.mark.slow
def test_verify_says_whose_key_signed_how_many_verdicts(tmp_path, monkeypatch, capsys):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("signing needs ssh-keygen, which is not installed")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    home = tmp_path / "home"
    make_judged_lab(tmp_path / "repository", home, key)
    monkeypatch.setenv("AUTORESEARCH_HOME", str(home))
    assert run(["verify"]) == 0
    assert re.search(r"2 of 2 verdicts .*SHA256:", capsys.readouterr().out)


def test_init_with_a_key_that_is_not_there_makes_no_lab(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    assert run(["init", "microgpt", "--sign", str(tmp_path / "none")]) == 1
    assert str(tmp_path / "none") in capsys.readouterr().err
    assert not (tmp_path / "home" / "labs" / "microgpt").exists()
