"""The contract of every searcher: ask, tell, learn."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from autoresearch.search.knobs import Knob, Space
from autoresearch.search.methods.factorial import FactorialSearcher
from autoresearch.search.methods.feasibility import Feasibility
from autoresearch.search.methods.optuna_searchers import OptunaSearcher, require_optuna
from autoresearch.search.methods.surrogate import Surrogate, changed
from autoresearch.search.methods.turns import first_steps, promising_turn, tried_alone
from autoresearch.search.observations import End, Observation
from autoresearch.search.searchers import Method, Searcher, Standing
from autoresearch.search.sites import Value

Make = Callable[[int], Searcher]
SPACE: Space = (
    Knob(name="RATE", path="t.py", line=1, value=0.01, low=1e-4, high=1.0, log=True),
    Knob(name="DECAY", path="t.py", line=2, value=0.9, low=0.0, high=1.0),
    Knob(name="DEPTH", path="t.py", line=3, value=2, low=1, high=8, integer=True),
    Knob(name="KIND", path="t.py", line=4, value="plain", choices=("plain", "gated", "wide")),
)
MAKERS = {
    Method.TPE: lambda seed: OptunaSearcher(Method.TPE, seed),
    Method.CMA_ES: lambda seed: OptunaSearcher(Method.CMA_ES, seed),
    Method.RANDOM: lambda seed: OptunaSearcher(Method.RANDOM, seed),
    Method.FACTORIAL: FactorialSearcher,
}


def gain(settings: Mapping[str, Value]) -> float:
    """Best at a rate of 0.1 and without decay."""
    return -((math.log10(float(settings["RATE"])) + 1) ** 2) - float(settings["DECAY"])


def measured(settings: Mapping[str, Value], value: float, over: float = 0.0) -> Observation:
    return Observation(
        settings=settings, end=End.MEASURED, gain=value, effect=value - over, sigma=0.01, runs=2
    )


def ended(settings: Mapping[str, Value], end: End) -> Observation:
    return Observation(settings=settings, end=end, sigma=0.01, runs=1)


def play(searcher: Searcher, trials: int, space: Space = SPACE) -> Standing:
    """Ask and tell, what is better becoming the incumbent."""
    standing = Standing(space=space, level=gain({k.name: k.value for k in space}))
    for _ in range(trials):
        suggestion = searcher.ask(standing)
        assert suggestion is not None
        one = measured(suggestion.settings, gain(suggestion.settings), standing.level)
        names = changed(suggestion.settings, standing.now)
        one = replace(one, turned={name: standing.now[name] for name in names})
        searcher.tell(suggestion.ticket, one)
        standing = replace(standing, seen=(*standing.seen, one))
        if one.gain is not None and one.gain > standing.level + 0.01:
            moved = tuple(replace(k, value=suggestion.settings[k.name]) for k in standing.space)
            standing = replace(standing, space=moved, level=one.gain)
    return standing


pytestmark = pytest.mark.slow  # optuna takes seconds to import


@pytest.fixture(autouse=True, scope="module")
def imported() -> None:
    """optuna takes a second to import, which is no test's own time."""
    require_optuna()


