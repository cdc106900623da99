"""Constant folding of arithmetic on number literals in a syntax tree: 2 * 5 becomes 10."""

import ast
import operator
from collections.abc import Callable

_BINARY: dict[type[ast.operator], Callable[..., object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[..., object]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_LARGEST = 2**64  # operands beyond it, and larger exponents than 64, are left as written


def fold_constants(tree: ast.Module) -> ast.Module:
    """Replace constant arithmetic by its value, in place, and return `tree`."""
    _ConstantFolder().visit(tree)
    return tree


class _ConstantFolder(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right = _number(node.left), _number(node.right)
        apply = _BINARY.get(type(node.op))
        if apply is None or left is None or right is None:
            return node
        if isinstance(node.op, ast.Pow) and abs(right) > 64:
            return node
        return _folded(node, apply, left, right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        value, apply = _number(node.operand), _UNARY.get(type(node.op))
        return node if apply is None or value is None else _folded(node, apply, value)


def _number(node: ast.expr) -> int | float | None:
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
        return None
    value = node.value
    assert isinstance(value, int | float)
    return value if abs(value) <= _LARGEST else None


def _folded(node: ast.expr, apply: Callable[..., object], *numbers: float) -> ast.expr:
    try:
        value = apply(*numbers)
    except (ZeroDivisionError, OverflowError):
        return node
    if not isinstance(value, int | float):  # a negative number to a fraction is complex
        return node
    return ast.copy_location(ast.Constant(value), node)
