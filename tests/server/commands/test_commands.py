"""The command line: what each command prints, and the exit status it ends with."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import pytest
from inline_snapshot import snapshot

from autoresearch.errors import LedgerDamagedError
from autoresearch.records import RunFinished, RunState
from autoresearch.sandboxes.selection import current_sandbox
from server.commands import INTERRUPTED_WORDS, run
from server.commands.labs import show_experiments
from tests.support.samples import finished, started
from tests.support.told import BASELINE, TINY, Told


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def opened(home, capsys):
    assert run(["init", "microgpt"]) == 0
    return capsys.readouterr().out


def test_help_shows_every_command_and_examples(home, capsys):
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for name in ("demo", "connect", "init", "status", "log", "verify", "branch", "doctor", "serve"):
        assert f" {name} " in out
    assert "autoresearch-mcp connect claude-code --write" in out


@pytest.mark.parametrize("name", ["demo", "connect", "init", "status", "log", "verify", "branch"])
def test_every_command_explains_itself(home, capsys, name):
    assert run([name, "--help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


def test_examples_of_the_whole_command_line_stand_under_the_whole_alone(home, capsys):
    assert run(["--help"]) == 0
    assert "Examples:" in capsys.readouterr().out
    assert run(["status", "--help"]) == 0
    assert "Examples:" not in capsys.readouterr().out


def test_version_is_one_line(home, capsys):
    from server.version import product_version

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"{product_version()}\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["stats"], "status"),
        (["init"], "autoresearch-mcp init --help"),
        (["status", "--nope"], "autoresearch-mcp status --help"),
        (["connect", "emacs"], "claude-code"),
    ],
)
def test_misuse_is_one_line_on_stderr_and_exit_2(home, capsys, arguments, named):
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert named in err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["verify"], "microgpt"),
        (["status", "--lab", "nope"], "nope"),
        (["init", "/nowhere"], "microgpt"),
    ],
)
def test_a_failure_is_one_line_on_stderr_and_exit_1(home, refused_command, arguments, named):
    said = refused_command(arguments)
    assert said.out == ""
    assert len(said.splitlines()) == 1
    assert said.kind == "not_found"
    assert named in said


def test_status_without_a_lab_says_what_to_type(home, capsys):
    assert run(["status"]) == 0
    out = capsys.readouterr().out
    assert "autoresearch-mcp init microgpt" in out
    assert out.splitlines()[-1] == snapshot("0 labs, 0 verdicts, 0 kept, 0 runs in progress")


@pytest.mark.slow
def test_init_opens_a_lab_and_says_what_is_next(opened):
    assert re.search(r"val_bpb\b.*\bbits per byte\b.*\blower\b.*\bsealed\b", opened)
    assert "microgpt" in opened.splitlines()[-1]
    assert "autoresearch-mcp connect claude-code" in opened.splitlines()[-1]


@pytest.mark.slow
def test_status_names_what_runs_may_lease(opened, capsys):
    assert run(["status"]) == 0
    assert re.search(r"devices +cpu-0.* of \d+ leased", capsys.readouterr().out)


@pytest.mark.slow
def test_status_and_log_speak_json(opened, capsys):
    assert run(["status", "--json"]) == 0
    [view] = json.loads(capsys.readouterr().out)
    assert view["incumbent"]["experiment"] == "e0"
    assert re.fullmatch(r"cpu-\d+( to cpu-\d+)?, \d+ of \d+ leased", view["devices"])
    assert run(["log", "--json"]) == 0
    [entry] = json.loads(capsys.readouterr().out)
    assert (entry["experiment"], entry["note"]) == ("e0", None)


@pytest.mark.slow
def test_status_says_nothing_of_luck_before_anything_was_judged(opened, capsys):
    assert run(["status"]) == 0
    assert "luck" not in capsys.readouterr().out


@pytest.mark.slow
def test_log_lists_the_experiments(opened, capsys):
    assert run(["log"]) == 0
    out = capsys.readouterr().out
    assert "baseline" in out
    assert out.splitlines()[-1] == snapshot("0 experiments; the kept line: e0")


def test_log_has_a_number_in_every_column_that_a_narrow_terminal_does_not_fold(capsys):
    told = Told(*BASELINE)
    told.propose(hypothesis="longer steps, because the budget is only a few hundred of them")
    late = told.propose()
    for name in ("e1", late):
        told.runs(name, 3.0, 3.01, 3.0, 3.01)
        told.judge(name)
    told.propose()
    begun = started(told.history, "e3")
    told.tell(begun)
    failed = replace(finished(begun.run.id, RunState.CRASHED).report, reason="ValueError: no")
    told.tell(RunFinished(report=failed))
    told.judge("e3")
    show_experiments(told.history, TINY.metric)
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split("  ")[0] == "id"
    assert next(row for row in rows if row.startswith("e0")).split()[:3] == [
        "e0",
        "baseline",
        "3.200",
    ]
    assert "keep" in next(row for row in rows if row.startswith("e1"))
    assert next(row for row in rows if row.startswith("e2")).split()[1:6] == [
        "overtaken",
        "3.005",
        "+0.195",
        "±0.020",
        "4",
    ]
    assert "ValueError: no" in " ".join(" ".join(rows).split())
    assert "+" in rows[-1]  # which sign is better


@pytest.mark.slow
def test_log_of_an_unknown_run_fails_clearly(opened, capsys):
    assert run(["log", "e0-r7"]) == 1
    assert "e0-r7" in capsys.readouterr().err


@pytest.mark.slow
def test_verify_ends_with_figures_and_exit_0(opened, capsys):
    assert run(["verify"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("microgpt: ")
    counts = ("2 events", "1 experiment", "0 verdicts", "0 findings")
    assert all(count in last for count in counts)


@pytest.mark.slow
def test_branch_of_a_shipped_target_says_how_to_get_the_code(opened, capsys):
    assert run(["branch", "best"]) == 1
    assert "git clone" in capsys.readouterr().err


def test_doctor_counts_its_checks(home, capsys):
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"sandbox: {current_sandbox().name}" in out
    assert "0 bad" in out.splitlines()[-1]


def test_doctor_says_that_scaling_laws_cannot_be_fitted_and_what_brings_it(
    home, monkeypatch, capsys
):
    there = find_spec
    monkeypatch.setattr(
        "server.commands.doctor.find_spec", lambda name: None if name == "scipy" else there(name)
    )
    assert run(["doctor", "--json"]) == 0
    [found] = [one for one in json.loads(capsys.readouterr().out) if one["name"] == "scaling"]
    assert found["good"] is None
    assert "fit_scaling" in found["found"]
    assert "[scaling]" in found["remedy"]


def test_doctor_fails_where_the_home_cannot_be_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "file" / "home"))
    assert run(["doctor"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"BAD +home", out)
    assert "1 bad" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (KeyboardInterrupt(), 130, INTERRUPTED_WORDS),
        (LedgerDamagedError("The chain is broken.", "Restore it."), 1, "The chain is broken."),
        (PermissionError(13, "Permission denied", "/root/x"), 1, "Permission denied: /root/x"),
        (RuntimeError("a bug"), 1, "RuntimeError: a bug"),
    ],
)
def test_however_a_command_ends_it_ends_in_words(home, monkeypatch, capsys, raised, status, words):
    def fail(*_, **__):
        raise raised

    monkeypatch.setattr("server.commands.labs.lab_names", fail)
    assert run(["status"]) == status
    assert words in capsys.readouterr().err


def test_demo_refuses_to_try_nothing_before_it_opens_a_lab(tmp_path, refused_command):
    for number in ("0", "-3"):
        said = refused_command(["demo", "--home", str(tmp_path / "demo"), "--experiments", number])
        assert said.code == "lab_error.too_few"
        assert number in said
    assert not (tmp_path / "demo").exists()


def test_demo_refuses_a_folder_that_holds_labs(tmp_path, refused_command):
    (tmp_path / "labs").mkdir()
    said = refused_command(["demo", "--home", str(tmp_path)])
    assert said.code == "lab_error.home_in_use"
    assert "--home" in said


@pytest.mark.slow
def test_the_script_ends_with_the_commands_status(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "autoresearch_mcp", "verify"],
        capture_output=True,
        text=True,
        env=dict(os.environ) | {"AUTORESEARCH_HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("autoresearch-mcp: ")
    assert "microgpt" in done.stderr
