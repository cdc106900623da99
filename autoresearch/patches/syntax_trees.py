"""Syntax trees of a patch's files: one for what is Python and parses, walked in source order."""

import ast
from collections.abc import Iterator

from autoresearch.equivalence.fingerprint import parse


def tree_of(path: str, content: bytes) -> ast.Module | None:
    """Return a file's syntax tree; None where it is no Python or does not parse."""
    if not path.endswith(".py"):
        return None
    try:
        return parse(content, path)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def in_order(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node in source order, without recursion, however deep the tree is."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(list(ast.iter_child_nodes(node)))