@pytest.mark.parametrize("make", MAKERS.values(), ids=[str(name) for name in MAKERS])
class TestEverySearcher:
    def test_suggests_a_value_of_its_range_for_every_knob(self, make: Make) -> None:
        standing = Standing(space=SPACE)
        searcher = make(1)
        for _ in range(5):
            suggestion = searcher.ask(standing)
            assert suggestion is not None
            assert suggestion.settings.keys() == standing.now.keys()
            for knob in SPACE:
                value = suggestion.settings[knob.name]
                if knob.choices:
                    assert value in knob.choices
                else:
                    assert knob.low <= float(value) <= knob.high
                    assert isinstance(value, int) == knob.integer
            one = measured(suggestion.settings, gain(suggestion.settings))
            searcher.tell(suggestion.ticket, one)

    def test_several_suggestions_may_be_out_at_once_and_end_in_any_order(self, make: Make) -> None:
        searcher, standing = make(2), Standing(space=SPACE)
        out = [searcher.ask(standing) for _ in range(3)]
        tickets = {one.ticket for one in out if one}
        assert len(tickets) == 3
        for one in reversed(out):
            assert one is not None
            searcher.tell(one.ticket, measured(one.settings, gain(one.settings)))
        assert searcher.ask(standing) is not None

    def test_every_end_can_be_told_and_no_ticket_twice(self, make: Make) -> None:
        searcher, standing = make(3), Standing(space=SPACE)
        for end in (End.STOPPED, End.FAILED, End.INFEASIBLE, End.UNTRIED):
            suggestion = searcher.ask(standing)
            assert suggestion is not None
            searcher.tell(suggestion.ticket, ended(suggestion.settings, end))
            with pytest.raises(LookupError):
                searcher.tell(suggestion.ticket, ended(suggestion.settings, end))

    def test_goes_on_when_the_knobs_have_changed(self, make: Make) -> None:
        searcher = make(4)
        first = searcher.ask(Standing(space=SPACE))
        assert first is not None
        fewer = Standing(space=SPACE[1:])
        second = searcher.ask(fewer)
        assert second is not None
        assert second.settings.keys() == fewer.now.keys()
        searcher.tell(first.ticket, measured(first.settings, 0.0))
        searcher.tell(second.ticket, measured(second.settings, 0.0))
        assert searcher.ask(Standing(space=SPACE)) is not None

    def test_learns_what_others_tried_without_being_asked(self, make: Make) -> None:
        searcher, standing = make(5), Standing(space=SPACE)
        searcher.learn(measured(standing.now | {"RATE": 0.1}, -0.9))
        searcher.learn(measured({"RATE": 0.1}, 0.0))  # of code without the other knobs
        searcher.learn(ended(standing.now | {"DEPTH": 8}, End.INFEASIBLE))
        assert searcher.ask(standing) is not None
        searcher.learn(measured(standing.now | {"RATE": 0.2}, -0.8))
        assert searcher.ask(standing) is not None

    def test_repeats_itself_with_the_same_seed(self, make: Make) -> None:
        one, other = play(make(6), 6), play(make(6), 6)
        assert [o.settings for o in one.seen] == [o.settings for o in other.seen]

    def test_finds_something_better_in_forty_trials(self, make: Make) -> None:
        found = [play(make(seed), 40).level for seed in range(3)]
        assert sorted(found)[1] > -1.0  # it began at -1.9


def test_most_trials_of_tpe_turn_one_knob_alone() -> None:
    now = Standing(space=SPACE).now
    found = play(OptunaSearcher(Method.TPE, 1), 4).seen
    assert all(len(changed(one.settings, now)) <= 2 for one in found)
    assert len({changed(one.settings, now) for one in found}) > 1


def test_a_trial_out_of_memory_is_a_violated_constraint_and_no_bad_value() -> None:
    searcher, standing = OptunaSearcher(Method.TPE, 1), Standing(space=SPACE)
    suggestion = searcher.ask(standing)
    assert suggestion is not None
    searcher.tell(suggestion.ticket, ended(suggestion.settings, End.INFEASIBLE))
    assert searcher._study is not None
    [trial] = searcher._study.get_trials()
    assert trial.values is None
    assert trial.system_attrs["constraints"] == (1.0,)


def test_knobs_near_a_structural_keep_come_first() -> None:
    standing = Standing(space=SPACE, near=frozenset(["DEPTH"]))
    assert promising_turn(standing, random.Random(1)) == ("DEPTH",)
    tried = tuple(
        replace(measured(standing.now | {"DEPTH": n}, -2.0), turned={"DEPTH": 2}) for n in (4, 5)
    )
    again = replace(standing, seen=tried)
    assert tried_alone(again)["DEPTH"] == 2
    turns = {promising_turn(again, random.Random(seed)) for seed in range(9)}
    assert any(turn[0] != "DEPTH" for turn in turns)


