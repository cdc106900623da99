"""The demo: its proposer, its report and chart, and the whole of it on the real target."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from inline_snapshot import snapshot

from autoresearch.redteam.arena import open_arena
from server.commands import run
from server.commands.demo import figures_of
from server.scripted_agents.demo import EXPERIMENTS, DemoResult, Trial, run_demo
from server.scripted_agents.demo_chart import draw_chart
from server.scripted_agents.demo_experiments import CHEAT, MOVES, DemoProposer, Move
from server.scripted_agents.demo_report import write_report
from tests.support.paths import ROOT

KNOBS = {
    "LEARNING_RATE": "0.01",
    "BATCH": "64",
    "HEADS": "4",
    "WIDTH": "16",
    "BETA1": "0.85",
    "WARMUP": "0.0",
    "FINAL_RATE": "0.0",
}
TRIAL = Trial(
    experiment="e1",
    change="LEARNING_RATE 0.01 → 0.02",
    hypothesis="longer steps",
    outcome="keep",
    effect=0.03,
    low=0.02,
    high=0.04,
    predicted=0.03,
    confidence=0.6,
    runs=4,
    verdict="+0.0300 bits per byte over 4 runs: keep",
    incumbent=3.30,
)
DROPPED = replace(TRIAL, experiment="e2", outcome="discard", effect=-0.01, low=-0.02, high=0.0)
CRASHED = replace(
    TRIAL, experiment="e3", outcome="crashed", effect=None, low=None, high=None, verdict="a | b"
)


def result(*trials):
    return DemoResult(
        home=Path("/demo"),
        target="microgpt",
        metric="val_bpb",
        unit="bits per byte",
        lower_is_better=True,
        scoring="sealed",
        budget="300,000 training tokens",
        sandbox="unsandboxed",
        baseline=3.33,
        sigma=0.006,
        final=3.30,
        final_experiment="e1",
        kept_line=("e0", "e1"),
        trials=trials,
        runs=12,
        seconds=61.2,
    )


def test_the_proposer_turns_each_knob_once_from_the_value_it_has_now():
    proposer = DemoProposer(most=20)
    patches = list(iter(lambda: proposer.next(KNOBS), None))
    assert [p.move.knob for p in patches if not p.cheat] == [move.knob for move in MOVES]
    assert patches[2] == CHEAT
    assert ("BATCH = 64", "BATCH = 128") in [(patch.find, patch.replace) for patch in patches]
    assert ("WARMUP = 0.0", "WARMUP = 0.05") in [(patch.find, patch.replace) for patch in patches]


def test_the_proposer_skips_knobs_that_are_not_there_or_already_so():
    proposer = DemoProposer(most=20)
    assert proposer.next({"BETA1": "0.95", "WIDTH": "4 * HEADS"}) is None


def test_the_proposer_stops_at_its_limit():
    proposer = DemoProposer(most=2)
    assert len(list(iter(lambda: proposer.next(KNOBS), None))) == 2


def test_a_kept_move_is_pushed_as_often_as_it_may_be():
    move = Move(knob="WIDTH", factor=2.0, why="w", effect=0.04, confidence=0.6, pushes=1)
    proposer = DemoProposer(20, (move,), cheat=None)
    first = proposer.next(KNOBS)
    proposer.learn(first.move, kept=True)
    second = proposer.next({"WIDTH": "32"})
    assert second.change == "WIDTH 32 → 64"
    proposer.learn(second.move, kept=True)
    assert proposer.next({"WIDTH": "64"}) is None


def test_a_patch_that_was_overtaken_is_tried_once_more_and_does_not_count_twice():
    proposer = DemoProposer(most=1)
    patch = proposer.next(KNOBS)
    assert proposer.try_again(patch.move)
    assert proposer.next(KNOBS).move == patch.move
    assert not proposer.try_again(patch.move)
    assert proposer.next(KNOBS) is None


def test_the_report_says_what_was_kept_and_what_was_dropped_and_why(tmp_path):
    write_report(
        result(TRIAL, DROPPED, CRASHED),
        tmp_path / "report.md",
        chart=tmp_path / "chart.png",
        again="autoresearch-mcp",
    )
    text = (tmp_path / "report.md").read_text()
    head, kept, dropped, predictions, _ = text.split("\n## ")
    assert "| e1 | `LEARNING_RATE 0.01 → 0.02` | +0.0300 (95 % +0.0200 to +0.0400) |" in kept
    assert "e0 → e1" in kept
    assert "![" in head
    assert "| e2 |" in dropped
    assert "| e3 |" in dropped
    assert "a \\| b" in dropped
    assert predictions == snapshot(
        """\
Predictions

