"""Host of a model on characters: it is shown tokens column by column and answers with logits.

Passed as source text to the target's interpreter, after host_io.py, so it imports only the
standard library and numpy. It knows no targets, no documents and not their number.

    request   int64 count, then that many rows to keep (indices in the last batch) and as many
              tokens, one for each kept row; count -1: a new batch follows, count -2: the end;
              count -3: rows, columns and that many tokens, all at once, for `bulk`
    reply     b"S" once started, b"R" once loaded, b"A" + float64[B, V] (in bulk [B, T, V]), or
              b"E" + uint32 size + message
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autoresearch.scoring.hosts.host_io import Refused, answer_requests, model_of, receive, send

_NEW_BATCH, _END, _BULK = -1, -2, -3


def _main() -> None:
    entry, checkpoint, vocab, requests, replies = sys.argv[1:]
    ends = (int(requests), int(replies))
    load = partial(model_of, entry, checkpoint)
    answer_requests(entry, ends, load, lambda model: _serve(model, int(vocab), *ends))


def _serve(model: Callable[[Any], Any], vocab: int, requests: int, replies: int) -> None:
    tokens = np.empty((0, 0), dtype=np.int64)
    while True:
        (count,) = _integers(requests, 1)
        if count == _END:
            return
        if count == _BULK:
            rows, columns = _integers(requests, 2)
            whole = _integers(requests, rows * columns).reshape(rows, columns).copy()
            answer = model.bulk(whole)  # type: ignore[attr-defined]
            logits = _checked(answer, (int(rows), int(columns), vocab))
            send(replies, b"A" + logits.tobytes())
            continue
        if count == _NEW_BATCH:
            (count,) = _integers(requests, 1)
            tokens = _integers(requests, count)[:, None]
        else:
            kept, column = _integers(requests, count), _integers(requests, count)
            tokens = np.concatenate((tokens[kept], column[:, None]), axis=1)
        logits = _checked(model(tokens.copy()), (len(tokens), vocab))
        send(replies, b"A" + logits.tobytes())


def _checked(answer: object, shape: tuple[int, ...]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    logits = np.asarray(answer)
    if logits.dtype.kind != "f":
        raise Refused(f"the model returned {logits.dtype} instead of floats")
    if logits.shape != shape:
        raise Refused.other_shape(logits.shape, shape)
    logits = np.ascontiguousarray(logits, dtype=np.float64)
    if not np.isfinite(logits).all():
        raise Refused("the model returned logits that are NaN or infinite")
    return logits


def _integers(descriptor: int, count: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return np.frombuffer(receive(descriptor, 8 * count), dtype=np.int64)


if __name__ == "__main__":
    _main()
