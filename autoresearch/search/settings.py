"""Settings of a search, and what it reports while it goes on and at its end."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from autoresearch.search.searchers import Method


class Why(StrEnum):
    """Why a search ended."""

    EXPERIMENTS = "experiments"  # it proposed as many as it was to
    HOURS = "hours"
    LAB_ENDED = "lab_ended"  # the contract's goal is reached, or its [stop] is used up
    TOLD_TO = "told_to"  # by whoever drives it; what was open stays open
    NOTHING_NEW = "nothing_new"  # the searcher has no settings left that were not tried


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """The settings of one search; what is None has no bound."""

    method: Method = Method.TPE
    experiments: int | None = None  # to propose, beside replays of overtaken keeps
    hours: float | None = None
    knobs: tuple[str, ...] = ()  # (): all that the contract declares, else all that are found
    worker: str = ""  # of a campaign, such as c1/w2
    at_once: int | None = None  # experiments in flight; None: as many as runs can train at once
    seed: int | None = None  # of the searcher, for tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The state of a search after something happened."""

    words: str  # one line: what happened
    experiment: str  # to which experiment; "" for none
    proposed: int
    in_flight: tuple[str, ...]
    incumbent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The outcome of one search."""

    why: Why
    proposed: tuple[str, ...]
    kept: tuple[str, ...]  # those that became the incumbent, replays among them
    still_open: tuple[str, ...]  # without a verdict; the next search on this lab goes on with them
    incumbent: str


Watch = Callable[[Progress], None]
