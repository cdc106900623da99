"""Effects of statements: the names they read and write, and what else they may touch.

Two statements may change places where neither writes what the other uses, and where not one of them
may change an object that the other looks into. Whatever is not known to be harmless is taken to
change everything.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from autoresearch.equivalence.harmless_calls import (
    BUILTINS,
    MODULES,
    MOST_ARGUMENTS,
    USING_UP,
)
from autoresearch.equivalence.local_names import parameters_of
from autoresearch.equivalence.walking import children, walk

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_IDLE = (
    *(ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.keyword, ast.arguments, ast.arg),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)
_LOOKING = (
    *(ast.Attribute, ast.Subscript, ast.Compare, ast.BoolOp, ast.IfExp, ast.JoinedStr),
    *(ast.FormattedValue, ast.Slice, ast.Starred, ast.ListComp, ast.SetComp, ast.DictComp),
    *(ast.withitem, ast.ExceptHandler, ast.match_case, ast.pattern),
)
_MOST_DEPTH = 4  # of calls from one harmless function to the next


class Touch(IntEnum):
    """Effect of evaluating something, beside reading and writing names."""

    NOTHING = 0
    LOOKS = 1  # into objects that others can change; or it may raise
    ACTS = 2  # changes objects, draws random numbers, prints: anything


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects of a statement or an expression."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    touch: Touch = Touch.NOTHING
    leaves: bool = False  # its block, or may, or hands out a value: nothing passes it
    jumps: bool = False  # within the loop around it, or may

    def __or__(self, other: "Effects") -> "Effects":
        """Return the effects of both."""
        return Effects(
            self.reads | other.reads,
            self.writes | other.writes,
            max(self.touch, other.touch),
            self.leaves or other.leaves,
            self.jumps or other.jumps,
        )

    def commutes(self, other: "Effects") -> bool:
        """Return whether both may change places."""
        if self.leaves or other.leaves or self.jumps or other.jumps:
            return False
        if self.writes & (other.reads | other.writes) or other.writes & self.reads:
            return False
        first, second = sorted((self.touch, other.touch))
        return not (second is Touch.ACTS and first is not Touch.NOTHING)


class Scope:
    """Names of one module whose bindings have names of their own, and what they are known to be."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = list(walk(tree))
        stores = Counter(name for node in nodes for name in _stores(node))
        self.stores = stores
        self.modules = _module_aliases(nodes, stores)
        self.builtins = BUILTINS - stores.keys()
        self.loads: Counter[str] = Counter()
        self.count_loads(tree)
        self.rebound = frozenset(
            name
            for node in nodes
            if isinstance(node, ast.Global | ast.Nonlocal)
            for name in node.names
        )
        self.shared = _shared(nodes)
        self.numbers = self._numbers(nodes)
        self._known: dict[ast.AST, Effects] = {}  # of statements
        self._names: dict[ast.AST, frozenset[str]] = {}
        self.harmless: set[str] = set()  # functions that only look
        self._find_harmless(nodes)

    def count_loads(self, tree: ast.Module) -> None:
        """Count anew how often each name is used."""
        self.loads = Counter(
            node.id
            for node in walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        )

    def _find_harmless(self, nodes: Iterable[ast.AST]) -> None:
        """Find the plain functions whose bodies touch nothing, calls among them included."""
        functions = [
            node
            for node in nodes
            if isinstance(node, ast.FunctionDef)
            and not node.decorator_list
            and self.stores[node.name] == 1
            and not _may_use_up(node)
        ]
        for _ in range(_MOST_DEPTH):
            more = {
                node.name
                for node in functions
                if node.name not in self.harmless
                and all(self._only_looks(statement) for statement in node.body)
            }
            self._known.clear()
            if not more:
                return
            self.harmless |= more

    def _only_looks(self, statement: ast.stmt) -> bool:
        found = self.of(statement)
        return found.touch is not Touch.ACTS and not found.writes & self.rebound

    def forget(self, node: ast.stmt) -> None:
        """Look anew at a statement that was changed."""
        self._known.pop(node, None)
        self._names.pop(node, None)

    def names(self, node: ast.stmt) -> frozenset[str]:
        """Return all names in a statement."""
        if node not in self._names:
            found = {one.id for one in walk(node) if isinstance(one, ast.Name)}
            self._names[node] = frozenset(found)
        return self._names[node]

    def _numbers(self, nodes: Iterable[ast.AST]) -> frozenset[str]:
        """Return the names that are bound once, to arithmetic on numbers."""
        known: set[str] = set()
        bindings = [
            (node.targets[0].id, node.value)
            for node in nodes
            if isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
            and self.stores[node.targets[0].id] == 1
            and node.targets[0].id not in self.rebound
        ]
        while True:
            more = {name for name, value in bindings if _is_number(value, known)} - known
            if not more:
                return frozenset(known)
            known |= more

    def of(self, node: ast.AST | None) -> Effects:
        """Return the effects of evaluating an expression or running a statement."""
        if node is None:
            return Effects()
        if not isinstance(node, ast.stmt):
            return self._of_expression(node)
        if node not in self._known:
            self._known[node] = self._of_statement(node)
        return self._known[node]

    def all(self, nodes: Iterable[ast.AST | None]) -> Effects:
        """Return the effects of several, one after the other."""
        found = Effects()
        for node in nodes:
            found |= self.of(node)
        return found

    def _children(self, node: ast.AST, least: Touch) -> Effects:
        found = Effects(touch=least) | self.all(children(node))
        if found.touch is Touch.ACTS:  # whatever it calls may use what functions share
            return found | Effects(reads=self.shared, writes=self.rebound)
        return found

    def _of_expression(self, node: ast.AST) -> Effects:  # noqa: PLR0911 (one a kind)
        match node:
            case ast.Name(ctx=ast.Load()):
                touch = Touch.LOOKS if node.id in self.rebound else Touch.NOTHING
                return Effects(reads=frozenset({node.id}), touch=touch)
            case ast.Name():
                return Effects(writes=frozenset({node.id}))
            case ast.Lambda():
                return self.all([*node.args.defaults, *node.args.kw_defaults])
            case ast.Attribute(value=ast.Name(id=name)) if name in self.modules:
                return Effects(reads=frozenset({name}))
            case ast.Call():
                return self._of_call(node)
            case ast.comprehension(is_async=0):
                found = self._children(node, Touch.LOOKS)
                return found | Effects(writes=_names([node.iter]))
        found = self._children(node, self._touch(node))
        gives = isinstance(node, ast.Yield | ast.YieldFrom | ast.Await)
        return found | Effects(leaves=True) if gives else found

    def _touch(self, node: ast.AST) -> Touch:
        """Return what a node itself touches, without its parts."""
        if isinstance(node, _IDLE):
            return Touch.NOTHING
        if isinstance(node, ast.BinOp | ast.UnaryOp):
            return Touch.NOTHING if _is_number(node, self.numbers) else Touch.LOOKS
        stored = isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
        return Touch.LOOKS if isinstance(node, _LOOKING) and not stored else Touch.ACTS

    def _of_call(self, call: ast.Call) -> Effects:
        if isinstance(call.func, ast.Name) and call.func.id in self.harmless:
            return self._children(call, Touch.LOOKS) | Effects(reads=self.shared)
        if not self._is_pure(call):
            return self._children(call, Touch.ACTS)
        parts: list[ast.AST] = [call.func, *call.keywords]
        for given in call.args:  # a generator is used up by the call
            lazy = isinstance(given, ast.GeneratorExp)
            parts += children(given) if lazy else [given]
        return self.all(parts) | Effects(touch=Touch.LOOKS, writes=_used_up(call))

    def _is_pure(self, call: ast.Call) -> bool:
        match call.func:
            case ast.Name(id=name):
                return name in self.builtins
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in self.modules:
                plain = not any(one.arg in ("out", None) for one in call.keywords)
                return plain and len(call.args) <= MOST_ARGUMENTS.get(attribute, -1)
        return False

    def _of_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Effects:
        found = self.all([*node.args.defaults, *node.args.kw_defaults])
        if node.decorator_list:
            found |= self.all(node.decorator_list)
            found |= Effects(touch=Touch.ACTS, reads=self.shared, writes=self.rebound)
        return found | Effects(writes=frozenset({node.name}))

    def _of_class(self, node: ast.ClassDef) -> Effects:
        inside = self.all(node.body)
        found = self.all([*node.bases, *node.keywords, *node.decorator_list]) | Effects(
            reads=inside.reads | inside.writes,  # names of the class are its own
            writes=frozenset({node.name}),
            touch=inside.touch,
            leaves=inside.leaves,
        )
        plain = not (node.decorator_list or node.keywords)
        return found if plain else found | Effects(touch=Touch.ACTS, reads=self.shared)

    def _of_statement(self, node: ast.stmt) -> Effects:  # noqa: PLR0911 (one a kind)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._of_function(node)
            case ast.ClassDef():
                return self._of_class(node)
            case ast.Import() | ast.ImportFrom():
                return _of_import(node)
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                return self._children(node, max(map(_touch_of_target, targets)))
            case ast.AugAssign():
                found = self._children(node, Touch.ACTS)
                return found | Effects(reads=found.writes)
            case ast.For():
                found = self._children(node, Touch.LOOKS)
                return replace(found, writes=found.writes | _names([node.iter]), jumps=False)
            case ast.While():
                return replace(self._children(node, Touch.LOOKS), jumps=False)
            case ast.Return():
                return replace(self._children(node, Touch.NOTHING), leaves=True)
            case ast.Raise() | ast.Global() | ast.Nonlocal():
                return replace(self._children(node, Touch.ACTS), leaves=True)
            case ast.Break() | ast.Continue():
                return Effects(jumps=True)
            case ast.Expr() | ast.If() | ast.Pass():
                return self._children(node, Touch.NOTHING)
        return self._children(node, Touch.ACTS)


