"""How much of a gain holds on data that no verdict looked at, first wherever a lab is shown."""

from dataclasses import replace

import pytest
from inline_snapshot import snapshot

from autoresearch.lab import Lab
from autoresearch.statistics.overfitting import Overfitting
from server.commands import run
from server.scripted_agents.demo import DemoResult
from server.scripted_agents.demo_chart import draw_chart
from server.scripted_agents.demo_report import unseen_data, write_report
from server.views.figures import effect, measured
from server.views.research_views import lab_result
from server.views.trust import unseen_words
from tests.support.fake_lab import RECORD, TIP, FakeLab
from tests.support.instant import InstantExecutor, judge, with_executor
from tests.support.repositories import BETTER, make_repository, propose

FOUND = Overfitting(
    keeps=4,
    claimed=0.045,
    spare=0.041,
    spare_low=0.03,
    spare_high=0.052,
    excess=0.004,
    low=-0.002,
    high=0.01,
)


def overview(found, *, kept=("e0", "e1"), scoring="sealed"):
    lab = FakeLab()
    lab.tip, lab.record = replace(TIP, kept=kept), replace(RECORD, overfitting=found)
    return replace(lab.overview(), scoring=scoring)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            FOUND,
            snapshot(
                "On held-out documents that no verdict looked at, the 4 keeps gained +0.0410 of "
                "the +0.0450 bpb that their verdicts claim (95 % +0.0300 to +0.0520): the gain "
                "holds on documents that selection never saw."
            ),
        ),
        (
            replace(FOUND, low=0.001),
            snapshot(
                "On held-out documents that no verdict looked at, the 4 keeps gained +0.0410 of "
                "the +0.0450 bpb that their verdicts claim (95 % +0.0300 to +0.0520): +0.0040 of "
                "the claim fits the judged documents alone, so expect the smaller gain."
            ),
        ),
        (
            replace(FOUND, spare_low=-0.01),
            snapshot(
                "On held-out documents that no verdict looked at, the 4 keeps gained +0.0410 of "
                "the +0.0450 bpb that their verdicts claim (95 % -0.0100 to +0.0520): whether it "
                "holds on new documents is not shown."
            ),
        ),
        (
            replace(FOUND, keeps=1),
            snapshot(
                "On held-out documents that no verdict looked at, the one keep gained +0.0410 of "
                "the +0.0450 bpb that its verdict claims (95 % +0.0300 to +0.0520): too few keeps "
                "to tell whether the gain fits the judged documents alone; it takes 3."
            ),
        ),
        (
            None,
            snapshot(
                "Its runs were scored on no spare data, so this lab can't tell how much of the "
                "gain fits the judged data alone."
            ),
        ),
    ],
)
def test_one_sentence_says_how_much_of_the_gain_holds_on_unseen_data(found, said):
    view = overview(found)
    assert unseen_words(view) == said
    assert said in lab_result(view).summary


def test_nothing_is_said_before_a_keep_or_of_a_number_that_is_not_sealed():
    assert unseen_words(overview(None, kept=("e0",))) == ""
    assert unseen_words(overview(None, scoring="self-reported")) == ""


def test_numbers_that_repeat_exactly_are_shown_whole_and_without_an_interval():
    assert measured(31.0, "bytes", 0.0) == "31 bytes"
    assert measured(1234567.25, "", 0.0) == "1234567.25"
    assert effect(1.0, 1.0, 1.0, 0.0) == "exactly +1"


def demo_in(home):
    """A demo that tried nothing, in that home."""
    return DemoResult(
        home=home,
        target="tiny",
        metric="val_bpb",
        unit="bits per byte",
        lower_is_better=True,
        scoring="sealed",
        budget="1,500 training tokens",
        sandbox="unsandboxed",
        baseline=2.3,
        sigma=0.001,
        final=2.0,
        final_experiment="e1",
        kept_line=("e0", "e1"),
        trials=(),
        runs=8,
        seconds=1.0,
    )


@pytest.fixture
def kept_home(tmp_path):
    """A home with a lab that kept e1, scored on a spare part too."""
    source = str(make_repository(tmp_path / "repository"))
    lab = with_executor(Lab.open(source, home=tmp_path / "home"), InstantExecutor(apart=0.5))
    while lab.evaluate("e0").needs:
        pass
    judge(lab, propose(lab, BETTER))
    return tmp_path / "home"


@pytest.mark.slow
def test_status_the_report_and_the_chart_lead_with_it(kept_home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUTORESEARCH_HOME", str(kept_home))
    monkeypatch.setenv("COLUMNS", "400")
    assert run(["status"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    names = [" ".join(row[:2]) for row in rows]
    assert names.index("unseen data") < 6
    words = unseen_data(kept_home)
    assert "the one keep gained" in words
    here = demo_in(kept_home)
    write_report(here, tmp_path / "report.md", chart=None, again="a")
    head = (tmp_path / "report.md").read_text().split("\n## ")[0]
    assert words in head
    pytest.importorskip("matplotlib")
    draw_chart(here, tmp_path / "without.png")
    draw_chart(here, tmp_path / "with.png", unseen=words)
    images = [(tmp_path / f"{name}.png").read_bytes() for name in ("without", "with")]
    assert images[1].startswith(b"\x89PNG")
    assert images[0] != images[1]


@pytest.mark.slow
def test_the_log_shows_exact_effects_as_such(tmp_path, monkeypatch, capsys):
    source = str(make_repository(tmp_path / "repository"))
    lab = with_executor(Lab.open(source, home=tmp_path / "home"), InstantExecutor(noise=0.0))
    while lab.evaluate("e0").needs:
        pass
    judge(lab, propose(lab, BETTER))
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["log"]) == 0
    out = capsys.readouterr().out
    assert "exactly +0.295" in out
    assert "±0.0000" not in out
    assert run(["status"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "ignores the lab's seed" in out
