"""Plain data that came back from a learner's code: read, compared, put into words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoresearch.common.text import cut
from curricula.exercise import Plain

_SHOWN = 400  # characters of an input or an answer
_DEEPEST = 50  # lists in lists


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of one call: plain data, or the error that was raised instead."""

    value: Any = None
    error: Mapping[str, Any] | None = None


def same(expected: Plain, got: Plain, tolerance: float) -> bool:
    """Equal as plain data; numbers within the tolerance, relative or absolute."""
    if isinstance(expected, bool) or isinstance(got, bool) or expected is None or got is None:
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return _close(expected, got, tolerance)
    if isinstance(expected, str) or isinstance(got, str):
        return expected == got
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        return expected.keys() == got.keys() and all(
            same(expected[key], got[key], tolerance) for key in expected
        )
    if isinstance(expected, Sequence) and isinstance(got, Sequence):
        return len(expected) == len(got) and all(
            same(one, other, tolerance) for one, other in zip(expected, got, strict=True)
        )
    return False


def _close(expected: float, got: float, tolerance: float) -> bool:
    try:
        return math.isfinite(got) and math.isclose(
            expected, got, rel_tol=tolerance, abs_tol=tolerance
        )
    except OverflowError:  # a whole number beyond every float
        return expected == got


def difference(expected: Plain, got: Plain, tolerance: float) -> str:
    """Describe how an answer differs without giving the right one away; "" if it does not."""
    if same(expected, got, tolerance):
        return ""
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        if not isinstance(got, Sequence) or isinstance(got, str):
            return f"the answer is {_named(got)}, not a list"
        if len(expected) != len(got):
            return f"the answer has {len(got)} entries, which is not the right number"
        pairs = zip(expected, got, strict=True)
        first = next(n for n, (e, g) in enumerate(pairs) if not same(e, g, tolerance))
        return f"the answer differs, first in entry {first + 1} of {len(got)}"
    if _named(expected) != _named(got):
        return f"the answer is {_named(got)}, not {_named(expected)}"
    another = "number" if isinstance(got, int | float) else "one"
    return f"the answer is another {another}"


def _named(value: Plain) -> str:
    match value:
        case None:
            return "None"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "a dict"
    return "a list"


def finite(value: Any) -> bool:  # noqa: ANN401 - whatever JSON can say
    """Return whether the value holds no NaN and no infinity."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(finite, value))
    return True


def shallow(value: Any) -> bool:  # noqa: ANN401 - whatever JSON can say
    """Return whether the value is nested shallowly enough to be walked."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, list | dict)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return True
    return False


def error_words(error: object) -> str:
    """An error as a child described it, in one line."""
    if not isinstance(error, Mapping):
        return "an error"
    line = error.get("line")
    where = f" (line {line})" if isinstance(line, int) and line > 0 else ""
    kind, words = (_printable(error.get(key, "")) for key in ("type", "words"))
    return f"{kind[:80] or 'an error'}{': ' if words else ''}{words[:300]}{where}"


def _printable(said: object) -> str:
    """In one line, without what a terminal would obey or no encoding can hold."""
    line = " ".join(str(said).split())
    return "".join(char if char.isprintable() else "�" for char in line)


def shorten(text: str) -> str:
    """The beginning of a long text."""
    return cut(text, _SHOWN)
