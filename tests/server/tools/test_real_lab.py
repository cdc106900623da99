"""The loop of an agent on a real lab over stdio: real git, real runs, real verdicts."""

import contextlib
import shutil

import psutil
import pytest
from fastmcp import Client
from inline_snapshot import snapshot

from server.app import build_server
from server.sessions.open_labs import HomeLabs
from tests.server.conftest import call, over_stdio, refused
from tests.support.repositories import BETTER, CRASHING, HANGING, WORSE, every_byte, make_repository

pytestmark = pytest.mark.anyio


@pytest.fixture
def repository(measured_home):
    """The repository that the measured lab was opened on."""
    return measured_home.parent / "repository"


@pytest.fixture
def measured(measured_home, tmp_path):
    shutil.copytree(measured_home, tmp_path / "home")


@pytest.fixture
def serve(tmp_path):
    """A server on this test's own home: `async with serve(mode) as client`."""

    def started(mode):
        return over_stdio(
            mode,
            "-m",
            "autoresearch_mcp",
            log=tmp_path / "server.log",
            env={"AUTORESEARCH_HOME": str(tmp_path / "home")},
        )

    return started


@pytest.fixture
def connect_home(mode, tmp_path):
    """A server in this process on this test's own home, which starts nothing by itself."""
    return lambda: Client(build_server(HomeLabs(tmp_path / "home"), tend_s=None), mode=mode)


def edit(change):
    return [{"path": "train.py", "find": change[0], "replace": change[1]}]


async def propose(client, change, **arguments):
    return await call(
        client, "propose_patch", hypothesis="smooth less", edits=edit(change), **arguments
    )


async def to_verdict(client, experiment):
    while True:
        seen = await call(client, "evaluate_metric", experiment=experiment, wait_s=45)
        if "outcome" in seen or "needs" not in seen:
            return seen


def server_processes():
    found = []
    for child in psutil.Process().children():
        told = child.as_dict(["cmdline"], ad_value=[])  # an earlier test's may be a zombie
        if "autoresearch_mcp" in told["cmdline"]:
            found.append(child)
    return found


@pytest.mark.usefixtures("measured")
@pytest.mark.long
async def test_an_agents_loop_keeps_a_gain_and_remembers_why(serve, repository, tmp_path):
    before = every_byte(repository)
    async with serve("auto") as client:
        opened = await call(client, "open_lab", source=str(repository))
        assert opened["lab"] == "tiny"
        baseline = await to_verdict(client, "e0")
        assert baseline["incumbent"]["sigma"] > 0
        code = await call(client, "explain_code_section", section="train.py:SMOOTHING")
        assert code["knobs"][0]["value"] == "30.0"
        proposed = await propose(
            client, BETTER, predicted_effect=0.1, confidence=0.9, model="some-model"
        )
        run = await call(client, "run_training", experiment=proposed["experiment"], wait_s=45)
        assert run["state"] == "finished"
        assert "trained on" not in run["summary"]
        judged = await to_verdict(client, "e1")
        assert (judged["outcome"], judged["moved_incumbent"]) == ("keep", True)
        assert judged["low"] > 0
        concluded = await call(
            client, "conclude_experiment", experiment="e1", lesson="smoothing drowned the counts"
        )
        assert concluded["incumbent"]["experiment"] == "e1"
        assert "90%" in concluded["summary"]
        recalled = await call(client, "recall_experiments", words="drowned")
        assert recalled["experiments"][0]["experiment"] == "e1"
        ledger = (await client.read_resource("lab://tiny/ledger"))[0].text
        diff = (await client.read_resource("lab://tiny/experiments/e1/diff"))[0].text
        log = (await client.read_resource("lab://tiny/runs/e1-r1/log"))[0].text
        curve = (await client.read_resource("lab://tiny/runs/e1-r1/curve"))[0].text
    assert '"client":"test-client"' in ledger
    assert '"model":"some-model"' in ledger
    assert "+SMOOTHING = 0.5" in diff
    assert "trained on" in log
    assert '"loss": 2.5' in curve
    assert "Traceback" not in (tmp_path / "server.log").read_text()
    assert every_byte(repository) == before


