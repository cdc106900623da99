"""Code that a file keeps in strings, and the uses by which it could run or read its own text.

Code in a docstring is nothing to a syntax tree, and all of it to `exec`. No list of names is
complete: whoever rests on `uses_of_text` alone is fooled by the first that it does not know.
"""

import ast
import inspect
import re

from autoresearch.equivalence.fingerprint import parse

_MAY_ACT = re.compile(r"[(=]|\b(?:import|del|def|class|lambda)\b")
_ACTS = (
    *(ast.Call, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr, ast.Delete),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.Import, ast.ImportFrom),
)
_NAMES = frozenset(  # of builtins, modules and attributes
    (
        *("exec", "__import__", "__builtins__", "builtins", "importlib", "runpy", "codeop"),
        *("__doc__", "__file__", "__loader__", "__spec__", "__code__", "co_consts", "co_names"),
        *("inspect", "linecache", "tokenize", "marshal", "dis", "getdoc", "getsource"),
        *("getsourcelines", "getcomments", "findsource", "get_docstring"),
    )
)
_BARE_NAMES = frozenset(("eval", "compile"))  # as attributes they are torch's and re's


def code_in(value: object) -> ast.Module | None:
    """Return the tree of a text that does something when it is executed, else None.

    Prose rarely parses; a word that does, such as `Decay`, does nothing.
    """
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str) or not _MAY_ACT.search(value):
        return None
    try:
        tree = parse(inspect.cleandoc(value).encode(), "<string>")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree if any(isinstance(node, _ACTS) for node in ast.walk(tree)) else None


def uses_of_text(tree: ast.Module) -> int:
    """Count the uses of what turns text into code, or gives a program its own text."""
    return sum(_uses_text(node) for node in ast.walk(tree))


def _uses_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _NAMES or node.id in _BARE_NAMES
    if isinstance(node, ast.Attribute):
        return node.attr in _NAMES
    if isinstance(node, ast.alias):
        return not _NAMES.isdisjoint(node.name.split(".")) or node.name == "ast"
    if isinstance(node, ast.ImportFrom):
        return node.module in _NAMES or node.module == "ast"
    return isinstance(node, ast.Constant) and node.value in _NAMES | _BARE_NAMES
