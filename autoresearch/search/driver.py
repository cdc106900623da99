"""The driver: run a searcher on a lab, through the same door as any proposer.

It holds no state that a restart loses: what was tried is read from the ledger, and experiments of
its own that are open are taken up again. The incumbent's knobs are read anew for every proposal,
so that it goes on from whatever became the incumbent meanwhile, its own keeps or an agent's.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from autoresearch.errors import InvalidStateError, PatchRefusedError
from autoresearch.lab import Lab
from autoresearch.ledger.history import History
from autoresearch.records import Proposer, Verdict
from autoresearch.search.incumbent import LabKnobs
from autoresearch.search.knobs import Space
from autoresearch.search.neighbours import CLIENT
from autoresearch.search.observations import End, Observation, gain_over_start, observe
from autoresearch.search.searchers import Method, Searcher, Standing, Suggestion
from autoresearch.search.settings import Progress, SearchResult, SearchSettings, Watch, Why
from autoresearch.search.sites import written
from autoresearch.system.locks import try_lock
from autoresearch.verdicts.judgement import lower_is_better

if TYPE_CHECKING:
    from autoresearch.patches.patch import Edit

LOOK_S = 0.5  # between two looks at what runs
MOST_REFUSED = 20  # suggestions in a row that were tried before, do nothing, or lack memory
HOUR_S = 3600.0
# Codes of refusals: of a campaign that takes nothing more, and those that another try may not meet.
OVER = {"invalid_state.campaign_over", "invalid_state.campaign_paused"}
FOR_NOW = {"invalid_state.incumbent_moved", "invalid_state.lab_locked"}


def run_search(
    lab: Lab,
    settings: SearchSettings,
    go_on: Callable[[], bool] = lambda: True,
    *,
    watch: Watch = lambda progress: None,
    wait: Callable[[], None] = lambda: time.sleep(LOOK_S),
    searcher: Searcher | None = None,
    clock: Callable[[], float] = time.time,
) -> SearchResult:
    """Search a lab until a bound is reached, and bring what is in flight to its verdicts.

    Args:
        lab: The lab; its baseline is measured first where it is not.
        settings: The method and the bounds.
        go_on: Asked between any two steps; False ends the search at once. Its runs go on, and the
            next search takes up the experiments that are open.
        watch: Told of everything that happens.
        wait: Called when there is nothing to do but to wait for runs.
        searcher: Suggests settings; None makes one by the method.
        clock: Seconds since the epoch.

    Raises:
        NotFoundError: A knob that the settings name does not exist.
        InvalidStateError: Nothing can be turned, another search of the same worker goes on, or the
            baseline does not run.
        LabError: optuna is not installed.
    """
    searcher = searcher or make_searcher(settings)
    with _alone(lab, settings.worker):
        return _Search(lab, settings, searcher, go_on, watch, wait, clock).run()


def make_searcher(settings: SearchSettings) -> Searcher:
    """Return the searcher of the settings' method; raise LabError without optuna."""
    if settings.method is Method.FACTORIAL:
        from autoresearch.search.methods.factorial import FactorialSearcher

        return FactorialSearcher(settings.seed)
    from autoresearch.search.methods.optuna_searchers import OptunaSearcher

    return OptunaSearcher(settings.method, settings.seed)


@contextmanager
def _alone(lab: Lab, worker: str) -> Iterator[None]:
    """Keep a second search of the same name off the experiments of this one."""
    label = re.sub(r"[^A-Za-z0-9]+", "-", worker) or "alone"
    lock = try_lock(lab.folder / f"search-{label}.lock")
    if lock is None:
        raise InvalidStateError(
            f"Another search is going on in the lab {lab.name}.",
            "Let it end, or end it with Ctrl-C; one search uses all devices there are.",
            reason="search_goes_on",
        )
    try:
        yield
    finally:
        lock.release()


