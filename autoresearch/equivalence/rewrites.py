"""Rewrites of a syntax tree that change nothing of what it does, each towards one way to say it.

The names in it are renamed already, so that a name has one meaning in the whole file.
"""

import ast
from collections.abc import Callable

from autoresearch.equivalence.effects import Scope, Touch

_MIRRORED: dict[type[ast.cmpop], Callable[[], ast.cmpop]] = {ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_NEGATIONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.NotEq: ast.Eq,
    ast.IsNot: ast.Is,
    ast.NotIn: ast.In,
}
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


def rewrite(tree: ast.Module, scope: Scope) -> ast.Module:
    """Rewrite in place, the innermost parts first, and return `tree`."""
    _Rewriter(scope).visit(tree)
    return tree


class _Rewriter(ast.NodeTransformer):
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.in_class = False

    def visit(self, node: ast.AST) -> ast.AST:
        """Rewrite a node, then the blocks that it holds."""
        outer = self.in_class
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            self.in_class = isinstance(node, ast.ClassDef)
        found: ast.AST = super().visit(node)
        self.in_class = outer
        for name in ("body", "orelse", "finalbody"):
            block = getattr(found, name, None)
            if isinstance(block, list):
                setattr(found, name, _nested(_split(block)))
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_last_jump(found.body, ast.Return)
        if isinstance(found, ast.For | ast.AsyncFor | ast.While):
            _drop_last_jump(found.body, ast.Continue)
        if isinstance(found, ast.If):
            return _joined(_unnegated(found))
        return found

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        self.generic_visit(node)
        if self.in_class or node.value is None or not isinstance(node.target, ast.Name):
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        self.generic_visit(node)
        if not node.decorator_list:
            node.returns = None
            for parameter in ast.walk(node.args):
                if isinstance(parameter, ast.arg):
                    parameter.annotation = None
        return node

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        self.generic_visit(node)
        if isinstance(node.value, ast.Constant) and node.value.value is None:
            node.value = None
        return node

    def visit_While(self, node: ast.While) -> ast.stmt:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            node.test = ast.Constant(bool(node.test.value))
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) != 1:
            return node
        left, right, kind = node.left, node.comparators[0], type(node.ops[0])
        if Touch.ACTS in (self.scope.of(left).touch, self.scope.of(right).touch):
            return node  # in another order it would do something else
        turned = _MIRRORED.get(kind)
        if turned is not None:
            return ast.Compare(right, [turned()], [left])
        is_constant = isinstance(left, ast.Constant) and not isinstance(right, ast.Constant)
        if kind in (ast.Eq, ast.NotEq) and is_constant:
            return ast.Compare(right, node.ops, [left])
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        inner = node.operand
        if isinstance(node.op, ast.Not) and isinstance(inner, ast.Compare) and len(inner.ops) == 1:
            opposite = {ast.Is: ast.IsNot, ast.In: ast.NotIn, ast.IsNot: ast.Is, ast.NotIn: ast.In}
            turned = opposite.get(type(inner.ops[0]))
            if turned is not None:
                return ast.Compare(inner.left, [turned()], inner.comparators)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        flat: list[ast.expr] = []
        for value in node.values:
            same = isinstance(value, ast.BoolOp) and type(value.op) is type(node.op)
            flat += value.values if same and isinstance(value, ast.BoolOp) else [value]
        node.values = flat
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        test = _opposite(node.test)
        if test is not None:
            return ast.IfExp(test, node.orelse, node.body)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if all(keyword.arg for keyword in node.keywords) and all(
            self.scope.of(keyword.value).touch is not Touch.ACTS for keyword in node.keywords
        ):
            node.keywords.sort(key=lambda keyword: keyword.arg or "")
        if isinstance(node.func, ast.Name) and not node.keywords:
            return self._of_builtin(node, node.func.id)
        return node

    def _of_builtin(self, node: ast.Call, name: str) -> ast.expr:
        if name not in self.scope.builtins or not node.args:
            return node
        first = node.args[0]
        if name == "range":
            if len(node.args) == 3 and _is_constant(node.args[2], 1):
                del node.args[2]
            if len(node.args) == 2 and _is_constant(first, 0):
                del node.args[0]
        elif name in ("float", "int") and len(node.args) == 1 and isinstance(first, ast.Constant):
            try:
                value = (float if name == "float" else int)(first.value)  # type: ignore[arg-type]
            except (TypeError, ValueError, OverflowError):
                return node
            return ast.Constant(value) if value == value else node  # noqa: PLR0124 (not NaN)
        return node


