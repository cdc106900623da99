"""Files that an experiment may change, as globs of a contract; the rest is frozen."""

import posixpath
import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from autoresearch.attachment.imports import Reach
from autoresearch.attachment.programs import is_test

_MEASURES = re.compile(
    r"(?:^|_)(?:bench\w*|perf\w*|time|timing|measure\w*|eval\w*|score\w*)(?:_|$)"
)
_PREPARES = re.compile(r"(?:^|_)(?:prepare|download|setup|conftest|version)(?:_|$)")
# What a number is measured on, and by: to change it is to change the question.
_QUESTION = re.compile(
    r"(?:^|[_-])(?:data|dataset|datasets|dataloader|dataloaders|datamodule|corpus|corpora|"
    r"tokeni[sz]er|tokeni[sz]ers|tokeni[sz]e|tokeni[sz]ation|vocab|bpe|eval|evals|evaluate|"
    r"evaluation|evaluator|metric|metrics|scoring|scorer|validate|validation)(?:[_-]|$)"
)


def measures(path: str) -> bool:
    """Return whether the program's name says that it measures other code: it must be frozen."""
    return bool(_MEASURES.search(PurePosixPath(path).stem.lower()))


def sources_of(program: str, reach: Reach) -> tuple[str, ...]:
    """The files of a program that may change: not what measures, prepares, tests, or holds data."""
    own = [path for path in reach.files if not _is_fixed(path)]
    own = [path for path in own if path == program or not asks_the_question(path)]
    others = [path for path in own if path != program]
    return tuple(others if others and measures(program) else own)


def asks_the_question(path: str) -> bool:
    """Return whether a file's name or folder says that it is data, tokenizer or evaluation."""
    parts = PurePosixPath(path.lower()).with_suffix("").parts
    return any(_QUESTION.search(part) for part in parts)


def tested_sources(files: Iterable[str], reached: Collection[str]) -> tuple[str, ...]:
    """Return the files that the tests import, or all Python files that are not tests."""
    own = [path for path in files if path.endswith(".py") and not _is_fixed(path)]
    chosen = [path for path in own if path in reached and PurePosixPath(path).name != "__init__.py"]
    return tuple(chosen or own)


def as_globs(chosen: Iterable[str], files: Collection[str]) -> tuple[str, ...]:
    """The chosen files, where they are all the Python of their folder as one glob of it."""
    python = [path for path in files if path.endswith(".py")]
    waiting = set(chosen)
    tops = [path for path in sorted(waiting) if "/" not in path]
    waiting -= set(tops)
    globs = [literal(path) for path in tops]
    folders = {str(parent) for path in waiting for parent in PurePosixPath(path).parents}
    for folder in sorted(folders - {"."}, key=lambda folder: (folder.count("/"), folder)):
        below = {path for path in python if path.startswith(f"{folder}/")}
        inits = {path for path in below if path.endswith("__init__.py")}
        if below & waiting and below - inits <= waiting:
            deepest = posixpath.commonpath([posixpath.dirname(path) for path in below])
            globs.append(f"{literal(deepest)}/**/*.py")
            waiting -= below
    return (*globs, *map(literal, sorted(waiting)))


def literal(path: str) -> str:
    """Return a path as a glob that matches it alone."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", path)


def _is_fixed(path: str) -> bool:
    return is_test(path) or bool(_PREPARES.search(PurePosixPath(path).stem.lower()))