class _Search:
    def __init__(
        self,
        lab: Lab,
        settings: SearchSettings,
        searcher: Searcher,
        go_on: Callable[[], bool],
        watch: Watch,
        wait: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._lab, self._settings, self._searcher = lab, settings, searcher
        self._go_on, self._watch, self._wait, self._clock = go_on, watch, wait, clock
        self._knobs = LabKnobs(lab, settings.knobs)
        self._lower = lower_is_better(lab.contract)
        self._me = Proposer(client=CLIENT, model=str(settings.method), worker=settings.worker)
        self._seen: list[Observation] = []
        self._flight: dict[str, int | None] = {}  # experiment: the searcher's ticket
        self._proposed: list[str] = []
        self._kept: list[str] = []
        self._started = clock()

    def run(self) -> SearchResult:
        if not self._measure_baseline():
            return self._result(Why.TOLD_TO)
        self._take_up()
        why: Why | None = None
        while True:
            happened = self._settle()
            if not self._go_on():
                return self._result(Why.TOLD_TO)
            why = why or self._bound()
            if why is None and len(self._flight) < self._at_once:
                if self._propose():
                    continue
                why = None if self._flight else self._bound() or Why.NOTHING_NEW
            if why is not None and not self._flight:
                return self._result(why)
            if not happened:
                self._wait()

    def _measure_baseline(self) -> bool:
        """Return whether e0 is measured; False if the search was told to end before."""
        if self._lab.history().kept[1:]:
            return True
        while self._lab.evaluate("e0").needs:
            self._tell("measuring the original code, and its noise", "e0")
            if not self._go_on():
                return False
            self._wait()
        return True

    def _take_up(self) -> None:
        """Learn what the ledger shows, and go on with open experiments of this very worker."""
        for _, observation in self._knobs.observations(self._lower):
            self._seen.append(observation)
            self._searcher.learn(observation)
        history = self._lab.history()
        for name, experiment in history.experiments.items():
            mine = (experiment.proposer.client, experiment.proposer.worker)
            if mine == (CLIENT, self._settings.worker) and name not in history.verdicts:
                self._flight[name] = None
                self._tell("taken up again", name)

    @property
    def _at_once(self) -> int:
        return self._settings.at_once or self._lab.runs.at_once()

    def _bound(self) -> Why | None:
        most, hours = self._settings.experiments, self._settings.hours
        if most is not None and len(self._proposed) >= most:
            return Why.EXPERIMENTS
        if hours is not None and self._clock() - self._started >= hours * HOUR_S:
            return Why.HOURS
        return Why.LAB_ENDED if self._lab.ending().over else None

    def _settle(self) -> bool:
        """Take a step towards each verdict; return whether one was given."""
        happened = False
        for name in list(self._flight):
            try:
                found = self._lab.evaluate(name)
            except InvalidStateError as error:
                if error.code not in FOR_NOW:
                    raise
                continue
            if found.verdict is None:
                continue
            happened = True
            ticket = self._flight.pop(name)
            if found.replayed_as is not None:  # an overtaken keep, on the present incumbent
                self._flight[found.replayed_as] = None
            if not found.concluded:
                self._conclude(name, found.verdict)
            self._take_in(name, ticket)
            if found.verdict.moved_incumbent:
                self._kept.append(name)
            self._tell(f"{found.verdict.outcome}: {found.verdict.sentence}", name)
        return happened

    def _conclude(self, name: str, verdict: Verdict) -> None:
        history = self._lab.history()
        turned = self._knobs.changes(history, name)
        lesson = f"{turned or 'Nothing that is a knob'}: {verdict.outcome}; {verdict.sentence}."
        self._lab.conclude(name, lesson, self._me)

    def _take_in(self, name: str, ticket: int | None) -> None:
        history = self._lab.history()
        observation = observe(history, name, self._knobs.settings_at, lower=self._lower)
        self._seen.append(observation)
        if ticket is None:
            self._searcher.learn(observation)
        else:
            self._searcher.tell(ticket, observation)

    def _standing(self, history: History, space: Space) -> Standing:
        commits = [history.experiments[name].commit for name in self._flight]
        return Standing(
            space=space,
            seen=tuple(self._seen),
            near=self._knobs.near(history, space),
            pending=tuple(self._knobs.settings_at(commit) for commit in commits),
            level=gain_over_start(history, history.kept[-1], lower=self._lower),
        )

    def _propose(self) -> bool:
        """Propose one experiment and start its first run; return whether there was one to make."""
        from autoresearch.search.methods.feasibility import Feasibility  # numpy

        for _ in range(MOST_REFUSED):
            history = self._lab.history()
            space = self._knobs.space(history)
            standing = self._standing(history, space)
            suggestion = self._searcher.ask(standing)
            if suggestion is None:
                return False
            feasible = Feasibility(space, self._seen, standing.now)
            edits = self._knobs.edits(history, suggestion.settings)
            if not edits or not feasible.allows(suggestion.settings):
                self._drop(suggestion)
                continue
            try:
                name = self._commit(standing, suggestion, edits)
            except PatchRefusedError:
                self._drop(suggestion)
                continue
            except InvalidStateError as error:
                self._drop(suggestion)
                if error.code in FOR_NOW:
                    continue
                if error.code in OVER or self._lab.ending().over:
                    return False
                raise
            self._proposed.append(name)
            self._flight[name] = suggestion.ticket
            with suppress(InvalidStateError):  # `evaluate` starts it as soon as it can
                self._lab.start_run(name)
            self._tell("proposed", name)
            return True
        return False

    def _commit(self, standing: Standing, suggestion: Suggestion, edits: "list[Edit]") -> str:
        from autoresearch.search.methods.surrogate import Surrogate  # numpy

        surrogate = Surrogate(standing)
        prediction = surrogate.predict(suggestion.settings)
        turned = ", ".join(
            f"{knob.name} {written(knob.value)} → {written(suggestion.settings[knob.name])}"
            for knob in standing.space
            if suggestion.settings[knob.name] != knob.value
        )
        hypothesis = (
            f"{turned}: {suggestion.why}, after {len(self._seen) - 1} trials"  # e0 is seen, too
        )
        proposal = self._lab.propose(
            hypothesis, edits=edits, prediction=prediction, proposer=self._me
        )
        return proposal.experiment.id

    def _drop(self, suggestion: Suggestion) -> None:
        untried = Observation(settings=suggestion.settings, end=End.UNTRIED)
        self._searcher.tell(suggestion.ticket, untried)

    def _tell(self, words: str, experiment: str) -> None:
        self._watch(
            Progress(
                words=words,
                experiment=experiment,
                proposed=len(self._proposed),
                in_flight=tuple(self._flight),
                incumbent=self._lab.history().kept[-1],
            )
        )

    def _result(self, why: Why) -> SearchResult:
        return SearchResult(
            why=why,
            proposed=tuple(self._proposed),
            kept=tuple(self._kept),
            still_open=tuple(self._flight),
            incumbent=self._lab.history().kept[-1],
        )
