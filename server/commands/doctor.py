"""The doctor: what this machine offers a lab, what is missing, and the remedy."""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile

from autoresearch.errors import GitError, LabError
from autoresearch.git.repository import git_version
from autoresearch.system.home import default_home
from server.clients.installed import CALLED, installed
from server.clients.launch import how_to_install
from server.commands.output import JsonOption, print_json, say
from server.views import figures

OLDEST_GIT = (2, 36)
NEEDED_GB = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `good` is None where it is only worth knowing."""

    name: str
    good: bool | None
    found: str
    remedy: str = ""


def doctor(*, json: JsonOption = False) -> int:
    """Check Python, git, home folder, sandbox, devices and clients; exit 1 if a lab cannot work."""
    checks = [
        _python(),
        _git(),
        _home(),
        _devices(),
        _sandbox(),
        _plots(),
        _scaling(),
        _search(),
        _clients(),
    ]
    bad = [check for check in checks if check.good is False]
    if json:
        print_json(checks)
        return 1 if bad else 0
    for check in checks:
        mark = {True: "ok  ", False: "BAD ", None: "note"}[check.good]
        style = {True: "green", False: "red", None: "yellow"}[check.good]
        say(f"{mark} {check.name}: {check.found}", style)
        if check.remedy:
            say(f"       {check.remedy}")
    good = sum(check.good is True for check in checks)
    say(f"{figures.count(len(checks), 'check')}: {good} good, {len(bad)} bad")
    return 1 if bad else 0


def _python() -> Check:
    found = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    return Check("python", True, f"{found} at {sys.executable}")


def _git() -> Check:
    remedy = f"Install git {'.'.join(map(str, OLDEST_GIT))} or newer."
    try:
        said = git_version()
    except GitError as error:
        return Check("git", False, error.message, remedy)
    version = re.search(r"(\d+)\.(\d+)", said)
    if version is None:
        return Check("git", False, f"{said!r} does not name a version", remedy)
    new_enough = (int(version[1]), int(version[2])) >= OLDEST_GIT
    return Check("git", new_enough, said, "" if new_enough else remedy)


def _home() -> Check:
    home = default_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=home):
            free = shutil.disk_usage(home).free / 1e9
    except OSError as error:
        return Check(
            "home",
            False,
            f"{home}: {error.strerror}",
            "Set AUTORESEARCH_HOME to a folder that you can write to.",
        )
    remedy = "" if free >= NEEDED_GB else f"Free some space: a lab needs {NEEDED_GB:g} GB."
    return Check("home", not remedy, f"{home} is writable, {free:,.0f} GB free", remedy)


def _devices() -> Check:
    from autoresearch.devices.descriptions import describe_machine

    try:
        found, remedy = describe_machine(default_home() / "devices")
    except LabError as error:
        return Check("devices", False, error.message, error.remedy)
    return Check("devices", True, found, remedy)


def _sandbox() -> Check:
    from autoresearch.sandboxes.selection import CHOICE, current_sandbox, missing

    sandbox = current_sandbox()
    if os.environ.get(CHOICE):
        remedy = f"{CHOICE} chooses it; unset it to get the strongest that works."
    else:
        remedy = "; ".join((*missing(), "or open only targets that you trust")) if missing() else ""
    if not sandbox.gaps:
        return Check("sandbox", True, sandbox.name, remedy)
    return Check("sandbox", None, f"{sandbox.name}: {'; '.join(sandbox.gaps)}", remedy)


def _plots() -> Check:
    if find_spec("matplotlib") is not None:
        return Check("plots", True, "matplotlib is installed")
    found = "no matplotlib, so there are no charts and no pictures"
    return Check("plots", None, found, f"{how_to_install('plots')} brings it.")


def _scaling() -> Check:
    if find_spec("scipy") is not None:
        return Check("scaling", True, "SciPy is installed, so fit_scaling can fit")
    found = "no SciPy, so the tool fit_scaling and the command scale refuse"
    return Check("scaling", None, found, f"{how_to_install('scaling')} brings it.")


def _search() -> Check:
    if find_spec("optuna") is not None and find_spec("cmaes") is not None:
        return Check("search", True, "optuna is installed, so the command search has all methods")
    found = "no optuna, so the command search has --method factorial alone"
    return Check("search", None, found, f"{how_to_install('search')} brings it.")


def _clients() -> Check:
    found = [installed(client, Path.cwd()) for client in CALLED]
    twice = [one for one in found if one.twice]
    if twice:
        names = " and ".join(CALLED[one.client] for one in twice)
        words = f"{names}: the server is there twice, as a plugin and from `connect`"
        return Check("clients", None, words, "; ".join(one.remedy for one in twice))
    ways = [
        f"{CALLED[one.client]} has the {f'plugin {one.plugin}' if one.plugin else 'server'}"
        for one in found
        if one.plugin or one.entry
    ]
    return Check("clients", True, " and ".join(ways) or "none is connected in this folder")
