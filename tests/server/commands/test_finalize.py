"""`finalize` and `league` on the command line, and the report that is written."""

import json
import re

import pytest

from autoresearch.finalization.finalization import Options
from autoresearch.finalization.finalization import finalize as finalize_lab
from server.commands import run
from server.reports.final_report import cell, write_report
from tests.support.passengers import PASSENGERS, copied_lab
from tests.support.repositories import every_byte, git


@pytest.fixture
def lab(passengers_folder, tmp_path, monkeypatch):
    """A lab that kept five, two of them passengers."""
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return copied_lab(passengers_folder, tmp_path)


@pytest.fixture
def measured(lab):
    """The same; what a finalize runs was measured before, in no time."""
    finalize_lab(lab, Options(), lambda *_: None)
    return lab


@pytest.mark.long
def test_a_dry_run_shows_all_and_changes_no_byte(lab, tmp_path, capsys):
    before = every_byte(tmp_path / "repository")
    assert run(["finalize", "--dry-run", "--branch", "best"]) == 0
    out = capsys.readouterr().out
    for keep in ("e1", "e2", "e3", "e4", "e5"):
        assert re.search(rf"^{keep} +left out", out, re.M)
    assert "44 to " in out
    assert "branch: best" in out
    assert re.search(r"5\. e5: smooth less", out)
    assert run(["finalize", "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["fewest_runs"] == 44
    assert [one["keeps"] for one in planned["commits"]] == [[f"e{n}"] for n in range(1, 6)]
    assert every_byte(tmp_path / "repository") == before
    assert not (lab.folder / "finalization").exists()


@pytest.mark.long
def test_the_report_has_what_stood_and_the_table_says_what_was_dropped(measured, tmp_path, capsys):
    assert run(["finalize", "-o", str(tmp_path / "found")]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^e2 +a passenger, dropped", out, re.M)
    assert "Branch autoresearch/tiny-e5, 3 commits" in out
    page = (tmp_path / "found" / "report.md").read_text()
    assert "3 of 5 keeps of tiny stand; dropped: e2, e4." in page
    assert "![What each keep is worth at the end](final.png)" in page
    for chart in ("final.png", "history.png"):
        assert (tmp_path / "found" / chart).read_bytes().startswith(b"\x89PNG")
    assert "| tests none | by hand | 5 | 5 | 3 |" in page
    assert "autoresearch/tiny-e5" in git(tmp_path / "repository", "branch", "--list")


@pytest.mark.long
def test_json_has_the_figures_and_the_league(measured, capsys):
    assert run(["finalize", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["keep"] for one in found["keeps"] if one["dropped"]] == list(PASSENGERS)
    assert found["confirmation"]["unseen"]["low"] < found["confirmation"]["unseen"]["high"]
    assert len(found["confirmation"]["pairs"]) == 8
    assert found["league"][0]["survivors"] == 3
    assert found["branch"] == "autoresearch/tiny-e5"


@pytest.mark.long
def test_the_league_counts_what_stands(measured, capsys):
    assert run(["league"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "1 proposer in 1 lab"
    assert run(["league", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)["proposers"]
    assert (row["labs"], row["experiments"], row["keeps"], row["survivors"]) == (["tiny"], 5, 5, 3)


@pytest.mark.long
def test_without_matplotlib_the_report_has_no_chart_and_says_how_to_get_it(measured, tmp_path):
    def missing(*_):
        raise ImportError("matplotlib")

    found = finalize_lab(measured, Options(), lambda *_: None)
    report = write_report(measured, found, (), tmp_path / "found", draw=missing)
    page = report.page.read_text()
    assert report.charts == ()
    assert "![" not in page
    assert "No charts: `" in page
    assert "[plots]" in page
    assert [path.name for path in (tmp_path / "found").iterdir()] == ["report.md"]


def test_a_home_without_labs_has_an_empty_league(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    assert run(["league"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 proposers in 0 labs"


def test_what_an_agent_wrote_cannot_leave_its_cell():
    wrote = "a | b\n| --- |\n<script> [x](http://y) `z` # h"
    shown = cell(wrote)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[|<\[`#]", shown)
