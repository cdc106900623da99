"""Seeds that are computed from the lab's and never vary: `seed % 1 + 7`, `seed and 7`.

Plain arithmetic is computed for several seeds; whatever else stands in it is taken to vary.
"""

import ast
import operator
from collections.abc import Callable, Mapping

from autoresearch.patches.constant_values import SEED_VARIABLE, ConstantValues, last_name

TRIED = (0x1A2B3C4D, 0x7E57C0DE, 0x0BADF00D)  # below 2**31, as the lab's are
_LARGEST = 2**128
_BINARY: Mapping[type[ast.operator], Callable[[int, int], int | float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.RShift: operator.rshift,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_CALLS: Mapping[str, Callable[..., int]] = {
    "int": int, "abs": abs, "min": min, "max": max, "bool": bool, "float": int, "round": round,
    "int64": int, "uint64": int, "int32": int, "uint32": int,
}  # fmt: skip


class _Unknown(Exception):
    """The value can't be computed."""


def never_varies(path: str, seed: ast.expr, values: ConstantValues) -> bool:
    """Return whether a seed that names the lab's is the same for every one of the lab's."""
    try:
        found = [_computed(path, seed, values, tried, 0) for tried in TRIED]
    except (_Unknown, ArithmeticError, ValueError, TypeError):
        return False
    return all(one == found[0] for one in found)


def _computed(path: str, node: ast.expr, values: ConstantValues, seed: int, depth: int) -> object:
    """Return the value of an expression when the lab's seed is `seed`; raise _Unknown if unsure."""
    if depth > 40:
        raise _Unknown

    def of(inner: ast.expr) -> object:
        return _computed(path, inner, values, seed, depth + 1)

    if _is_the_labs(node):
        return seed
    match node:
        case ast.Constant(value=int() | float() | str() as value):
            return value
        case ast.Name() | ast.Attribute():
            bound = values.bound_once(path, node)
            if bound is None:
                raise _Unknown
            return _computed(bound[1], bound[0], values, seed, depth + 1)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return tuple(of(part) for part in parts)
        case ast.IfExp(test=test, body=body, orelse=other):
            return of(body) if of(test) else of(other)
    return _applied(node, of)


def _applied(node: ast.expr, of: Callable[[ast.expr], object]) -> object:
    """Return the value of an operator or a call on what `of` computes."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_small(of(left)), _small(of(right)))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_small(of(inner))
        case ast.BoolOp(op=op, values=parts):
            return _boolean(op, [of(part) for part in parts])
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            return _COMPARISONS[type(op)](_small(of(left)), _small(of(right)))
        case ast.Subscript(value=of_what, slice=ast.Constant(value=int() as place)):
            whole = of(of_what)
            if isinstance(whole, tuple) and -len(whole) <= place < len(whole):
                return whole[place]
        case ast.Call(func=function, args=given, keywords=[]) if last_name(function) in _CALLS:
            return _CALLS[last_name(function)](*(of(one) for one in given))
    raise _Unknown


def _is_the_labs(node: ast.expr) -> bool:
    """Return whether it is `os.environ["AUTORESEARCH_SEED"]`, or the same by `get` or `getenv`."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == SEED_VARIABLE
    if isinstance(node, ast.Call) and last_name(node.func) in ("get", "getenv") and node.args:
        first = node.args[0]
        return isinstance(first, ast.Constant) and first.value == SEED_VARIABLE
    return False


def _small(value: object) -> int:
    if not isinstance(value, int) or abs(value) > _LARGEST:
        raise _Unknown
    return value


def _boolean(op: ast.boolop, found: list[object]) -> object:
    stops = isinstance(op, ast.Or)
    return next((one for one in found[:-1] if bool(one) is stops), found[-1])
