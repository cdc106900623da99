"""The statements of a source file, each with the names that it reads and the ones that it binds.

Pure functions on text. A `for`, an `if` or a `def` is its own line alone: what stands in its body
are statements of their own.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

Definition = ast.FunctionDef | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class Statement:
    """Lines first to last, 1-based and inclusive, of a function, a class's body or the module."""

    first: int
    last: int
    function: str  # "Value.backward"; "" for the module's own lines
    reads: tuple[str, ...]  # expressions without calls: "x", "means[i]", "p.grad"
    binds: tuple[str, ...]  # what it assigns, or the list that it appends to
    kind: str  # the syntax node's own word in lower case: "assign", "for", "return", ...


def statements(source: str) -> tuple[Statement, ...]:
    """Every statement of the file but docstrings, by line."""
    return tuple(sorted(_walk(ast.parse(source).body, ""), key=lambda one: one.first))


def _walk(body: list[ast.stmt], function: str) -> Iterator[Statement]:
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        parts: list[ast.stmt] = getattr(node, "body", [])
        last = _end_of_header(node) if parts else node.end_lineno or node.lineno
        kind = type(node).__name__.lower()
        reads, binds = ((), ()) if isinstance(node, Definition) else (_reads(node), _binds(node))
        yield Statement(node.lineno, last, function, reads, binds, kind)
        own = f"{function}.{node.name}".lstrip(".") if isinstance(node, Definition) else function
        yield from _walk(parts, own)
        for more in ("orelse", "finalbody"):
            yield from _walk(getattr(node, more, []), function)
        for handler in getattr(node, "handlers", []):
            yield Statement(handler.lineno, handler.lineno, function, (), (), "except")
            yield from _walk(handler.body, function)


def _end_of_header(node: ast.stmt) -> int:
    return max([node.lineno, *(part.end_lineno or 0 for part in _header(node))])


def _header(node: ast.stmt) -> list[ast.expr]:
    """The expressions of the statement itself, without the statements of its body."""
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _reads(node: ast.stmt) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for expression in _header(node):
        found |= dict.fromkeys(_expressions(expression, frozenset()))
    if isinstance(node, ast.AugAssign):  # it reads what it changes
        found |= {ast.unparse(node.target): None}
    return tuple(found)


def _expressions(node: ast.AST, bound: frozenset[str]) -> Iterator[str]:
    """The largest readable parts that hold no call and no name of a comprehension's own."""
    if isinstance(node, Comprehension):
        own = {name.id for g in node.generators for name in _names(g.target)}
        for child in ast.iter_child_nodes(node):
            yield from _expressions(child, bound | own)
    elif isinstance(node, ast.comprehension):
        for source in (node.iter, *node.ifs):
            yield from _expressions(source, bound)
    elif isinstance(node, ast.Call):
        called = [node.func.value] if isinstance(node.func, ast.Attribute) else [node.func]
        for part in (*called, *node.args, *node.keywords):
            yield from _expressions(part, bound)
    elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and _is_path(node):
        loaded = isinstance(node.ctx, ast.Load)
        if loaded and not bound & {name.id for name in _names(node)}:
            yield ast.unparse(node)
        elif loaded and isinstance(node, ast.Subscript):
            yield from _expressions(node.value, bound)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _expressions(child, bound)


def _is_path(node: ast.AST) -> bool:
    """A name, an attribute of one, an item of one: `x`, `p.grad`, `means[i]`; no call inside."""
    if isinstance(node, ast.Attribute):
        return _is_path(node.value)
    if isinstance(node, ast.Subscript):
        return _is_path(node.value) and not any(isinstance(n, ast.Call) for n in ast.walk(node))
    return isinstance(node, ast.Name)


def _binds(node: ast.stmt) -> tuple[str, ...]:
    targets: list[ast.expr] = []
    match node:
        case ast.Assign():
            targets = node.targets
        case ast.AugAssign() | ast.For():
            targets = [node.target]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=receiver))) if _is_path(receiver):
            targets = [receiver]  # keys.append(...)
    return tuple(ast.unparse(part) for target in targets for part in _parts(target))


def _parts(target: ast.expr) -> list[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        return [part for element in target.elts for part in _parts(element)]
    return [target]


def _names(node: ast.AST) -> list[ast.Name]:
    return [name for name in ast.walk(node) if isinstance(name, ast.Name)]
