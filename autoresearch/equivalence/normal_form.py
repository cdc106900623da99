"""The normal form of code: one hash for all the ways to write it that this room knows.

Beyond the fingerprint, these do not count: names of parameters and of what the original code does
not define; the order of statements that don't depend on each other, of keywords and definitions; a
value that is given a name first; `a += b` for `a = a + b` where that is the same; a comparison
turned round; branches written another way. What is not known to be the same counts as different.
"""

import ast
import hashlib
from collections.abc import Mapping

from autoresearch.equivalence.constant_folding import fold_constants
from autoresearch.equivalence.effects import Scope
from autoresearch.equivalence.fingerprint import drop_idle, normalised, parse
from autoresearch.equivalence.interface import (
    Interface,
    free_names,
    free_parameters,
    interface,
)
from autoresearch.equivalence.local_names import rename_locals
from autoresearch.equivalence.rewrites import rewrite
from autoresearch.equivalence.statement_order import put_in_order, text_of
from autoresearch.equivalence.temporaries import inline, plain_assignments, split_loop_variables
from autoresearch.equivalence.walking import walk

VERSION = 1  # a ledger has it beside each hash: hashes of two versions are not compared
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_ROUNDS = 2  # of rewriting: what one brings together, the next can join

Files = Mapping[str, bytes]


def interface_of(files: Files) -> Interface:
    """Return the names of a lab's original files that keep their meaning for other code."""
    return interface(_parsed(files))


def normal_form(files: Files, fixed: Interface) -> str:
    """Return the SHA-256 (hex) of the normal form of the editable files.

    Args:
        files: The editable files by path.
        fixed: The interface of the lab's original files.
    """
    digest = hashlib.sha256()
    trees = _parsed(files)
    free = {
        path: (free_names(trees, path, fixed), free_parameters(trees, path, fixed))
        for path in trees
    }  # of all files before the first is rewritten
    for path in sorted(files):
        content = _normal_text(trees[path], *free[path]) if path in trees else None
        if content is None:
            content = normalised(path, files[path])
        digest.update(f"{path}\0{len(content)}\0".encode(errors="surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def _parsed(files: Files) -> dict[str, ast.Module]:
    trees = {}
    for path, content in files.items():
        if path.endswith(".py"):
            try:
                trees[path] = parse(content, path)
                drop_idle(trees[path])
                _fill(trees[path])
            except _UNREADABLE:
                continue
    return trees


def _fill(tree: ast.Module) -> None:
    """Put a `pass` where nothing is left of a body."""
    for node in walk(tree):
        if getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]


def _normal_text(
    tree: ast.Module, names: set[str], parameters: Mapping[ast.AST, frozenset[str]]
) -> bytes | None:
    """Return one file's normal form, None if it is nested too deeply."""
    try:
        rename_locals(tree, names, parameters)
        scope = Scope(tree)
        split_loop_variables(tree, scope)
        for _ in range(_ROUNDS):
            fold_constants(tree)
            rewrite(tree, scope)
            scope = Scope(tree)
            plain_assignments(tree, scope)
            inline(tree, scope)
        fold_constants(tree)
        put_in_order(tree, Scope(tree))
        return text_of(tree).encode(errors="surrogatepass")
    except _UNREADABLE:
        return None
