"""Host of a token model: costs of whole rows on its device, or logits after prefixes.

Passed as source text to the target's interpreter, after host_io.py, so it imports only the
standard library, numpy and torch. Its costs of whole rows are a claim, since the model's own code
lives in this process; the scorer checks it by another such process's logits after prefixes alone.

    request   int64 -1, rows, columns, then rows x columns tokens: what each token after a row's
              first one costs
              int64 -2, rows, columns, rows lengths, then rows x columns tokens, each row filled up
              behind its length: the logits after the row's last token
    reply     b"S" once started, b"R" once loaded, b"A" + float32[rows, columns - 1] nats, or
              b"A" + float32[rows, V], or b"E" + uint32 size + message
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from autoresearch.scoring.hosts.host_io import Refused, answer_requests, model_of, receive, send

_ROWS, _PREFIXES = -1, -2


def _main() -> None:
    entry, checkpoint, vocab, requests, replies = sys.argv[1:]
    ends = (int(requests), int(replies))
    load = partial(model_of, entry, checkpoint)
    answer_requests(entry, ends, load, lambda model: _serve(model, int(vocab), *ends))


def _serve(model: Callable[[Any], Any], vocab: int, requests: int, replies: int) -> None:
    with torch.inference_mode():
        while True:
            kind, rows, columns = _integers(requests, 3).tolist()
            if kind == _ROWS:
                tokens = _tokens(requests, rows, columns)
                nats = _costs(_asked(model, tokens[:, :-1], vocab), tokens[:, 1:])
                send(replies, b"A" + nats.cpu().numpy().astype("<f4").tobytes())
            elif kind == _PREFIXES:
                ends = torch.from_numpy(_integers(requests, rows).copy()) - 1
                answer = _asked(model, _tokens(requests, rows, columns), vocab)
                last = answer[torch.arange(rows), ends.to(answer.device)].float()  # (rows, V)
                send(replies, b"A" + last.cpu().numpy().astype("<f4").tobytes())
            else:
                raise SystemExit("the scorer asked for something else")


def _costs(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the nats of each target (B, T), row by row to avoid a second copy of all logits."""
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
        raise Refused(f"the model returned {kind} instead of floats")
    wanted = (*tokens.shape, vocab)
    if tuple(answer.shape) != wanted:
        raise Refused.other_shape(answer.shape, wanted)
    return answer


def _tokens(descriptor: int, rows: int, columns: int) -> torch.Tensor:
    return torch.from_numpy(_integers(descriptor, rows * columns).reshape(rows, columns).copy())


def _integers(descriptor: int, count: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return np.frombuffer(receive(descriptor, 8 * count), dtype=np.int64)


if __name__ == "__main__":
    _main()
