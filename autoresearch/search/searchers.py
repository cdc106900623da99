"""The searchers' common form: ask for settings, tell what became of them.

    searcher.ask(view)                 settings to try, with a ticket; None: first tell me more
    searcher.tell(ticket, observation) how the trial with that ticket ended
    searcher.learn(observation)        a trial of somebody else's, or from before a restart

One class of contract tests runs against every searcher (tests/autoresearch/search).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from autoresearch.search.knobs import Settings, Space
from autoresearch.search.observations import Observation
from autoresearch.search.sites import Value


class Method(StrEnum):
    """The searchers that there are, as the command line names them."""

    TPE = "tpe"
    CMA_ES = "cma-es"
    RANDOM = "random"
    FACTORIAL = "factorial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state of the search when somebody asks: where the incumbent is, and what was seen."""

    space: Space  # read off the incumbent
    seen: Sequence[Observation] = ()
    near: frozenset[str] = frozenset()  # knobs that a structural keep touched, to be turned first
    pending: Sequence[Settings] = ()  # trials that go on
    level: float = 0.0  # gain of the incumbent over e0, metric units

    @property
    def now(self) -> dict[str, Value]:
        """The incumbent's settings."""
        return {knob.name: knob.value for knob in self.space}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Settings to try."""

    ticket: int
    settings: Mapping[str, Value]  # of every knob of the space
    why: str = ""  # half a sentence for the hypothesis


class Searcher(Protocol):
    """Searcher that suggests settings."""

    def ask(self, standing: Standing) -> Suggestion | None:
        """Return the next settings; None while it must first be told how its others ended."""

    def tell(self, ticket: int, observation: Observation) -> None:
        """Take in how a suggestion ended; LookupError for a ticket it never gave or was told."""

    def learn(self, observation: Observation) -> None:
        """Take in a trial that it did not suggest."""
