"""Simplifications: patches that take code away, and by how many syntax nodes.

Code that moves into a string, a comment or a docstring has left the syntax tree and not the
program. So from version 2 on every byte of text that the base does not have counts as a node. That
is more than code needs there, even deflated: Adam has 330 nodes, and 480 bytes in base 85 of
deflate. And what gains a use by which text runs, or is read from its own source, is none.

A ledger has the version beside each number, so that `verify` counts as was counted then.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from autoresearch.equivalence.fingerprint import count_nodes, parse, size_of_code
from autoresearch.patches.hidden_code import uses_of_text
from autoresearch.patches.payload_limits import names_of, texts_of

VERSION = 2
_FEWEST_NODES = 8
_FEWEST_SHARE = 0.01
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)

Files = Mapping[str, bytes]


def simpler(before: Files, after: Files, version: int = VERSION) -> int:
    """Return by how many syntax nodes the code shrinks; 0 unless the patch is a simplification.

    A simplification removes at least 8 nodes and 1 % of the changed files, and adds no file.

    Args:
        before: The base's editable files.
        after: The same with the patch.
        version: Of the measure: 1 counts four characters of a string as a node and nothing of
            comments and docstrings, 2 each new byte of any of them.
    """
    changed = [path for path in before if before[path] != after.get(path)]
    if after.keys() - before.keys() or not all(path.endswith(".py") for path in changed):
        return 0
    old = {path: before[path] for path in changed}
    new = {path: after[path] for path in changed if path in after}
    size = size_of_code if version == 1 else count_nodes
    try:
        nodes = _total(size, old)
        fewer, least = nodes - _total(size, new), max(_FEWEST_NODES, _FEWEST_SHARE * nodes)
        if fewer >= least and version > 1:
            gains_a_use = _total(_uses_of_text, new) > _total(_uses_of_text, old)
            fewer = 0 if gains_a_use else fewer - _new_text(old, new)
    except _UNREADABLE:
        return 0
    return fewer if fewer >= least else 0


def _total(measure: Callable[[str, bytes], int], files: Files) -> int:
    return sum(measure(path, content) for path, content in files.items())


def _uses_of_text(path: str, content: bytes) -> int:
    return uses_of_text(parse(content, path))


def _new_text(old: Files, new: Files) -> int:
    """Return the bytes of names, and of words in comments and strings, that only `new` has.

    A word is old where it follows the same word as in the base: their order could be a code too.
    """
    known = {name for path in old for name in names_of(path, old[path])}
    names = {name for path in new for name in names_of(path, new[path])} - known
    pairs = Counter(pair for path in old for pair in _pairs(texts_of(path, old[path])))
    added = Counter(pair for path in new for pair in _pairs(texts_of(path, new[path]))) - pairs
    words = sum(_size(word) * count for (_, word), count in added.items())
    return sum(map(_size, names)) + words


def _pairs(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield each word of each text, after the one before it; odd blanks are words too."""
    for text in texts:
        words = ["", *text.split()] if text.strip() else ["", text]
        yield from pairwise(words)


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
