"""Payload limits: refuse a patch that carries data.

Held-out documents may be part of a public list. Pasting such a list into the code would score what
the model did not learn, so the information that a patch adds is bounded: new constants, new words
(names, comments, docstrings, which code can read from its own source), and its text as a whole,
since known words in a new order are data too. All are counted in bytes as compressed by deflate,
with the base's own as its dictionary. Pasted text is never compared with held-out data, since a
refusal must not reveal anything about it.

docs/redteam.md derives the limits and describes what remains possible below them.
"""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from autoresearch.errors import PatchRefusedError
from autoresearch.patches.added_text import added_lines, longest_line, packed, size_of_added
from autoresearch.patches.hidden_code import code_in
from autoresearch.patches.syntax_trees import in_order, tree_of

CONSTANT_BYTES = 400
WORD_BYTES = 1_000
TEXT_BYTES = 1_500
LINE_BYTES = 500  # of one line; a file may have one as long as its base's longest
_BLANKS = re.compile(r"\s+$|\s{2,}|[^\S ]")  # all but the one blank between two words

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Payload:
    """The size of what a patch adds to its base, in compressed bytes."""

    constants: int
    words: int
    text: int  # all of it, in its order


def check_payload(before: Files, after: Files) -> None:
    """Raise PatchRefusedError if a patch adds more data than code needs."""
    found = measure(before, after)
    if found.constants > CONSTANT_BYTES:
        raise PatchRefusedError(
            f"The patch adds {found.constants:,} bytes of new strings and numbers (compressed).",
            f"At most {CONSTANT_BYTES} are allowed, about 700 characters: a model must learn "
            "from its training tokens. Compute what you need from them, or from a formula.",
            reason="new_constants",
        )
    if found.words > WORD_BYTES:
        raise PatchRefusedError(
            f"The patch adds {found.words:,} bytes of new names, comments and docstrings "
            "(compressed).",
            f"At most {WORD_BYTES:,} are allowed, about 2,000 characters: test one idea at a "
            "time, and comment only what the code does not show.",
            reason="new_names",
        )
    _check_lines(before, after)
    if found.text > TEXT_BYTES:
        raise PatchRefusedError(
            f"The patch adds {found.text:,} bytes of text that its base does not have "
            "(compressed).",
            f"At most {TEXT_BYTES:,} are allowed, about 90 lines of new code: test one idea at a "
            "time. What a model should know it must learn from its training tokens.",
            reason="new_text",
        )


def _check_lines(before: Files, after: Files) -> None:
    """Raise PatchRefusedError for a new line that nobody would read to its end."""
    for line in added_lines(before, after):
        size = len(line.text)
        if size > LINE_BYTES and size > (most := longest_line(before.get(line.path))):
            raise PatchRefusedError(
                f"{line.path}:{line.number} would have {size:,} bytes.",
                f"A line may have {max(LINE_BYTES, most)} at most: break it up, one idea in one "
                "patch.",
                reason="line_too_long",
            )


def measure(before: Files, after: Files) -> Payload:
    """Return the payload of `after` over `before`, file by file in order of their paths."""
    old, new = _Parts(before), _Parts(after)
    return Payload(
        constants=_packed(_added(old.constants, new.constants), old.constants),
        words=_packed(_added(old.words, new.words, once=True), old.words),
        text=size_of_added(before, after),
    )


class _Parts:
    """The constants and the words of some files, in their order."""

    def __init__(self, files: Files) -> None:
        parts = [_parts(path, files[path]) for path in sorted(files)]
        self.constants = [text for constants, _ in parts for text in constants]
        self.words = [text for _, words in parts for text in words]


@lru_cache(maxsize=64)  # the base is read once for all patches on it
def _parts(path: str, content: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tree = tree_of(path, content)
    if tree is None:  # not code: every line is data
        return tuple(content.decode(errors="replace").splitlines()), ()
    constants: list[str] = []
    words: list[str] = []
    documented = _docstrings(tree)
    for node in in_order(tree):
        if not isinstance(node, ast.Constant):
            words += _names(node)
        elif id(node) not in documented:
            constants += _constant(node.value)
        else:
            words += _constant(node.value)
            constants += _constants_within(node.value)
    return tuple(constants), (*words, *_comments(content), _odd_blanks(content))


@lru_cache(maxsize=64)  # as above
def names_of(path: str, content: bytes) -> frozenset[str]:
    """Return the identifiers of a file."""
    tree = tree_of(path, content)
    return frozenset(name for node in (in_order(tree) if tree else ()) for name in _names(node))


@lru_cache(maxsize=64)  # as above
def texts_of(path: str, content: bytes) -> tuple[str, ...]:
    """Return what the nodes of a file's syntax tree do not count: literals, comments, blanks."""
    tree = tree_of(path, content)
    texts: list[str] = []
    for node in in_order(tree) if tree else ():
        if isinstance(node, ast.Constant):
            texts += _constant(node.value)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            texts.append(" ".join(node.names))
    return (*texts, *_comments(content), *_gaps(content))


def _docstrings(tree: ast.Module) -> set[int]:
    """Return the ids of constants that are whole statements: code reads them as text, if at all."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _constant(value: object) -> list[str]:
    if isinstance(value, bool) or value is None or value is ...:
        return []
    if isinstance(value, bytes):
        return [value.decode("latin-1")]
    if isinstance(value, int):
        return [f"{value:x}"]  # decimal is refused above 4,300 digits
    return [value if isinstance(value, str) else repr(value)]


def _constants_within(value: object) -> list[str]:
    """Return the constants of code in a docstring, which `exec` could run."""
    tree = code_in(value)
    nodes = in_order(tree) if tree else ()
    return [
        text for node in nodes if isinstance(node, ast.Constant) for text in _constant(node.value)
    ]


def _names(node: ast.AST) -> list[str]:
    """Return the identifiers that a node itself holds."""
    found: list[str] = []
    for field in ("id", "name", "asname", "attr", "arg", "module", "rest"):
        value = getattr(node, field, None)
        if isinstance(value, str):
            found.append(value)
    for field in ("names", "kwd_attrs"):  # of global and nonlocal, of a class pattern
        found += [name for name in getattr(node, field, ()) if isinstance(name, str)]
    return found


def _comments(content: bytes) -> list[str]:
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(content).readline))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return []
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def _odd_blanks(content: bytes) -> str:
    return "\n".join(_gaps(content))


def _gaps(content: bytes) -> list[str]:
    """Return blanks that can only carry data, at ends of lines and in runs within them.

    They are invisible, a file can hold a hundred thousand, and code can read its own source.
    """
    lines = content.decode(errors="replace").splitlines()
    return [gap for line in lines for gap in _BLANKS.findall(line.lstrip(" "))]


def _added(old: Sequence[str], new: Sequence[str], *, once: bool = False) -> list[str]:
    """Return what `new` has beyond `old`, in its order; with `once`, every text only once."""
    left = Counter(old)
    added = []
    for text in dict.fromkeys(new) if once else new:
        if left[text]:
            left[text] -= 1
        else:
            added.append(text)
    return added


def _packed(added: Iterable[str], known: Iterable[str]) -> int:
    """Return the size of `added` as compressed by deflate with `known` as its dictionary."""
    data = "\n".join(added).encode(errors="surrogatepass")
    return packed(data, "\n".join(known).encode(errors="surrogatepass"))
