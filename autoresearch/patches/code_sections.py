"""Sections of a source file, found by lines or symbol, with their syntax-tree spans and knobs.

Pure functions on text. Knows no git and no ledger.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

from autoresearch.errors import NotFoundError

LINES = re.compile(r"^(?P<first>\d+)(?:-(?P<last>\d+))?$")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Block = Definition | ast.For | ast.While | ast.If | ast.With | ast.Try


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A named value in the code that can be changed."""

    name: str
    line: int
    value: str  # as written
    low: float | None  # of the contract's range
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A node of the syntax tree that covers the section."""

    kind: str  # "function", "class", "module", "for", "if", ...
    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Place:
    """A range of lines in a file, 1-based and inclusive."""

    path: str
    first: int
    last: int


def find_section(section: str, files: Sequence[str], read: "Reader") -> Place:
    """Resolve "train.py:10-40", "train.py:load", "train.py" or "load" to a place.

    Raises NotFoundError, listing what there is.
    """
    path, _, within = section.strip().rpartition(":")
    if not path:
        path, within = (section.strip(), "") if section.strip() in files else ("", section.strip())
    if path and path not in files:
        raise NotFoundError(
            f"There is no file {path!r}.", f"Files: {_some(files, path)}.", reason="file"
        )
    if not path:
        return _find_symbol_anywhere(within, files, read)
    text = read(path)
    total = max(1, len(text.splitlines()))
    if not within:
        return Place(path, 1, total)
    lines = LINES.match(within)
    if lines:
        first = int(lines["first"])
        last = int(lines["last"] or first)
        if not 1 <= first <= last or first > total:
            raise NotFoundError(
                f"{path} has lines 1-{total}, not {within}.",
                "Ask for lines in that range.",
                reason="lines",
            )
        return Place(path, first, min(last, total))
    found = _symbols(text).get(within)
    if found is None:
        raise NotFoundError(
            f"{path} does not define {within!r}.",
            f"It defines: {_some(_symbols(text), within)}.",
            reason="symbol",
        )
    return Place(path, *found)


class Reader:
    """A reader of files by path; subclasses define the source."""

    def __call__(self, path: str) -> str:
        """Return a file's text; raise NotFoundError if there is none."""
        raise NotImplementedError


def covering_spans(text: str, first: int, last: int) -> tuple[Span, ...]:
    """Return the blocks of the syntax tree that contain the lines, outermost first."""
    tree = parse(text)
    if tree is None:
        return ()
    module = Span(kind="module", name="", first=1, last=max(1, len(text.splitlines())))
    inner = [
        Span(
            kind=kind_of(node),
            name=getattr(node, "name", ""),
            first=start_of(node),
            last=_end(node),
        )
        for node in ast.walk(tree)
        if isinstance(node, Block) and start_of(node) <= first and last <= _end(node)
    ]
    return module, *sorted(inner, key=lambda span: (span.first, -span.last))


def find_knobs(
    text: str, first: int, last: int, ranges: Mapping[str, tuple[float | None, float | None]]
) -> tuple[Knob, ...]:
    """Return the names bound to literals on these lines: assignments and parameters' defaults.

    `ranges` gives (low, high) by name, from the contract.
    """
    tree = parse(text)
    if tree is None:
        return ()
    knobs = []
    for name, value in _bindings(tree):
        if first <= value.lineno <= last:
            low, high = ranges.get(name, (None, None))
            written = ast.get_source_segment(text, value) or ""
            knobs.append(Knob(name=name, line=value.lineno, value=written, low=low, high=high))
    return tuple(sorted(knobs, key=lambda knob: knob.line))


def definitions(text: str) -> tuple[Span, ...]:
    """Return the top-level functions and classes, and each stretch of other code between them."""
    tree = parse(text)
    total = len(text.splitlines())
    if tree is None or not total:
        return ()
    spans: list[Span] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Expr):
            continue
        if isinstance(node, Definition):
            spans.append(
                Span(kind=kind_of(node), name=node.name, first=start_of(node), last=_end(node))
            )
        elif spans and spans[-1].kind == "code":
            before = spans.pop()
            name = f"{before.name.partition(' to ')[0]} to {_bound(node)}"
            spans.append(Span(kind="code", name=name, first=before.first, last=_end(node)))
        else:
            spans.append(
                Span(kind="code", name=_bound(node), first=start_of(node), last=_end(node))
            )
    return tuple(spans)