def _split(block: list[ast.stmt]) -> list[ast.stmt]:
    """Write several assignments in one statement, and several imports, as one each."""
    found: list[ast.stmt] = []
    for node in block:
        match node:
            case ast.Import() | ast.ImportFrom() if len(node.names) > 1:
                for alias in node.names:
                    one = ast.Import([alias])
                    found.append(
                        one
                        if isinstance(node, ast.Import)
                        else ast.ImportFrom(node.module, [alias], node.level)
                    )
            case ast.Assign(targets=targets, value=ast.Constant() as value) if all(
                isinstance(target, ast.Name) for target in targets
            ):
                found += [ast.Assign([target], ast.Constant(value.value)) for target in targets]
            case ast.Assign(targets=[ast.Tuple() as left], value=ast.Tuple() as right) if _apart(
                left, right
            ):
                pairs = zip(left.elts, right.elts, strict=True)
                found += [ast.Assign([target], value) for target, value in pairs]
            case _:
                found.append(node)
    return found


def _apart(left: ast.Tuple, right: ast.Tuple) -> bool:
    """Return whether assigning one pair after the other is the same."""
    if len(left.elts) != len(right.elts) or not all(isinstance(t, ast.Name) for t in left.elts):
        return False
    written = {target.id for target in left.elts if isinstance(target, ast.Name)}
    inside = [node for value in right.elts for node in ast.walk(value)]
    if any(isinstance(node, ast.Starred | ast.Lambda | ast.NamedExpr) for node in inside):
        return False
    read = {node.id for node in inside if isinstance(node, ast.Name)}
    calls = any(isinstance(node, ast.Call | ast.Await) for node in inside)
    return len(written) == len(left.elts) and not written & read and not calls


def _nested(block: list[ast.stmt]) -> list[ast.stmt]:
    """Write what follows an `if` of which one branch leaves as its other branch."""
    for place, node in enumerate(block[:-1]):
        if not isinstance(node, ast.If):
            continue
        rest = block[place + 1 :]
        if isinstance(node.body[-1], _ENDS):
            node.orelse = _nested([*node.orelse, *rest])
        elif node.orelse and isinstance(node.orelse[-1], _ENDS):
            node.body = _nested([*node.body, *rest])
        else:
            continue
        return [*block[:place], _joined(_unnegated(node))]
    return block


def _unnegated(node: ast.If) -> ast.If:
    test = _opposite(node.test) if node.orelse else None
    return ast.If(test, node.orelse, node.body) if test is not None else node


def _opposite(test: ast.expr) -> ast.expr | None:
    """Return what a negated test negates; None if it is not negated."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        plain = _NEGATIONS.get(type(test.ops[0]))
        if plain is not None:
            return ast.Compare(test.left, [plain()], test.comparators)
    return None


def _joined(node: ast.If) -> ast.stmt:
    """Write two branches that give one name a value, or that return one, as an expression."""
    if not node.orelse and len(node.body) == 1:
        inner = node.body[0]
        if isinstance(inner, ast.If) and not inner.orelse:
            tests = [
                part
                for test in (node.test, inner.test)
                for part in (
                    test.values
                    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And)
                    else [test]
                )
            ]
            return ast.If(ast.BoolOp(ast.And(), tests), inner.body, [])
    match node.body, node.orelse:
        case [ast.Return(value=ast.expr() as yes)], [ast.Return(value=ast.expr() as no)]:
            return ast.Return(ast.IfExp(node.test, yes, no))
        case (
            [ast.Assign(targets=[ast.Name(id=one) as target], value=yes)],
            [ast.Assign(targets=[ast.Name(id=other)], value=no)],
        ) if one == other:
            return ast.Assign([target], ast.IfExp(node.test, yes, no))
    return node


def _drop_last_jump(body: list[ast.stmt], kind: type[ast.stmt]) -> None:
    """Drop a jump to where the block ends anyway: a bare return, or a continue of a loop."""
    last = body[-1]
    if len(body) > 1 and _jumps(last, kind):
        body.pop()
    elif isinstance(last, ast.If) and last.orelse:
        if len(last.body) == 1 and _jumps(last.body[0], kind):
            body[-1] = ast.If(_negated(last.test), last.orelse, [])
        elif len(last.orelse) == 1 and _jumps(last.orelse[0], kind):
            last.orelse = []
        else:
            return
        assert isinstance(body[-1], ast.If)
        _drop_last_jump(body[-1].body, kind)


def _jumps(node: ast.stmt, kind: type[ast.stmt]) -> bool:
    return isinstance(node, kind) and getattr(node, "value", None) is None


def _negated(test: ast.expr) -> ast.expr:
    plain = _opposite(test)
    if plain is not None:
        return plain
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        for negation, kind in _NEGATIONS.items():
            if isinstance(test.ops[0], kind):
                return ast.Compare(test.left, [negation()], test.comparators)
    return ast.UnaryOp(ast.Not(), test)


def _is_constant(node: ast.expr, value: int) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == value
