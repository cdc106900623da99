"""Canonical names for function-local variables in a syntax tree, by order of appearance.

Attributes stay, and so do parameters and module-level names unless the caller gives them free. A
function that could look at its own names (`locals`, `eval`, `exec`, `vars`, `dir`) keeps them all.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOKS = {"locals", "eval", "exec", "vars", "dir"}

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def rename_locals(
    tree: ast.Module,
    module_names: Iterable[str] = (),
    parameters: Mapping[ast.AST, frozenset[str]] | None = None,
) -> ast.Module:
    """Rename local variables in place and return `tree`.

    Args:
        tree: The syntax tree.
        module_names: Module-level names that are renamed, too.
        parameters: By function, those of its parameters that are renamed, too.
    """
    _Rename(set(module_names), parameters or {}).visit(tree)
    return tree


def bound_names(body: Iterable[ast.AST]) -> set[str]:
    """Return the names that these statements bind in their own scope."""
    return _bound(body)


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[ast.arg]:
    """Return all its parameters, in order."""
    given = function.args
    rest = [given.vararg, *given.kwonlyargs, given.kwarg]
    return [*given.posonlyargs, *given.args, *(one for one in rest if one is not None)]


@dataclass(slots=True)
class _Scope:
    """Names bound in one scope: those to rename, and those to keep."""

    rename: set[str]
    keep: set[str] = field(default_factory=set)
    is_class: bool = False
    given: dict[str, str] = field(default_factory=dict)


class _Rename(ast.NodeVisitor):
    """Renames in source order, with the enclosing scopes on a stack."""

    def __init__(
        self, module_names: set[str], parameters: Mapping[ast.AST, frozenset[str]]
    ) -> None:
        self.scopes: list[_Scope] = [_Scope(module_names)]
        self.parameters = parameters
        self.count = 0

    def new(self, name: str) -> str:
        """Return a variable's new name, as seen from the innermost scope."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if scope.is_class and depth:
                continue  # functions do not see the names of the class around them
            if name in scope.keep:
                return name
            if name in scope.rename:
                if name not in scope.given:
                    scope.given[name] = f"${self.count}"  # no identifier, so it meets no other
                    self.count += 1
                return scope.given[name]
        return name

    def within(self, scope: _Scope, nodes: Iterable[ast.AST]) -> None:
        """Visit nodes inside a scope."""
        self.scopes.append(scope)
        self.all(nodes)
        self.scopes.pop()

    def all(self, nodes: Iterable[ast.AST | None]) -> None:
        """Visit nodes in the present scope."""
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        node.id = self.new(node.id)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        node.name = self.new(node.name)
        self.all([*node.decorator_list, node.args, node.returns])
        self.within(self.opened(node, node.body), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self.within(self.opened(node, [node.body]), [node.body])

    def opened(self, function: _Function, body: Iterable[ast.AST]) -> _Scope:
        """Return the function's scope, with those of its parameters renamed that are free."""
        scope = _function_scope(function, body)
        free = self.parameters.get(function, frozenset())
        if free and not _looks(function):
            scope.keep -= free
            scope.rename |= free
            self.scopes.append(scope)
            for parameter in parameters_of(function):
                parameter.arg = self.new(parameter.arg)
            self.scopes.pop()
        return scope

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        node.name = self.new(node.name)
        self.all([*node.decorator_list, *node.bases, *node.keywords])
        self.within(_Scope(set(), _bound(node.body), is_class=True), node.body)

    def comprehension(self, node: _Comprehension) -> None:
        """Visit one: its first iterable is evaluated outside, the rest in a scope of its own."""
        first, *others = node.generators
        self.visit(first.iter)
        targets = {
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        }
        inside: list[ast.AST] = [first.target, *first.ifs, *others]
        if isinstance(node, ast.DictComp):
            inside += [node.key, node.value]
        else:
            inside.append(node.elt)
        self.within(_Scope(targets), inside)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension  # noqa: N815

    def visit_alias(self, node: ast.alias) -> None:
        """Rename the name that an import binds; `import a.b` binds `a` and stays as it is."""
        bound = node.asname or node.name
        if self.new(bound) != bound:
            node.asname = self.new(bound)

    def named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        """Rename in a node that binds a plain string."""
        node.name = self.new(node.name) if node.name else node.name
        self.generic_visit(node)

    visit_ExceptHandler = visit_MatchAs = visit_MatchStar = named  # noqa: N815

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        node.rest = self.new(node.rest) if node.rest else node.rest
        self.generic_visit(node)

    def visit_Nonlocal(self, node: ast.Nonlocal | ast.Global) -> None:
        node.names = [self.new(name) for name in node.names]

    visit_Global = visit_Nonlocal  # noqa: N815


def _function_scope(function: _Function, body: Iterable[ast.AST]) -> _Scope:
    body = list(body)
    arguments = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)}
    declared = {True: set[str](), False: set[str]()}
    for node in _own(body):
        if isinstance(node, ast.Global | ast.Nonlocal):
            declared[isinstance(node, ast.Global)].update(node.names)
    bound = _bound(body) - arguments - declared[True] - declared[False]
    kept = arguments | declared[True]
    if _looks(function):
        return _Scope(set(), kept | bound)
    return _Scope(bound, kept)


def _looks(function: ast.AST) -> bool:
    """Return whether the code could look at its own names."""
    return any(isinstance(node, ast.Name) and node.id in _LOOKS for node in ast.walk(function))


def _bound(body: Iterable[ast.AST]) -> set[str]:
    """Return the names that these statements bind in their own scope."""
    found: set[str | None] = set()
    for node in _own(body):
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                found.add(node.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                found.add(node.name)
            case ast.MatchMapping():
                found.add(node.rest)
            case ast.alias():
                found.add(node.asname or node.name)
    return {name for name in found if name}


def _own(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a scope, without those of nested scopes."""
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, _COMPREHENSIONS):  # a walrus in one binds outside it
            inner = ast.walk(node)
            stack += [walrus.target for walrus in inner if isinstance(walrus, ast.NamedExpr)]
        elif not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            stack += ast.iter_child_nodes(node)
