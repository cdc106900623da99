"""What a run is given to train on: the lab's tokens by a pipe, or nothing of the lab's.

The pipe is opened before the run starts and served after it, since drawing the split takes as long
as a start.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from autoresearch.data.corpora import open_corpus
from autoresearch.data.token_feed import Feed
from autoresearch.run_directory import RunSpec


class Provision(Protocol):
    """What Training asks of it."""

    @property
    def env(self) -> Mapping[str, str]:
        """Variables that tell the run where it is."""

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """Descriptors that the run inherits."""

    @property
    def fileno(self) -> int | None:
        """Where to wait for room, None where there is nothing to write any more."""

    @property
    def tokens(self) -> int:
        """Training tokens that the run took."""

    def begin(self) -> None:
        """Go on where the run has started."""

    def pump(self) -> bool:
        """Write what there is room for; whether there can be more."""

    def abandon(self) -> None:
        """The run is dead: what it left unread was never taken."""


def provide(spec: RunSpec) -> Provision:
    """The provision of that run."""
    return Tokens(spec) if spec.serves_tokens else NoTokens()


class Tokens:
    """A sealed target's: its documents without the held-out ones, in the lab's order."""

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
        """The pipe's writing end."""
        return self._feed.fileno

    @property
    def tokens(self) -> int:
        """In units of the budget: predictions, not ids."""
        return self._feed.tokens

    def begin(self) -> None:
        """Close the run's end of the pipe, draw the split."""
        os.close(self.pass_fds[0])
        spec = self._spec
        stream = self._corpus.stream(
            split_seed=spec.split_seed,
            held_out=spec.held_out,
            seed=spec.seed,
            budget=int(spec.budget) if spec.budget_unit == "tokens" else None,
        )
        self._feed.serve(stream)

    def pump(self) -> bool:
        """Into the pipe."""
        return self._feed.pump()

    def abandon(self) -> None:
        """Close the pipe."""
        self._feed.abandon()


class NoTokens:
    """Of a target that brings its own data: the lab reads no document and promises none."""

    env: Mapping[str, str] = {}
    pass_fds: tuple[int, ...] = ()
    fileno = None
    tokens = 0

    def begin(self) -> None:
        """There is nothing to serve."""

    def pump(self) -> bool:
        """There never is more."""
        return False

    def abandon(self) -> None:
        """There is nothing to close."""
