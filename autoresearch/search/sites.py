"""Places in the text of a Python file where a knob's value is written: find them, rewrite them.

A knob is a constant at the top level, or the default of a parameter, as FUNCTION.PARAMETER. Pure
functions on text; only the value's own characters change, so that comments and layout stay.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Value = bool | int | float | str
DIGITS = 4  # significant ones of a number that a search writes


@dataclass(frozen=True, slots=True)
class Site:
    """One value as it is written."""

    line: int  # 1-based
    value: Value
    start: int  # bytes from the beginning of the file
    end: int


def find_sites(text: str) -> dict[str, Site]:
    """Return what is bound to a plain number, text, true or false, exactly once, by its name."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    starts = _line_starts(text)
    bound = [*_constants(tree), *_defaults(tree.body, "")]
    times = Counter(name for name, _ in bound)
    found = {}
    for name, node in bound:
        value = _plain(node)
        if times[name] == 1 and value is not None and node.end_lineno is not None:
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + (node.end_col_offset or 0)
            found[name] = Site(node.lineno, value, start, end)
    return found


def rewrite(text: str, values: Mapping[str, Value]) -> str:
    """Return the text with these knobs set; raise LookupError for a name that is bound nowhere."""
    sites, raw = find_sites(text), text.encode()
    for name in sorted(values, key=lambda name: -sites[name].start):
        site = sites[name]
        raw = raw[: site.start] + written(values[name]).encode() + raw[site.end :]
    return raw.decode()


def written(value: Value) -> str:
    """Return a value as source text; a float stays one, with a few significant digits."""
    if isinstance(value, bool | int | str):
        return repr(value)
    short = f"{value:.{DIGITS}g}"
    return short if set(short) & set(".en") else f"{short}.0"


def lines_naming(text: str, name: str) -> tuple[int, ...]:
    """Return the lines that bind or read a knob, 1-based; a parameter only inside its function."""
    try:
        tree: ast.AST = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    *path, last = name.split(".")
    for part in path:
        tree = next((n for n in ast.walk(tree) if getattr(n, "name", "") == part), tree)
    lines = {
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == last)
        or (isinstance(node, ast.arg) and node.arg == last)
    }
    return tuple(sorted(lines))


def _line_starts(text: str) -> list[int]:
    """Return where each line begins, in bytes; lines end as Python's parser ends them."""
    raw, starts, at = text.encode(), [0], 0
    while at < len(raw):
        if raw[at : at + 2] == b"\r\n":
            at += 1
        if raw[at] in b"\r\n":
            starts.append(at + 1)
        at += 1
    return starts


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((t.id, node.value) for t in targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.value  # so that it is bound twice, and no knob


def _defaults(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _defaults(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            args = node.args
            named = [*args.posonlyargs, *args.args]
            pairs = list(zip(named[len(named) - len(args.defaults) :], args.defaults, strict=True))
            pairs += [(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d]
            yield from ((f"{prefix}{node.name}.{a.arg}", value) for a, value in pairs)


def _plain(node: ast.expr) -> Value | None:
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    inner = node.operand if isinstance(node, ast.UnaryOp) and negative else node
    if not isinstance(inner, ast.Constant) or not isinstance(inner.value, bool | int | float | str):
        return None
    value = inner.value
    if not negative:
        return value
    return None if isinstance(value, bool | str) else -value
