"""What Claude Code and Codex really do with this server: each with a stand-in for its model.

The clients are real and talk to the real server; only the model is played, so that what it is shown
can be read. tests/support/real_clients.py says where they are looked for.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from server.clients.configuration import plan_claude_code, plan_codex
from server.clients.installed import PLUGIN_TOOLS, installed
from server.clients.launch import Launch, passed_on
from server.clients.user_files import apply
from tests.support.paths import ROOT
from tests.support.real_clients import (
    CLAUDE,
    CODEX,
    ask_claude,
    ask_codex,
    bare_environment,
    needs_claude,
    needs_codex,
    run_client,
)
from tests.support.stand_in_model import Call, stand_in_model

READERS = ("check_run", "recall_experiments", "explain_code_section", "show_progress")
SERVER = Launch(sys.executable, ("-m", "autoresearch_mcp"))
PICTURE = Call("explain_code_section", {"section": "softmax", "picture": "attention"})
NO_MATPLOTLIB = "needs pip install 'autoresearch-mcp[plots]'"
REQUIRED = ("-c", "mcp_servers.autoresearch.required=true")  # Codex waits for its start then
PLUGIN = "autoresearch@autoresearch-mcp"
PRODUCT = (
    *(".claude-plugin", ".codex-plugin", "skills", "README.md", "LICENSE", "pyproject.toml"),
    *("microgpt", "autoresearch", "curricula", "server"),
)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of a client that was never used, in which labs live below tmp_path."""
    return {
        **bare_environment(tmp_path / "user"),
        "AUTORESEARCH_HOME": str(tmp_path / "labs"),
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the client works: a project of its user's."""
    made = tmp_path / "project"
    made.mkdir()
    return made


def connect_claude(folder: Path, env: dict[str, str], launch: Launch = SERVER) -> tuple[str, ...]:
    """What `connect claude-code --write` writes; return the options that take it up unasked."""
    home = {"AUTORESEARCH_HOME": env["AUTORESEARCH_HOME"]}
    apply(plan_claude_code(folder, launch, home, READERS))
    return ("--mcp-config", str(folder / ".mcp.json"), "--strict-mcp-config")


def connect_codex(env: dict[str, str], launch: Launch = SERVER) -> None:
    """What `connect codex --write` writes."""
    home = {"AUTORESEARCH_HOME": env["AUTORESEARCH_HOME"]}
    names = passed_on(env)
    apply(plan_codex(Path(env["CODEX_HOME"]), launch, home, READERS, names=names))


def noting(file: Path) -> Launch:
    """The server, started by a shell that first writes down its environment."""
    return Launch("sh", ("-c", f'env > "{file}"; exec "{sys.executable}" -m autoresearch_mcp'))


@pytest.mark.long
@needs_claude
def test_a_picture_and_its_words_reach_the_model_of_claude_code(env, folder):
    pytest.importorskip("matplotlib", reason=NO_MATPLOTLIB)
    options = connect_claude(folder, env)
    with stand_in_model(PICTURE) as model:
        ask_claude(model, env, folder, *options)
    assert {part.kind for part in model.answer()} == {"text", "image"}
    assert "A picture of attention" in model.texts()


@pytest.mark.slow
@needs_codex
def test_a_picture_and_its_words_reach_the_model_of_codex(env, folder):
    pytest.importorskip("matplotlib", reason=NO_MATPLOTLIB)
    connect_codex(env)
    with stand_in_model(PICTURE) as model:
        ask_codex(model, env, folder, *REQUIRED)
    assert {part.kind for part in model.answer()} == {"text", "image"}
    assert "A picture of attention" in model.texts()


@pytest.mark.slow
@needs_claude
def test_claude_code_hands_its_environment_on_so_that_no_name_need_be_written(env, folder):
    seen = folder / "environment"
    options = connect_claude(folder, env, noting(seen))
    told = {**env, "UV_INDEX_URL": "http://index", "SSL_CERT_FILE": "/certificates"}
    with stand_in_model() as model:
        ask_claude(model, told, folder, *options)
    lines = seen.read_text().splitlines()
    for name in ("AUTORESEARCH_HOME", "HTTPS_PROXY", "UV_INDEX_URL", "SSL_CERT_FILE"):
        assert f"{name}={told[name]}" in lines


@pytest.mark.slow
@needs_codex
def test_codex_hands_on_home_proxies_and_what_uv_is_told(env, folder):
    seen = folder / "environment"
    told = {**env, "UV_INDEX_URL": "http://index", "SSL_CERT_FILE": "/certificates", "OTHER": "1"}
    connect_codex(told, noting(seen))
    with stand_in_model() as model:
        ask_codex(model, told, folder, *REQUIRED)
    lines = seen.read_text().splitlines()
    for name in ("AUTORESEARCH_HOME", "HTTPS_PROXY", "UV_INDEX_URL", "SSL_CERT_FILE"):
        assert f"{name}={told[name]}" in lines
    assert "OTHER=1" not in lines  # it does clear the environment


@pytest.mark.long
@needs_claude
def test_claude_code_offers_its_model_the_resources_that_answers_name(env, folder):
    options = connect_claude(folder, env)
    opened = Call("open_lab", {"source": "microgpt"})
    read = Call("ReadMcpResourceTool", {"server": "autoresearch", "uri": "lab://microgpt/contract"})
    with stand_in_model(opened, read) as model:
        ask_claude(model, env, folder, *options, "--allowedTools", "mcp__autoresearch")
    assert "lab://microgpt/contract" in model.texts(0)
    assert "[target]" in model.texts(1)


@pytest.mark.long
@needs_codex
def test_codex_offers_its_model_the_resources_that_answers_name(env, folder):
    connect_codex(env)
    opened = Call("open_lab", {"source": "microgpt"})
    read = Call("read_mcp_resource", {"server": "autoresearch", "uri": "lab://microgpt/contract"})
    with stand_in_model(opened, read) as model:
        approve = 'mcp_servers.autoresearch.default_tools_approval_mode="approve"'
        ask_codex(model, env, folder, *REQUIRED, "-c", approve)
    assert "lab://microgpt/contract" in model.texts(0)
    assert "[target]" in model.texts(1)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What of this repository makes the plugin and its server, as in a fresh clone."""
    made = tmp_path / "clone"
    made.mkdir()
    for name in PRODUCT:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, made / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, made / name)
    return made


def commands_of_the_readme(client: str) -> list[list[str]]:
    """The commands with which the README installs the plugin."""
    [line] = re.findall(rf"^{client} plugin marketplace add .*$", README, re.MULTILINE)
    return [command.split()[1:] for command in line.split(" && ")]


README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def warm(env: dict[str, str]) -> dict[str, str]:
    """The environment with uv's own cache and no proxy to nowhere, so that it can build."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("needs uv on PATH: pip install uv")
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True)
    passed = {name: value for name, value in os.environ.items() if name in passed_on(os.environ)}
    del env["HTTPS_PROXY"]
    return {
        **env,
        **passed,
        **env,
        "UV_CACHE_DIR": cache.stdout.strip(),
        "UV_PYTHON": sys.executable,
    }


