"""Find and set a constant in the text of a Python file: a plain top-level assignment.

Only the value's own characters change, so that comments and layout stay.
"""

import ast


def find_constant(text: str, name: str) -> str | None:
    """Return the value as written; None unless the file assigns it exactly once, at top level."""
    value = _value(text, name)
    return None if value is None else ast.get_source_segment(text, value)


def set_constant(text: str, name: str, value: float) -> str:
    """Return the text with the constant set to `value`; whole numbers are written as integers.

    Raises LookupError if `find_constant` finds none.
    """
    found = _value(text, name)
    if found is None:
        raise LookupError(name)
    assert found.end_lineno is not None
    assert found.end_col_offset is not None
    lines = text.encode().splitlines(keepends=True)  # ast counts columns in bytes
    before = b"".join(lines[: found.lineno - 1]) + lines[found.lineno - 1][: found.col_offset]
    last = lines[found.end_lineno - 1]
    after = last[found.end_col_offset :] + b"".join(lines[found.end_lineno :])
    return (before + f"{value:.12g}".encode() + after).decode()


def _value(text: str, name: str) -> ast.expr | None:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    values = [
        node.value
        for node in body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and node.value is not None
        and [name] == [t.id for t in _targets(node) if isinstance(t, ast.Name)]
    ]
    return values[0] if len(values) == 1 else None


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]
