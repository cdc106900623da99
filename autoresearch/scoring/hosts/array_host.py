"""Host of code on arrays: a model on its inputs, or a frozen evaluation function.

Passed as source text to the target's interpreter, after array_frames.py and host_io.py. A model is
loaded by `load(path) -> predict` and answers each array of inputs; a function takes targets and
answers and returns a number.

    request   an array, or for a function two
    reply     b"S" once started, b"R" once loaded, b"A" + an array, or b"E" + uint32 size + message
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autoresearch.data.array_frames import (
    HEAD,
    MOST_DIMENSIONS,
    content_size,
    pack_array,
    read_shape,
)
from autoresearch.scoring.hosts.host_io import (
    Refused,
    answer_requests,
    function_of,
    model_of,
    receive,
    send,
)


def _main() -> None:
    entry, checkpoint, arrays, requests, replies = sys.argv[1:]
    ends = (int(requests), int(replies))
    is_model = int(arrays) == 1
    load = partial(model_of, entry, checkpoint) if is_model else partial(function_of, entry)
    answer_requests(entry, ends, load, lambda call: _serve(call, int(arrays), *ends))


def _serve(call: Callable[..., Any], arrays: int, requests: int, replies: int) -> None:
    while True:
        given = [_receive_array(requests) for _ in range(arrays)]
        answer = np.asarray(call(*given))
        _check(answer, len(given[0]) if arrays == 1 else None)
        send(replies, b"A" + pack_array(answer))


def _check(answer: "np.ndarray[Any, Any]", rows: int | None) -> None:
    if answer.dtype.kind not in "iufb":
        raise Refused(f"the model returned {answer.dtype} instead of floats")
    if rows is not None and (not answer.ndim or len(answer) != rows):
        raise Refused.other_shape(answer.shape[:1], (rows,))
    if answer.ndim > MOST_DIMENSIONS:
        raise Refused(f"the model returned {answer.ndim} dimensions")


def _receive_array(descriptor: int) -> "np.ndarray[Any, Any]":
    dtype, shape = read_shape(receive(descriptor, HEAD.size))
    return np.frombuffer(receive(descriptor, content_size(shape)), dtype).reshape(shape).copy()


if __name__ == "__main__":
    _main()