def start_once(copy: Path, env: dict[str, str]) -> None:
    """Build the server of a plugin's copy, which a first start does too, but within its limit."""
    source = f"{copy}[scaling]"
    run_client(["uvx", "--from", source, "autoresearch-mcp", "--version"], env, copy)


@pytest.mark.long  # builds the plugin's copy
@pytest.mark.wheel
@needs_claude
def test_the_plugin_of_claude_code_serves_from_its_own_copy_and_reading_is_not_asked_for(
    warm, folder, clone
):
    for command in commands_of_the_readme("claude"):
        run_client([str(CLAUDE), *command], warm, clone)
    found = in_home(warm, "claude-code", folder)
    assert (found.plugin, found.entry) == (PLUGIN, None)
    [copy] = Path(warm["HOME"], ".claude", "plugins", "cache").rglob(".claude-plugin")
    start_once(copy.parent, warm)
    progress = Call("show_progress", {})
    with stand_in_model(progress) as model:
        ask_claude(model, warm, folder)
    assert f"{PLUGIN_TOOLS}show_progress" in model.tools
    assert "permission" in model.texts()  # nothing has allowed it yet
    command = [sys.executable, "-m", "autoresearch_mcp", "connect", "claude-code", "--write"]
    run_client(command, warm, folder)
    assert not (folder / ".mcp.json").exists()
    with stand_in_model(progress) as model:
        ask_claude(model, warm, folder)
    assert "summary" in model.texts()


@pytest.mark.long  # builds the plugin's copy
@pytest.mark.wheel
@needs_codex
def test_the_plugin_of_codex_serves_from_its_own_copy_with_the_home_of_the_shell(
    warm, folder, clone
):
    for command in commands_of_the_readme("codex"):
        run_client([str(CODEX), *command], warm, clone)
    found = in_home(warm, "codex", folder)
    assert (found.plugin, found.entry) == (PLUGIN, None)
    [copy] = Path(warm["CODEX_HOME"], "plugins", "cache").rglob(".codex-plugin")
    start_once(copy.parent, warm)
    lesson = Call("start_lesson", {"folder": str(folder)})
    with stand_in_model(Call("show_progress", {}), Call("start_lesson", {}), lesson) as model:
        ask_codex(model, warm, folder)
    assert "summary" in model.texts(0)
    assert (Path(warm["AUTORESEARCH_HOME"]) / "learners").exists()


def in_home(env: dict[str, str], client: str, folder: Path):
    """What `connect` and the doctor find of a client in this environment."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("CLAUDE_CONFIG_DIR", raising=False)
        for name in ("HOME", "CODEX_HOME"):
            patched.setenv(name, env[name])
        return installed(client, folder)


@pytest.mark.long
@needs_claude
def test_claude_code_takes_up_files_that_had_a_byte_order_mark(env, folder):
    (folder / ".mcp.json").write_bytes(b'\xef\xbb\xbf{"mcpServers": {}}')
    options = connect_claude(folder, env)
    assert json.loads((folder / ".mcp.json").read_text())["mcpServers"].keys() == {"autoresearch"}
    with stand_in_model(Call("show_progress", {})) as model:
        ask_claude(model, env, folder, *options)
    assert "summary" in model.texts()


@pytest.mark.long
@needs_codex
def test_codex_takes_up_a_config_that_had_a_byte_order_mark_and_keeps_what_its_user_set(
    env, folder
):
    config = Path(env["CODEX_HOME"]) / "config.toml"
    theirs = "[mcp_servers.autoresearch]\nenabled = false\ntool_timeout_sec = 900\n"
    config.write_bytes(b"\xef\xbb\xbf" + theirs.encode())
    connect_codex(env)
    server = tomllib.loads(config.read_text())["mcp_servers"]["autoresearch"]
    assert (server["enabled"], server["tool_timeout_sec"]) == (False, 900)
    with stand_in_model() as model:
        ask_codex(model, env, folder)
    assert not [name for name in model.tools if "show_progress" in name]
    config.write_text(config.read_text().replace("enabled = false", "enabled = true"))
    with stand_in_model(Call("show_progress", {})) as model:
        ask_codex(model, env, folder, *REQUIRED)
    assert "summary" in model.texts()
