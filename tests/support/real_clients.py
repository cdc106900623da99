"""Claude Code and Codex from their packages, without a login: where they are, how to ask them.

They are looked for in $CLAUDE_CLI and $CODEX_CLI, then on PATH. They get a home folder of their
own, and nothing here reaches their makers: a stand-in on loopback is their model.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.stand_in_model import DONE, StandInModel

CLAUDE = shutil.which(os.environ.get("CLAUDE_CLI") or "claude")
CODEX = shutil.which(os.environ.get("CODEX_CLI") or "codex")
NOWHERE = "http://127.0.0.1:9"
LIMIT_S = 300  # against a client that hangs; machines are slow at times


def missing(client: str, package: str, variable: str) -> str:
    program = package.rpartition("/")[2].partition("@")[0].removesuffix("-code")
    return (
        f"Not tried in the real {client}, which is not here: "
        f"npm install --prefix DIR {package} and set {variable}=DIR/node_modules/.bin/{program}"
    )


needs_claude = pytest.mark.skipif(
    not CLAUDE,
    reason=missing("Claude Code", "@anthropic-ai/claude-code@2.1.332", "CLAUDE_CLI"),
)
needs_codex = pytest.mark.skipif(
    not CODEX, reason=missing("Codex", "@openai/codex@0.171.0", "CODEX_CLI")
)


def bare_environment(home: Path) -> dict[str, str]:
    """The environment of a client that was never used and can reach no model."""
    (home / ".codex").mkdir(parents=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "CODEX_HOME": str(home / ".codex"),
        "ANTHROPIC_BASE_URL": NOWHERE,
        "OPENAI_BASE_URL": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


def run_client(command: list[str], env: Mapping[str, str], folder: Path) -> str:
    """Run a client to its end and return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask_claude(
    model: StandInModel, env: Mapping[str, str], folder: Path, *options: str
) -> list[dict[str, object]]:
    """One turn of Claude Code in a folder, with the servers that its settings there name."""
    command = [str(CLAUDE), "-p", "Go.", "--output-format", "stream-json", "--verbose", *options]
    told = {
        "ANTHROPIC_BASE_URL": model.url,
        "ANTHROPIC_API_KEY": "none",
        "ENABLE_TOOL_SEARCH": "false",  # else the model must look for a server's tools first
        "MCP_CONNECTION_NONBLOCKING": "false",
        "CLAUDE_CODE_MCP_STARTUP_WAIT_MS": "60000",
        "MCP_TIMEOUT": "60000",
    }
    events = [
        json.loads(line) for line in run_client(command, {**env, **told}, folder).splitlines()
    ]
    assert events[-1]["result"] == DONE, events[-1]
    return events


def ask_codex(
    model: StandInModel, env: Mapping[str, str], folder: Path, *options: str
) -> list[dict[str, object]]:
    """One turn of Codex in a folder, with the servers of its own home."""
    settings = {
        "model_provider": "stand_in",
        "model_providers.stand_in.name": "stand-in",
        "model_providers.stand_in.base_url": f"{model.url}/v1",
        "model_providers.stand_in.wire_api": "responses",
        "approval_policy": "never",
    }
    chosen = [part for k, v in settings.items() for part in ("-c", f"{k}={json.dumps(v)}")]
    command = [str(CODEX), "exec", "--json", "--skip-git-repo-check", "-s", "read-only", *chosen]
    said = run_client([*command, "-m", "gpt-5", *options, "Go."], env, folder)
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]
