"""Temporaries: names of values that are used once, constants by another name, and unused names.

Only names that nothing outside the file can use ("$3") are looked at. A value moves to the place
where it is used only where it may change places with all that runs in between.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence

from autoresearch.equivalence.effects import Effects, Scope, Touch
from autoresearch.equivalence.walking import children, walk

_MOST_ROUNDS = 20
_GIVING = (
    *(ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred, ast.keyword, ast.Call),
    *(ast.Yield, ast.Await, ast.IfExp, ast.BoolOp, ast.NamedExpr),
)
_FRESH = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare)


def split_loop_variables(tree: ast.Module, scope: Scope) -> None:
    """Give each loop's variable a name of its own, where no loop uses what another one left."""
    loops: dict[str, list[ast.For]] = {}
    for node in walk(tree):
        if isinstance(node, ast.For):
            for name in {n.id for n in walk(node.target) if isinstance(n, ast.Name)}:
                loops.setdefault(name, []).append(node)
    for name, found in loops.items():
        if len(found) < 2 or not _is_own(name) or name in scope.shared:
            continue
        places = [_named(name, [loop.target, *loop.body]) for loop in found]
        apart = sum(map(len, places)) == len(_named(name, [tree]))
        if apart and scope.stores[name] == len(found):
            for number, nodes in enumerate(places):
                for node in nodes:
                    node.id = f"{name}.{number}"


def _named(name: str, within: Sequence[ast.AST]) -> list[ast.Name]:
    nodes = [node for part in within for node in walk(part)]
    return [node for node in nodes if isinstance(node, ast.Name) and node.id == name]


def plain_assignments(tree: ast.Module, scope: Scope) -> None:
    """Write `a += b` as `a = a + b`, in place, where no other name can hold the same object."""
    aliased = _aliased(tree)

    class Plain(ast.NodeTransformer):
        def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
            self.generic_visit(node)
            target = node.target
            if not isinstance(target, ast.Name) or not _is_own(target.id) or target.id in aliased:
                return node
            if target.id in scope.rebound:
                return node
            value = ast.BinOp(ast.Name(target.id, ast.Load()), node.op, node.value)
            return ast.Assign([target], value)

    Plain().visit(tree)


def _aliased(tree: ast.Module) -> set[str]:
    """Return the names whose objects may be held elsewhere: not made here, or given away."""
    found: set[str] = set()
    for node in walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                fresh = isinstance(value, _FRESH)
                for target in targets:
                    found |= set() if fresh and isinstance(target, ast.Name) else _held(target)
                found |= _given([value]) | _looked_into(value)
            case ast.AugAssign(target=target, value=value):
                found |= set() if isinstance(target, ast.Name) else _given([value])
            case ast.For(target=target) | ast.comprehension(target=target):
                found |= _held(target)
            case ast.withitem(optional_vars=ast.expr() as target) | ast.NamedExpr(target=target):
                found |= _held(target)
            case ast.arg():
                found.add(node.arg)
        if isinstance(node, _GIVING):
            found |= _given(children(node))
    return found


def _held(target: ast.expr) -> set[str]:
    return {node.id for node in walk(target) if isinstance(node, ast.Name)}


def _given(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _looked_into(value: ast.expr) -> set[str]:
    """Return the names of objects of which a part, perhaps a view, is in a value."""
    return {
        node.value.id
        for node in walk(value)
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.value, ast.Name)
    }


def inline(tree: ast.Module, scope: Scope) -> None:
    """Put constants and values that are used once where they are used, and drop what is unused."""
    _replace_constants(tree, scope)
    scope.count_loads(tree)
    for _ in range(_MOST_ROUNDS):
        if not any([_inline_in(block, scope, block is tree.body) for block in blocks(tree)]):  # noqa: C419 (all of them)
            return


def blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield each list of statements outside the bodies of classes, the module's own first."""
    for node in walk(tree):
        if isinstance(node, ast.ClassDef):
            continue
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                yield block


def _is_own(name: str) -> bool:
    return name.startswith("$")


def _replace_constants(tree: ast.Module, scope: Scope) -> None:
    """Replace own names that are bound once to a literal, before any use, by the literal."""
    known: dict[str, ast.Constant] = {}
    inner = [node for node in walk(tree) if isinstance(node, ast.FunctionDef)]
    owners: list[ast.Module | ast.FunctionDef] = [tree, *inner]
    for owner in owners:
        seen: set[str] = set()
        for node in owner.body:
            name = _own_target(node, scope)
            value = node.value if isinstance(node, ast.Assign) else None
            used = scope.loads[name] > 0 if owner is tree else name not in seen
            if name and isinstance(value, ast.Constant) and used:
                known[name] = value
            seen |= {n.id for n in walk(node) if isinstance(n, ast.Name)}
    if not known:
        return
    _Literals(known).visit(tree)
    for block in blocks(tree):
        block[:] = [node for node in block if _own_target(node, scope) not in known] or [ast.Pass()]


