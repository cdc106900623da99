"""An agent is told when it is done, by whichever tool it asks, in both protocol eras."""

import pytest
from fastmcp import Client

from autoresearch.lab import Lab
from server.app import build_server
from server.commands import run
from server.sessions.teaching_calls import TeachingCalls
from tests.server.conftest import call, refused
from tests.support.fake_lab import FakeLabs
from tests.support.instant import InstantExecutor, with_executor
from tests.support.printed import CONTRACT, make_printed

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
DONE = "It is done"
# As in a public report: 1 of 1 was kept, and the lab asked for the next patch.
BOUNDED = CONTRACT.replace('"score"', '"feature_score"').replace("wall_s = 10", "wall_s = 300")
WORK = "X = 0\nprint('METRIC feature_score=%d' % X)\n"
EDIT = [{"path": "work.py", "find": "X = 0", "replace": "X = 1"}]
AGAIN = [{"path": "work.py", "find": "X = 1", "replace": "X = 2"}]


@pytest.fixture
def open_client(mode, tmp_path):
    """A server in this process on a lab with that end; its runs take no time."""

    def opened(end):
        source = make_printed(
            tmp_path / "repository", {"work.py": WORK}, contract=f"{BOUNDED}{end}"
        )
        lab = Lab.open(str(source), home=tmp_path / "home")
        with_executor(lab, InstantExecutor(file="work.py", knob="X", noise=0.0))
        school = TeachingCalls(tmp_path / "home")
        server = build_server(FakeLabs(lab), look_s=0.0, tend_s=None, school=school)
        return Client(server, mode=mode)

    return opened


async def judged(client, edits):
    """Propose it and bring it to its verdict."""
    proposed = await call(client, "propose_patch", hypothesis="one more feature", edits=edits)
    name = proposed["experiment"]
    await call(client, "run_training", experiment=name, wait_s=5)
    while True:
        seen = await call(client, "evaluate_metric", experiment=name, wait_s=5)
        if "outcome" in seen:
            return seen


async def test_a_goal_that_is_reached_and_confirmed_ends_the_research(
    open_client, tmp_path, monkeypatch, capsys
):
    async with open_client("goal = 2.01\n") as client:
        opened = await call(client, "open_lab", source="printed")
        assert opened["metric"]["goal"] == 2.01
        while (await call(client, "evaluate_metric", experiment="e0", wait_s=5)).get("needs"):
            pass
        kept = await judged(client, EDIT)
        assert kept["outcome"] == "keep"
        kept = await call(client, "evaluate_metric", experiment="e1", wait_s=5)
        assert DONE in kept["next_step"]
        lesson = "the feature was missing"
        told = await call(client, "conclude_experiment", experiment="e1", lesson=lesson)
        seen = await call(client, "open_lab", source="printed")
        recalled = await call(client, "recall_experiments", words="feature")
        code = await call(client, "explain_code_section", section="work.py:1-2")
        for one in (told, seen, recalled, code):
            assert DONE in one["next_step"]
            assert "goal" in one["next_step"]
        assert "goal is reached" in seen["summary"]
        said = await refused(client, "propose_patch", hypothesis="more and more", edits=AGAIN)
    assert said.code == "invalid_state.goal_reached"
    assert "[metric] goal" in said
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    capsys.readouterr()
    assert run(["status"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "goal" in shown
    assert "self-reported" in shown


async def test_a_limit_that_is_used_up_ends_the_research(open_client):
    async with open_client("[stop]\nexperiments = 1\n") as client:
        await judged(client, EDIT)
        seen = await call(client, "evaluate_metric", experiment="e1")
        assert DONE in seen["next_step"]
        said = await refused(client, "propose_patch", hypothesis="more and more", edits=AGAIN)
    assert said.code == "invalid_state.limit_used_up"
    assert "[stop] experiments" in said


async def test_without_an_end_the_next_idea_is_asked_for(open_client):
    async with open_client("") as client:
        kept = await judged(client, EDIT)
        assert DONE not in kept["next_step"]
        told = await call(
            client, "conclude_experiment", experiment="e1", lesson="the feature was missing"
        )
        assert "propose_patch" in told["next_step"]


async def test_a_metric_that_repeats_exactly_is_told_in_words(open_client):
    async with open_client("") as client:
        await call(client, "open_lab", source="printed")
        while True:
            base = await call(client, "evaluate_metric", experiment="e0", wait_s=5)
            if not base.get("needs"):
                break
        seen = await call(client, "open_lab", source="printed")
        kept = await judged(client, EDIT)
    assert "repeats exactly" in base["summary"]
    assert "sigma" not in base["summary"]
    assert base["incumbent"]["sigma"] == 0
    assert "ignores the lab's seed" in kept["summary"]
    assert any("ignores the lab's seed" in notice for notice in seen["notices"])
    assert "the same in every one of 6 runs" in seen["summary"]