Effects whose interval leaves out zero: 1. Of these, predicted in the right direction: 1.
"""
    )
    assert "held-out" in head
    assert "unsandboxed" in head


@pytest.mark.slow
def test_the_report_says_nothing_of_trust_in_a_lab_that_judged_nothing(measured_home, tmp_path):
    home = shutil.copytree(measured_home, tmp_path / "home")
    here = replace(result(TRIAL), home=home)
    write_report(here, tmp_path / "report.md", chart=None, again="a")
    text = (tmp_path / "report.md").read_text()
    assert "false keeps" not in text
    assert "Brier" not in text


def test_the_report_says_that_the_cheat_was_caught(tmp_path):
    cheat = replace(CRASHED, cheat=True, hypothesis="it learns while it is scored")
    write_report(result(TRIAL, cheat), tmp_path / "report.md", chart=None, again="a")
    text = (tmp_path / "report.md").read_text()
    [line] = [line for line in text.splitlines() if cheat.hypothesis in line and line[0] == "e"]
    assert line == snapshot(
        "e3 was a cheat, put there on purpose: it learns while it is scored. It was caught: a | b."
    )


def test_a_cheat_that_was_judged_better_is_not_caught_though_another_keep_overtook_it(tmp_path):
    late = replace(TRIAL, outcome="overtaken", cheat=True)
    assert figures_of(result(late))["cheats_caught"] == 0
    assert figures_of(result(replace(CRASHED, cheat=True)))["cheats_caught"] == 1
    write_report(result(late), tmp_path / "report.md", chart=None, again="a")
    text = (tmp_path / "report.md").read_text()
    [line] = [line for line in text.splitlines() if line.startswith("e1 ")]
    assert line == snapshot(
        "e1 was a cheat, put there on purpose: longer steps. It was judged better, which it should "
        "not have been: +0.0300 bits per byte over 4 runs: keep."
    )


def test_the_cheat_of_the_demo_still_fits_the_target():
    train = ROOT / "autoresearch" / "targets" / "microgpt" / "train.py"
    assert train.read_text().count(CHEAT.find) == 1


def test_a_report_on_numbers_that_the_lab_did_not_compute_says_who_said_them(tmp_path):
    own = replace(result(TRIAL), scoring="self-reported")
    write_report(own, tmp_path / "report.md", chart=None, again="autoresearch-mcp")
    text = (tmp_path / "report.md").read_text()
    assert "self-reported" in text
    assert "unsandboxed" in text


def test_a_report_without_a_keep_or_a_chart_still_reads(tmp_path):
    write_report(result(DROPPED), tmp_path / "report.md", chart=None, again="a")
    text = (tmp_path / "report.md").read_text()
    assert text.split("\n## ")[1] == snapshot(
        """\
Kept

Nothing was better beyond reasonable doubt.
"""
    )
    assert "![" not in text


@pytest.mark.slow
def test_the_chart_is_a_png_whatever_the_outcomes(tmp_path):
    pytest.importorskip("matplotlib")
    for n, trials in enumerate([(TRIAL, DROPPED, CRASHED), (CRASHED,), ()]):
        draw_chart(result(*trials), tmp_path / f"{n}.png")
        assert (tmp_path / f"{n}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_on_a_small_copy_of_its_target_the_demo_catches_its_cheat(tmp_path, monkeypatch, capsys):
    source = open_arena("microgpt", tmp_path).settings.source
    home = tmp_path / "demo"
    few = tuple(move for move in MOVES if move.knob in ("HEADS", "BATCH"))
    proposer = DemoProposer(3, few)
    found = anyio.run(lambda: run_demo(home, lambda *_: None, source=source, proposer=proposer))
    assert [trial.outcome for trial in found.cheats] == ["crashed"]
    assert not any(trial.fooled for trial in found.trials)
    assert len(found.trials) >= 3
    assert found.sigma > 0
    monkeypatch.setenv("AUTORESEARCH_HOME", str(home))
    assert run(["verify"]) == 0
    assert "0 findings" in capsys.readouterr().out


@pytest.mark.long
def test_the_demo_leaves_a_lab_that_verifies_a_report_and_a_chart(tmp_path, monkeypatch, capsys):
    home = tmp_path / "demo"
    assert run(["demo", "--home", str(home), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    outcomes = {one["change"].split()[0]: one["outcome"] for one in report["experiments"]}
    assert len(outcomes) >= EXPERIMENTS - 2
    assert outcomes["HEADS"] == "crashed"
    assert [one["outcome"] for one in report["experiments"] if one["cheat"]] == ["crashed"]
    assert report["cheats_caught"] == 1
    assert report["sigma"] > 0
    assert (home / "report.md").read_text().startswith("# microgpt: ")
    assert Path(report["chart"]).exists()
    monkeypatch.setenv("AUTORESEARCH_HOME", str(home))
    assert run(["verify"]) == 0
    assert "0 findings" in capsys.readouterr().out
