"""The commands `aa-test` and `replay-log`: tables, JSON, refusals, exit status."""

import json

import pytest
from inline_snapshot import snapshot

from server.commands import run
from tests.support.repositories import make_repository

LOG = (
    "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    "baseline\t0.9979\t44.0\tkeep\tbaseline\n"
    "aaaaaaa\t0.9860\t43.9\tkeep\thalve the [batch]\n"
    "bbbbbbb\t0.9859\t43.9\tkeep\twarmdown\n"
    "torn\n"
)


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "results.tsv"
    file.write_text(LOG)
    return file


def test_replay_log_shows_each_keep_and_the_totals(log, capsys, monkeypatch):
    assert run(["replay-log", str(log), "--sigma", "0.0007"]) == 0
    out = capsys.readouterr().out
    assert "halve the [batch]" in out
    assert "line 5" in out
    assert out.splitlines()[-1] == snapshot(
        "3 runs, 2 kept after the first: 1 of them gained less than sigma = 0.0007, "
        "1 stand above the noise; 0.012000 claimed in all"
    )


def test_replay_log_as_json_has_the_same_numbers(log, capsys):
    assert run(["replay-log", str(log), "--sigma", "0.0007", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [keep["stands"] for keep in found["keeps"]] == [True, False]
    assert found["below_sigma"] == 1


def test_replay_log_without_a_sigma_or_a_log_says_so(log, tmp_path, capsys):
    assert run(["replay-log", str(log)]) == 2
    assert "--sigma" in capsys.readouterr().err
    assert run(["replay-log", str(tmp_path / "none.tsv"), "--sigma", "1"]) == 1
    assert "none.tsv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        ([], "lab_error.simulate_or_real", "--real"),
        (["--simulate", "--real", "60"], "lab_error.simulate_or_real", "--simulate"),
        (["--simulate", "--candidates", "0"], "lab_error.not_simulated", "--candidates 0"),
        (["--simulate", "--seed", "-1"], "lab_error.not_simulated", "--seed -1"),
        (["--real", "-3"], "lab_error.too_few", "--real -3"),
    ],
)
def test_aa_test_refuses_what_it_cannot_do_in_one_line(refused_command, arguments, code, named):
    said = refused_command(["aa-test", *arguments])
    assert said.out.strip() == ""
    assert said.code == code
    assert named in said


@pytest.mark.long
def test_aa_test_simulates_and_prints_the_same_table_for_the_same_seed(capsys):
    command = ["aa-test", "--simulate", "--candidates", "10", "--seed", "7"]
    printed = []
    for _ in range(2):
        assert run(command) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    words = " ".join(printed[0].split())
    assert "10 candidates" in words
    assert "judge version 4" in words
    assert "seed 7" in words


@pytest.mark.slow
def test_aa_test_as_json_counts_every_cell(capsys):
    assert run(["aa-test", "--simulate", "--candidates", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = found["simulation"]["rows"]
    assert [row["setting"]["controls"] for row in rows] == [3, 5, 10, 20, 60, 60, 20]
    assert all(cell["candidates"] == 10 for row in rows for cell in row["tallies"])
    assert found["broken"] == []


@pytest.mark.long
def test_aa_test_on_real_runs_prints_how_they_ended_beside_the_rivals(tmp_path, capsys):
    repository = make_repository(tmp_path / "repository")
    assert run(["aa-test", "--real", "3", "--target", str(repository)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "20 controls" in words
    assert "judge version 4" in words
    assert "3 of unchanged code" in words
    assert "tiny" in words
    assert "in 3" in words


def test_aa_test_refuses_fewer_than_one_real_candidate_before_anything_is_opened(capsys):
    assert run(["aa-test", "--real", "-1"]) == 1
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "--real -1" in seen.err


@pytest.mark.slow
def test_aa_test_names_a_target_that_is_not_there(capsys):
    assert run(["aa-test", "--real", "3", "--target", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
