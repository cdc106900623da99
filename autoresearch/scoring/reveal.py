"""Loss by reveal: a model is shown one column of tokens after the other.

This side holds the targets: a row's next token is sent only after the answer for it has come. The
form of a request is documented in model_host.py.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from autoresearch.data.token_feed import Corpus
from autoresearch.errors import ScoringError

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float64]

_NEW_BATCH, _BULK = -1, -3
_BATCH_ROWS = 512
_BATCH_LOGITS = 4_000_000  # of one answer, at most


class Answering(Protocol):
    """A model that answers requests."""

    def ask(self, request: bytes, size: int) -> bytes:
        """Send a request and return the answer, exactly `size` bytes."""


def reveal(
    model: Answering, corpus: Corpus, documents: Sequence[str], most_rows: int = _BATCH_ROWS
) -> list[float]:
    """Return the cost of each document, its end included, when tokens are revealed one by one.

    Args:
        model: The model.
        corpus: Defines the token ids.
        documents: The documents to score.
        most_rows: Documents in one batch, at most.

    Returns:
        Nats for each document, in the order given.

    Raises:
        ScoringError: The model failed, or returned NaN or infinite logits.
    """
    rows = max(1, min(most_rows, _BATCH_LOGITS // corpus.vocab))
    nats: list[float] = []
    for first in range(0, len(documents), rows):
        batch = _padded(corpus, documents[first : first + rows])
        nats += _reveal_batch(model, corpus, batch).tolist()
    return nats


def score_in_bulk(model: Answering, corpus: Corpus, documents: Sequence[str]) -> list[float]:
    """Return the same costs from whole rows at once; a sample by `reveal` must agree.

    Without that check, the model could use the tokens that it is to predict.
    """
    nats: list[float] = []
    longest = max(map(len, documents)) + 1
    rows = max(1, min(_BATCH_ROWS, _BATCH_LOGITS // (corpus.vocab * longest)))
    for first in range(0, len(documents), rows):
        batch = _padded(corpus, documents[first : first + rows])
        inputs, targets = batch[:, :-1], batch[:, 1:]
        shape = (*inputs.shape, corpus.vocab)
        logits = _asked(model, [_BULK, *inputs.shape, *inputs.ravel()], shape)
        costs = _nats(logits.reshape(-1, corpus.vocab), targets.ravel()).reshape(targets.shape)
        lengths = np.array([len(document) for document in documents[first : first + rows]])
        real = np.arange(targets.shape[1])[None, :] <= lengths[:, None]
        nats += (costs * real).sum(axis=1).tolist()
    return nats


def _padded(corpus: Corpus, documents: Sequence[str]) -> Ids:
    """Return ids (B, T + 2): BOS, the document's ids, and BOS up to the end of the row."""
    ids = corpus.ids()
    batch = np.full((len(documents), max(map(len, documents)) + 2), corpus.bos, dtype=np.int64)
    for row, document in zip(batch, documents, strict=True):
        row[1 : len(document) + 1] = [ids[character] for character in document]
    return batch


def _reveal_batch(model: Answering, corpus: Corpus, batch: Ids) -> Logits:
    """Return the nats of each row (B,); a row leaves the batch after its end was predicted."""
    nats = np.zeros(len(batch))
    rows = np.arange(len(batch))  # indices into `nats` of the rows left
    request = [_NEW_BATCH, len(batch), *batch[:, 0]]
    for t in range(1, batch.shape[1]):
        targets = batch[:, t]
        nats[rows] += _nats(_asked(model, request, (len(batch), corpus.vocab)), targets)
        kept = np.flatnonzero(targets != corpus.bos)
        if not len(kept):
            break
        batch, rows = batch[kept], rows[kept]
        request = [len(kept), *kept, *batch[:, t]]
    return nats


def _asked(model: Answering, request: list[int], shape: tuple[int, ...]) -> Logits:
    answer = model.ask(np.array(request, dtype=np.int64).tobytes(), 8 * math.prod(shape))
    logits = np.frombuffer(answer, dtype=np.float64).reshape(shape)
    if not np.isfinite(logits).all():
        raise ScoringError(
            "the model returned logits that are NaN or infinite", reason="not_finite"
        )
    return logits


def _nats(logits: Logits, targets: Ids) -> Logits:
    """Return the cost of each row's target (B,), from logits (B, vocab)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(targets)), targets]
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - chosen)
