"""Near-duplicates: patches that say the same with other numbers. Pure functions on diffs.

Two patches are near each other if their tokens are the same but for a few, numbers left aside, and
each number of one is within a factor of two of its like in the other.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

FACTOR = 2.0
ALIKE = 0.9  # share of tokens that are the same, in what is added
_REMOVED_ALIKE = 0.8  # in what is removed, which may have changed since
_TOKEN = re.compile(
    r"(?P<comment>#.*)|(?P<number>\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?|\.\d+)"
    r"|(?P<other>\w+|[^\w\s])"
)


@dataclass(frozen=True, slots=True)
class Change:
    """The tokens of a patch, by file, with `0` for each number, and the numbers."""

    paths: tuple[str, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]
    numbers: tuple[float, ...]  # in what is added


def read_change(diff: str) -> Change:
    """Return what a unified diff changes, without comments and spacing."""
    paths: list[str] = []
    removed: list[str] = []
    added: list[str] = []
    numbers: list[float] = []
    in_hunk = False
    for line in diff.splitlines():
        if line.startswith("diff --git "):
            in_hunk = False
        elif line.startswith("@@"):
            in_hunk = True
        elif not in_hunk and line.startswith("+++ "):
            paths.append(line[4:].removeprefix("b/"))
        elif in_hunk and line[:1] in ("-", "+"):
            found, values = _tokens(line[1:])
            (added if line[0] == "+" else removed).extend(found)
            numbers += values if line[0] == "+" else []
    return Change(tuple(paths), tuple(removed), tuple(added), tuple(numbers))


def same_change(one: Change, other: Change) -> bool:
    """Return whether they add and remove the same, wherever it stands."""
    return bool(one.added or one.removed) and one == other


def near(one: Change, other: Change) -> bool:
    """Return whether one says the same as the other, with numbers not far away."""
    if one.paths != other.paths or not (one.added or one.removed):
        return False
    if len(one.numbers) != len(other.numbers):
        return False
    alike = _share(one.added, other.added) >= ALIKE
    return (
        alike
        and _share(one.removed, other.removed) >= _REMOVED_ALIKE
        and all(_close(a, b) for a, b in zip(one.numbers, other.numbers, strict=True))
    )


def _close(one: float, other: float) -> bool:
    small, large = sorted((abs(one), abs(other)))
    return one == other or (small > 0 and large <= FACTOR * small)


def _share(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    if one == other:
        return 1.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _tokens(line: str) -> tuple[list[str], list[float]]:
    found: list[str] = []
    numbers: list[float] = []
    for match in _TOKEN.finditer(line):
        if match["number"]:
            found.append("0")
            numbers.append(_value(match["number"]))
        elif match["other"]:
            found.append(match["other"])
    return found, numbers


def _value(text: str) -> float:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return 0.0
