"""The plugin: one folder that the real Claude Code and the real Codex install, without a model.

The clients are looked for in $CLAUDE_CLI and $CODEX_CLI, then on PATH. They get a home folder of
their own, and nothing here needs a login or reaches their makers.
"""

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from server.clients.launch import PASSED_ON
from server.clients.skills import plan_skills, shipped
from server.clients.user_files import apply
from server.commands import build_app
from server.tools.teaching import OWN_FOLDER
from tests.support.paths import ROOT
from tests.support.real_clients import (
    CLAUDE,
    CODEX,
    LIMIT_S,
    bare_environment,
    needs_claude,
    needs_codex,
    run_client,
)

MANIFEST = ROOT / ".claude-plugin" / "plugin.json"
OF_CODEX = ROOT / ".codex-plugin" / "plugin.json"
MARKETPLACE = ROOT / ".claude-plugin" / "marketplace.json"
SKILLS = sorted(path.parent.name for path in (ROOT / "skills").glob("*/SKILL.md"))
CARRIED = (".claude-plugin", ".codex-plugin", "skills", "README.md", "LICENSE")

Run = Callable[..., str]


def read(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text("utf-8"))
    assert isinstance(content, dict)
    return content


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """What of the repository makes the plugin: the rest would only be copied along."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    for name in CARRIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    return bare_environment(tmp_path / "home")


@pytest.fixture
def run(bare: dict[str, str], tmp_path: Path) -> Run:
    return lambda *command: run_client(list(command), bare, tmp_path)


def test_the_marketplace_offers_the_plugin_that_lies_beside_it() -> None:
    [offered] = read(MARKETPLACE)["plugins"]
    assert offered["name"] == read(MANIFEST)["name"]
    assert (ROOT / offered["source"] / ".claude-plugin" / "plugin.json").exists()


@pytest.mark.parametrize("manifest", [MANIFEST, OF_CODEX], ids=["claude", "codex"])
def test_the_plugin_has_the_products_version_and_command(manifest: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert read(manifest)["version"] == project["version"]
    [server] = read(manifest)["mcpServers"].values()
    assert server["args"][-1] == project["name"]
    assert project["name"] in project["scripts"]


def test_the_plugin_starts_its_own_copy_with_all_that_its_tools_need() -> None:
    [claude] = read(MANIFEST)["mcpServers"].values()
    [codex] = read(OF_CODEX)["mcpServers"].values()
    assert (claude["command"], codex["command"]) == ("uvx", "uvx")
    assert claude["args"][:2] == ["--from", "${CLAUDE_PLUGIN_ROOT}[scaling]"]
    assert codex["args"][:2] == ["--from", ".[scaling]"]
    assert codex["cwd"] == "."  # Codex takes it as the plugin's folder, and fills in no variable
    assert codex["env"] == {OWN_FOLDER: "1"}  # so the server does not take it for the learner's


def test_the_stop_hook_is_a_command_of_the_servers_own_copy() -> None:
    [group] = read(MANIFEST)["hooks"]["Stop"]
    [hook] = group["hooks"]
    words = shlex.split(hook["command"])
    assert words[:4] == ["uvx", *read(MANIFEST)["mcpServers"]["autoresearch"]["args"]]
    assert callable(build_app("campaign")["campaign"][words[-1]].default_command)
    assert words[4:-1] == ["campaign"]


def test_both_clients_are_told_the_same_of_the_plugin() -> None:
    alike = ("name", "version", "description", "author", "license", "keywords")
    assert {key: read(MANIFEST)[key] for key in alike} == {
        key: read(OF_CODEX)[key] for key in alike
    }


def test_codex_hands_on_to_the_plugins_server_what_connect_would_name() -> None:
    [server] = read(OF_CODEX)["mcpServers"].values()
    assert set(PASSED_ON) <= set(server["env_vars"])
    assert {"UV_CACHE_DIR", "UV_INDEX_URL", "UV_OFFLINE"} <= set(server["env_vars"])


@pytest.mark.slow
@needs_claude
def test_claude_code_finds_nothing_wrong_with_the_plugin(plugin: Path, run: Run) -> None:
    said = run(str(CLAUDE), "plugin", "validate", str(plugin))
    assert "Validation passed" in said
    assert set(re.findall(r"autoresearch:([a-z-]+)", said)) == set(SKILLS)


@pytest.mark.slow
@needs_claude
def test_claude_code_refuses_a_plugin_that_is_broken(plugin: Path, run: Run) -> None:
    (plugin / ".claude-plugin" / "plugin.json").write_text('{"name": 3}')
    with pytest.raises(AssertionError, match="name"):
        run(str(CLAUDE), "plugin", "validate", str(plugin))


@pytest.mark.slow
@needs_claude
def test_claude_code_installs_the_plugin_with_its_skills_and_server(plugin: Path, run: Run) -> None:
    run(str(CLAUDE), "plugin", "marketplace", "add", str(plugin))
    run(str(CLAUDE), "plugin", "install", "autoresearch@autoresearch-mcp")
    details = run(str(CLAUDE), "plugin", "details", "autoresearch@autoresearch-mcp")
    assert f"Skills ({len(SKILLS)})" in details
    assert all(skill in details for skill in SKILLS)
    assert "MCP servers (1)  autoresearch" in details


@pytest.mark.slow
@needs_codex
def test_codex_installs_the_same_folder_with_its_skills_and_server(
    plugin: Path, bare: dict[str, str], run: Run
) -> None:
    run(str(CODEX), "plugin", "marketplace", "add", str(plugin))
    run(str(CODEX), "plugin", "add", "autoresearch@autoresearch-mcp")
    [server] = [line for line in run(str(CODEX), "mcp", "list").splitlines() if "uvx" in line]
    assert server.split()[:4] == ["autoresearch", "uvx", "--from", ".[scaling]"]
    found = {name for name, _ in codex_skills(bare, plugin.parent)}
    assert {f"autoresearch:{skill}" for skill in SKILLS} <= found


@pytest.mark.slow
@needs_claude
def test_claude_code_finds_the_skills_where_connect_puts_them(
    bare: dict[str, str], tmp_path: Path
) -> None:
    apply(plan_skills(tmp_path / ".claude" / "skills", shipped()).plans)
    assert {f"{skill} (project)" for skill in SKILLS} <= set(claude_skills(bare, tmp_path))


@pytest.mark.slow
@needs_codex
def test_codex_finds_the_skills_where_connect_puts_them(
    bare: dict[str, str], tmp_path: Path
) -> None:
    folder = Path(bare["HOME"]) / ".agents" / "skills"
    apply(plan_skills(folder, shipped()).plans)
    found = dict(codex_skills(bare, tmp_path))
    assert set(SKILLS) <= found.keys()
    assert Path(found["teach-microgpt"]) == folder / "teach-microgpt" / "SKILL.md"


def claude_skills(env: dict[str, str], folder: Path) -> list[str]:
    """Name and origin of each skill that Claude Code has in this folder, without a model."""
    stream = ("--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
    command = (str(CLAUDE), "-p", *stream, "--strict-mcp-config")
    with talking(command, {**env, "ANTHROPIC_API_KEY": "none"}, folder) as ask:
        request = {"request_id": "1", "request": {"subtype": "initialize"}}
        answer = ask("control_response", {"type": "control_request", **request})
    listed = answer["response"]["response"]["commands"]
    origins = [(one["name"], one["description"].rpartition(" (")[2]) for one in listed]
    return [f"{name} ({origin}" for name, origin in origins]


def codex_skills(env: dict[str, str], folder: Path) -> list[tuple[str, str]]:
    """Name and path of each skill that Codex has for a session in this folder, without a model."""
    with talking((str(CODEX), "app-server"), env, folder) as ask:
        info = {"clientInfo": {"name": "tests", "version": "1"}}
        ask("result", {"id": 1, "method": "initialize", "params": info})
        ask("", {"method": "initialized"})
        where = {"cwds": [str(folder)]}
        listed = ask("result", {"id": 2, "method": "skills/list", "params": where})
    [entry] = listed["result"]["data"]
    assert entry["errors"] == []
    return [(skill["name"], skill["path"]) for skill in entry["skills"]]


@contextmanager
def talking(
    command: tuple[str, ...], env: dict[str, str], folder: Path
) -> Iterator[Callable[[str, dict[str, Any]], dict[str, Any]]]:
    """A client in JSON lines: what it gives takes a message, and waits for an answer that has it.

    Without a mark to wait for, nothing is waited for. A client that says nothing is ended.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as client:
        assert client.stdin and client.stdout
        said, lines = client.stdin, client.stdout

        def ask(mark: str, message: dict[str, Any]) -> dict[str, Any]:
            said.write(json.dumps(message) + "\n")
            said.flush()
            return next(has(mark, lines)) if mark else {}

        watchdog = Timer(LIMIT_S, client.kill)
        watchdog.start()
        try:
            yield ask
        finally:
            watchdog.cancel()
            client.kill()


def has(mark: str, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Those answers whose type or one of whose keys is the mark."""
    for line in lines:
        answer = json.loads(line)
        if mark in answer or answer.get("type") == mark:
            yield answer
