"""Tells whether two submissions are the same program in other clothes."""

import ast


def normal_form(source: str) -> str:
    """A submission without names, comments and layout: the same for the same program."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Name():
                node.id = names.setdefault(node.id, f"n{len(names)}")
            case ast.arg():
                node.arg = names.setdefault(node.arg, f"n{len(names)}")
            case ast.FunctionDef() | ast.ClassDef():
                node.name = names.setdefault(node.name, f"n{len(names)}")
    return ast.dump(tree)
