"""Reader of a result file: one number from a JSON file that a run left in its tree.

An untrusted program wrote the file, and is dead by now: it may be a pipe, a link, a gigabyte large,
or nested a million levels deep.
"""

import json
import math
import stat
from collections import Counter
from pathlib import Path
from typing import NoReturn

from autoresearch.errors import ScoringError

MOST_BYTES = 1024 * 1024


class _Twice(ValueError):
    """An object has one key twice."""


def read_result_file(tree: Path, name: str, metric: str) -> float:
    """Return the number at the key `metric` of a JSON file below `tree`; dots descend into objects.

    Raises ScoringError, with one sentence, if there is no such finite number.
    """
    value = _parsed(_bytes(tree, name), name)
    walked = ""
    for key in metric.split("."):
        if not isinstance(value, dict):
            raise ScoringError(
                f"{name} has no JSON object{walked} that could hold {key!r}", reason="no_object"
            )
        if key not in value:
            raise ScoringError(f"{name} has no key {key!r}{walked}", reason="no_key")
        value, walked = value[key], f"{walked or ' at '}{'.' * bool(walked)}{key}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        kind = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
        raise ScoringError(
            f"{name} has {kind.get(type(value), 'null')} at {metric}, not a number",
            reason="not_a_number",
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ScoringError(
            f"{name} has a number at {metric} that is too large for a float", reason="not_finite"
        )
    return number


def _bytes(tree: Path, name: str) -> bytes:
    path = tree / name
    try:
        if path.is_symlink() or not path.resolve().is_relative_to(tree.resolve()):
            raise ScoringError(f"{name} is outside its tree, or is a link", reason="file_outside")
        if not stat.S_ISREG(path.lstat().st_mode):  # a pipe has nobody at its other end any more
            raise ScoringError(f"{name} is not a regular file", reason="not_regular")
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ScoringError(f"it did not write {name}", reason="no_file") from None
    except (OSError, RuntimeError) as error:
        raise ScoringError(
            f"{name} can't be read: {type(error).__name__}", reason="file_unreadable"
        ) from None
    if len(text) > MOST_BYTES:
        raise ScoringError(f"{name} has more than {MOST_BYTES:,} bytes", reason="file_too_large")
    return text


def _parsed(text: bytes, name: str) -> object:
    try:
        return json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except _Twice as error:
        raise ScoringError(f"{name} has the key {error} twice", reason="key_twice") from None
    except UnicodeDecodeError:
        raise ScoringError(f"{name} is not UTF-8", reason="not_utf8") from None
    except RecursionError:
        raise ScoringError(f"{name} is nested too deeply", reason="too_deep") from None
    except json.JSONDecodeError as error:
        words = "is empty" if not text.strip() else f"is not JSON: {error}"
        raise ScoringError(f"{name} {words}", reason="not_json") from None
    except ValueError as error:
        raise ScoringError(
            f"{name} holds a number that is not finite: {error}", reason="not_finite"
        ) from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)  # one pass: there may be a hundred thousand
        raise _Twice(ascii(next(name for name in counts if counts[name] > 1)[:80]))
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it is {constant}")
