"""The file that a course teaches: loaded by its path, never imported as a package.

`load("microgpt/gpt.py")` gives every caller the same module, so that a reference can use its
functions and coverage can see which of its lines ran.
"""

import ast
import importlib.util
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType

from curricula.errors import Unknown

ROOT = (
    Path(__file__).resolve().parent.parent
)  # `curricula/` lies beside `microgpt/`, installed or not


@cache
def load(path: str = "microgpt/gpt.py") -> ModuleType:
    """The module at that path, relative to the product; executed once."""
    file = locate(path)
    spec = importlib.util.spec_from_file_location(f"subject_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise Unknown(f"{path} is no Python file.", "A course's subject must be one.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def locate(path: str) -> Path:
    """Where the subject lies; raise Unknown where it does not."""
    file = (ROOT / path).resolve()
    if not file.is_file():
        raise Unknown(f"There is no {path}.", "`subject` in course.toml names the file taught.")
    return file


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
