"""The command with which a client can start this very product, however it was installed.

Run by uvx, the environment lies in uv's cache and may be pruned: then the command is uvx itself.
Else it is this interpreter.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from autoresearch.system.home import DATA_FOLDER, HOME, UV_CACHE_PARTS, default_home

PRODUCT = "autoresearch-mcp"
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
# The server reads these, or what it starts does. A client that clears the environment of its
# servers is told their names, never their values: some hold passwords.
PASSED_ON = (
    HOME,
    DATA_FOLDER,
    "AUTORESEARCH_COURSES",
    "AUTORESEARCH_SANDBOX",
    "AUTORESEARCH_DEVICES",
    "CUDA_VISIBLE_DEVICES",
    "HF_HOME",
    *PROXIES,
    *(name.lower() for name in PROXIES),
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
# What uv tells its own children, or where a project of the user's keeps its environment.
NOT_PASSED_ON = ("UV_INTERNAL", "UV_PROJECT", "UV_RUN_RECURSION_DEPTH", "UV_WORKING_DIR")
# Extra: what it brings; `scaling` brings what `plots` does.
EXTRAS = {"scaling": "scipy", "plots": "matplotlib", "search": "optuna"}


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
    source, extra = installed_from(), installed_extra()
    if source is None:
        named = ("--from", with_extra(PRODUCT, extra)) if extra else ()
        return Launch("uvx", (*_python(), *named, PRODUCT))
    return Launch(_uvx(), (*_python(), "--from", with_extra(source, extra), PRODUCT))


def installed_from() -> str | None:
    """The folder, file or repository that the product was installed from; None: an index."""
    try:
        text = distribution(PRODUCT).read_text("direct_url.json")
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


def installed_extra() -> str:
    """The extras whose packages are here, with commas: the client's server needs them too."""
    here = [name for name, package in EXTRAS.items() if find_spec(package)]
    return ",".join(name for name in here if name != "plots" or "scaling" not in here)


def with_extra(source: str, extra: str) -> str:
    """Return a source as installers take it, with an extra of the product."""
    if not extra:
        return source
    if "://" in source:
        return f"{PRODUCT}[{extra}] @ {source}"
    return f"{source}[{extra}]"


def how_to_install(extra: str) -> str:
    """Return the command that installs the product as it is here, with an extra."""
    source = f"'{with_extra(installed_from() or PRODUCT, extra)}'"
    parts = Path(sys.prefix).resolve().parts
    if not UV_CACHE_PARTS.isdisjoint(parts):
        return f"uvx --from {source} {PRODUCT}"
    if parts[-3:-1] == ("uv", "tools"):
        return f"uv tool install {source}"
    if shutil.which("uv"):
        return f"uv pip install --python {sys.executable} {source}"
    return f"{sys.executable} -m pip install {source}"


def environment() -> dict[str, str]:
    """The variable that says where labs live, if a cleared environment would not say the same.

    Without it a client that gives its servers a few variables alone would open other labs than
    the commands in this terminal.
    """
    named = any(os.environ.get(name) for name in (HOME, DATA_FOLDER))
    return {HOME: str(default_home().resolve())} if named else {}


def passed_on(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The names of variables that a client should hand on: those that matter, and uv's set here."""
    ours = (name for name in sorted(environ) if name.startswith("UV_"))
    return [*PASSED_ON, *(name for name in ours if not name.startswith(NOT_PASSED_ON))]


def _python() -> tuple[str, str]:
    """This interpreter: a client may start uvx without the settings that chose it."""
    return "--python", str(Path(sys.executable).resolve())


def _uvx() -> str:
    beside = Path(os.environ.get("UV", "")).parent / "uvx"
    return shutil.which("uvx") or (str(beside) if beside.is_file() else "uvx")