def _used_up(call: ast.Call) -> frozenset[str]:
    """Return the names of iterators that a call may use up."""
    by = call.func.id if isinstance(call.func, ast.Name) else ""
    return _names(call.args) if by in USING_UP else frozenset()


def _may_use_up(function: ast.FunctionDef) -> bool:
    """Return whether a function may use up an iterator, or hands out values one by one."""
    for node in walk(function):
        match node:
            case ast.For(iter=given) | ast.comprehension(iter=given):
                called = given.func if isinstance(given, ast.Call) else None
                if not (isinstance(called, ast.Name) and called.id == "range"):
                    return True
            case ast.Call(func=ast.Name(id=name), args=[_]) if name in USING_UP:
                return True
            case ast.Starred() | ast.Yield() | ast.YieldFrom() | ast.Global() | ast.Nonlocal():
                return True
            case ast.Assign(targets=[ast.Tuple() | ast.List()]):
                return True
    return False


def _names(nodes: Iterable[ast.expr]) -> frozenset[str]:
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name))


def _touch_of_target(target: ast.expr) -> Touch:
    match target:
        case ast.Name():
            return Touch.NOTHING
        case ast.Tuple() | ast.List():
            return max([Touch.LOOKS, *map(_touch_of_target, target.elts)])
    return Touch.ACTS


