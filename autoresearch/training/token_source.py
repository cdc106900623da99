"""Source of a run's training data: the lab's tokens through a pipe, or nothing from the lab.

The pipe is opened before the run starts and served afterwards, since drawing the split takes as
long as starting.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from autoresearch.data.corpora import open_corpus
from autoresearch.data.token_feed import Feed
from autoresearch.run_directory import RunSpec


class TokenSource(Protocol):
    """The interface that Training uses."""

    @property
    def env(self) -> Mapping[str, str]:
        """Variables that tell the run where its data is."""

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """Descriptors that the run inherits."""

    @property
    def fileno(self) -> int | None:
        """Descriptor that becomes writable when there is room; None at the end."""

    @property
    def tokens(self) -> int:
        """Number of training tokens that the run took."""

    def begin(self) -> None:
        """Continue after the run has started."""

    def pump(self) -> bool:
        """Write as much as there is room for; return whether there can be more."""

    def abandon(self) -> None:
        """Finish after the run died; unread tokens do not count as taken."""


def open_token_source(spec: RunSpec) -> TokenSource:
    """Return the data source of a run."""
    return ServedTokens(spec) if spec.serves_tokens else NoTokens()


class ServedTokens:
    """Tokens of a sealed target: its documents without the held-out ones, in the lab's order.

    The order is drawn from a secret: the run knows its seed, and could repeat a shuffle by it.
    """

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._corpus = open_corpus(spec.vocab, Path(spec.documents))
        reading_end, writing_end = os.pipe()
        self.pass_fds: tuple[int, ...] = (reading_end,)
        self.env: Mapping[str, str] = {
            "AUTORESEARCH_VOCAB": str(self._corpus.vocab),
            "AUTORESEARCH_DATA": f"/dev/fd/{reading_end}",
            "AUTORESEARCH_CONTEXT": str(spec.context),
        }
        self._feed = Feed(writing_end, reading_end)

    @property
    def fileno(self) -> int | None:
        """The pipe's writing end, None at the end."""
        return self._feed.fileno

    @property
    def tokens(self) -> int:
        """Number of tokens taken, in units of the budget: predictions, not ids."""
        return self._feed.tokens

    def begin(self) -> None:
        """Close the run's end of the pipe here, and draw the split."""
        os.close(self.pass_fds[0])
        spec = self._spec
        stream = self._corpus.stream(
            split_seed=spec.split_seed,
            held_out=spec.held_out,
            seed=spec.seed if spec.order is None else spec.order,
            budget=int(spec.budget) if spec.budget_unit == "tokens" else None,
        )
        self._feed.serve(stream)

    def pump(self) -> bool:
        """Write into the pipe; return whether there can be more."""
        return self._feed.pump()

    def abandon(self) -> None:
        """Close the pipe."""
        self._feed.abandon()


class NoTokens:
    """No token feed: the target brings its own data."""

    env: Mapping[str, str] = {}
    pass_fds: tuple[int, ...] = ()
    fileno = None
    tokens = 0

    def begin(self) -> None:
        """Do nothing: there is nothing to serve."""

    def pump(self) -> bool:
        """Return False: there is nothing to write."""
        return False

    def abandon(self) -> None:
        """Do nothing: there is nothing to close."""
