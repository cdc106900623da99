"""The file that a course teaches: loaded by its path, never imported as a package.

`load("microgpt/gpt.py")` gives every caller the same module, so that a reference can use its
functions and coverage can see which of its lines ran.
"""

import ast
import gc
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, ModuleType

from curricula.errors import UnknownNameError

ROOT = (
    Path(__file__).resolve().parent.parent
)  # `curricula/` lies beside `microgpt/`, installed or not

watched_runs: set[int] | None = None  # while coverage is measured: lines that ran go here
_TRACED = """
import json, os, runpy, sys
traced, file = sys.argv[1], sys.argv[2]
sys.argv = sys.argv[2:]
ran = set()
def trace(frame, event, argument):
    if frame.f_code.co_filename != file:
        return None
    ran.add(frame.f_lineno)
    return trace
def save():
    sys.settrace(None)
    with open(traced, "w") as out:
        json.dump(sorted(ran), out)
leave = os._exit
def leave_saved(code):
    save()
    leave(code)
os._exit = leave_saved
sys.settrace(trace)
try:
    runpy.run_path(file, run_name="__main__")
finally:
    save()
"""


@cache
def load(path: str = "microgpt/gpt.py") -> ModuleType:
    """The module at that path, relative to the product; executed once."""
    file = locate(path)
    spec = importlib.util.spec_from_file_location(f"subject_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise UnknownNameError(
            f"{path} is not a Python file.", "A course's subject must be one.", reason="not_python"
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def locate(path: str) -> Path:
    """Return the subject's path; raise UnknownNameError if there is none."""
    file = (ROOT / path).resolve()
    if not file.is_file():
        raise UnknownNameError(
            f"There is no {path}.",
            "`subject` in course.toml names the file taught.",
            reason="subject",
        )
    return file


@contextmanager
def without_gc() -> Iterator[None]:
    """No search for reference cycles meanwhile: a graph has none, and is what takes the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def code_lines(source: str) -> frozenset[int]:
    """The numbers of the lines that hold code, docstrings apart: where the interpreter stops."""
    docstrings = {
        number
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    return frozenset(_lines_of(compile(source, "subject", "exec"))) - docstrings


def _lines_of(code: CodeType) -> set[int]:
    found = {line for _, _, line in code.co_lines() if line}  # line 0 is the module's own start
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _lines_of(constant)
    return found


def symbols(source: str) -> dict[str, tuple[int, int]]:
    """Functions, classes, methods ("Value.exp") and top-level names: first and last line."""
    found: dict[str, tuple[int, int]] = {}
    for node in ast.parse(source).body:
        found |= _named(node, "")
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                found |= _named(inner, f"{node.name}.")
    return found


def _named(node: ast.stmt, prefix: str) -> dict[str, tuple[int, int]]:
    span = (node.lineno, node.end_lineno or node.lineno)
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return {prefix + node.name: span}
        case ast.Assign():
            names = [
                n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)
            ]
            return {prefix + name: span for name in names}
    return {}


@dataclass(frozen=True, slots=True)
class Ran:
    """Exit of a program, and its output."""

    code: int
    lines: tuple[str, ...]
    error: str  # what it said on the error stream


def run_program(
    arguments: Sequence[str],
    files: Mapping[str, str],
    *,
    stop_after_lines: int | None = None,
    path: str = "microgpt/gpt.py",
) -> Ran:
    """Run the subject as a program, in a folder of its own that holds these files.

    After `stop_after_lines` lines its reader leaves, as `head` does.
    """
    with TemporaryDirectory(prefix="autoresearch-subject-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        traced = Path(folder) / "traced" if watched_runs is not None else None
        runner = [sys.executable, "-I", "-c", _TRACED, str(traced)] if traced else [sys.executable]
        child = subprocess.Popen(
            [*runner, str(locate(path)), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        lines = list(islice(child.stdout, stop_after_lines))
        child.stdout.close()
        assert child.stderr is not None
        with child.stderr:
            error = child.stderr.read()
        code = child.wait()
        if traced and watched_runs is not None:
            watched_runs.update(json.loads(traced.read_text()))
    return Ran(code, tuple(line.rstrip("\n") for line in lines), error)


def import_lines(path: str) -> frozenset[int]:
    """The lines that run when the file is imported: definitions, constants, class bodies."""
    body = compile(locate(path).read_text(encoding="utf-8-sig"), path, "exec")
    found = {line for _, _, line in body.co_lines() if line}
    for constant in body.co_consts:
        if isinstance(constant, CodeType) and "__qualname__" in constant.co_names:  # of a class
            found |= {line for _, _, line in constant.co_lines() if line}
    return frozenset(found)
