"""Configuration of Claude Code and Codex, merged into what is already there.

Pure functions from a file's text to its new text; `apply` alone writes. Nothing that another
program put there is changed, and a file that cannot be understood is refused, not overwritten.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoresearch.common.files import replace_file
from autoresearch.errors import LabError
from server.clients.launch import PASSED_ON, Launch
from server.clients.toml_edits import NotEditableError, block, set_table

NAME = "autoresearch"
START_LIMIT_S = 60
CALL_LIMIT_S = 120  # no tool waits longer than 45 s

SERVERS = "mcp_servers"  # the table of Codex's servers


@dataclass(frozen=True, slots=True)
class Plan:
    """One file as it will be, and the part of it that is ours."""

    path: Path
    text: str
    ours: str
    before: str | None  # None: there is no such file
    precious: bool = True  # somebody else may have written in it: a backup is kept

    @property
    def changes(self) -> bool:
        """Return whether writing the plan would change anything."""
        return self.text != self.before


def plan_claude_code(
    folder: Path, launch: Launch, env: dict[str, str], readers: Sequence[str]
) -> list[Plan]:
    """`.mcp.json` and this user's local settings, both in one project's folder."""
    server = {"type": "stdio", "command": launch.command, "args": list(launch.args), "env": env}
    allowed = [f"mcp__{NAME}__{tool}" for tool in readers]
    return [
        _plan_json(folder / ".mcp.json", {"mcpServers": {NAME: server}}),
        _plan_json(
            folder / ".claude" / "settings.local.json",
            {
                "permissions": {"allow": allowed},
                "env": {"MCP_TIMEOUT": str(START_LIMIT_S * 1000)},
            },
        ),
    ]


def plan_codex(
    home: Path, launch: Launch, env: dict[str, str], readers: Sequence[str]
) -> list[Plan]:
    """config.toml in Codex's home folder."""
    return [plan_toml(home / "config.toml", codex_table(launch, env, readers))]


def codex_table(launch: Launch, env: dict[str, str], readers: Sequence[str]) -> dict[str, Any]:
    """Return the table of our server in Codex's config.toml."""
    table: dict[str, Any] = {
        "command": launch.command,
        "args": list(launch.args),
        "env_vars": [name for name in PASSED_ON if name not in env],
        "startup_timeout_sec": START_LIMIT_S,
        "tool_timeout_sec": CALL_LIMIT_S,
    }
    if env:
        table["env"] = dict(env)
    if readers:
        table["tools"] = {tool: {"approval_mode": "approve"} for tool in readers}
    return table


def plan_toml(path: Path, ours: dict[str, Any]) -> Plan:
    """Bring our table of `mcp_servers` up to date; comments, order and all else stay."""
    before = _read(path)
    shown = block((SERVERS, NAME), ours)
    try:
        text = set_table(before or "", (SERVERS, NAME), lambda old: _codex_merged(old, ours))
    except NotEditableError as error:
        raise LabError(
            f"The new tables can't be added to {path}: {error}.",
            f"Add them by hand:\n{shown}",
            reason="not_mergeable",
        ) from error
    return Plan(path, text, shown, before)


def _codex_merged(old: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Return our table with what its user changed in it.

    Command and arguments are ours. Limits that are longer, variables, approvals and every key that
    is not ours are the user's.
    """
    for name in ("env", "tools"):
        if not isinstance(old.get(name, {}), dict):
            raise NotEditableError(f"`{SERVERS}.{NAME}.{name}` is not a table")
    env = {**old.get("env", {}), **ours.get("env", {})}
    names = [*old.get("env_vars", []), *ours["env_vars"]]
    merged = {**old, **ours}
    merged["env_vars"] = [name for name in dict.fromkeys(names) if name not in env]
    for limit in ("startup_timeout_sec", "tool_timeout_sec"):
        merged[limit] = max(old.get(limit, 0), ours[limit])
    if env:
        merged["env"] = env
    tools = {**ours.get("tools", {}), **old.get("tools", {})}
    for name, tool in ours.get("tools", {}).items():
        tools[name] = {**tool, **tools[name]}
    if tools:
        merged["tools"] = tools
    return merged


def apply(plans: Sequence[Plan]) -> list[Path]:
    """Write what changes, the old file kept beside the new one; return the backups."""
    backups = []
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for plan in plans:
        if not plan.changes:
            continue
        path = plan.path.resolve()  # through a link, so that the link stays one
        path.parent.mkdir(parents=True, exist_ok=True)
        if plan.before is not None and plan.precious:
            backup = path.with_name(f"{path.name}.{stamp}.bak")
            backup.write_text(plan.before, "utf-8")
            backups.append(backup)
        mode = None if plan.before is None else path.stat().st_mode
        replace_file(path, plan.text.encode(), mode=mode)
    return backups


def _plan_json(path: Path, ours: dict[str, Any]) -> Plan:
    before = _read(path)
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
    merged = merge(there, ours, str(path))
    text = before if before is not None and merged == there else _json(merged)
    return Plan(path, text, _json(ours), before)


def merge(there: dict[str, Any], ours: dict[str, Any], where: str) -> dict[str, Any]:
    """Ours into theirs: objects merge, lists gain what they lack, our own server is replaced."""
    merged = dict(there)
    for key, value in ours.items():
        old = merged.get(key)
        if old is None or key == NAME:
            merged[key] = value
        elif type(old) is not type(value):
            raise LabError(
                f"{where}: `{key}` has an unexpected type.",
                "Fix it by hand.",
                reason="other_kind",
            )
        elif isinstance(value, dict):
            merged[key] = merge(old, value, where)
        elif isinstance(value, list):
            merged[key] = [*old, *(one for one in value if one not in old)]
    return merged  # any other value of theirs stays


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
