"""A small expression that a learner typed, as a graph of gpt.py's Values with their gradients.

    a = 2; b = -3; relu(a * b + 10) ** 2

Read with `ast` and never executed: names, numbers, +, *, ** with a number, exp, log, relu.
"""

import ast
import math
from dataclasses import dataclass
from typing import Any

from curricula import subject
from curricula.errors import SubmissionError

LONGEST = 200  # characters
MOST_NODES = 24
LONGEST_NAME = 12
FUNCTIONS = ("exp", "log", "relu")
ALLOWED = "Allowed are names, numbers, +, *, ** with a number, exp(), log(), relu()."
SAMPLE = "Such as: a = 2; b = -3; relu(a * b + 10) ** 2"


@dataclass(frozen=True, slots=True)
class Node:
    """One Value of the graph; its parents, the ones it was made from, stand before it."""

    label: str  # a name, a number, or what was done to the parents
    data: float
    grad: float  # d(the last node) / d(this one)
    parents: tuple[int, ...]  # places in the graph, in the order in which they were given
    leaf: bool


def graph(text: str) -> tuple[Node, ...]:
    """The nodes in an order in which they can be computed; the last is the expression itself.

    Raises SubmissionError for what is not allowed, has no value, or leaves the numbers.
    """
    if len(text) > LONGEST:
        raise SubmissionError(
            f"It has {len(text)} characters.", f"At most {LONGEST}. {SAMPLE}", reason="too_large"
        )
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as wrong:
        raise SubmissionError(
            "It is not a valid expression.", SAMPLE, reason="not_an_expression"
        ) from wrong
    if not body or not isinstance(body[-1], ast.Expr):
        raise SubmissionError(
            "It does not end in an expression.", SAMPLE, reason="not_an_expression"
        )
    reader = _Reader(subject.load().Value)
    for statement in body[:-1]:
        reader.assign(statement)
    try:
        result = reader.read(body[-1].value)
        result.backward()
    except (OverflowError, ZeroDivisionError, ValueError) as wrong:
        raise SubmissionError(
            f"It can't be computed: {wrong}.", "Choose other numbers.", reason="not_computable"
        ) from wrong
    return reader.nodes(result)


def tidy(text: str) -> str:
    """The expression on one line, as Python itself would write it."""
    return "; ".join(ast.unparse(statement) for statement in ast.parse(text.strip()).body)


class _Reader:
    """Turns syntax into Values, and keeps what each was called."""

    def __init__(self, value: Any) -> None:  # noqa: ANN401 -- the subject's own class
        self._value = value
        self._names: dict[str, Any] = {}
        self._labels: dict[int, str] = {}
        self._made: list[Any] = []

    def assign(self, statement: ast.stmt) -> None:
        """Take in `a = 2`."""
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                number = _number(value)
            case _:
                number = None
        if number is None:
            raise SubmissionError(
                f"{ast.unparse(statement)!r} does not give a name a number.",
                SAMPLE,
                reason="assignment",
            )
        if len(name) > LONGEST_NAME or not name.isascii():
            raise SubmissionError(
                f"The name {name!r} is too long or has odd letters.", SAMPLE, reason="variable_name"
            )
        self._names[name] = self._keep(self._value(number), name)

    def read(self, node: ast.expr) -> Any:  # noqa: ANN401 -- a Value
        """The Value of this part."""
        number = _number(node)
        if number is not None:
            return self._keep(self._value(number), f"{number:.4g}")
        match node:
            case ast.Name(id=name):
                if name not in self._names:
                    raise SubmissionError(
                        f"{name} has no value.",
                        f"Begin with `{name} = 2; `.",
                        reason="undefined_name",
                    )
                return self._names[name]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._keep(self.read(left) + self.read(right), "+")
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._keep(self.read(left) * self.read(right), "*")
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                power = _number(right)
                if power is None:
                    raise SubmissionError("The power is not a number.", ALLOWED, reason="power")
                return self._keep(self.read(left) ** power, f"** {power:.4g}")
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in FUNCTIONS:
                return self._keep(getattr(self.read(inner), name)(), name)
            case ast.BinOp(op=ast.Sub() | ast.Div()) | ast.UnaryOp(op=ast.USub()):
                raise SubmissionError(
                    f"gpt.py's Value has no {'/' if '/' in ast.unparse(node) else '-'}.",
                    "Write a + b * -1 for a - b, and a * b ** -1 for a / b.",
                    reason="operator",
                )
        raise SubmissionError(
            f"{ast.unparse(node)!r} is not allowed.", f"{ALLOWED} {SAMPLE}", reason="not_allowed"
        )

    def nodes(self, result: Any) -> tuple[Node, ...]:  # noqa: ANN401 -- a Value
        """Return `result` and the nodes it was made from, in the order of creation."""
        used, stack = {id(result)}, [result]
        while stack:
            for parent in stack.pop().parents:
                if id(parent) not in used:
                    used.add(id(parent))
                    stack.append(parent)
        kept = [value for value in self._made if id(value) in used]
        place = {id(value): i for i, value in enumerate(kept)}
        return tuple(
            Node(
                label=self._labels[id(value)],
                data=value.data,
                grad=value.grad,
                parents=tuple(place[id(parent)] for parent in value.parents),
                leaf=not value.parents,
            )
            for value in kept
        )

    def _keep(self, value: Any, label: str) -> Any:  # noqa: ANN401 -- a Value
        if isinstance(value.data, complex) or not math.isfinite(value.data):
            raise ValueError(f"{label} gives no finite number")
        if any(isinstance(s, complex) or not math.isfinite(s) for s in value.slopes):
            raise ValueError(f"{label} has no finite slope there")
        self._labels[id(value)] = label
        self._made.append(value)
        if len(self._made) > MOST_NODES:
            raise SubmissionError(
                f"It has more than {MOST_NODES} nodes.",
                "Draw a part of it.",
                reason="too_many_nodes",
            )
        return value


def _number(node: ast.expr) -> float | None:
    """A number as written, with its sign; None for everything else."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as inner):
            number = _number(inner)
            return None if number is None else -number
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return float(value)
    return None