class LineMap:
    """A map from lines of an old text to lines of a new one."""

    def __init__(self, old: str, new: str) -> None:
        matcher = SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
        self._blocks = matcher.get_opcodes()

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the new (first, last) for old lines, 1-based and inclusive.

        Deleted lines map to the place where they were.
        """
        touched = [
            (new_first + max(0, first - 1 - old_first), new_last - max(0, old_last - last))
            if tag == "equal"
            else (new_first, max(new_last, new_first + 1))
            for tag, old_first, old_last, new_first, new_last in self._blocks
            if max(old_first, first - 1) < min(old_last, last)
        ]
        if not touched:
            return first, last
        return min(a for a, _ in touched) + 1, max(1, *(b for _, b in touched))


def number_lines(text: str, first: int, last: int) -> str:
    """Return the lines with their numbers, as an editor shows them."""
    width = len(str(last))
    chosen = text.splitlines()[first - 1 : last]
    return "\n".join(f"{n:>{width}} {line}" for n, line in enumerate(chosen, first))


def parse(text: str) -> ast.Module | None:
    """Return the syntax tree, or None if the text is not Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def kind_of(node: ast.AST) -> str:
    """Return "function", "class", or the statement's keyword."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return "function"
    return "class" if isinstance(node, ast.ClassDef) else type(node).__name__.lower()


def start_of(node: ast.stmt) -> int:
    """Return the first line, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _bound(node: ast.stmt) -> str:
    """Return the name that a statement binds, else its keyword."""
    names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    return names[0] if isinstance(node, ast.Assign | ast.AnnAssign) and names else kind_of(node)


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _symbols(text: str) -> dict[str, tuple[int, int]]:
    tree = parse(text)
    found: dict[str, tuple[int, int]] = {}
    if tree is None:
        return found
    for name, node in _named(tree.body, ""):
        found.setdefault(name, (start_of(node), _end(node)))
        found.setdefault(name.rpartition(".")[2], (start_of(node), _end(node)))
    return found


def _named(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, Definition):
            yield prefix + node.name, node
            yield from _named(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield prefix + target.id, node


def _bindings(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if len(targets) == 1 and isinstance(targets[0], ast.Name) and _is_literal(node.value):
                assert node.value is not None
                yield targets[0].id, node.value
        elif isinstance(node, ast.FunctionDef):
            named = [*node.args.posonlyargs, *node.args.args]
            given = [*node.args.defaults]
            pairs = [*zip(named[len(named) - len(given) :], given, strict=True)]
            pairs += [
                (a, d)
                for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                if d is not None
            ]
            yield from ((argument.arg, value) for argument, value in pairs if _is_literal(value))


def _is_literal(value: ast.expr | None) -> bool:
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    if isinstance(value, ast.BinOp):
        return _is_literal(value.left) and _is_literal(value.right)
    return isinstance(value, ast.Constant) and isinstance(value.value, int | float | str)


def _find_symbol_anywhere(name: str, files: Sequence[str], read: Reader) -> Place:
    python = [path for path in files if path.endswith(".py")]
    known: dict[str, tuple[str, tuple[int, int]]] = {}
    for path in python:
        for symbol, lines in _symbols(read(path)).items():
            known.setdefault(symbol, (path, lines))
    if name in known:
        path, lines = known[name]
        return Place(path, *lines)
    raise NotFoundError(
        f"There is no file or symbol {name!r}.",
        f"Files: {_some(files, name)}. Symbols: {_some(known, name)}.",
        reason="file_or_symbol",
    )


def _some(names: Collection[str], like: str, most: int = 12) -> str:
    near = get_close_matches(like, list(names), n=3, cutoff=0.5)
    rest = [name for name in names if name not in near]
    shown = (near + rest)[:most]
    return ", ".join(shown) + (", ..." if len(names) > most else "")
