"""`log --tree` and the resource show the same tree of ideas."""

import json
import shutil

import pytest
from fastmcp import Client

from server.app import build_server
from server.commands import run
from server.sessions.open_labs import HomeLabs

pytestmark = pytest.mark.slow


@pytest.fixture
def home(judged_home, tmp_path, monkeypatch):
    shutil.copytree(judged_home, tmp_path / "home")
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path / "home"


@pytest.fixture
def anyio_backend():
    return "asyncio"


def test_log_prints_each_experiment_below_the_one_it_came_from(home, capsys):
    assert run(["log", "--tree"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].split()[0] for line in lines] == ["e0", "e1", "e2", "e3"]
    assert lines[1].startswith("  e1 keep +")
    assert lines[2].startswith("    e2 discard -")
    assert lines[3] == "    e3 open: smooth even less"


def test_log_gives_the_tree_as_json(home, capsys):
    assert run(["log", "--tree", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["experiment"], one["parent"], one["relation"]) for one in found["ideas"]] == [
        ("e0", None, None),
        ("e1", "e0", "built_on"),
        ("e2", "e1", "built_on"),
        ("e3", "e1", "built_on"),
    ]


@pytest.mark.anyio
async def test_the_resource_is_the_same_tree(home, capsys):
    assert run(["log", "--tree"]) == 0
    printed = capsys.readouterr().out
    async with Client(build_server(HomeLabs(home))) as client:
        [read] = await client.read_resource("lab://tiny/ideas")
    assert read.text == printed
