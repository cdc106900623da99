"""Commands as people type them, made into what a contract holds: no shell, {python} for Python."""

import re
import shlex
from dataclasses import dataclass

from autoresearch.errors import ContractError

PYTHON = "{python}"
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.S)
_SHELL = re.compile(r"[|<>;&]|\$\(|`")
_PYTHON = re.compile(r"(?:.*/)?python3?(?:\.\d+)?")
_MODULES = {"pytest", "py.test"}  # that `python -m` starts as well, whatever is on the PATH


@dataclass(frozen=True, slots=True)
class Typed:
    """A command's arguments, and the variables that were typed before it."""

    argv: tuple[str, ...]
    env: dict[str, str]


def typed(command: str) -> Typed:
    """Parse a command; raise ContractError if it is not one, or if only a shell understands it."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ContractError(
            f"The command {command!r} can't be parsed: {error}.",
            "Close the quotes.",
            reason="command_unreadable",
        ) from error
    env: dict[str, str] = {}
    while words and (found := _ASSIGNMENT.fullmatch(words[0])):
        env[found[1]] = found[2]
        del words[0]
    if not words:
        raise ContractError(
            "The command is empty.",
            'Give one, such as --command "python work.py".',
            reason="command_empty",
        )
    if any(_SHELL.search(word) for word in _unquoted(command)) and words[0] not in ("sh", "bash"):
        raise ContractError(
            f"The command {command!r} needs a shell, but runs start without one.",
            f"Start a shell yourself: --command {shlex.quote(f'bash -c {shlex.quote(command)}')}.",
            reason="command_needs_shell",
        )
    return Typed(_with_python(words), env)


def shown(argv: tuple[str, ...]) -> str:
    """A command of a contract as people type it."""
    return shlex.join("python" if part == PYTHON else part for part in argv)


def _with_python(words: list[str]) -> tuple[str, ...]:
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    if words and _PYTHON.fullmatch(words[0]):
        return (PYTHON, *words[1:])
    if words and words[0] in _MODULES:
        return (PYTHON, "-m", "pytest", *words[1:])
    if words and words[0].endswith(".py"):
        return (PYTHON, *words)
    return tuple(words)


def _unquoted(command: str) -> list[str]:
    """The command's words without those that stand in quotes."""
    return re.sub(r"'[^']*'|\"[^\"]*\"", "", command).split()
