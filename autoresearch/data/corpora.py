"""The kinds of corpus that a sealed target may have, behind one interface."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from autoresearch.data.held_out_split import hidden_tenth, spare_starts, split_corpus
from autoresearch.data.token_feed import Corpus, read_corpus, token_stream
from autoresearch.data.token_file import read_token_file


class ServedCorpus(Protocol):
    """A corpus whose documents can be served to a training."""

    @property
    def vocab(self) -> int:
        """Number of token ids, BOS included."""

    @property
    def different(self) -> int:
        """Number of distinct documents."""

    @property
    def problem(self) -> str:
        """Reason why it can't be used, or ""; checked once, when a lab is created."""

    def count_spare_parts(self, held_out: int) -> int:
        """Return how many spare parts a split has that scores so many documents."""

    def stream(
        self, *, split_seed: int, held_out: int, seed: int, budget: int | None
    ) -> Iterator[bytes | memoryview]:
        """Yield the training part as little-endian uint16, in an order drawn from `seed`."""


@dataclass(frozen=True, slots=True)
class LineCorpus:
    """A text file with one document a line; characters are the tokens."""

    corpus: Corpus
    problem: str = ""

    @property
    def vocab(self) -> int:
        """Number of characters, plus one for BOS."""
        return self.corpus.vocab

    @property
    def different(self) -> int:
        """Number of distinct lines."""
        return len(set(self.corpus.documents))

    def count_spare_parts(self, held_out: int) -> int:
        """Return how many spare parts a split has that scores so many documents."""
        return len(spare_starts(hidden_tenth(self.different), held_out))

    def stream(
        self, *, split_seed: int, held_out: int, seed: int, budget: int | None
    ) -> Iterator[bytes]:
        """Yield the training part, as `token_stream` does."""
        split = split_corpus(self.corpus, split_seed=split_seed, held_out=held_out)
        yield from token_stream(self.corpus, split.training, seed=seed, budget=budget)


def open_corpus(vocab: str, path: Path) -> ServedCorpus:
    """Open a corpus by the contract's `vocab`; raise ValueError if the file holds none."""
    return read_token_file(path) if vocab == "tokens" else LineCorpus(read_corpus(path))
