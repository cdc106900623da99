"""The interface of a lab's editable files: names that frozen code may use, and that stay.

Frozen files can only use what the original code defines. So a name that the original does not
define is free to be called anything, unless another file or a text in the code mentions it.
"""

import ast
import re
from collections.abc import Iterator, Mapping

from autoresearch.equivalence.local_names import bound_names, parameters_of
from autoresearch.equivalence.walking import walk

Interface = frozenset[str]  # "train.py:load", and "train.py:load(path)" for a parameter
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_LOOKS = {"globals", "locals", "vars", "dir", "eval", "exec", "__all__"}


def interface(trees: Mapping[str, ast.Module]) -> Interface:
    """Return the module-level names of these files, and the parameters of their functions."""
    found: set[str] = set()
    for path, tree in trees.items():
        found |= {f"{path}:{name}" for name in bound_names(tree.body)}
        for qualified, function in _functions(tree.body, f"{path}:"):
            found |= {f"{qualified}({one.arg})" for one in parameters_of(function)}
    return frozenset(found)


def free_names(trees: Mapping[str, ast.Module], path: str, fixed: Interface) -> set[str]:
    """Return the module-level names of one file that may be called anything."""
    tree = trees[path]
    if any(isinstance(node, ast.Name) and node.id in _LOOKS for node in walk(tree)):
        return set()
    bound = {name for name in bound_names(tree.body) if name.isidentifier()}
    taken = _texts(tree) | {name for node in walk(tree) for name in _global_names(node)}
    for other, code in trees.items():
        if other != path:
            taken |= _texts(code) | {n.id for n in walk(code) if isinstance(n, ast.Name)}
    return {
        name
        for name in bound - taken
        if f"{path}:{name}" not in fixed and not name.startswith("__")
    }


def free_parameters(
    trees: Mapping[str, ast.Module], path: str, fixed: Interface
) -> dict[ast.AST, frozenset[str]]:
    """Return, by function, the parameters of one file that may be called anything.

    None that any call names, and none of a decorated function.
    """
    named = {
        keyword.arg for tree in trees.values() for keyword in _keywords(tree) if keyword.arg
    }.union(*(_texts(tree) for tree in trees.values()))
    qualified = {function: name for name, function in _functions(trees[path].body, f"{path}:")}
    free: dict[ast.AST, frozenset[str]] = {}
    for node in walk(trees[path]):
        if not isinstance(node, _Function | ast.Lambda):
            continue
        if isinstance(node, _Function) and node.decorator_list:
            continue
        name = "" if isinstance(node, ast.Lambda) else qualified.get(node, "")
        free[node] = frozenset(
            one.arg
            for one in parameters_of(node)
            if one.arg not in named and f"{name}({one.arg})" not in fixed
        )
    return free


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, _Function]]:
    for node in body:
        if isinstance(node, _Function):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _functions(node.body, prefix)


def _keywords(tree: ast.Module) -> Iterator[ast.keyword]:
    return (node for node in walk(tree) if isinstance(node, ast.keyword))


def _global_names(node: ast.AST) -> list[str]:
    return node.names if isinstance(node, ast.Global) else []


def _texts(tree: ast.Module) -> set[str]:
    """Return the attributes of a file, and its texts that could be names."""
    found: set[str] = set()
    for node in walk(tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(node.value.split(".") if re.fullmatch(r"[\w.]+", node.value) else ())
        elif isinstance(node, ast.alias):
            found.update(node.name.split("."))
    return found
