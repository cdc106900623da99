"""Configuration of Claude Code and Codex, merged into what is already there.

Pure functions from a file's text to its new text. Nothing that another program put there is
changed, and a file that cannot be understood is refused, not overwritten. Of our own server's
entry, command, arguments and the lab's own variables are ours; every other key is its user's.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autoresearch.errors import LabError
from autoresearch.system.home import HOME
from server.clients.launch import PASSED_ON, Launch
from server.clients.toml_edits import Fields, NotEditableError, block, set_table
from server.clients.user_files import Plan, read_text, with_line_ends_of

NAME = "autoresearch"
START_LIMIT_S = 60
CALL_LIMIT_S = 120  # no tool waits longer than 45 s

SERVERS = "mcp_servers"  # the table of Codex's servers
LIMITS = ("startup_timeout_sec", "tool_timeout_sec")
OLD_START_LIMIT = "startup_timeout_ms"  # which Codex reads too
# What an entry has that reaches its server by HTTP: it cannot stand beside a command.
REMOTE = (
    "url",
    "headers",
    "headersHelper",
    "oauth",
    "bearer_token_env_var",
    "http_headers",
    "env_http_headers",
)


def plan_claude_code(
    folder: Path, launch: Launch, env: dict[str, str], readers: Sequence[str], *, home: str = ""
) -> list[Plan]:
    """`.mcp.json` and this user's local settings, both in one project's folder.

    Claude Code gives a server its own whole environment, so no variable is named for it.
    """
    return [
        _plan_json(folder / ".mcp.json", lambda there: _with_server(there, launch, env, home)),
        plan_claude_rules(folder, [f"mcp__{NAME}__{tool}" for tool in readers]),
    ]


def plan_claude_rules(folder: Path, allowed: Sequence[str]) -> Plan:
    """This user's local settings of one project: the tools that need no question, and a limit."""
    ours = {
        "permissions": {"allow": list(allowed)},
        "env": {"MCP_TIMEOUT": str(START_LIMIT_S * 1000)},
    }
    return _plan_json(folder / ".claude" / "settings.local.json", lambda _: (ours, ()))


def plan_codex(
    folder: Path,
    launch: Launch,
    env: dict[str, str],
    readers: Sequence[str],
    *,
    home: str = "",
    names: Sequence[str] = PASSED_ON,
) -> list[Plan]:
    """config.toml in Codex's home folder; Codex hands on no variable that is not named there."""
    return [plan_toml(folder / "config.toml", codex_table(launch, env, readers, names), home=home)]


def codex_table(
    launch: Launch,
    env: dict[str, str],
    readers: Sequence[str],
    names: Sequence[str] = PASSED_ON,
) -> dict[str, Any]:
    """Return the table of our server in Codex's config.toml."""
    table: dict[str, Any] = {
        "command": launch.command,
        "args": list(launch.args),
        "env_vars": [name for name in names if name not in env],
        "startup_timeout_sec": START_LIMIT_S,
        "tool_timeout_sec": CALL_LIMIT_S,
    }
    if env:
        table["env"] = dict(env)
    if readers:
        table["tools"] = {tool: {"approval_mode": "approve"} for tool in readers}
    return table


def plan_toml(path: Path, ours: dict[str, Any], *, home: str = "") -> Plan:
    """Bring our table of `mcp_servers` up to date; comments, order and all else stay."""
    before = read_text(path)
    shown = block((SERVERS, NAME), ours)
    notes: list[str] = []

    def merge_ours(old: Fields) -> Fields:
        merged, said = _codex_merged(old, ours, home)
        notes[:] = [f"{path}: {one}" for one in said]
        return merged

    try:
        text = set_table(before or "", (SERVERS, NAME), merge_ours)
    except NotEditableError as error:
        raise LabError(
            f"The new tables can't be added to {path}: {error}.",
            f"Add them by hand:\n{shown}",
            reason="not_mergeable",
        ) from error
    return Plan(path, with_line_ends_of(before, text), shown, before, notes=tuple(notes))


