"""The split of a corpus into training and held-out documents, drawn by the lab's secret seed."""

import random
from dataclasses import dataclass
from typing import Generic, TypeVar

from autoresearch.data.token_feed import Corpus

HELD_OUT_SHARE = 0.1
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Split(Generic[T_co]):
    """Training documents, scored documents, and the rest of the held-out tenth in spare parts.

    Documents are texts, or their places in a token file.
    """

    training: tuple[T_co, ...]
    held_out: tuple[T_co, ...]
    spare: tuple[tuple[T_co, ...], ...]  # each a quarter as large as what is scored

    def spare_part(self, number: int) -> tuple[T_co, ...]:
        """Return the spare part of that number, modulo their number; () if there are none."""
        return self.spare[number % len(self.spare)] if self.spare else ()


def split_corpus(corpus: Corpus, *, split_seed: int, held_out: int) -> Split[str]:
    """Split a corpus by a secret seed.

    Args:
        corpus: The documents.
        split_seed: The lab's secret: it draws a tenth of the distinct documents.
        held_out: Number of documents, from the first drawn on, that are scored.
    """
    drawn = list(dict.fromkeys(corpus.documents))
    random.Random(split_seed).shuffle(drawn)
    drawn = drawn[: max(1, round(len(drawn) * HELD_OUT_SHARE))]
    hidden = frozenset(drawn)
    training = tuple(d for d in corpus.documents if d not in hidden)
    size = max(1, held_out // 4)
    spare = (tuple(drawn[i : i + size]) for i in range(held_out, len(drawn) - size + 1, size))
    return Split(training=training, held_out=tuple(drawn[:held_out]), spare=tuple(spare))
