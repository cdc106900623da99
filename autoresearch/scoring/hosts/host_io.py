"""Code that all hosts share: load the code under research, answer over two pipes, report errors.

Passed as source text to other interpreters, before a host's own text, so it imports only the
standard library. A host sends b"S" once it has started itself, b"R" once its code is loaded, b"A"
and an answer to each request, and b"E" + uint32 size + message when it ends with an error.
"""

import importlib.util
import os
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


class Refused(Exception):
    """The answer does not have the expected form; the message is our own."""

    @classmethod
    def other_shape(cls, found: Sequence[int], asked: Sequence[int]) -> "Refused":
        """Return the error for a wrong shape, with too few digits to encode held-out data."""
        if len(found) != len(asked):
            words = f"of {min(len(found), 9)} dimensions instead of {len(asked)}"
            return cls(f"the model returned a shape {words}")
        place = next(n for n, length in enumerate(found) if length != asked[n])
        how = "longer" if found[place] > asked[place] else "shorter"
        words = f"that is {how} in dimension {place + 1} of {len(asked)} than it should be"
        return cls(f"the model returned a shape {words}")


def function_of(entry: str) -> Callable[..., Any]:
    """Return the function `path:name`; it can import from its own folder, then from the tree."""
    path, _, name = entry.rpartition(":")
    sys.path[:0] = [str(Path(path).resolve().parent), ""]
    module_name = Path(path).stem
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return _callable(getattr(module, name), f"{name} is")


def model_of(entry: str, checkpoint: str) -> Callable[..., Any]:
    """Return the model that the function `path:name` makes of a checkpoint."""
    _, _, name = entry.rpartition(":")
    return _callable(function_of(entry)(checkpoint), f"{name}() returned")


def answer_requests(
    entry: str,
    ends: tuple[int, int],
    load: Callable[[], Callable[..., Any]],
    serve: Callable[[Callable[..., Any]], None],
) -> None:
    """Load and serve; nothing of `entry` runs before the first byte of a request arrives."""
    requests, replies = ends
    send(replies, b"S")
    os.read(requests, 1)
    doing = f"{entry} could not be loaded"
    try:
        model = load()
        send(replies, b"R")
        doing = "the model failed"
        serve(model)
    except BaseException as error:  # noqa: BLE001 - researched code may raise anything at all
        words = f"{error}" if isinstance(error, Refused) else f"{doing}: {_in_one_line(error)}"
        message = words.encode("utf-8", "replace")[:600]
        send(replies, b"E" + struct.pack("<I", len(message)) + message)


def receive(descriptor: int, size: int) -> bytes:
    """Return the next `size` bytes of a request; raise SystemExit when the scorer is gone."""
    pieces = bytearray()
    while len(pieces) < size:
        piece = os.read(descriptor, size - len(pieces))
        if not piece:
            raise SystemExit("the scorer is gone")
        pieces += piece
    return bytes(pieces)


def send(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _callable(found: object, what: str) -> Callable[..., Any]:
    if not callable(found):
        raise TypeError(f"{what} {type(found).__name__}, which can't be called")
    return found


def _in_one_line(error: BaseException) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename != "<string>"]  # not this file's
    return f"{words} (line {lines[-1]})" if lines else words
