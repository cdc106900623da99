"""Runs one token model alone: costs of whole rows on its device, or logits after prefixes.

Given as text to the target's interpreter, so it imports only the standard library, numpy and torch.
What it says of whole rows is a claim, since the model's own code lives in this process; the logits
that another such process gives after prefixes alone are what the scorer checks the claim by.

    request   int64 -1, rows, columns, then rows x columns tokens: what each token after a row's
              first one costs
              int64 -2, rows, columns, rows lengths, then rows x columns tokens, each row filled up
              behind its length: the logits after the row's last token
    reply     b"R" once loaded, b"A" + float32[rows, columns - 1] nats, or b"A" + float32[rows, V],
              or b"E" + uint32 size + words

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
import torch

_ROWS, _PREFIXES = -1, -2


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
        with torch.inference_mode():
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
    while True:
        kind, rows, columns = _receive(requests, 3).tolist()
        if kind == _ROWS:
            tokens = _tokens(requests, rows, columns)
            nats = _costs(_asked(model, tokens[:, :-1], vocab), tokens[:, 1:])
            _send(replies, b"A" + nats.cpu().numpy().astype("<f4").tobytes())
        elif kind == _PREFIXES:
            ends = torch.from_numpy(_receive(requests, rows).copy()) - 1
            answer = _asked(model, _tokens(requests, rows, columns), vocab)
            last = answer[torch.arange(rows), ends.to(answer.device)].float()  # (rows, V)
            _send(replies, b"A" + last.cpu().numpy().astype("<f4").tobytes())
        else:
            raise SystemExit("the scorer asks for something else")


def _costs(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Nats of each target (B, T), row by row, so that no second copy of all logits is made."""
    targets = targets.to(logits.device)
    rows = []
    for row, target in zip(logits, targets, strict=True):
        row = row.float()  # noqa: PLW2901 - one row at a time
        rows.append(row.logsumexp(-1) - row.gather(-1, target[:, None])[:, 0])
    return torch.stack(rows)


def _asked(model: Callable[[Any], Any], tokens: torch.Tensor, vocab: int) -> torch.Tensor:
    answer = model(tokens.clone())
    if not isinstance(answer, torch.Tensor) or not answer.is_floating_point():
        kind = str(getattr(answer, "dtype", "object")).removeprefix("torch.")
        raise _Refused(f"the model returned {kind} where floats were asked")
    wanted = (*tokens.shape, vocab)
    if tuple(answer.shape) != wanted:
        raise _Refused(f"the model returned shape {tuple(answer.shape)} where {wanted} was asked")
    return answer


def _tokens(descriptor: int, rows: int, columns: int) -> torch.Tensor:
    return torch.from_numpy(_receive(descriptor, rows * columns).reshape(rows, columns).copy())


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
