"""Programs of a repository that could be researched, and its tests.

Reads names, code and the README of a commit.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from autoresearch.attachment.clues.other_commands import OtherCommand, other_commands
from autoresearch.attachment.metric_names import Number, candidates
from autoresearch.attachment.print_statements import printed_numbers
from autoresearch.git.snapshot import Snapshot

MOST_PROGRAMS = 300  # that are read
_ELSEWHERE = {"docs", "doc", "examples", "node_modules", "vendor", "third_party", "site-packages"}
_TEST_FOLDERS = {"tests", "test", "testing"}
_NO_PROGRAMS = {"setup.py", "conftest.py", "noxfile.py", "tasks.py", "__init__.py", "manage.py"}
_TELLING = ("bench", "perf", "train", "main", "run", "eval", "fit", "experiment", "work")
_CALLS = re.compile(r"^(?:for |while |with |print\(|\w+\()", re.M)
_FENCE = re.compile(r"^\s*(?:\$\s+|>\s+)?((?:uv run |[A-Z_]+=\S+ )*python3?(?:\.\d+)? .+)$", re.M)
_INLINE = re.compile(r"`(?:\$ )?((?:uv run )?python3?(?:\.\d+)? [^`\n]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A script that prints a number with a name, or a command that is no Python."""

    path: str  # "" where it is not known which file is started
    words: str  # as people type it: "python train.py --fast"
    why: str
    rank: int  # lower is likelier
    numbers: tuple[Number, ...]  # that could be its metric


def find_programs(snapshot: Snapshot) -> tuple[Program, ...]:
    """The commands that print a number which could be a metric, the likeliest first."""
    found = []
    told = dict(_told(snapshot))
    for path in scripts(snapshot):
        code = snapshot.read(path)
        numbers = candidates(printed_numbers(path, code))
        if numbers and _is_run(code):
            words = told.get(path, ("", ""))
            found.append(_program(path, numbers, *words))
    paths = {program.path for program in found if program.path in told}
    for command in other_commands(snapshot):
        if not paths & set(command.files):
            found.append(_other(command))
    return tuple(sorted(found, key=lambda program: (program.rank, program.path)))


def program_of(argv: Sequence[str], snapshot: Snapshot) -> str:
    """Return the Python file of the repository that a command starts, "" if it names none."""
    files = set(snapshot.files)
    for before, part in zip(("", *argv), argv, strict=False):
        path = part.removeprefix("./")
        if path in files and path.endswith(".py"):
            return path
        if before == "-m":
            stem = part.replace(".", "/")
            places = (f"{r}{stem}{end}" for r in ("", "src/") for end in ("/__main__.py", ".py"))
            return next((place for place in places if place in files), "")
    return ""


def scripts(snapshot: Snapshot) -> Iterator[str]:
    """The Python files that could be started, those nearer the top first."""
    python = [path for path in snapshot.files if path.endswith(".py")]
    for path in sorted(python, key=lambda path: path.count("/"))[:MOST_PROGRAMS]:
        parts = PurePosixPath(path).parts
        if not is_test(path) and parts[-1] not in _NO_PROGRAMS and not _ELSEWHERE & set(parts[:-1]):
            yield path


def is_test(path: str) -> bool:
    """Return whether pytest would collect the file, or it lies among tests."""
    parts = PurePosixPath(path).parts
    name = parts[-1]
    among = bool(_TEST_FOLDERS & set(parts[:-1]))
    return among or name == "conftest.py" or bool(re.fullmatch(r"test_.*\.py|.*_test\.py", name))


def tests_of(snapshot: Snapshot) -> tuple[tuple[str, ...], str]:
    """The files that pytest collects, and why it would be pytest; nothing and "" without one."""
    files = tuple(
        path
        for path in snapshot.files
        if re.fullmatch(r"test_.*\.py|.*_test\.py", PurePosixPath(path).name)
    )
    if not files:
        return (), ""
    for name, mark in (
        ("pyproject.toml", "[tool.pytest"),
        ("pytest.ini", "[pytest]"),
        ("setup.cfg", "[tool:pytest]"),
        ("tox.ini", "[pytest]"),
    ):
        if mark in snapshot.read(name):
            return files, f"{name} has {mark}{']' * (mark == '[tool.pytest')}"
    return files, f"{files[0]} is a test file" if len(files) == 1 else f"{len(files)} test files"


def _told(snapshot: Snapshot) -> Iterator[tuple[str, tuple[str, str]]]:
    """(path, (command, where)) for each Python command of the README that names a script here."""
    readme = next((p for p in snapshot.files if p.lower() in ("readme.md", "readme.rst")), "")
    text = snapshot.read(readme) if readme else ""
    there = set(snapshot.files)
    for words in reversed([*_FENCE.findall(text), *_INLINE.findall(text)]):
        command = words.split(" #")[0].strip()
        if re.search(r"[|><;&$\\]", command):
            continue
        try:
            named = [part.removeprefix("./") for part in shlex.split(command)]
        except ValueError:
            continue
        for path in named:
            if path.endswith(".py") and path in there:
                yield path, (command, readme)


def _program(path: str, numbers: tuple[Number, ...], told: str, readme: str) -> Program:
    name = PurePosixPath(path).stem.lower()
    telling = next((n for n, word in enumerate(_TELLING) if word in name), len(_TELLING))
    printed = f"{numbers[0].where} prints {numbers[0].label!r}"
    why = f"{readme} says `{told}`, and {printed}" if told else printed
    rank = telling + path.count("/") - (len(_TELLING) if told else 0)
    return Program(
        path=path, words=told or f"python {_typed(path)}", why=why, rank=rank, numbers=numbers
    )


def _typed(path: str) -> str:
    """Return a path as people type it; one that begins with a dash would be an option."""
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _other(command: OtherCommand) -> Program:
    """A command that is no Python; one that the README names comes before what it does not name."""
    telling = next((n for n, word in enumerate(_TELLING) if word in command.words), len(_TELLING))
    numbers = candidates(command.numbers)
    printed = f", and {numbers[0].where} prints {numbers[0].label!r}" if numbers else ""
    rank = telling - (len(_TELLING) if command.told else 0) + (not numbers)
    path = command.files[0] if command.files else ""
    return Program(
        path=path, words=command.words, why=command.why + printed, rank=rank, numbers=numbers
    )


def _is_run(code: str) -> bool:
    """Return whether a file does something when started: a main guard or calls at its top level."""
    return "__main__" in code or bool(_CALLS.search(code))
