"""The command with which a client can start this very product, however it was installed.

Run by uvx, the environment lies in uv's cache and may be pruned: then the command is uvx itself.
Else it is this interpreter.
"""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from autoresearch.system.home import UV_CACHE_PARTS

PASSED_ON = ("AUTORESEARCH_HOME", "CUDA_VISIBLE_DEVICES", "HF_HOME")


@dataclass(frozen=True, slots=True)
class Launch:
    """A program and its arguments."""

    command: str
    args: tuple[str, ...]


def launch_command(toolset: str = "all") -> Launch:
    """Return the command with which a client starts the server, now and after a restart."""
    found = _launch()
    asked = () if toolset == "all" else ("serve", "--toolset", toolset)
    return Launch(found.command, (*found.args, *asked))


def _launch() -> Launch:
    if UV_CACHE_PARTS.isdisjoint(Path(sys.prefix).resolve().parts):
        return Launch(sys.executable, ("-m", "autoresearch_mcp"))
    source = installed_from()
    if source is None:
        return Launch("uvx", (*_python(), "autoresearch-mcp"))
    return Launch(_uvx(), (*_python(), "--from", source, "autoresearch-mcp"))


def installed_from() -> str | None:
    """The folder, file or repository that the product was installed from; None: an index."""
    try:
        text = distribution("autoresearch-mcp").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    return source_named(json.loads(text)) if text else None


def source_named(direct_url: dict[str, object]) -> str:
    """Return the argument of `uvx --from`, from an installer's direct_url.json (PEP 610)."""
    url = str(direct_url["url"])
    vcs = direct_url.get("vcs_info")
    if isinstance(vcs, dict):
        return f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "file" else url


def environment() -> dict[str, str]:
    """The variables that say where labs live, as they are set here."""
    home = os.environ.get("AUTORESEARCH_HOME")
    return {"AUTORESEARCH_HOME": str(Path(home).expanduser().resolve())} if home else {}


def _python() -> tuple[str, str]:
    """This interpreter: a client may start uvx without the settings that chose it."""
    return "--python", str(Path(sys.executable).resolve())


def _uvx() -> str:
    beside = Path(os.environ.get("UV", "")).parent / "uvx"
    return shutil.which("uvx") or (str(beside) if beside.is_file() else "uvx")
