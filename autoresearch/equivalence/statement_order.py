"""Order of statements: of all orders that do the same, always the same one.

Names that may be anything can't decide an order. So each name is known by where it stands: its
colour is a hash of the statements that it is in, refined a few times over.
"""

import ast
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping

from autoresearch.equivalence.effects import Scope
from autoresearch.equivalence.walking import children, walk

_ROUNDS = 4
_MOST_STATEMENTS = 500  # of one block; more stay in their order
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")

Token = tuple[bool, str]  # whether it is a name that may be anything


def put_in_order(tree: ast.Module, scope: Scope) -> None:
    """Sort the statements of each block in place, as far as they may change places."""
    _sort_all(tree, scope, _Keys(_colours(tree)))


def tokens(node: object, keys: "_Keys | None" = None, *, whole: bool = True) -> Iterator[Token]:
    """Yield a text of the tree in pieces.

    Args:
        node: A node, a list, or a value.
        keys: Stand for the statements in the blocks of this one, if given.
        whole: False leaves out the blocks of a compound statement.
    """
    if isinstance(node, ast.AST):
        yield False, f"({type(node).__name__}"
        for name, value in _fields(node, whole):
            yield False, f" {name}="
            if isinstance(node, ast.Constant):
                yield False, _literal(value)
            else:
                yield from tokens(value, keys)
        yield False, ")"
    elif isinstance(node, list):
        yield False, "["
        for item in node:
            if keys is not None and isinstance(item, ast.stmt):
                yield False, keys.of(item)
            else:
                yield from tokens(item, keys)
        yield False, "]"
    elif isinstance(node, str) and node.startswith("$"):
        yield True, node
    else:
        yield False, _literal(node)


def _fields(node: ast.AST, whole: bool) -> Iterator[tuple[str, object]]:
    for name in node._fields:
        value = getattr(node, name, None)
        if name in {"ctx", "kind", "type_comment"} or value == []:
            continue
        if value is None and not isinstance(node, ast.Constant):
            continue
        if whole or name not in _BLOCKS or not isinstance(value, list):
            yield name, value


def text_of(tree: ast.AST) -> str:
    """Return a text of the tree in which free names are numbered by their first appearance."""
    given: dict[str, str] = {}
    return "".join(
        given.setdefault(text, f"${len(given)}") if is_name else text
        for is_name, text in tokens(tree)
    )


def _literal(value: object) -> str:
    if type(value) is int:
        return f"{value:#x}"  # repr refuses to write more than 4,300 digits
    return f"{type(value).__name__}:{value!r}"


def _colours(tree: ast.Module) -> Mapping[str, str]:
    """Return the colour of each free name."""
    items = [
        list(tokens(node, whole=False))
        for node in walk(tree)
        if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case)
    ]
    items = [item for item in items if any(is_name for is_name, _ in item)]
    colours: dict[str, str] = {}
    for _ in range(_ROUNDS):
        seen: defaultdict[str, list[str]] = defaultdict(list)
        for item in items:
            text = "".join(colours.get(word, "$") if is_name else word for is_name, word in item)
            places: defaultdict[str, list[int]] = defaultdict(list)
            for place, (is_name, word) in enumerate(item):
                if is_name:
                    places[word].append(place)
            for name, found in places.items():
                seen[name].append(f"{found}{text}")
        colours = {name: _hash("\n".join(sorted(texts))) for name, texts in seen.items()}
    return colours


def _sort_all(node: ast.AST, scope: Scope, keys: "_Keys") -> None:
    """Sort the innermost blocks first, since the keys of statements contain their blocks."""
    for child in children(node):
        _sort_all(child, scope, keys)
    if isinstance(node, ast.ClassDef):
        _sort_methods(node, keys)
        return
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and 1 < len(block) <= _MOST_STATEMENTS:
            block[:] = _sorted(block, scope, keys)


def _sorted(block: list[ast.stmt], scope: Scope, keys: "_Keys") -> list[ast.stmt]:
    """Take, of the statements that may come next, always the one with the least key."""
    effects = [scope.of(node) for node in block]
    ranks = [keys.of(node) for node in block]
    waits = [
        {i for i in range(j) if not effects[i].commutes(effects[j])} for j in range(len(block))
    ]
    left, order = set(range(len(block))), list[ast.stmt]()
    while left:
        ready = [j for j in left if not waits[j] & left]
        chosen = min(ready, key=lambda j: (ranks[j], j))
        left.remove(chosen)
        order.append(block[chosen])
    return order


def _sort_methods(node: ast.ClassDef, keys: "_Keys") -> None:
    """Sort each stretch of plain methods; fields stay, for their order can mean something."""
    found: list[ast.stmt] = []
    stretch: list[ast.stmt] = []
    for child in node.body:
        if isinstance(child, ast.FunctionDef) and not child.decorator_list:
            stretch.append(child)
            continue
        found += [*_by_key(stretch, keys), child]
        stretch = []
    node.body = [*found, *_by_key(stretch, keys)]


def _by_key(stretch: list[ast.stmt], keys: "_Keys") -> list[ast.stmt]:
    names = [child.name for child in stretch if isinstance(child, ast.FunctionDef)]
    if len(set(names)) != len(names):
        return stretch  # the last one counts
    return sorted(stretch, key=keys.of)


class _Keys:
    """Keys of statements, from the colours of the names in them."""

    def __init__(self, colours: Mapping[str, str]) -> None:
        self.colours = colours
        self.known: dict[ast.stmt, str] = {}

    def of(self, node: ast.stmt) -> str:
        """Return a statement's key; ask only once what is below it is in order."""
        if node not in self.known:
            pieces = tokens(node, self)
            text = "".join(self.colours[word] if is_name else word for is_name, word in pieces)
            self.known[node] = _hash(text)
        return self.known[node]


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=12).hexdigest()