@pytest.mark.usefixtures("measured")
@pytest.mark.slow
async def test_a_crash_a_loss_and_a_repeat_each_get_their_word(connect_home):
    async with connect_home() as client:
        await propose(client, CRASHING)
        crashed = await call(client, "run_training", experiment="e1", wait_s=45)
        assert crashed["state"] == "crashed"
        assert crashed["untrusted_exception"] == "ZeroDivisionError: division by zero"
        assert (await to_verdict(client, "e1"))["outcome"] == "crashed"
        await propose(client, WORSE)
        assert (await to_verdict(client, "e2"))["outcome"] == "discard"
        said = await refused(
            client, "propose_patch", hypothesis="the same once more", edits=edit(WORSE)
        )
        assert said.kind == "patch_refused"
        assert "e2" in said
        said = await refused(
            client,
            "propose_patch",
            hypothesis="turn a knob that is not there",
            edits=edit(("nope", "x")),
        )
        assert said.code == "patch_refused.find_absent"
        assert "train.py" in said
        frozen = [{"path": "notes.md", "find": "mine", "replace": "yours"}]
        said = await refused(
            client, "propose_patch", hypothesis="change a frozen file", edits=frozen
        )
        assert said.kind == "patch_refused"
        assert "train.py" in said
        said = await refused(client, "check_run", run="e9-r1")
        assert said.kind == "not_found"
        assert "e2-r1" in said
        assert "Traceback" not in said


@pytest.mark.usefixtures("measured")
@pytest.mark.slow
async def test_a_run_outlives_its_killed_server_and_a_cancelled_call(serve):
    async with serve("auto") as client:
        await propose(client, HANGING)
        run = await call(client, "run_training", experiment="e1")
        with pytest.raises(Exception, match=r"(?i)time"):
            await client.call_tool("check_run", {"run": run["run"], "wait_s": 45}, timeout=0.5)
        still = await call(client, "check_run", run=run["run"], wait_s=0)
        assert still["state"] in ("queued", "training")
        [server] = server_processes()
        server.kill()
        server.wait()
        with contextlib.suppress(Exception):
            await client.ping()
    async with serve("legacy") as client:
        seen = await call(client, "check_run", wait_s=0)
        assert (seen["run"], seen["state"]) == ("e1-r1", "training")
        stopped = await call(client, "stop_run", run="e1-r1")
        assert stopped["state"] == "stopped"
        assert (await to_verdict(client, "e1"))["outcome"] == "discard"


@pytest.mark.parametrize("mode", ["legacy"], indirect=True)
@pytest.mark.long
async def test_two_servers_on_one_lab_agree(serve, connect_home, repository):
    async with serve("auto") as one, connect_home() as other:
        await call(one, "open_lab", source=str(repository))
        await propose(one, BETTER)
        assert (await call(other, "open_lab", source="tiny"))["open_experiments"] == ["e1"]
        assert (await propose(other, WORSE))["experiment"] == "e2"
        assert (await call(one, "open_lab", source="tiny"))["open_experiments"] == ["e1", "e2"]


@pytest.mark.slow
async def test_the_lab_that_is_meant_needs_no_name(connect_home, repository, tmp_path):
    second = make_repository(tmp_path / "second")
    async with connect_home() as client:
        assert "microgpt" in await refused(client, "recall_experiments")
        first = await call(client, "open_lab", source=str(repository))
        later = await call(client, "open_lab", source=str(second))
        assert first["lab"] == "tiny"
        assert later["lab"].startswith("tiny-")
        await propose(client, BETTER)
        assert (await call(client, "open_lab", source="tiny"))["open_experiments"] == []
    async with connect_home() as client:
        said = await refused(client, "check_run", wait_s=0)
        assert first["lab"] in said
        assert later["lab"] in said
        seen = await call(client, "recall_experiments", lab=later["lab"])
        assert seen["summary"] == snapshot("1 matching experiment (1 open).")
