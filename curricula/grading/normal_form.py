"""A program without what changes nothing: dead lines, annotations, the order of independent lines.

It is made to be compared, never to be run. Whatever is left out or moved here leaves what the
program answers as it is, if nothing was renamed behind its back.
"""

import ast
from collections.abc import Callable, Iterable, Iterator

from curricula.grading.statement_order import ordered

_PURE_CALLS = {  # what is printed goes nowhere
    *("abs", "all", "any", "bool", "bytes", "callable", "dict", "divmod", "enumerate", "float"),
    *("frozenset", "id", "int", "isinstance", "len", "list", "max", "min", "object", "ord", "pow"),
    *("print", "range", "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple"),
    *("type", "zip"),
}
_PURE_MODULES = frozenset({"math", "cmath", "operator"})
_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_MOST_ROUNDS = 20


def reduced(source: str, entry: str = "") -> ast.Module:
    """Parse a program and reduce it; whatever `entry` does not need is left out where it is given.

    Raises what `ast.parse` raises, and RecursionError for a program that is nested too deeply.
    """
    tree = ast.parse(source)
    _Plain().visit(tree)
    size = 0
    for _ in range(_MOST_ROUNDS):
        tree.body = _live(tree.body)
        for node in list(ast.walk(tree)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                _leave_out_unread(node)
        if entry:
            _leave_out_unread_names(tree, entry)
        before, size = size, sum(1 for _ in ast.walk(tree))
        if size == before:
            break
    return tree


def in_order(tree: ast.Module) -> ast.Module:
    """Give statements that could stand in any order the same one in every program."""
    for node in list(ast.walk(tree)):
        for owner, name, block in _blocks(node):
            setattr(owner, name, ordered(block, pure))
    return tree


def pure(node: ast.AST) -> bool:
    """Return whether evaluating the expression can change nothing."""
    match node:
        case ast.Lambda():
            return True
        case ast.Await() | ast.Yield() | ast.YieldFrom() | ast.NamedExpr():
            return False
        case ast.Call(func=func) if not _is_pure_function(func):
            return False
    return all(map(pure, ast.iter_child_nodes(node)))


def _is_pure_function(function: ast.expr) -> bool:
    match function:
        case ast.Name(id=name):
            return name in _PURE_CALLS
        case ast.Attribute(value=ast.Name(id=module)):
            return module in _PURE_MODULES
    return False


class _Plain(ast.NodeTransformer):
    """One way to write what can be written in several."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        self.generic_visit(node)
        if node.value is None:
            return ast.Pass()
        return ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        value = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        return ast.Assign(targets=[node.target], value=value, lineno=node.lineno)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        self.generic_visit(node)
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda(args=args, body=body)):
                back = ast.Return(value=body)
                made = ast.FunctionDef(name=name, args=args, body=[back], decorator_list=[])
                made.lineno = node.lineno
                return made
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return [ast.Import(names=[one]) for one in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        return [ast.ImportFrom(node.module, [one], node.level) for one in node.names]

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if all(keyword.arg for keyword in node.keywords):
            node.keywords.sort(key=lambda keyword: keyword.arg or "")
        return node


def _blocks(node: ast.AST) -> Iterator[tuple[ast.AST, str, list[ast.stmt]]]:
    """The blocks of a statement: whose attribute each is, and which."""
    handlers = getattr(node, "handlers", [])
    cases = node.cases if isinstance(node, ast.Match) else []
    for owner in (node, *handlers, *cases):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(owner, name, None)
            if isinstance(block, list) and block:
                yield owner, name, block


def _live(block: Iterable[ast.stmt]) -> list[ast.stmt]:
    """The statements of a block that do something, those in their own blocks too."""
    found: list[ast.stmt] = []
    for statement in block:
        for live in _reduced(statement):
            found.append(live)
            if isinstance(live, _LEAVES):
                return found
    return found


def _reduced(statement: ast.stmt) -> list[ast.stmt]:
    """The statement with its blocks reduced, what is left of it, or nothing."""
    for owner, name, block in list(_blocks(statement)):
        live = _live(block)
        setattr(owner, name, live if owner is statement else live or [ast.Pass()])
    if isinstance(statement, ast.FunctionDef):
        match statement.body:
            case [*_, ast.Return(value=None | ast.Constant(value=None))]:
                statement.body.pop()
    left = [] if _is_idle(statement) else _taken(statement)
    if left == [statement] and getattr(statement, "body", None) == []:
        vars(statement)["body"] = [ast.Pass()]
    return left


def _is_idle(statement: ast.stmt) -> bool:
    """Return whether a statement, its blocks reduced, does nothing at all."""
    match statement:
        case ast.Pass() | ast.Assert(test=ast.Constant(value=True)):
            return True
        case ast.Expr(value=value):
            return pure(value)  # docstrings are of these
        case ast.If(test=test, body=[], orelse=[]):
            return pure(test)
        case ast.For(iter=values, body=[], orelse=[], target=ast.Name()):
            return pure(values)
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return _is_itself(name, value)
    return False


def _taken(statement: ast.stmt) -> list[ast.stmt]:
    """The part that runs, of a statement whose test is a constant; any other as it is."""
    match statement:
        case ast.If(test=ast.Constant(value=value), body=body, orelse=orelse):
            return body if value else orelse
        case ast.While(test=ast.Constant(value=value), orelse=orelse) if not value:
            return orelse
        case ast.Try(body=[], orelse=orelse, finalbody=[]):
            return orelse
    return [statement]


def _is_itself(name: str, value: ast.expr) -> bool:
    """Return whether that is the name's own value: x, x + 0, x * 1 and the like."""
    match value:
        case ast.Name(id=other):
            return other == name
        case ast.BinOp(ast.Name(id=other), ast.Add() | ast.Sub(), ast.Constant(value=0)):
            return other == name
        case ast.BinOp(ast.Name(id=other), ast.Mult() | ast.Div() | ast.Pow(), right):
            return other == name and isinstance(right, ast.Constant) and right.value == 1
    return False


def _leave_out_unread(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Without assignments to locals that nobody reads, and options that nobody reads."""
    outer = {
        name
        for node in ast.walk(function)
        if isinstance(node, ast.Global | ast.Nonlocal)
        for name in node.names
    }
    read = _read(function.body)
    function.body = _without(function.body, lambda name: name not in read | outer)
    options = function.args
    while options.defaults and options.args[-1].arg not in read and not options.vararg:
        if not pure(options.defaults[-1]):
            break
        options.args.pop()
        options.defaults.pop()


def _leave_out_unread_names(tree: ast.Module, entry: str) -> None:
    """Without top-level names that neither the entry nor anything that it needs reads."""
    bound = [(statement, _binds(statement)) for statement in tree.body]
    reads: dict[str, set[str]] = {}
    for statement, names in bound:
        for name in names:
            reads.setdefault(name, set()).update(_read([statement]))
    needed: set[str] = set()
    new = {entry} | _read(statement for statement, names in bound if not names)
    while new:
        needed |= new
        new = set().union(*(reads.get(name, ()) for name in new)) - needed
    tree.body = [one for one, names in bound if not names or needed.intersection(names)]


def _binds(statement: ast.stmt) -> list[str]:
    """The names that a statement binds, if binding them is all that it does."""
    match statement:
        case (
            ast.FunctionDef(decorator_list=[], name=name)
            | ast.AsyncFunctionDef(decorator_list=[], name=name)
        ):
            return [name]
        case ast.ClassDef(decorator_list=[], name=name):
            return [name]
        case ast.Import(names=[one]) | ast.ImportFrom(names=[one]) if one.name != "*":
            return [one.asname or one.name.partition(".")[0]]
        case ast.Assign(targets=targets, value=value) if pure(value):
            if all(isinstance(target, ast.Name) for target in targets):
                return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def _read(block: Iterable[ast.stmt]) -> set[str]:
    """Names that are read, apart from what a name reads of itself only to be assigned anew."""
    found: set[str] = set()
    for statement in block:
        for node, own in _with_targets(statement, ""):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
                found |= {node.id} - {own}
    return found


def _with_targets(node: ast.AST, own: str) -> Iterator[tuple[ast.AST, str]]:
    """Each node with the one name that the statement around it assigns a pure value, if any."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if pure(value):
            own = name
        case ast.stmt():
            own = ""
    yield node, own
    for child in ast.iter_child_nodes(node):
        yield from _with_targets(child, own)


def _without(block: Iterable[ast.stmt], unread: Callable[[str], bool]) -> list[ast.stmt]:
    """The block, and those inside it, without pure assignments to unread names alone."""
    kept = []
    for statement in block:
        for owner, name, inner in list(_blocks(statement)):
            if not isinstance(statement, _Definition):
                setattr(owner, name, _without(inner, unread))
        names = _binds(statement)
        if not (names and all(map(unread, names))):
            kept.append(statement)
    return kept