class TestFirstSteps:
    def steps(self, *seen: Observation, rate: float = 0.01) -> Mapping[str, Value]:
        space = (replace(SPACE[0], value=rate), *SPACE[1:])
        return first_steps(Standing(space=space, seen=seen), ("RATE", "KIND"))

    def tried(self, rate: float, before: float = 0.01) -> Observation:
        now = Standing(space=SPACE).now
        return replace(measured(now | {"RATE": rate}, 0.0), turned={"RATE": before})

    def test_the_first_goes_half_the_way_to_the_farther_end(self) -> None:
        assert self.steps() == {"RATE": 0.001}  # both are as far; the lower is first
        assert self.steps(rate=0.1) == {"RATE": 0.003162}

    def test_the_second_goes_the_other_way_and_then_a_sampler_has_the_word(self) -> None:
        assert self.steps(self.tried(0.001)) == {"RATE": 0.1}
        assert self.steps(self.tried(0.001), self.tried(0.3)) == {}

    def test_a_step_that_was_kept_is_not_taken_back(self) -> None:
        assert self.steps(self.tried(0.1, before=0.01), rate=0.1) == {"RATE": 0.3162}

    def test_near_the_end_of_a_range_there_is_no_room_for_one(self) -> None:
        assert self.steps(self.tried(0.01, before=0.8), rate=0.8) == {}


class TestFeasibility:
    now = Standing(space=SPACE).now

    def allows(self, settings: Mapping[str, Value], *bad: Mapping[str, Value]) -> bool:
        seen = [ended(self.now | one, End.INFEASIBLE) for one in bad]
        return Feasibility(SPACE, seen, self.now).allows(self.now | settings)

    def test_everything_may_run_until_something_did_not(self) -> None:
        assert self.allows({"DEPTH": 8})

    def test_what_ran_out_of_memory_is_not_tried_again_nor_anything_beyond(self) -> None:
        assert not self.allows({"DEPTH": 6}, {"DEPTH": 6})
        assert not self.allows({"DEPTH": 8, "DECAY": 0.1}, {"DEPTH": 6})

    def test_what_lies_nearer_to_what_ran_is_tried(self) -> None:
        assert self.allows({"DEPTH": 3}, {"DEPTH": 8})
        assert self.allows({"RATE": 0.5}, {"DEPTH": 8})


class TestSurrogate:
    now = Standing(space=SPACE).now

    def fitted(self, *seen: Observation) -> Surrogate:
        return Surrogate(Standing(space=SPACE, seen=seen))

    def test_without_a_trial_it_expects_what_changes_usually_do(self) -> None:
        found = self.fitted().predict(self.now | {"RATE": 0.1})
        assert (found.effect, found.confidence) == (0.0, 0.2)

    def test_it_knows_a_gain_that_was_measured_from_a_loss(self) -> None:
        better = measured(self.now | {"RATE": 0.1}, 0.15)
        worse = measured(self.now | {"RATE": 0.001}, -0.15)
        surrogate = self.fitted(better, worse)
        up = surrogate.predict(better.settings)
        down = surrogate.predict(worse.settings)
        assert up.effect == pytest.approx(0.15, abs=0.03)
        assert down.effect == pytest.approx(-0.15, abs=0.03)
        assert up.confidence > 0.9
        assert down.confidence < 0.1

    def test_effects_of_two_knobs_add_up(self) -> None:
        surrogate = self.fitted(
            measured(self.now | {"RATE": 0.1}, 0.3),
            measured(self.now | {"DECAY": 0.1}, 0.2),
        )
        both = surrogate.expect(self.now | {"RATE": 0.1, "DECAY": 0.1})
        assert both.mean == pytest.approx(0.5, abs=0.1)

    def test_a_knob_that_nobody_turned_promises_more_than_one_that_only_lost(self) -> None:
        rate = SPACE[0]
        lost = [measured(self.now | {"RATE": rate.at(n / 8)}, -0.5) for n in range(9)]
        promises = self.fitted(*lost).promises()
        assert promises["DECAY"] > 2 * promises["RATE"]
