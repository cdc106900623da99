"""Reader of training curves: JSON lines of an untrusted program, reduced to a few points."""

import json
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

_WHOLE_BYTES = 2 * 1024 * 1024
LINE_BYTES = 4096
_STEP_KEYS = ("step", "steps", "iteration", "iter", "tokens", "epoch", "x")
_LOSS_KEYS = ("loss", "train_loss", "training_loss", "y")


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point: `at` in the training's own unit, else the line's index; a finite loss."""

    at: float
    loss: float


@dataclass(frozen=True, slots=True)
class CurveLine:
    """One line of a curve: a finite loss, and the run's own count of tokens, if it gave one."""

    loss: float
    tokens: float | None


def read_line(line: bytes) -> CurveLine | None:
    """Parse one line of a curve; return None if it is no JSON object with a finite loss."""
    fields = _fields(line)
    loss = _number(fields, _LOSS_KEYS)
    return None if loss is None else CurveLine(loss, _number(fields, ("tokens",)))


def read_curve(path: Path, points: int = 20) -> tuple[CurvePoint, ...]:
    """Return at most `points` points of a curve, evenly spaced, including the last.

    Lines that are no JSON object with a finite loss are skipped. Returns () if there is no regular
    file; of a huge file only windows are read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return ()
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return ()
    with os.fdopen(descriptor, "rb") as file:
        lines = _lines(file, points)
    found = [point for n, line in enumerate(lines) if (point := _point(line, n)) is not None]
    if len(found) <= points:
        return tuple(found)
    if points == 1:
        return (found[-1],)
    return tuple(found[round(n * (len(found) - 1) / (points - 1))] for n in range(points))


def _lines(file: BinaryIO, points: int) -> list[bytes]:
    size = file.seek(0, 2)
    file.seek(0)
    if size <= _WHOLE_BYTES:
        return file.read(_WHOLE_BYTES).split(b"\n")
    lines: list[bytes] = []
    windows = 4 * points
    for n in range(windows + 1):
        file.seek(n * (size - 2 * LINE_BYTES) // windows)
        whole = file.read(2 * LINE_BYTES).split(b"\n")
        lines.extend(whole[1:] if n == windows else whole[1:2])  # the first may be a half
    return lines


def _point(line: bytes, place: int) -> CurvePoint | None:
    fields = _fields(line)
    loss = _number(fields, _LOSS_KEYS)
    step = _number(fields, _STEP_KEYS)
    return None if loss is None else CurvePoint(float(place) if step is None else step, loss)


def _fields(line: bytes) -> dict[str, Any]:
    """Return the line's JSON object, {} if it has none."""
    if not line.strip() or len(line) > LINE_BYTES:
        return {}
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _number(fields: dict[str, Any], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        value = fields.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                continue
            if math.isfinite(number):
                return number
    return None
