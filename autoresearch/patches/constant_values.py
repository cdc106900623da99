"""Constant values in some files: which expressions can be nothing but what the files say.

Followed through names, attributes, parameters with their defaults and arguments, loops, functions
that return, and imports among the files. Nothing is run. A name of several values counts as a
constant if any of them is one and none comes from the lab's seed; attributes and keys are told
apart by their names alone.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from autoresearch.patches.syntax_trees import in_order

SEED_VARIABLE = "AUTORESEARCH_SEED"


def words(text: str) -> frozenset[str]:
    """Return the words of a text, which a list of names is written as."""
    return frozenset(re.findall(r"\S+", text))


PURE = words(
    "int float str bytes bool abs min max sum pow round len ord chr hash hex bin oct divmod range "
    "sorted reversed list tuple set frozenset dict map zip enumerate int8 int16 int32 int64 uint8 "
    "uint16 uint32 uint64 array asarray tensor"
)
PURE_MODULES = frozenset(("zlib", "hashlib", "binascii", "base64", "math", "operator", "struct"))
LAB, UNKNOWN = "lab", "unknown"
_COUNTING = ("range", "trange", "count")  # loops over them
_DEEPEST = 40

Kinds = frozenset[str]
Value = tuple[str, ast.expr, str]  # how it is bound ("", "+=", "in"), to what, in which file
Parameters = tuple[ast.arguments, bool, int]  # and whether it is a method, and its scope
CONSTANT: Kinds = frozenset()


def last_name(function: ast.expr) -> str:
    """Return `normal` of `np.random.normal`; "" of what has no name."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def text_of(node: ast.AST) -> str:
    """Return the code of a node in one line."""
    try:
        return " ".join(ast.unparse(node).split())
    except RecursionError:
        return "code that is nested too deeply to show"