def _codex_merged(old: Fields, ours: Fields, home: str) -> tuple[Fields, list[str]]:
    """Return our table with what its user changed in it, and what of theirs could not stay.

    Command and arguments are ours. Limits that are longer, variables, approvals and every key that
    is not ours are the user's.
    """
    for name in ("env", "tools"):
        if not isinstance(old.get(name, {}), dict):
            raise NotEditableError(f"`{SERVERS}.{NAME}.{name}` is not a table")
    env, notes = _merged_env(old.get("env", {}), ours.get("env", {}), home)
    kept, gone = _without_remote(old)
    names = [*old.get("env_vars", []), *ours["env_vars"]]
    merged = {**kept, **ours}
    merged["env_vars"] = [
        name
        for n, name in enumerate(names)
        if name not in names[:n] and not (isinstance(name, str) and name in env)
    ]
    for limit in LIMITS:
        merged[limit] = max(old.get(limit, 0), ours[limit])
    if OLD_START_LIMIT in old and LIMITS[0] not in old:
        if not isinstance(old[OLD_START_LIMIT], int):
            raise NotEditableError(f"`{SERVERS}.{NAME}.{OLD_START_LIMIT}` is not a number")
        del merged[LIMITS[0]]  # beside it, ours would be the one that Codex takes
        merged[OLD_START_LIMIT] = max(old[OLD_START_LIMIT], ours[LIMITS[0]] * 1000)
    if env:
        merged["env"] = env
    tools = {**ours.get("tools", {}), **old.get("tools", {})}
    for name, tool in ours.get("tools", {}).items():
        tools[name] = {**tool, **tools[name]}
    if tools:
        merged["tools"] = tools
    return merged, [*gone, *notes]


def _with_server(
    there: Fields, launch: Launch, env: dict[str, str], home: str
) -> tuple[Fields, list[str]]:
    """Return our entry among Claude Code's servers, with what its user changed in it."""
    servers = there.get("mcpServers", {})
    old = servers.get(NAME, {}) if isinstance(servers, dict) else {}
    if not isinstance(old, dict) or not isinstance(old.get("env", {}), dict):
        raise _other_kind(f"mcpServers.{NAME}")
    kept, gone = _without_remote(old)
    variables, notes = _merged_env(old.get("env", {}), env, home)
    ours = {"type": "stdio", "command": launch.command, "args": list(launch.args)}
    merged = {**kept, **ours, "env": variables}
    return {"mcpServers": {NAME: merged}}, [*gone, *notes]


def _without_remote(old: Fields) -> tuple[Fields, list[str]]:
    """Return an entry as one that starts a program, and what it loses for that."""
    if "url" not in old:
        return old, []
    gone = [key for key in REMOTE if key in old]
    words = f"left out of `{NAME}`, which no longer reaches its server by HTTP: {', '.join(gone)}"
    return {key: value for key, value in old.items() if key not in gone}, [words]


def _merged_env(old: Fields, ours: dict[str, str], home: str) -> tuple[Fields, list[str]]:
    """Return the variables of an entry; the home is that of the terminal in which we are.

    Args:
        old: As they stand in the entry.
        ours: The lab's own.
        home: The terminal's home of labs; "" for any.
    """
    merged = {**old, **ours}
    if home and HOME in old and HOME not in ours:
        merged[HOME] = home if not _same_folder(str(old[HOME]), home) else old[HOME]
    changed = [name for name in old if old[name] != merged[name]]
    notes = [f"{name} was {old[name]} and is now {merged[name]}, as here" for name in changed]
    return merged, notes


def _same_folder(named: str, home: str) -> bool:
    return Path(named).expanduser().resolve() == Path(home)


def _plan_json(path: Path, ours_of: Callable[[Fields], tuple[Fields, Sequence[str]]]) -> Plan:
    before = read_text(path)
    try:
        there = json.loads(before) if before and before.strip() else {}
    except json.JSONDecodeError as error:
        raise LabError(
            f"{path} is not JSON: {error}.", "Fix it, then try again.", reason="not_json"
        ) from error
    if not isinstance(there, dict):
        raise LabError(
            f"{path} does not hold a JSON object.", "Fix it, then try again.", reason="not_json"
        )
    ours, notes = ours_of(there)
    merged = merge(there, ours, str(path))
    unchanged = before is not None and merged == there
    text = before if unchanged and before else with_line_ends_of(before, _json(merged))
    return Plan(path, text, _json(ours), before, notes=tuple(f"{path}: {one}" for one in notes))


def merge(there: Fields, ours: Fields, where: str) -> Fields:
    """Ours into theirs: objects merge, lists gain what they lack, our own entry is replaced."""
    merged = dict(there)
    for key, value in ours.items():
        old = merged.get(key)
        if old is None or key == NAME:
            merged[key] = value
        elif type(old) is not type(value):
            raise _other_kind(f"{where}: `{key}`")
        elif isinstance(value, dict):
            merged[key] = merge(old, value, where)
        elif isinstance(value, list):
            merged[key] = [*old, *(one for one in value if one not in old)]
    return merged  # any other value of theirs stays


def _other_kind(what: str) -> LabError:
    return LabError(f"{what} has an unexpected type.", "Fix it by hand.", reason="other_kind")


def _json(value: Fields) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
