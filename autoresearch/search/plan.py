"""The plan of a search: what it would turn and try first, without proposing anything."""

from dataclasses import dataclass, replace

from autoresearch.lab import Lab
from autoresearch.records import Prediction
from autoresearch.search.driver import make_searcher
from autoresearch.search.incumbent import LabKnobs
from autoresearch.search.knobs import Space
from autoresearch.search.observations import Observation, gain_over_start
from autoresearch.search.searchers import Standing
from autoresearch.search.settings import SearchSettings
from autoresearch.search.sites import written
from autoresearch.verdicts.judgement import lower_is_better

SHOWN = 4  # first suggestions


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """One of the settings that would be tried first."""

    turned: str  # "BETA2 0.9 → 0.99"
    prediction: Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """The knobs of the incumbent, and what a search would begin with."""

    incumbent: str
    knobs: Space
    near: tuple[str, ...]  # a structural keep: turned first
    trials: int  # in the ledger, from which it learns
    first: tuple[First, ...]
    early_stop: bool  # the lab stops hopeless runs


def plan_search(lab: Lab, settings: SearchSettings) -> SearchPlan:
    """Return what a search would do; nothing is written.

    Raises what `run_search` raises before it starts.
    """
    from autoresearch.search.methods.surrogate import Surrogate  # numpy

    searcher, knobs, history = make_searcher(settings), LabKnobs(lab, settings.knobs), lab.history()
    lower = lower_is_better(lab.contract)
    space = knobs.space(history)
    seen: list[Observation] = []
    for _, observation in knobs.observations(lower):
        seen.append(observation)
        searcher.learn(observation)
    standing = Standing(
        space=space,
        seen=seen,
        near=knobs.near(history, space),
        level=gain_over_start(history, history.kept[-1], lower=lower),
    )
    surrogate = Surrogate(standing)
    first: list[First] = []
    for _ in range(SHOWN):
        suggestion = searcher.ask(standing)
        if suggestion is None:
            break
        standing = replace(standing, pending=(*standing.pending, suggestion.settings))
        turned = ", ".join(
            f"{name} {written(standing.now[name])} → {written(value)}"
            for name, value in suggestion.settings.items()
            if value != standing.now[name]
        )
        if turned:
            prediction = surrogate.predict(suggestion.settings)
            first.append(First(turned=turned, prediction=prediction))
    return SearchPlan(
        incumbent=history.kept[-1],
        knobs=space,
        near=tuple(sorted(standing.near)),
        trials=len(seen) - 1,  # e0 is none
        first=tuple(first),
        early_stop=lab.contract.run.early_stop,
    )
