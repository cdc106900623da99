"""The kinds of corpus that a sealed target may have, behind the one face that a run needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from autoresearch.data.token_feed import Corpus, read_corpus, split_corpus, token_stream
from autoresearch.data.token_file import read_token_file


class Served(Protocol):
    """What can be served to a training."""

    @property
    def vocab(self) -> int:
        """How many ids there are, BOS included."""

    @property
    def different(self) -> int:
        """How many different documents there are."""

    @property
    def problem(self) -> str:
        """Why it can't be used, "" where it can; looked at once, when a lab is opened."""

    def stream(
        self, *, split_seed: int, held_out: int, seed: int, budget: int | None
    ) -> Iterator[bytes | memoryview]:
        """The training part in little-endian uint16, in an order drawn from `seed`."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Documents a line, their characters the tokens."""

    corpus: Corpus
    problem: str = ""

    @property
    def vocab(self) -> int:
        """Characters and BOS."""
        return self.corpus.vocab

    @property
    def different(self) -> int:
        """Different lines."""
        return len(set(self.corpus.documents))

    def stream(
        self, *, split_seed: int, held_out: int, seed: int, budget: int | None
    ) -> Iterator[bytes]:
        """As `token_stream`."""
        split = split_corpus(self.corpus, split_seed=split_seed, held_out=held_out)
        yield from token_stream(self.corpus, split.training, seed=seed, budget=budget)


def open_corpus(vocab: str, path: Path) -> Served:
    """The corpus in that file, by the contract's word for its kind; ValueError where it is none."""
    return read_token_file(path) if vocab == "tokens" else Lines(read_corpus(path))
