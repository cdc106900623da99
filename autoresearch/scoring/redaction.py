"""Redaction of a model's error message, so that it cannot leak held-out data."""

import builtins
import re

from autoresearch.run_output.out_of_memory import Shortage, out_of_memory_while_scored

_UNSAID = "; its message is not shown, because it has seen held-out documents"
_FAILED = re.compile(r"the model failed: (\w{1,40}):(?: .*?)??(?: \(line (\d{1,5})\))?", re.ASCII)
_OWN_WORDS = tuple(
    re.compile(f"the model returned {what}", re.ASCII)  # else \d matches 660 characters
    for what in (
        r"(bool|object|(u?int|float|complex)(8|16|32|64|128|256)) instead of floats",
        r"a shape of \d dimensions instead of \d",
        r"a shape that is (shorter|longer) in dimension \d of \d than it should be",
        r"logits that are NaN or infinite",
    )
)


def redact(words: str, limit_mb: float) -> str | Shortage:
    """Return what may be shown of an error that a model raised after it saw held-out data.

    That is the type of a built-in exception or of one that means "out of memory", the line, and
    this product's own sentences.

    Args:
        words: The error as the model's process reported it.
        limit_mb: The memory limit that the model ran under, in MB.
    """
    if any(pattern.fullmatch(words) for pattern in _OWN_WORDS):
        return words
    found = _FAILED.fullmatch(words)
    where = f" in line {found[2]}" if found and found[2] else ""
    if found and (short := out_of_memory_while_scored(found[1], where, limit_mb)):
        return Shortage(short.cause, f"{short.text}{_UNSAID}")
    kind = getattr(builtins, found[1], None) if found else None
    if found is None or not (isinstance(kind, type) and issubclass(kind, BaseException)):
        return f"the model failed{_UNSAID}"
    return f"the model failed: {found[1]}{where}{_UNSAID}"
