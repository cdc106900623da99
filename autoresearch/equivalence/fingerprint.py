"""Fingerprint of code: one hash over normalised syntax trees, to recognise a disguised repeat.

Comments, formatting, docstrings, the spelling of numbers and the names of function-local variables
do not count. Parameters keep their names (callers may use them), and so do module-level names and
attributes. Code with equal hashes behaves the same; code with different hashes may, too.
"""

import ast
import hashlib
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache

from autoresearch.equivalence.constant_folding import fold_constants
from autoresearch.equivalence.local_names import rename_locals


def fingerprint(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 (hex) of the normalised files, in order of their paths."""
    digest = hashlib.sha256()
    for path in sorted(files):
        content = normalised(path, files[path])
        digest.update(f"{path}\0{len(content)}\0".encode(errors="surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


@lru_cache(maxsize=64)  # the base is normalised once for all patches on it
def normalised(path: str, content: bytes) -> bytes:
    """Return a file's normal form: its syntax tree if it is Python that parses, else its lines."""
    if path.endswith(".py"):
        try:
            return _canonical(content).encode(errors="surrogatepass")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    lines = [line.rstrip() for line in content.splitlines()]
    return b"\n".join(lines).rstrip() + b"\n"


@lru_cache(maxsize=64)  # as above
def size_of_code(path: str, content: bytes) -> int:
    """Return the number of syntax nodes of a Python file, without docstrings and comments.

    A string counts one node for every four characters, so that code can't hide in one.
    """
    tree = parse(content, path)
    drop_idle(tree)
    return sum(1 + _hidden(node) for node in ast.walk(tree))


@lru_cache(maxsize=64)  # as above
def count_nodes(path: str, content: bytes) -> int:
    """Return the number of syntax nodes of a Python file, whatever its strings hold."""
    tree = parse(content, path)
    drop_idle(tree)
    return sum(1 for _ in ast.walk(tree))


def _hidden(node: ast.AST) -> int:
    text = node.value if isinstance(node, ast.Constant) else None
    return len(text) // 4 if isinstance(text, str | bytes) else 0


def parse(content: bytes, filename: str) -> ast.Module:
    """Parse Python without warnings about invalid escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(content, filename)


def _canonical(content: bytes) -> str:
    tree = parse(content, "<candidate>")
    drop_idle(tree)
    return "".join(_dump(fold_constants(rename_locals(tree))))


def drop_idle(tree: ast.Module) -> None:
    """Drop docstrings, other bare constants and `pass`, in place."""
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                setattr(node, block, _without_idle(statements))


def _without_idle(body: list[ast.stmt]) -> list[ast.stmt]:
    """Drop docstrings, other bare constants and `pass` beside other statements."""
    return [
        statement
        for statement in body
        if not isinstance(statement, ast.Pass)
        and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]


def _dump(node: object) -> Iterator[str]:
    """Yield a text of the tree that, unlike ast.dump's, does not depend on the Python version."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name in node._fields:
            value = getattr(node, name, None)
            if name in {"ctx", "kind", "type_comment"} or value == []:
                continue
            if value is None and not isinstance(node, ast.Constant):
                continue
            yield f" {name}="
            yield from _dump(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            yield from _dump(item)
        yield "]"
    elif type(node) is int:
        yield f"{node:#x}"  # repr refuses to write more than 4,300 digits
    else:
        yield f"{type(node).__name__}:{node!r}"
