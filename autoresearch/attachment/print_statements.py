"""Reads off a Python program's code which numbers it prints, without running it.

What is printed is a text with holes: of `print(f"val loss {loss:.3f}")` the text before the hole
names the number. Literal texts alone are looked at; a text that is put together elsewhere is not.
"""

import ast
import re
import string
from collections.abc import Iterator

from autoresearch.attachment.metric_names import NUMBER, Number, unit_after

_PRINTERS = {"print", "write", "echo", "info"}
_LABEL = re.compile(r"([^\W\d_][\w/@.\- ]*?)(\s*[:=]\s*|\s+)$")
_PERCENT = re.compile(r"%(?:\((\w+)\))?[-+ #0]*[\d*]*(?:\.[\d*]+)?([diouxXeEfFgGcrsa%])")
_METRIC = re.compile(r"^METRIC\s+([\w.-]+)\s*=$")
_WORDS = ("path", "name", "file", "device", "dtype", "shape", "version")  # whose values are none

_Piece = str | ast.expr | None  # a text, or what fills the hole; None: filled by something unknown


def printed_numbers(path: str, code: str) -> tuple[Number, ...]:
    """The numbers that this program prints with a name, in order; none where it does not parse."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return ()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in _PRINTERS:
            where = f"{path}:{node.lineno}"
            found += [(node.lineno, number) for number in _numbers(_template(node), where)]
    return tuple(number for _, number in sorted(found, key=lambda one: one[0]))


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _template(call: ast.Call) -> list[_Piece]:
    """Return what is printed as alternating texts and placeholders."""
    if _called(call) == "info" and len(call.args) > 1 and isinstance(call.args[0], ast.Constant):
        return _percent(str(call.args[0].value), list(call.args[1:]))
    pieces: list[_Piece] = []
    for n, argument in enumerate(call.args):
        pieces += [" "] * (n > 0) + _pieces(argument)
    return _joined(pieces)


def _pieces(node: ast.expr) -> list[_Piece]:  # noqa: PLR0911 - one for each form of a text
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            return [piece for value in values for piece in _pieces(value)]
        case ast.FormattedValue(value=value, format_spec=spec):
            return [None if spec and "," in ast.unparse(spec) else value]
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
            return _percent(text, list(right.elts) if isinstance(right, ast.Tuple) else [right])
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _pieces(left) + _pieces(right)
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format"), args=args
        ):
            return _formatted(text, args)
        case ast.Call(func=ast.Attribute(attr="dumps"), args=[ast.Dict(keys=keys, values=values)]):
            return _json(keys, values)
        case ast.Call(func=ast.Name(id="str"), args=[value]):
            return [value]
    return [node]


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """Neighbouring texts as one."""
    joined: list[_Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def _percent(text: str, values: list[ast.expr]) -> list[_Piece]:
    pieces: list[_Piece] = []
    at, rest = 0, iter(values)
    for hole in _PERCENT.finditer(text):
        pieces.append(text[at : hole.start()])
        at = hole.end()
        pieces.append("%" if hole[2] == "%" else None if hole[1] else next(rest, None))
    return _joined([*pieces, text[at:]])


def _formatted(text: str, values: list[ast.expr]) -> list[_Piece]:
    pieces: list[_Piece] = []
    rest = iter(values)
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return [None]
    for literal, name, spec, _ in parts:
        pieces.append(literal)
        if name is not None:
            value = next(rest, None) if name == "" else None
            pieces.append(None if "," in (spec or "") else value or ast.Name(id=name or "_"))
    return pieces


def _json(keys: list[ast.expr | None], values: list[ast.expr]) -> list[_Piece]:
    """One line of JSON: its patterns look for the quoted key."""
    pieces: list[_Piece] = []
    for key, value in zip(keys, values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            pieces += [f'"{key.value}": ', value, ", "]
    return pieces


def _numbers(pieces: list[_Piece], where: str) -> Iterator[Number]:
    for n in range(1, len(pieces)):
        before, hole = pieces[n - 1], pieces[n]
        if not isinstance(before, str) or isinstance(hole, str) or not _may_be_number(hole):
            continue
        after = pieces[n + 1] if n + 1 < len(pieces) else ""
        unit = unit_after(after) if isinstance(after, str) else ""
        line = before.rpartition("\n")[2]
        starts = n == 1 or line is not before
        if found := named(line, starts):
            label, pattern = found
            yield Number(label=label, pattern=pattern, where=where, unit=unit)


def named(line: str, starts: bool) -> tuple[str, str] | None:
    """The label that the text before a number ends with, and the pattern that finds it again.

    `starts`: the text begins its line.
    """
    if starts and (metric := _METRIC.search(line)):
        return metric[1], ""
    if quoted := re.search(r'"([A-Za-z][\w .-]*)":\s*$', line):
        return quoted[1], f'"{re.escape(quoted[1])}": ?{NUMBER}'
    labelled = _LABEL.search(re.split(r"[,;|()\[\]]", line)[-1])
    if labelled is None:
        return None
    label, between = labelled[1], labelled[2]
    alone = starts and line.strip() == labelled[0].strip()
    return label, pattern_for(label, between, alone=alone)


def pattern_for(label: str, between: str, *, alone: bool) -> str:
    """The expression for `label`, what stands between (": "), and the number.

    `alone`: the label begins its line, so that "val loss: 1" is no "loss: 1".
    """
    sign = between.strip()
    middle = rf"\s*{re.escape(sign)}\s*" if sign else r"\s+"
    begin = r"^\s*" if alone else r"\b"
    return begin + r"\s+".join(map(re.escape, label.split())) + middle + NUMBER


def _may_be_number(hole: _Piece) -> bool:
    """Return whether the printed expression can be a number, judging by its code."""
    match hole:
        case None | ast.Constant(value=str()) | ast.List() | ast.Dict() | ast.JoinedStr():
            return False
        case ast.Call(func=ast.Attribute(attr="join" | "strip" | "upper" | "lower")):
            return False
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return not name.lower().endswith(_WORDS)
    return True
