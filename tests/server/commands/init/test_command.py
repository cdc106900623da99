"""`init` on a repository without a contract: with options, with questions, and what it prints."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from autoresearch.attachment.proposal_parts import Answers
from autoresearch.contract import parse_contract
from autoresearch.lab import Lab
from server.commands import run
from server.commands.init.command import NOTHING_STARTED, attach
from server.commands.init.questions import QUESTIONS, RUN_NOW
from tests.support.foreign import SCORE, SUITE, TRAINER, Foreign
from tests.support.printed import quietly
from tests.support.repositories import every_byte

UNCLEAR = Foreign(
    name="unclear",
    files={"fit_a.py": "print('answer:', 1)\n", "fit_b.py": "print('answer:', 2)\n"},
    better=("", "", ""),
    worse=("", "", ""),
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    return tmp_path / "home"


@pytest.mark.slow
def test_without_a_terminal_what_to_add_is_said_and_the_proposal_is_shown(home, tmp_path, capsys):
    root = SUITE.make(tmp_path)
    assert run(["init", str(root)]) == 1
    out, err = capsys.readouterr()
    assert "pyproject.toml has [tool.pytest]" in out
    assert "--yes" in err
    assert not home.exists()


@pytest.mark.slow
def test_yes_names_every_option_that_it_needs_at_once(home, tmp_path, capsys):
    root = UNCLEAR.make(tmp_path)
    assert run(["init", str(root), "--yes"]) == 1
    err = capsys.readouterr().err
    assert all(named in err for named in ("python fit_a.py", "python fit_b.py", "--command"))
    assert run(["init", str(root), "--yes", "--command", "python fit_a.py"]) == 1
    err = capsys.readouterr().err
    assert "--direction min" in err
    assert "--command" not in err
    assert not home.exists()


@pytest.mark.slow
def test_a_dry_run_prints_the_contract_and_nothing_else_and_starts_nothing(home, tmp_path, capsys):
    root = TRAINER.make(tmp_path)
    before = every_byte(root)
    arguments = ["--edit", "train.py", "--budget-s", "9", "--guard", "lint=ruff check ."]
    assert run(["init", str(root), "--dry-run", *arguments]) == 0
    contract = parse_contract(capsys.readouterr().out.encode())
    assert contract.edit.allow == ("train.py",)
    assert contract.run.budget.timeout_s == 9
    assert contract.guards == {"lint": ("ruff", "check", ".")}
    assert every_byte(root) == before
    assert not home.exists()


@pytest.mark.slow
def test_a_file_that_has_the_metric_is_an_option_of_init(home, tmp_path, capsys):
    root = TRAINER.make(tmp_path)
    arguments = ["--metric-file", "out/results.json", "--metric", "test.accuracy"]
    assert run(["init", str(root), "--dry-run", *arguments]) == 0
    contract = parse_contract(capsys.readouterr().out.encode())
    assert (contract.metric.file, contract.metric.name) == ("out/results.json", "test.accuracy")
    assert run(["init", str(root), *arguments]) == 1
    out = capsys.readouterr().out
    assert all(words in out for words in ("test.accuracy", "out/results.json"))  # may fold
    assert run(["init", str(root), "--yes", *arguments[:2]]) == 1
    assert "--metric" in capsys.readouterr().err


def test_options_do_not_change_a_contract_that_is_committed(home, tmp_path, refused_command):
    root = TRAINER.make(tmp_path)
    (root / "autoresearch.toml").write_text("")
    assert refused_command(["init", str(root), "--network"]).code == "contract.exists"
    assert run(["init", "microgpt", "--metric", "wall_s"]) == 1


def test_what_is_no_repository_is_said_as_ever(home, tmp_path, refused_command):
    (tmp_path / "empty").mkdir()
    said = refused_command(["init", str(tmp_path / "empty"), "--yes"])
    assert said.code == "git.no_repository"
    assert str(tmp_path / "empty") in said


@pytest.mark.long
def test_the_proof_is_shown_with_what_a_verdict_will_cost_and_what_holds(home, tmp_path, capsys):
    root = SCORE.make(tmp_path)
    here = Answers(inputs=("data/points.csv",))

    def open_lab(contract):
        return quietly(Lab.open(str(root), home=home, contract=contract))

    assert attach(root, here, yes=True, open_lab=open_lab) == 0
    out = capsys.readouterr().out
    assert "e0-r2: accuracy 0.625" in out
    assert "Baseline: accuracy 0.625" in out
    assert "2 to 14 runs" in out
    assert "self-reported" in out
    assert "iris-like" in out.splitlines()[-1]

    assert run(["init", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lab"] == "iris-like"


@pytest.mark.slow
def test_a_person_is_asked_one_question_at_a_time_and_enter_takes_what_was_found(home, tmp_path):
    root = UNCLEAR.make(tmp_path)
    shown = typed(root, home, "python fit_b.py", "", "max", "", "30", "n")
    assert "python fit_a.py, python fit_b.py" in shown
    assert "fit_b.py:1" in shown
    assert "'answer'" in shown
    assert QUESTIONS["direction"] in shown
    assert RUN_NOW in shown
    assert NOTHING_STARTED in shown
    assert not home.exists()


def typed(root: Path, home: Path, *replies: str) -> str:
    """What `init` shows on a terminal on which these are typed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "autoresearch_mcp", "init", str(root)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=dict(os.environ) | {"AUTORESEARCH_HOME": str(home), "TERM": "dumb"},
    )
    os.close(theirs)
    os.write(ours, "".join(f"{reply}\n" for reply in replies).encode())
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert process.wait() == 0
    return " ".join(shown.decode().split())
