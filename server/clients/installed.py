"""Installed ways to this product in a client: the plugin, and the entry that `connect` writes.

Only reads. A file that cannot be read is as good as none here: `connect` refuses it in words.
"""

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autoresearch.errors import LabError
from server.clients.configuration import NAME, SERVERS
from server.clients.user_files import read_text

Client = Literal["claude-code", "codex"]
CALLED: dict[Client, str] = {"claude-code": "Claude Code", "codex": "Codex"}
REMOVE: dict[Client, str] = {
    "claude-code": "claude plugin uninstall",
    "codex": "codex plugin remove",
}
# Plugin and server have one name, so it stands twice in what Claude Code calls the plugin's tools.
PLUGIN_TOOLS = f"mcp__plugin_{NAME}_{NAME}__"


@dataclass(frozen=True, slots=True)
class Installed:
    """One client's ways to this product's server."""

    client: Client
    plugin: str  # as the client names it: "autoresearch@autoresearch-mcp"; "" for none
    entry: Path | None  # the file with an entry of its own

    @property
    def twice(self) -> bool:
        """Return whether the client starts the server twice, and shows each tool twice."""
        return bool(self.plugin) and self.entry is not None

    @property
    def remedy(self) -> str:
        """Say how one of the two is removed."""
        return f"Remove `{NAME}` from {self.entry}, or the plugin: {self.removal}"

    @property
    def removal(self) -> str:
        """The command that removes the plugin."""
        return f"{REMOVE[self.client]} {self.plugin}"


def installed(client: Client, folder: Path) -> Installed:
    """Return what a client that works in this folder has."""
    if client == "codex":
        path = codex_home() / "config.toml"
        config = _toml(path)
        plugins = config.get("plugins", {})
        on = {name: _enabled(table) for name, table in _items(plugins)}
        entry = path if NAME in dict(_items(config.get(SERVERS, {}))) else None
        return Installed(client, _ours(on), entry)
    on = {}
    for path in (
        claude_home() / "settings.json",
        folder / ".claude" / "settings.json",
        folder / ".claude" / "settings.local.json",
    ):
        on |= {name: bool(value) for name, value in _items(_json(path).get("enabledPlugins", {}))}
    path = folder / ".mcp.json"
    servers = dict(_items(_json(path).get("mcpServers", {})))
    return Installed(client, _ours(on), path if NAME in servers else None)


def codex_home() -> Path:
    """Return the folder of Codex's configuration."""
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex")


def claude_home() -> Path:
    """Return the folder of Claude Code's settings."""
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")


def _ours(on: dict[str, bool]) -> str:
    """Return the plugin that is ours, from whichever marketplace, if it is enabled."""
    return next((name for name in on if name.partition("@")[0] == NAME and on[name]), "")


def _enabled(table: Any) -> bool:  # noqa: ANN401 - any TOML
    return isinstance(table, dict) and table.get("enabled", True) is True


def _items(value: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - whatever stands there
    return list(value.items()) if isinstance(value, dict) else []


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path) or "{}")
    except (json.JSONDecodeError, LabError, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((read_text(path) or "").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, LabError, OSError):
        return {}
