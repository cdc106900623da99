"""Runs one piece of code alone on arrays: a model on its inputs, or a frozen evaluation function.

Given as text to the target's interpreter, behind the text of framing.py. As a model it loads
`load(path) -> predict` and answers each array of inputs; as a function it takes targets and answers
and gives a number.

    request   an array, or for a function two
    reply     b"R" once loaded, b"A" + an array, or b"E" + uint32 size + words

It loads nothing before the first byte of a request is there.
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

from autoresearch.framing import HEAD, MOST_DIMENSIONS, packed, shape_of, size_of


class _Refused(Exception):
    """The answer is not of the form that was asked."""


def _main() -> None:
    entry, checkpoint, arrays, requests, replies = sys.argv[1:]
    requests_fd, replies_fd = int(requests), int(replies)
    os.read(requests_fd, 1)
    doing = f"{entry} could not be loaded"
    try:
        call = _load(entry)
        if int(arrays) == 1:
            call = call(checkpoint)
        if not callable(call):
            raise TypeError(f"{entry} gave {type(call).__name__}, which can't be called")
        _send(replies_fd, b"R")
        doing = "the model failed"
        while True:
            given = [_receive_array(requests_fd) for _ in range(int(arrays))]
            answer = np.asarray(call(*given))
            _check(answer, len(given[0]) if int(arrays) == 1 else None)
            _send(replies_fd, b"A" + packed(answer))
    except BaseException as error:  # noqa: BLE001 - researched code may raise anything at all
        words = f"{error}" if isinstance(error, _Refused) else f"{doing}: {_in_one_line(error)}"
        message = words.encode("utf-8", "replace")[:600]
        _send(replies_fd, b"E" + struct.pack("<I", len(message)) + message)


def _load(entry: str) -> Callable[..., Any]:
    path, _, name = entry.rpartition(":")
    sys.path.insert(0, str(Path(path).resolve().parent))
    module_name = Path(path).stem
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return getattr(module, name)  # type: ignore[no-any-return]


def _check(answer: "np.ndarray[Any, Any]", rows: int | None) -> None:
    if answer.dtype.kind not in "iufb":
        raise _Refused(f"the model returned {answer.dtype} where floats were asked")
    if rows is not None and (not answer.ndim or len(answer) != rows):
        raise _Refused(f"the model returned shape {answer.shape} where ({rows},) was asked")
    if answer.ndim > MOST_DIMENSIONS:
        raise _Refused(f"the model returned {answer.ndim} dimensions")


def _receive_array(descriptor: int) -> "np.ndarray[Any, Any]":
    dtype, shape = shape_of(_receive(descriptor, HEAD.size))
    return np.frombuffer(_receive(descriptor, size_of(shape)), dtype).reshape(shape).copy()


def _receive(descriptor: int, size: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < size:
        piece = os.read(descriptor, size - len(pieces))
        if not piece:
            raise SystemExit("the scorer is gone")
        pieces += piece
    return bytes(pieces)


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
