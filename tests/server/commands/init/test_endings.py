"""What an `init` leaves that fails, is ended from outside, or is killed."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from autoresearch.attachment.proposal_parts import Answers, Part, Sureness
from autoresearch.errors import RunStartError
from autoresearch.lab import Lab
from autoresearch.setup.settings import UNPROVED
from autoresearch.system.home import lab_names
from server.commands import run
from server.commands.init.attempt import remove_unproved
from server.commands.init.command import attach
from server.commands.init.kept_findings import forget, keep, recall
from tests.support.fakes import OnABusyMachine, processes_with, wait_for
from tests.support.foreign import SCORE, Foreign
from tests.support.printed import quietly
from tests.support.proposals import look
from tests.support.refusals import raises
from tests.support.repositories import git
from tests.support.tiers import first_in_ci

NO_CHANGE = ("", "", "")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    return tmp_path / "home"


def make(folder: Path, work: str, name: str = "work") -> Path:
    files = {"work.py": work}
    return Foreign(name=name, files=files, better=NO_CHANGE, worse=NO_CHANGE).make(folder)


def started(root: Path, *options: str) -> "subprocess.Popen[str]":
    """An `init` in a process of its own whose run is training by now."""
    argv = [sys.executable, "-m", "autoresearch_mcp", "init", str(root), "--yes", *options]
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ)
    )
    home = Path(os.environ["AUTORESEARCH_HOME"])
    assert wait_for(lambda: list(home.glob("labs/*/runs/*/tree/started")), within_s=60)
    return process


HANGS = "import time\nopen('started', 'w').close()\ntime.sleep(600)\nprint(f'loss: {x}')\n"


@pytest.mark.parametrize("number", first_in_ci([signal.SIGTERM, signal.SIGHUP], 1))
def test_who_ends_it_by_a_signal_leaves_neither_a_lab_nor_a_run(
    home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = started(make(tmp_path, HANGS))
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert list(lab_names(home)) == []
    assert [path.name for path in (home / "labs").iterdir()] == [".lock"]
    assert processes_with(str(home)) == []


@pytest.mark.slow
def test_a_lab_whose_init_was_killed_says_what_it_lacks_and_is_replaced(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make(tmp_path, HANGS)
    process = started(root)
    assert run(["init", str(root)]) == 1
    assert "Another init" in capsys.readouterr().err
    for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        one.kill()
    process.communicate(timeout=60)
    [name] = lab_names(home)
    notices = Lab.reopen(name).overview().notices
    assert any("baseline is not measured" in notice and str(root) in notice for notice in notices)

    (root / "work.py").write_text("print('loss:', 1)\n")
    git(root, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qam", "ends")
    opened: list[Lab] = []

    def open_lab(contract: str) -> Lab:
        opened.append(quietly(Lab.open(str(root), home=home, contract=contract)))
        return opened[-1]

    remove_unproved(root)
    assert list(lab_names(home)) == []
    assert attach(root, Answers(), yes=True, open_lab=open_lab) == 0
    assert not (opened[-1].folder / UNPROVED).exists()
    assert not any("not measured" in notice for notice in opened[-1].overview().notices)


@pytest.mark.long
def test_on_a_busy_machine_a_program_that_ends_by_itself_is_attached(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make(tmp_path, "import time\ntime.sleep(0.7)\nname = 'lo' + 'ss'\nprint(name + ': 3')\n")
    answers = Answers(command="python work.py", edit=("work.py",))

    def open_lab(contract: str) -> Lab:
        lab = Lab.open(str(root), home=home, contract=contract)
        lab.__dict__["runs"] = replace(lab.runs, executor=OnABusyMachine())
        return lab

    assert attach(root, answers, yes=True, open_lab=open_lab) == 0
    assert "Baseline: loss 3" in capsys.readouterr().out


@pytest.mark.slow
def test_a_program_without_an_end_is_said_to_be_one_beside_any_load(
    home: Path, tmp_path: Path
) -> None:
    root = make(tmp_path, "import time\nwhile True:\n    time.sleep(0.1)\n    print('loss:', 1)\n")

    def open_lab(contract: str) -> Lab:
        lab = Lab.open(str(root), home=home, contract=contract)
        lab.__dict__["runs"] = replace(lab.runs, executor=OnABusyMachine())
        return lab

    with raises("run_start.baseline_fails", "work.py:2", "--budget-s"):
        attach(root, Answers(budget_s=0.6), yes=True, open_lab=open_lab)
    assert list(lab_names(home)) == []


@pytest.mark.long
def test_what_a_failed_init_had_found_is_offered_again(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = "import os\nopen(os.path.join('data', 'a.txt'))\n1 / 0\nprint(f'loss: {x}')\n"
    root = make(tmp_path, work)
    (root / "data").mkdir()
    (root / "data" / "a.txt").write_text("x")

    def open_lab(contract: str) -> Lab:
        return quietly(Lab.open(str(root), home=home, contract=contract))

    with pytest.raises(RunStartError):
        attach(root, Answers(), yes=True, open_lab=open_lab)
    assert list(lab_names(home)) == []
    capsys.readouterr()
    assert run(["init", str(root), "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert 'read_only = ["data/a.txt"]' in out
    assert "kept from the init that failed" in err
    (root / "work.py").write_text(work.replace("1 / 0\n", "x = 1\n"))
    git(root, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qam", "mended")
    assert run(["init", str(root), "--dry-run"]) == 0
    assert 'read_only = ["data/a.txt"]' in capsys.readouterr().out  # after a commit too
    assert attach(root, Answers(), yes=True, open_lab=open_lab) == 0
    assert list((home / "attachments").iterdir()) == []


@pytest.mark.slow
def test_kept_answers_give_way_to_new_ones_and_to_another_command(tmp_path: Path) -> None:
    root = make(tmp_path, "print('loss:', 1)\n")
    files = {"work.py": "print('loss:', 1)\n"}
    first = Answers(command="python work.py", metric="wall_s", direction="min", budget_s=9)
    keep(tmp_path, root, look(files), look(files, first))
    again = recall(tmp_path, root, look(files), Answers())
    assert again.metric is not None
    assert (again.metric.value.name, again.budget_s.value) == ("wall_s", 9)
    assert "kept" in again.metric.why
    said = Answers(metric="loss", budget_s=5)
    now = recall(tmp_path, root, look(files, said), said)
    assert now.metric is not None
    assert now.direction is not None
    assert (now.metric.value.name, now.budget_s.value, now.direction.value) == ("loss", 5, "min")
    other = Answers(command="python other.py")
    assert recall(tmp_path, root, look(files, other), other) == look(files, other)
    git(root, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-q", "-m", "b",
        "--allow-empty")  # fmt: skip
    later = recall(tmp_path, root, look(files), Answers())
    assert later.metric == look(files).metric
    assert later.budget_s.value == 9
    forget(tmp_path, root, "")
    assert recall(tmp_path, root, look(files), Answers()) == look(files)


def test_a_kept_input_that_is_gone_is_not_offered(tmp_path: Path) -> None:
    root = make(tmp_path, "print('loss:', 1)\n")
    (root / "there.txt").write_text("")
    files = {"work.py": "print('loss:', 1)\n"}
    inputs = Part(("gone.txt", "there.txt"), "the run needed them", Sureness.FOUND)
    keep(tmp_path, root, look(files), replace(look(files), inputs=inputs))
    assert recall(tmp_path, root, look(files), Answers()).inputs.value == ("there.txt",)


@pytest.mark.long
def test_a_dry_run_prints_a_contract_once_a_lab_exists_too(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = SCORE.make(tmp_path)
    here = Answers(inputs=("data/points.csv",))

    def open_lab(contract: str) -> Lab:
        return quietly(Lab.open(str(root), home=home, contract=contract))

    assert attach(root, here, yes=True, open_lab=open_lab) == 0
    capsys.readouterr()
    assert run(["init", str(root), "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("[target]")
    assert "iris-like" in err
    assert len(list(lab_names(home))) == 1
    (root / "autoresearch.toml").write_text("\ufeff" + out)
    assert run(["init", str(root), "--dry-run"]) == 0
    assert capsys.readouterr().out == out


@pytest.mark.slow
def test_a_dry_run_without_a_metric_names_the_options(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make(tmp_path, 'print("padded size from", 3)\nprint("size in grads from", 4)\n')
    assert run(["init", str(root), "--dry-run", "--command", "python work.py"]) == 1
    err = capsys.readouterr().err
    assert "--metric" in err
    assert "--direction" in err
    assert "Error" not in err
    assert not home.exists()
