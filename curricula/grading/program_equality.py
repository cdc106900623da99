"""Compare two submissions as programs, without layout, comments and chosen names."""

import ast
import builtins
import hashlib
import warnings
from functools import lru_cache

from curricula.errors import SubmissionError


@lru_cache(maxsize=4096)
def fingerprint(source: str) -> str:
    """A hash that stays the same under other spacing, comments, docstrings, or chosen names.

    Numbers and texts in the code are kept: they are what one instance differs by from the next.
    A source that does not parse is hashed as it stands.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes: it is no business of the server's
            tree = _without_docstrings(ast.parse(source))
        renamed = _Renamed(_chosen_names(tree)).visit(tree)
        return _sha(ast.dump(renamed, annotate_fields=False))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _sha(source)


def refuse_unready(source: str, starter: str) -> None:
    """Raise SubmissionError for what is no answer yet: the starter as it was, or no Python."""
    if fingerprint(source) == fingerprint(starter):
        raise SubmissionError(
            "It is still the starter, as the workbook was made. Nothing was graded.",
            "Write the answer below the comment, save the file, and check it then.",
            reason="starter",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except SyntaxError as error:
        raise SubmissionError(
            f"Line {error.lineno} is not valid Python: {error.msg}. Nothing was graded, "
            "and no attempt was counted.",
            "Fix that line, or the one before it, where brackets and quotes begin.",
            reason="syntax",
        ) from None
    except (ValueError, RecursionError, MemoryError):
        pass  # whatever else ails it, the child finds out


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if ast.get_docstring(node, clean=False) is not None:
                    node.body = node.body[1:]
    return tree


def _chosen_names(tree: ast.Module) -> dict[str, str]:
    """The names that the program itself binds, each with a number in order of appearance."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                pass
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                pass
            case ast.ClassDef(name=name):
                pass
            case _:
                continue
        if not hasattr(builtins, name):
            found.setdefault(name, f"name{len(found)}")
    return found


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        self.generic_visit(node)
        node.arg = self._names.get(node.arg, node.arg)
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        self.generic_visit(node)
        node.arg = self._names.get(node.arg, node.arg) if node.arg else None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        return node