class ConstantValues:
    """The bindings of all names in some parsed files, by path."""

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self._trees = trees  # kept, so that ids of nodes stay their own
        self._scopes: dict[int, int] = {}  # of every node: the function around it, or the module
        self._around: dict[int, int] = {}  # of every function: the next one outside
        self._elsewhere: dict[tuple[int, str], int] = {}  # scopes of global and nonlocal names
        self._names: dict[tuple[int, str], list[Value]] = {}  # by scope and name
        self._shared: dict[str, list[Value]] = {}  # ".attribute" and "function()" of any file
        self._parameters: dict[str, list[Parameters]] = {}
        self._known: dict[int, Kinds] = {}
        self._stems = {PurePosixPath(path).stem: path for path in trees}
        for path, tree in trees.items():
            self._enter(tree)
            self._collect(path, tree)
        for path, tree in trees.items():
            self._collect_calls(path, tree)

    def kinds(self, path: str, value: ast.expr, depth: int = 0) -> Kinds:
        """Return what else than constants the value depends on: the lab's seed, the unknown."""
        if id(value) not in self._known:
            if depth > _DEEPEST:
                return frozenset((UNKNOWN,))
            self._known[id(value)] = frozenset((UNKNOWN,))  # of what depends on itself
            self._known[id(value)] = self._kinds(path, value, depth + 1)
        return self._known[id(value)]

    def is_constant(self, path: str, value: ast.expr) -> bool:
        """Return whether the value can only be what the files say."""
        return self.kinds(path, value) == CONSTANT

    def resolved(self, path: str, value: ast.expr, depth: int = 0) -> str:
        """Return the value's code with the values of constant names put in."""
        if depth > _DEEPEST or not self._substitutes(path, value):
            return text_of(value)
        bound = self._bound(path, value)
        if bound and self.kinds(path, value) == CONSTANT:
            return "|".join(sorted({self._told(one, depth + 1) for one in bound}))
        parts = [
            self.resolved(path, child, depth + 1)
            for child in ast.iter_child_nodes(value)
            if isinstance(child, ast.expr)
        ]
        return f"{_shape(value)}({', '.join(parts)})" if parts else text_of(value)

    def _told(self, value: Value, depth: int) -> str:
        """Return a bound value's code; a loop's without its end, as more rounds turn no seed."""
        how, one, path = value
        if how == "in" and isinstance(one, ast.Call) and last_name(one.func) in _COUNTING:
            return f"in {last_name(one.func)}" if len(one.args) == 1 else f"in {text_of(one)}"
        return f"{how} {self.resolved(path, one, depth)}".strip()

    def bound_once(self, path: str, value: ast.expr) -> tuple[ast.expr, str] | None:
        """Return the one value, and its file, that a name is plainly bound to; None if several."""
        found = self._bound(path, value)
        if len(found) != 1 or found[0][0]:
            return None
        return found[0][1], found[0][2]

    def closure(self, path: str, value: ast.expr) -> Iterator[ast.AST]:
        """Yield every node that the value depends on, through names of any kind."""
        seen: set[int] = set()
        stack = [(path, value)]
        while stack:
            where, one = stack.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            for node in in_order(one):
                yield node
                if isinstance(node, ast.expr):
                    stack += [(there, to) for _, to, there in self._bound(where, node)]

    def _kinds(self, path: str, value: ast.expr, depth: int) -> Kinds:  # noqa: PLR0911 (one a kind)
        bound = self._bound(path, value)
        if bound:
            found = self._best(self.kinds(where, one, depth) for _, one, where in bound)
            given = self._given(path, value, depth) if isinstance(value, ast.Call) else CONSTANT
            return found | (given & {LAB})  # what a call is given may be the lab's seed
        match value:
            case ast.Constant():
                return frozenset((LAB,)) if value.value == SEED_VARIABLE else CONSTANT
            case ast.Name():
                return CONSTANT if value.id in PURE else frozenset((UNKNOWN,))
            case ast.Attribute():
                return frozenset((UNKNOWN,)) | self.kinds(path, value.value, depth)
            case ast.Call():
                return self._of_call(path, value, depth)
            case ast.Lambda():
                return self.kinds(path, value.body, depth)
        return self._union(path, ast.iter_child_nodes(value), depth)

    @staticmethod
    def _best(found: Iterable[Kinds]) -> Kinds:
        """Choose among several values: the lab's seed if it is one, else a constant if one is."""
        kinds = list(found)
        if any(LAB in one for one in kinds):
            return frozenset((LAB,))
        return CONSTANT if CONSTANT in kinds else frozenset((UNKNOWN,))

    def _given(self, path: str, call: ast.Call, depth: int) -> Kinds:
        return self._union(path, [*call.args, *(k.value for k in call.keywords)], depth)

    def _of_call(self, path: str, call: ast.Call, depth: int) -> Kinds:
        given = self._given(path, call, depth)
        function = call.func
        if last_name(function) in PURE or _root(function) in PURE_MODULES:
            return given
        if isinstance(function, ast.Attribute):  # a method of a constant, such as "x".encode()
            return given | self.kinds(path, function.value, depth)
        if isinstance(function, ast.Name | ast.Lambda):
            return given | self.kinds(path, function, depth)
        return given | frozenset((UNKNOWN,))

    def _union(self, path: str, nodes: Iterable[ast.AST], depth: int) -> Kinds:
        found: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.expr):
                found |= self.kinds(path, node, depth)
            elif isinstance(node, ast.comprehension):
                found |= self._union(path, [node.iter, *node.ifs], depth)
        return frozenset(found)

    def _substitutes(self, path: str, value: ast.expr) -> bool:
        return any(
            isinstance(node, ast.expr) and self._bound(path, node) for node in in_order(value)
        )

    def _bound(self, path: str, value: ast.expr) -> list[Value]:
        """Return what a name, an attribute, a key or a call of the files' own may stand for."""
        if isinstance(value, ast.Name) and isinstance(value.ctx, ast.Load):
            return self._of_name(self._scopes.get(id(value), 0), value.id)
        if isinstance(value, ast.Attribute):
            return self._shared.get(f".{value.attr}", [])
        if isinstance(value, ast.Subscript) and _key(value) not in ("", SEED_VARIABLE):
            return self._shared.get(f".{_key(value)}", [])
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            return self._shared.get(f"{value.func.id}()", [])
        return []

    def _of_name(self, scope: int, name: str) -> list[Value]:
        """Return a name's values as seen from a scope; a parameter hides outer names."""
        while scope:
            if (scope, name) in self._names:
                return self._names[scope, name]
            scope = self._around.get(scope, 0)
        return []

    def _enter(self, tree: ast.Module) -> None:
        """Note the scope of every node."""
        stack: list[tuple[ast.AST, int]] = [(tree, id(tree))]
        while stack:
            node, scope = stack.pop()
            self._scopes[id(node)] = scope
            inner = scope
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inner = id(node)
                self._around[inner] = scope
                for argument in ast.walk(node.args):
                    if isinstance(argument, ast.arg):
                        self._names[inner, argument.arg] = []
            if isinstance(node, ast.Global | ast.Nonlocal):
                there = id(tree) if isinstance(node, ast.Global) else self._around.get(scope, 0)
                self._elsewhere |= {(scope, name): there for name in node.names}
            stack += [(child, inner) for child in ast.iter_child_nodes(node)]

    def _collect(self, path: str, tree: ast.Module) -> None:
        outer = {id(one) for node in in_order(tree) for one in _fields(node)}
        for node in in_order(tree):
            for target, value, how in bindings_of(node):
                self._bind(path, target, value, how, id(node) in outer)
            for key, value in entries_of(node):
                self._share(f".{key}", ("", value, path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._add_function(path, node, node.name)
            if isinstance(node, ast.ClassDef):
                for one in node.body:
                    if isinstance(one, ast.FunctionDef) and one.name == "__init__":
                        self._add_function(path, one, node.name)

    def _add_function(
        self, path: str, node: ast.FunctionDef | ast.AsyncFunctionDef, called: str
    ) -> None:
        first = node.args.args[:1]
        method = bool(first) and first[0].arg in ("self", "cls")
        self._parameters.setdefault(called, []).append((node.args, method, id(node)))
        for argument, default in defaults_of(node.args):
            self._names[id(node), argument].append(("", default, path))
        if called == node.name:
            for inner in in_order(node):
                if isinstance(inner, ast.Return) and inner.value is not None:
                    self._share(f"{called}()", ("", inner.value, path))

    def _collect_calls(self, path: str, tree: ast.Module) -> None:
        """Bind parameters to what calls give them, imported names, and options of a parser."""
        for node in in_order(tree):
            if isinstance(node, ast.ImportFrom):
                there = self._stems.get((node.module or "").rpartition(".")[2])
                for alias in node.names if there is not None else ():
                    assert there is not None
                    found = self._names.get((id(self._trees[there]), alias.name), [])
                    place = (self._scopes[id(node)], alias.asname or alias.name)
                    self._names.setdefault(place, []).extend(found)
            if not isinstance(node, ast.Call):
                continue
            for arguments, method, scope in self._parameters.get(last_name(node.func), ()):
                names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)][method:]
                pairs = [*zip(names, node.args, strict=False)]
                pairs += [(k.arg, k.value) for k in node.keywords if k.arg]
                for name, value in pairs:
                    self._names.setdefault((scope, name), []).append(("", value, path))
            for keyword in node.keywords:
                if keyword.arg:
                    self._share(f".{keyword.arg}", ("", keyword.value, path))
            for option, default in options_of(node):
                self._share(f".{option}", ("", default, path))

    def _bind(
        self, path: str, target: ast.expr, value: ast.expr, how: str, shared: bool = False
    ) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) and not how else []
            if len(values) != len(target.elts):
                values = [value] * len(target.elts)
            for one, to in zip(target.elts, values, strict=True):
                self._bind(path, one, to, how, shared)
        elif isinstance(target, ast.Name):
            scope = self._scopes[id(target)]
            place = (self._elsewhere.get((scope, target.id), scope), target.id)
            self._names.setdefault(place, []).append((how, value, path))
            if shared:
                self._share(f".{target.id}", (how, value, path))
        elif isinstance(target, ast.Attribute):
            self._share(f".{target.attr}", (how, value, path))
        elif isinstance(target, ast.Subscript) and _key(target):
            self._share(f".{_key(target)}", (how, value, path))

    def _share(self, name: str, value: Value) -> None:
        self._shared.setdefault(name, []).append(value)


