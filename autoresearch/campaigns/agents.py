"""Agents through their own clients: how each is started, and what its output says. Pure.

Every agent gets this server as its only MCP server and its tools alone: no shell, no file writes,
no network. A client is known by its name; any other command line is started as it is, with the
brief on its standard input and the server's configuration in $AUTORESEARCH_MCP_CONFIG.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autoresearch.campaigns.settings import CLAUDE_CODE, CODEX, SEARCH, agent_words

SERVER = "autoresearch"
CLAUDE_FLAGS = (
    "--mcp-config",
    "--strict-mcp-config",
    "--setting-sources",
    "--allowedTools",
    "--tools",
    "--permission-mode",
    "--output-format",
    "--resume",
)
CODEX_FLAGS = ("--json", "--skip-git-repo-check", "--ignore-user-config", "--disable", "resume")
# Built into Codex, and no part of research: what each would let an agent do outside the lab.
CODEX_OFF = (
    "shell_tool",
    "unified_exec",
    "apps",
    "browser_use",
    "computer_use",
    "image_generation",
    "multi_agent",
    "view_image",
)
CLAUDE_WAITS = {  # for its servers, before the first turn; it waits 5 s by itself
    "MCP_CONNECTION_NONBLOCKING": "false",
    "CLAUDE_CODE_MCP_STARTUP_WAIT_MS": "60000",
    "MCP_TIMEOUT": "60000",
    "MCP_TOOL_TIMEOUT": "120000",
    "ENABLE_TOOL_SEARCH": "false",
    "DISABLE_AUTOUPDATER": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCommand:
    """A command that starts an agent, and what is added to its environment."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def agent_command(
    agent: str,
    *,
    server: Sequence[str],
    server_environment: Mapping[str, str],
    mcp_file: str,
    session: str = "",
    python: str = "python3",
    search_file: str = "",
) -> AgentCommand:
    """Return the command of an agent.

    Args:
        agent: The name of a client, "search", or a command line; words after a client's name are
            handed on to it.
        server: The command of the MCP server.
        server_environment: What that server needs to know of its worker.
        mcp_file: The file with the same in the clients' own form.
        session: A client's session to go on with; "" begins one.
        python: The interpreter that runs a search.
        search_file: The file of a search's settings.
    """
    words = agent_words(agent)
    match words[:1]:
        case [name] if name == CLAUDE_CODE:
            return _claude(words[1:], mcp_file, session)
        case [name] if name == CODEX:
            return _codex(words[1:], server, server_environment, session)
        case [name] if name == SEARCH:
            role = ("-P", "-m", "autoresearch_mcp", "_role", "search", search_file)
            return AgentCommand(words=(python, *role), environment=dict(server_environment))
    told = {**server_environment, "AUTORESEARCH_MCP_CONFIG": mcp_file}
    return AgentCommand(words=tuple(words), environment=told)


def _claude(more: Sequence[str], mcp_file: str, session: str) -> AgentCommand:
    words = (
        *("claude", "-p", "--output-format", "stream-json", "--verbose"),
        *("--mcp-config", mcp_file, "--strict-mcp-config", "--setting-sources", ""),
        *("--tools", "", "--allowedTools", f"mcp__{SERVER}__*", "--permission-mode", "dontAsk"),
        *(("--resume", session) if session else ()),
        *more,
    )
    return AgentCommand(words=words, environment=CLAUDE_WAITS)


def _codex(
    more: Sequence[str],
    server: Sequence[str],
    server_environment: Mapping[str, str],
    session: str,
) -> AgentCommand:
    table = f"mcp_servers.{SERVER}"
    chosen = {
        "approval_policy": "never",
        "sandbox_mode": "read-only",
        "web_search": "disabled",
        f"{table}.command": server[0],
        f"{table}.args": list(server[1:]),
        f"{table}.default_tools_approval_mode": "approve",
        f"{table}.required": True,
        f"{table}.startup_timeout_sec": 60,
        f"{table}.tool_timeout_sec": 120,
        **{f"{table}.env.{key}": value for key, value in server_environment.items()},
    }
    options = [word for key, value in chosen.items() for word in ("-c", f"{key}={_toml(value)}")]
    off = [word for feature in CODEX_OFF for word in ("--disable", feature)]
    resumed = ("resume", session) if session else ()
    start = ("codex", "exec", *resumed, "--json", "--skip-git-repo-check", "--ignore-user-config")
    words = (*start, *options, *off)
    return AgentCommand(words=(*words, *more, "-"))


