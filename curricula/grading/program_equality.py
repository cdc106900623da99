"""Compare two submissions as programs: by what they do, not by how they are laid out or named."""

import ast
import builtins
import hashlib
import warnings
from functools import lru_cache

from curricula.errors import SubmissionError
from curricula.grading.normal_form import in_order, reduced

_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_WORKS = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.For, ast.While, ast.Call),
    ast.comprehension,
)


@lru_cache(maxsize=4096)
def fingerprint(source: str, entry: str = "") -> str:
    """A hash that stays the same under whatever changes nothing.

    That is: spacing, comments, docstrings, annotations, names that the program chooses, lines that
    do nothing, and the order of lines that do not depend on each other; and, where the name asked
    for is given, all that it does not need. Numbers and texts in the code are kept: they are what
    one instance differs by from the next. A source that does not parse is hashed as it stands.
    """
    try:
        return _sha(_dumped(in_order(reduced(_parsable(source), entry))))
    except _UNREADABLE:
        return _sha(source)


@lru_cache(maxsize=4096)
def outline(source: str, entry: str = "") -> str:
    """A fingerprint without numbers, texts and attributes' names, which differ by the instance.

    "" for a program that does nothing but name a value, and for one that does not parse.
    """
    try:
        tree = reduced(_parsable(source), entry)
        if not any(isinstance(node, _WORKS) for node in ast.walk(tree)):
            return ""
        return _sha(_dumped(in_order(_Masked(_own_attributes(tree)).visit(tree))))
    except _UNREADABLE:
        return ""


def _as_written(source: str) -> str:
    """A hash that stays the same under other spacing, comments, docstrings, or chosen names."""
    try:
        return _sha(_dumped(_without_docstrings(ast.parse(_parsable(source)))))
    except _UNREADABLE:
        return _sha(source)


def _parsable(source: str) -> str:
    """The source, parsed once so that its odd escapes warn nobody: no business of the server's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ast.parse(source)
    return source


def _dumped(tree: ast.Module) -> str:
    return ast.dump(_Renamed(_chosen_names(tree)).visit(tree), annotate_fields=False)


def refuse_unready(source: str, starter: str) -> None:
    """Raise SubmissionError for what is no answer yet: the starter as it was, or no Python."""
    if _as_written(source) == _as_written(starter):
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
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                pass
            case ast.alias(name=module, asname=asname):
                name = asname or module.partition(".")[0]
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

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name) if node.name else None
        return node

    def visit_alias(self, node: ast.alias) -> ast.alias:
        name = node.asname or node.name.partition(".")[0]
        node.asname = self._names.get(name, name)
        return node

    def visit_Global(self, node: ast.Global) -> ast.Global:
        node.names = sorted(self._names.get(name, name) for name in node.names)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.Nonlocal:
        node.names = sorted(self._names.get(name, name) for name in node.names)
        return node


def _own_attributes(tree: ast.Module) -> dict[str, str]:
    """The attributes that the program defines, each with a number in order of appearance."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()):
                pass
            case ast.ClassDef(body=body):
                for one in body:
                    if isinstance(one, ast.FunctionDef) and not one.name.startswith("__"):
                        found.setdefault(one.name, f"attribute{len(found)}")
                continue
            case _:
                continue
        found.setdefault(name, f"attribute{len(found)}")
    return found


class _Masked(ast.NodeTransformer):
    """Numbers and texts replaced by one of each, attributes by their numbers."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self._attributes = attributes

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, bool) or node.value is None or node.value is ...:
            return node
        return ast.Constant("" if isinstance(node.value, str | bytes) else 0)

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        self.generic_visit(node)
        node.attr = self._attributes.get(node.attr, node.attr)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return ast.Constant(0) if isinstance(node.operand, ast.Constant) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        fixed = isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant)
        return ast.Constant(0) if fixed else node

    def visit_List(self, node: ast.List) -> ast.expr:
        return self._listed(node)

    def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
        return self._listed(node)

    def visit_Set(self, node: ast.Set) -> ast.expr:
        return self._listed(node)

    def _listed(self, node: "ast.List | ast.Tuple | ast.Set") -> ast.expr:
        self.generic_visit(node)
        fixed = all(isinstance(one, ast.Constant) for one in node.elts)
        return ast.Constant(0) if node.elts and fixed else node