def _of_import(node: ast.Import | ast.ImportFrom) -> Effects:
    names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    first = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    return Effects(writes=frozenset(names), touch=Touch.LOOKS, leaves=first or "*" in names)


def _is_number(node: ast.expr, known: Iterable[str]) -> bool:
    """Return whether it is arithmetic on number literals and on names of numbers."""
    match node:
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.Name(id=name):
            return name in known
        case ast.BinOp(left=left, right=right):
            return _is_number(left, known) and _is_number(right, known)
        case ast.UnaryOp(operand=operand):
            return _is_number(operand, known)
    return False


def _stores(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node itself binds, or says to be bound elsewhere."""
    match node:
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.arg():
            yield node.arg
        case ast.alias():
            yield node.asname or node.name.partition(".")[0]
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
            yield node.name
        case ast.MatchMapping() if node.rest:
            yield node.rest
        case ast.Global() | ast.Nonlocal():
            yield from node.names


def _module_aliases(nodes: Iterable[ast.AST], stores: Counter[str]) -> frozenset[str]:
    return frozenset(
        bound
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
        for bound in [alias.asname or alias.name]
        if alias.name in MODULES and stores[bound] == 1
    )


def _shared(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that a function uses and does not bind itself."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, _FUNCTIONS):
            used = {one.id for one in walk(node) if isinstance(one, ast.Name)}
            found |= used - set(_bound_inside(node))
        elif isinstance(node, ast.GeneratorExp):
            found |= {one.id for one in walk(node) if isinstance(one, ast.Name)}
    return frozenset(found)


def _bound_inside(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Iterator[str]:
    """Yield the names bound in a function itself, not in those nested in it."""
    yield from (parameter.arg for parameter in parameters_of(function))
    body = function.body if isinstance(function.body, list) else [function.body]
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if not isinstance(node, ast.Global | ast.Nonlocal):
            yield from _stores(node)
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            stack += children(node)