def _toml(value: object) -> str:
    return json.dumps(value)  # of strings, lists of strings, numbers and truth values


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """Report of an agent, read off its output so far."""

    session: str = ""
    tokens: int = 0
    money: float = 0.0  # US dollars, as the client estimates them
    connected: bool | None = None  # to this server; None: it does not say
    finished: bool = False  # its last line is a result that says success
    error: str = ""  # what the client says went wrong


def read_line(agent: str, report: AgentReport, line: bytes) -> AgentReport:
    """Return the report after one more line of an agent's output; other lines change nothing."""
    try:
        event = json.loads(line)
    except ValueError:
        return report
    if not isinstance(event, dict):
        return report
    match agent_words(agent)[:1]:
        case [name] if name == CLAUDE_CODE:
            return _read_claude(report, event)
        case [name] if name == CODEX:
            return _read_codex(report, event)
    return report


def _read_claude(report: AgentReport, event: Mapping[str, object]) -> AgentReport:
    session = event.get("session_id")
    known = session if isinstance(session, str) and session else report.session
    match event.get("type"), event.get("subtype"):
        case "system", "init":
            servers = event.get("mcp_servers")
            listed = servers if isinstance(servers, list) else []
            states = [one for one in listed if isinstance(one, dict)]
            ours = [one.get("status") for one in states if one.get("name") == SERVER]
            return _with(report, session=known, connected="connected" in ours)
        case "system", "api_retry":
            tries = f"{event.get('attempt')} of {event.get('max_retries')}"
            return _with(report, error=f"its model could not be reached (attempt {tries})")
        case "result", subtype:
            failed = bool(event.get("is_error")) or subtype != "success"
            words = event.get("result")
            return _with(
                report,
                session=known,
                tokens=_tokens(event.get("usage")) or report.tokens,
                money=_money(event.get("total_cost_usd")),
                finished=not failed,
                error=_words(words, str(subtype)) if failed else "",
            )
        case "assistant", _:
            message = event.get("message")
            usage = message.get("usage") if isinstance(message, dict) else None
            spent = report.tokens + _tokens(usage)
            return _with(report, session=known, tokens=spent, error="")
    return _with(report, session=known)


def _read_codex(report: AgentReport, event: Mapping[str, object]) -> AgentReport:
    match event.get("type"):
        case "thread.started":
            thread = event.get("thread_id")
            known = thread if isinstance(thread, str) else report.session
            return _with(report, session=known, connected=True)  # a required server is there
        case "turn.completed":
            spent = report.tokens + _tokens(event.get("usage"))
            return _with(report, tokens=spent, finished=True, error="")
        case "turn.failed" | "error":
            words = event.get("error", event.get("message"))
            told = words.get("message") if isinstance(words, dict) else words
            return _with(report, finished=False, error=_words(told, "turn.failed"))
    return report


def _with(report: AgentReport, **changes: object) -> AgentReport:
    values = {name: getattr(report, name) for name in AgentReport.__dataclass_fields__}
    return AgentReport(**{**values, **changes})


def _tokens(usage: object) -> int:
    """Return the tokens of a client's usage record, read and written, the cached ones too."""
    if not isinstance(usage, dict):
        return 0
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens")
    return sum(n for n in (usage.get(name) for name in names) if type(n) is int and n > 0)


def _money(value: object) -> float:
    if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
        return float(value)
    return 0.0


def _words(value: object, otherwise: str) -> str:
    text = value if isinstance(value, str) and value.strip() else otherwise
    return " ".join(text.split())[:300]


def mcp_configuration(server: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the file with which Claude Code, and many others, are told of one MCP server."""
    told = {"command": server[0], "args": list(server[1:]), "env": dict(environment)}
    return json.dumps({"mcpServers": {SERVER: told}}, indent=1)
