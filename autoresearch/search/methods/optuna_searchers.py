"""Searchers on optuna's samplers: random, TPE (Bergstra et al. 2011) and CMA-ES (Hansen 2016).

A trial that the lab stopped early is told as pruned. One that ran out of memory is told as
infeasible, never as a bad value: TPE takes it as a violated constraint. optuna comes with the
extra `search`; it is imported when a searcher is made.
"""

import itertools
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autoresearch.errors import LabError
from autoresearch.search.knobs import Settings, Space
from autoresearch.search.methods.turns import first_steps, promising_turn, random_turn
from autoresearch.search.observations import End, Observation
from autoresearch.search.searchers import Method, Standing, Suggestion
from autoresearch.search.sites import Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

STARTUP = 6  # trials before TPE models what it was told
INFEASIBLE = "infeasible"  # a trial's mark

Turn = Callable[[Standing, random.Random], tuple[str, ...]]


def require_optuna() -> None:
    """Raise LabError if optuna or cmaes is not installed, before anything is run."""
    try:
        import cmaes  # noqa: F401
        import optuna  # noqa: F401
    except ImportError as error:
        raise LabError(
            "Search needs optuna and cmaes, which are not installed.",
            "Install autoresearch-mcp[search].",
            reason="no_optuna",
        ) from error


class OptunaSearcher:
    """One of optuna's samplers behind the searchers' common form."""

    def __init__(self, method: Method, seed: int | None = None) -> None:
        """Make it; LabError without optuna. `seed` makes it repeat itself, for tests."""
        require_optuna()
        self._method = method
        self._turn: Turn | None = {
            Method.TPE: promising_turn,
            Method.RANDOM: random_turn,
        }.get(method)  # CMA-ES turns all knobs at once
        self._seed = seed
        self._rng = random.Random(seed)
        self._tickets = itertools.count(1)
        self._trials: dict[int, tuple[Study, Trial]] = {}
        self._learned: list[Observation] = []
        self._space: Space = ()
        self._study: Study | None = None

    def ask(self, standing: Standing) -> Suggestion | None:
        """Return the next settings; there are always some."""
        study = self._study_of(standing)
        now = standing.now
        chosen = self._turn(standing, self._rng) if self._turn else tuple(now)
        steps = first_steps(standing, chosen) if self._method is Method.TPE else {}
        with _quiet():
            pinned = _params(now | steps, standing.space)
            left = [n for n in chosen if n not in steps]
            if len(left) < len(now):
                study.enqueue_trial({n: v for n, v in pinned.items() if n not in left})
            trial = study.ask(_distributions(standing.space))
        values = _values(trial.params, standing.space) | steps
        ticket = next(self._tickets)
        self._trials[ticket] = (study, trial)
        return Suggestion(
            ticket=ticket,
            settings=now | {name: values[name] for name in chosen},
            why="a first step that way" if steps else f"{self._method} drew it",
        )

    def tell(self, ticket: int, observation: Observation) -> None:
        """Take in how a suggestion ended."""
        from optuna.trial import TrialState

        study, trial = self._trials.pop(ticket)
        self._learned.append(observation)
        with _quiet():
            if observation.end is End.MEASURED:
                study.tell(trial, observation.gain)
            elif observation.end is End.UNTRIED:
                study.tell(trial, state=TrialState.FAIL)
            else:
                trial.set_user_attr(INFEASIBLE, observation.end is End.INFEASIBLE)
                study.tell(trial, state=TrialState.PRUNED)

    def learn(self, observation: Observation) -> None:
        """Take in a trial that it did not suggest."""
        self._learned.append(observation)
        if self._study is not None:
            self._add(self._study, observation, self._space)

    def _study_of(self, standing: Standing) -> "Study":
        """Return the study on this space; a new one, told all that is known, if it has changed."""
        ranges = [replace(knob, value=0, line=0) for knob in standing.space]
        if self._study is None or ranges != [replace(k, value=0, line=0) for k in self._space]:
            import optuna

            self._space = standing.space
            with _quiet():
                sampler = _sampler(self._method, self._seed, standing)
                self._study = optuna.create_study(sampler=sampler, direction="maximize")
            for observation in self._learned:
                self._add(self._study, observation, standing.space)
        return self._study

    def _add(self, study: "Study", observation: Observation, space: Space) -> None:
        from optuna.trial import TrialState, create_trial

        if observation.end is End.UNTRIED or any(k.name not in observation.settings for k in space):
            return  # nothing was shown, or it is of code without one of these knobs
        infeasible = observation.end is End.INFEASIBLE
        measured = observation.end is End.MEASURED
        with _quiet():
            study.add_trial(
                create_trial(
                    state=TrialState.COMPLETE if measured else TrialState.PRUNED,
                    params=_params(observation.settings, space),
                    distributions=_distributions(space),
                    value=observation.gain if measured else None,
                    user_attrs={INFEASIBLE: infeasible},
                    system_attrs={"constraints": (_violation(infeasible),)},
                )
            )


def _sampler(method: Method, seed: int | None, standing: Standing) -> "BaseSampler":
    from optuna import samplers

    if method is Method.RANDOM:
        return samplers.RandomSampler(seed=seed)
    if method is Method.TPE:
        return samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP, constraints_func=_constraints
        )
    return samplers.CmaEsSampler(
        x0={k.name: k.share(k.value) for k in standing.space if not k.nominal},
        seed=seed,
        warn_independent_sampling=False,
        independent_sampler=samplers.RandomSampler(seed=seed),
    )


def _distributions(space: Space) -> "dict[str, BaseDistribution]":
    """Return a share of its range for each knob; a place in its list, for one without an order."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        k.name: CategoricalDistribution(range(len(k.choices)))
        if k.nominal
        else FloatDistribution(0.0, 1.0)
        for k in space
    }


def _params(settings: Settings, space: Space) -> dict[str, Any]:
    return {
        k.name: k.choices.index(settings[k.name])
        if k.nominal and settings[k.name] in k.choices
        else (0 if k.nominal else k.share(settings[k.name]))
        for k in space
    }


def _values(params: dict[str, Any], space: Space) -> dict[str, Value]:
    return {k.name: k.choices[params[k.name]] if k.nominal else k.at(params[k.name]) for k in space}


def _constraints(trial: "FrozenTrial") -> tuple[float]:
    return (_violation(bool(trial.user_attrs.get(INFEASIBLE))),)


def _violation(infeasible: bool) -> float:
    return 1.0 if infeasible else -1.0  # optuna: above 0 is violated


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep optuna's notices of experimental parts, and its log, out of what a user sees."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
