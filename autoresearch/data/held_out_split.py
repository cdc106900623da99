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
    drawn = drawn[: hidden_tenth(len(drawn))]
    hidden = frozenset(drawn)
    training = tuple(d for d in corpus.documents if d not in hidden)
    size = spare_size(held_out)
    spare = (tuple(drawn[i : i + size]) for i in spare_starts(len(drawn), held_out))
    return Split(training=training, held_out=tuple(drawn[:held_out]), spare=tuple(spare))


def hidden_tenth(different: int) -> int:
    """Return how many of so many different documents are held out."""
    return max(1, round(different * HELD_OUT_SHARE))


def spare_starts(hidden: int, held_out: int) -> range:
    """Return where each spare part begins among the documents that are held out."""
    size = spare_size(held_out)
    return range(held_out, hidden - size + 1, size)


def spare_size(held_out: int) -> int:
    """Return how many documents a spare part has."""
    return max(1, held_out // 4)
