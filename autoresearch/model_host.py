"""Runs one model alone: is shown tokens column by column, answers with logits.

Given as text to the target's interpreter, so it imports only the standard library and numpy.
Knows no targets, no documents and not how many there are.

    request   int64 count, then that many rows to keep (places in the last batch) and as many
              tokens, one for each kept row; count -1: a new batch follows, count -2: the end
    reply     b"R" once loaded, b"A" + float64[B, V], or b"E" + uint32 size + words

It loads nothing of the model before the first byte of a request is there.
"""

import importlib.util
import os
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_NEW_BATCH, _END = -1, -2


class _Refused(Exception):
    """The model's answer is not of the form that was asked."""


def _main() -> None:
    entry, checkpoint, vocab, requests, replies = sys.argv[1:]
    requests_fd, replies_fd = int(requests), int(replies)
    os.read(requests_fd, 1)
    doing = f"{entry} could not be loaded"
    try:
        model = _load(entry, checkpoint)
        _send(replies_fd, b"R")
        doing = "the model failed"
        _serve(model, int(vocab), requests_fd, replies_fd)
    except BaseException as error:  # noqa: BLE001 - researched code may raise anything at all
        words = f"{error}" if isinstance(error, _Refused) else f"{doing}: {_in_one_line(error)}"
        message = words.encode("utf-8", "replace")[:600]
        _send(replies_fd, b"E" + struct.pack("<I", len(message)) + message)


def _load(entry: str, checkpoint: str) -> Callable[[Any], Any]:
    path, _, name = entry.rpartition(":")
    sys.path.insert(0, str(Path(path).resolve().parent))
    module_name = Path(path).stem
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    model = getattr(module, name)(checkpoint)
    if not callable(model):
        raise TypeError(f"{name}() returned {type(model).__name__}, which can't be called")
    return model  # type: ignore[no-any-return]


def _serve(model: Callable[[Any], Any], vocab: int, requests: int, replies: int) -> None:
    tokens = np.empty((0, 0), dtype=np.int64)
    while True:
        (count,) = _receive(requests, 1)
        if count == _END:
            return
        if count == _NEW_BATCH:
            (count,) = _receive(requests, 1)
            tokens = _receive(requests, count)[:, None]
        else:
            kept, column = _receive(requests, count), _receive(requests, count)
            tokens = np.concatenate((tokens[kept], column[:, None]), axis=1)
        logits = _checked(model(tokens.copy()), (len(tokens), vocab))
        _send(replies, b"A" + logits.tobytes())


def _checked(answer: object, shape: tuple[int, int]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    logits = np.asarray(answer)
    if logits.dtype.kind != "f":
        raise _Refused(f"the model returned {logits.dtype} where floats were asked")
    if logits.shape != shape:
        raise _Refused(f"the model returned shape {logits.shape} where {shape} was asked")
    logits = np.ascontiguousarray(logits, dtype=np.float64)
    if not np.isfinite(logits).all():
        raise _Refused("the model returned logits that are NaN or infinite")
    return logits


def _receive(descriptor: int, count: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    pieces, missing = [], 8 * count
    while missing:
        piece = os.read(descriptor, missing)
        if not piece:
            raise SystemExit("the scorer is gone")
        pieces.append(piece)
        missing -= len(piece)
    return np.frombuffer(b"".join(pieces), dtype=np.int64)


def _send(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _in_one_line(error: BaseException) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename != "<string>"]  # not this file's
    return f"{words} (line {lines[-1]})" if lines else words


if __name__ == "__main__":
    _main()