def bindings_of(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr, str]]:
    """Yield what a node itself binds: (target, value, how), `how` being "", "Add=" or "in"."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value, "") for target in targets)
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ):
            yield target, value, ""
        case ast.AugAssign(target=target, value=value, op=op):
            yield target, value, f"{type(op).__name__}="
        case (
            ast.For(target=target, iter=value)
            | ast.AsyncFor(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
        ):
            yield target, value, "in"


def entries_of(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the entries of a dictionary that is written out, by their keys."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


def defaults_of(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """Yield the parameters that have a default, with it."""
    placed = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(placed[::-1], arguments.defaults[::-1], strict=False):
        yield argument.arg, default
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if value is not None:
            yield argument.arg, value


def options_of(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Yield (name, default) of a command's option: `add_argument("--seed", default=7)`."""
    if last_name(call.func) not in ("add_argument", "option", "Option"):
        return
    flags = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    for keyword in call.keywords:
        if keyword.arg == "default":
            for flag in flags:
                yield flag.lstrip("-").replace("-", "_"), keyword.value


def _fields(node: ast.AST) -> list[ast.stmt]:
    """Return the statements of a module or a class, whose names are read as attributes too."""
    return node.body if isinstance(node, ast.Module | ast.ClassDef) else []


def _key(value: ast.Subscript) -> str:
    inner = value.slice
    return inner.value if isinstance(inner, ast.Constant) and isinstance(inner.value, str) else ""


def _root(function: ast.expr) -> str:
    while isinstance(function, ast.Attribute | ast.Call):
        function = function.value if isinstance(function, ast.Attribute) else function.func
    return function.id if isinstance(function, ast.Name) else ""


def _shape(value: ast.expr) -> str:
    """Name a node with its operator, so that `a + b` and `a - b` differ."""
    operator = getattr(value, "op", None)
    own = getattr(value, "attr", "")
    return f"{type(value).__name__}{type(operator).__name__ if operator else ''}{own}"