class _Literals(ast.NodeTransformer):
    def __init__(self, known: Mapping[str, ast.Constant]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        loads = isinstance(node.ctx, ast.Load)
        return ast.Constant(self.known[node.id].value) if loads and node.id in self.known else node


def _own_target(node: ast.stmt, scope: Scope) -> str:
    """Return the own name that a statement binds, if it is bound nowhere else; else ""."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) if _is_own(name):
            return name if scope.stores[name] == 1 else ""
    return ""


def _inline_in(block: list[ast.stmt], scope: Scope, is_module: bool) -> bool:
    """Inline or drop what can be in one block; say whether anything was.

    What a module defines and does not use stays: other code may ask for it by its name.
    """
    effects, changed, place = [scope.of(node) for node in block], False, 0
    while place < len(block):
        node = block[place]
        if not is_module and len(block) > 1 and _is_unused(node, scope):
            scope.loads.subtract(n.id for n in walk(node) if isinstance(n, ast.Name))
        elif not _inlined(block, place, effects, scope):
            place += 1
            continue
        del block[place], effects[place]
        changed = True
    return changed


def _inlined(block: list[ast.stmt], place: int, effects: list[Effects], scope: Scope) -> bool:
    """Put a statement's value where it is used later in the block; say whether that can be."""
    node, mine = block[place], effects[place]
    name = _own_target(node, scope)
    if not name or scope.loads[name] != 1 or not isinstance(node, ast.Assign) or mine.leaves:
        return False
    for later in range(place + 1, len(block)):
        if name in scope.names(block[later]):
            if not _put(name, node.value, block[later], mine, scope):
                return False
            scope.forget(block[later])
            effects[later] = scope.of(block[later])
            return True
        if not mine.commutes(effects[later]):
            return False
    return False


def _uses(node: ast.AST, name: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == name for one in walk(node))


def _is_unused(node: ast.stmt, scope: Scope) -> bool:
    if isinstance(node, ast.FunctionDef) and _is_own(node.name):
        alone = scope.loads[node.name] == 0 and scope.stores[node.name] == 1
        return alone and scope.of(node).touch is Touch.NOTHING
    name = _own_target(node, scope)
    return bool(name) and scope.loads[name] == 0 and scope.of(node).touch is not Touch.ACTS


def _put(name: str, value: ast.expr, into: ast.stmt, effects: Effects, scope: Scope) -> bool:
    """Replace the one use of a name in a statement, if what runs before it may run after it."""
    match into:
        case ast.Assign() | ast.Return() | ast.Expr() | ast.AugAssign():
            field = "value"
        case ast.If() | ast.Assert():
            field = "test"
        case ast.For():
            field = "iter"
        case _:
            return False
    before = Effects()
    if isinstance(into, ast.AugAssign):
        before = scope.all(children(into.target))  # it is looked into first
        names = {node.id for node in walk(into.target) if isinstance(node, ast.Name)}
        before |= Effects(reads=frozenset(names), touch=Touch.LOOKS)
    root = getattr(into, field)
    if root is None:
        return False
    seen = _Search(name, scope, before)
    if not seen.found(root) or not effects.commutes(seen.before):
        return False
    setattr(into, field, _Use(name, value).visit(root))
    return True


class _Use(ast.NodeTransformer):
    def __init__(self, name: str, value: ast.expr) -> None:
        self.name, self.value = name, value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.value if node.id == self.name else node


class _Search:
    """A search for a name, in the order of evaluation; `before` are the effects up to it."""

    def __init__(self, name: str, scope: Scope, before: Effects) -> None:
        self.name, self.scope, self.before = name, scope, before

    def found(self, node: ast.expr) -> bool:
        """Return whether the name is reached, once and in any case, when this is evaluated."""
        if isinstance(node, ast.Name) and node.id == self.name:
            return True
        for part in _parts(node):
            if _uses(part, self.name):
                return self.found(part)
            self.before |= self.scope.of(part)
        return False  # it is in a part that may be evaluated never, later or often


def _parts(node: ast.expr) -> list[ast.expr]:  # noqa: PLR0911 (one a kind)
    """Return the parts that are always evaluated, once, in this order."""
    match node:
        case ast.BoolOp():
            return node.values[:1]
        case ast.IfExp():
            return [node.test]
        case ast.Compare():
            return [node.left, node.comparators[0]]
        case ast.Call():
            return [node.func, *node.args, *(keyword.value for keyword in node.keywords)]
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return [node.generators[0].iter]
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return [part for pair in pairs for part in pair if part is not None]
        case ast.Lambda() | ast.NamedExpr():
            return []
    return [part for part in children(node) if isinstance(part, ast.expr)]
