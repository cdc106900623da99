"""One order for statements that could stand in any: by their looks, not by where they stood."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Pure = Callable[[ast.AST], bool]
_LONGEST = 60  # statements that are sorted at once; sorting takes the cube of it


@dataclass(frozen=True, slots=True)
class _Line:
    """A statement that only reads and binds, and what."""

    statement: ast.stmt
    reads: frozenset[str]
    writes: frozenset[str]  # names, and ".name" for attributes of whatever object
    looks: str  # without the names that it binds or reads


def ordered(block: Sequence[ast.stmt], pure: Pure) -> list[ast.stmt]:
    """The block with each stretch of simple statements in one order that keeps what it does."""
    found: list[ast.stmt] = []
    stretch: list[_Line] = []
    for statement in block:
        line = _line(statement, pure)
        if line is not None:
            stretch.append(line)
        if line is None or len(stretch) == _LONGEST:
            found += _sorted(stretch)
            stretch = []
        if line is None:
            found.append(statement)
    return found + _sorted(stretch)


def _sorted(stretch: list[_Line]) -> list[ast.stmt]:
    """In topological order; of those that could come next, the one that looks smallest."""
    left, found = list(stretch), []
    while left:
        free = [
            line
            for n, line in enumerate(left)
            if not any(_clash(earlier, line) for earlier in left[:n])
        ]
        chosen = min(free, key=lambda line: line.looks)
        left.remove(chosen)
        found.append(chosen.statement)
    return found


def _clash(one: _Line, other: _Line) -> bool:
    return bool(one.writes & other.reads or one.reads & other.writes or one.writes & other.writes)


def _line(statement: ast.stmt, pure: Pure) -> _Line | None:
    """The statement, if it does no more than bind a pure value or define something."""
    writes: set[str] = set()
    inside: ast.AST = statement
    match statement:
        case ast.Assign(targets=targets, value=value) if pure(value):
            for target in targets:
                bound = _bound(target)
                if not bound:
                    return None
                writes |= bound
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            writes = {one.asname or one.name for one in names}
        case ast.FunctionDef(decorator_list=[], name=name, args=args):
            writes, inside = {name}, args  # its body reads when it is called
        case _:
            return None
    reads = {n.id for n in ast.walk(inside) if isinstance(n, ast.Name) and _loads(n)}
    reads |= {f".{n.attr}" for n in ast.walk(inside) if isinstance(n, ast.Attribute) and _loads(n)}
    return _Line(statement, frozenset(reads), frozenset(writes), _looks(statement))


def _loads(node: ast.Name | ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Load)


def _bound(target: ast.expr) -> set[str]:
    match target:
        case ast.Name(id=name):
            return {name}
        case ast.Attribute(value=ast.Name(), attr=name):
            return {f".{name}"}
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            bound = [_bound(part) for part in parts]
            return set().union(*bound) if all(bound) else set()
    return set()


def _looks(statement: ast.stmt) -> str:
    """Its looks without names: those are chosen, and others would be chosen to be sorted."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return f"0{ast.dump(statement)}"
    names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    names |= {n.arg for n in ast.walk(statement) if isinstance(n, ast.arg)}
    text = ast.dump(statement, annotate_fields=False)
    if isinstance(statement, ast.FunctionDef):
        names.add(statement.name)
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(f"'{name}'", "'?'")
    return text
