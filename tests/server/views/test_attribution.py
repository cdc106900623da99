"""On a target that prints its own number, every tool and every command says self-reported."""

import json
import shutil

import pytest
from fastmcp import Client

from autoresearch.finalization.finalization import Options, finalize
from autoresearch.lab import Lab
from server.app import build_server
from server.commands import build_app, run
from server.sessions.open_labs import HomeLabs
from server.views.attribution import who_says
from tests.server.conftest import call
from tests.support.instant import InstantExecutor, judge, with_executor
from tests.support.printed import BETTER, CONTRACT, make_printed, propose_work

pytestmark = pytest.mark.anyio
WORD = "self-reported"
LOWER = CONTRACT.replace('"max"', '"min"').replace("wall_s = 10", "wall_s = 300")
STARTED, CONTROL = "e3-r1", "e0-r1"
TOOLS = {
    "open_lab": {"source": "printed"},
    "propose_patch": {
        "hypothesis": "half a step should weigh less",
        "edits": [{"path": "work.py", "find": BETTER[1], "replace": "STEP = 0.5"}],
    },
    "run_training": {"experiment": "e3", "wait_s": 30},
    "check_run": {"run": CONTROL, "detail": True},
    "stop_run": {"run": "e2-r1"},
    "evaluate_metric": {"experiment": "e1"},
    "conclude_experiment": {"experiment": "e1", "lesson": "a smaller step weighs less"},
    "recall_experiments": {"words": "step"},
    "explain_code_section": {"section": "work.py:1-9"},
}
COMMANDS = {
    "status": (),
    "log": (),
    "log of a run": ("log", CONTROL),
    "log as a table": ("log", "--tsv"),
    "verify": (),
    "branch": ("branch", "better"),
    "replay": ("replay", CONTROL),
    "finalize": (),  # its runs were made before
}
# They show no number of a lab's on a user's repository.
SCALING = {"fit_scaling", "scale"}  # many runs: tests/autoresearch/loop/test_scaling.py asks these
OTHERS = {
    *("demo", "connect", "init", "redteam", "aa-test", "replay-log", "doctor", "teach", "serve"),
    *("league", "search", "campaign"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A home and its repository: e0 measured, e1 kept, e2 with a run that goes on, e3 without."""
    folder = tmp_path_factory.mktemp("printed")
    source = make_printed(folder / "repository", contract=LOWER)
    lab = Lab.open(str(source), home=folder / "home")
    with_executor(lab, InstantExecutor(file="work.py", knob="STEP"))
    while lab.evaluate("e0").needs:
        pass
    judge(lab, propose_work(lab, BETTER))
    finalize(lab, Options(), lambda *_: None)
    propose_work(lab, (BETTER[1], "STEP = 0.9\nimport time\ntime.sleep(1e6)"))
    propose_work(lab, (BETTER[1], "STEP = 0.8"))
    return folder


@pytest.fixture
def printed(made, tmp_path, monkeypatch):
    """The same for one test alone."""
    shutil.copytree(made / "home", tmp_path / "home")
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    return Lab.reopen("printed", home=tmp_path / "home")


@pytest.mark.slow
async def test_every_research_tool_says_who_says_the_numbers(printed, mode, tmp_path):
    server = build_server(HomeLabs(tmp_path / "home"), tend_s=None, toolset="research")
    said = who_says(printed.contract.metric)
    assert WORD in said
    async with Client(server, mode=mode) as client:
        names = {tool.name for tool in await client.list_tools()}
        assert names - SCALING == set(TOOLS)
        await call(client, "run_training", experiment="e2")
        for name in sorted(TOOLS):
            seen = await call(client, name, **TOOLS[name])
            assert said in seen["summary"], (name, seen)


@pytest.mark.slow
async def test_every_command_says_who_says_the_numbers(printed, capsys):
    ours = {name for name in build_app() if not name.startswith("-")}
    assert ours - OTHERS - SCALING == {
        arguments[0] if arguments else name for name, arguments in COMMANDS.items()
    }
    for name, arguments in COMMANDS.items():
        assert run(arguments or [name]) == 0
        assert WORD in capsys.readouterr().out, name
    for name in ("status", "log", "verify"):
        assert run([*(COMMANDS[name] or [name]), "--json"]) == 0
        assert WORD in json.dumps(json.loads(capsys.readouterr().out)), name


@pytest.mark.slow
async def test_the_judges_own_sentences_say_it_too(printed):
    verdict = printed.history().verdicts["e1"]
    assert WORD in verdict.sentence
    assert printed.verify().ok, printed.verify().findings


@pytest.mark.slow
async def test_a_sealed_lab_says_nothing_of_the_kind(judged_home, tmp_path, monkeypatch, capsys):
    shutil.copytree(judged_home, tmp_path / "home")
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    for command in ("status", "log", "verify"):
        assert run([command]) == 0
    assert WORD not in capsys.readouterr().out
