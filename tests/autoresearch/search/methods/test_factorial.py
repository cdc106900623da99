"""Waves: designs that tell effects apart, and what is made of a wave's results."""

from dataclasses import replace
from itertools import combinations

import pytest

from autoresearch.search.knobs import Knob
from autoresearch.search.methods.designs import design, estimate
from autoresearch.search.methods.factorial import FactorialSearcher
from autoresearch.search.observations import End, Observation
from autoresearch.search.searchers import Standing, Suggestion

NAMES = "ABCDEFGH"
WORTH = dict(zip(NAMES, (0.3, -0.2, 0.0, 0.5, -0.4, 0.0, 0.1, -0.1), strict=True))
SPACE = tuple(Knob(name=name, path="t.py", line=1, value=0.2) for name in NAMES)
SIGMA = 0.01


@pytest.mark.parametrize("knobs", range(1, 9))
def test_every_pair_of_knobs_is_turned_in_all_four_ways_equally_often(knobs: int) -> None:
    rows = [(False,) * knobs, *design(knobs)]
    assert len(rows) <= 12
    for one, other in combinations(range(knobs), 2):
        ways = [(row[one], row[other]) for row in rows]
        assert {ways.count(way) for way in ways} == {len(rows) / 4}


def test_more_than_eight_knobs_are_no_wave() -> None:
    with pytest.raises(ValueError, match="1 to 8 knobs"):
        design(9)


def test_effects_that_add_up_are_found_exactly() -> None:
    rows = [(False,) * 8, *design(8)]
    gains = [sum(w for w, on in zip(WORTH.values(), row, strict=True) if on) for row in rows]
    found = estimate(rows, gains, [2] * len(rows), SIGMA)
    assert found.each == pytest.approx(tuple(WORTH.values()), abs=1e-5)
    assert found.level == pytest.approx(0.0, abs=1e-5)
    # Half of twelve trials of two runs each against the other half.
    assert found.error == pytest.approx((SIGMA * (1 / 12 + 1 / 12) ** 0.5,) * 8, rel=1e-3)


def outcome(suggestion: Suggestion, end: End = End.MEASURED) -> Observation:
    gain = sum(WORTH[n] for n, value in suggestion.settings.items() if value != 0.2)
    measured = end is End.MEASURED
    return Observation(
        settings=suggestion.settings,
        end=end,
        gain=gain if measured else None,
        effect=gain if measured else None,
        sigma=SIGMA,
        runs=2,
    )


def wave(searcher: FactorialSearcher, standing: Standing) -> list[Suggestion]:
    """All its trials; while they are out, there is nothing more to ask for."""
    found = []
    while (suggestion := searcher.ask(standing)) is not None:
        found.append(suggestion)
    return found


def test_a_wave_ends_with_all_that_is_worth_something_and_nothing_else() -> None:
    searcher, standing = FactorialSearcher(1), Standing(space=SPACE)
    trials = wave(searcher, standing)
    assert len(trials) == 11
    for one in trials:
        searcher.tell(one.ticket, outcome(one))
    together = searcher.ask(standing)
    assert together is not None
    turned = {name for name, value in together.settings.items() if value != 0.2}
    assert turned == {"A", "D", "G"}
    assert searcher.ask(standing) is None  # until it has ended
    searcher.tell(together.ticket, outcome(together))
    [summed] = searcher.sums
    assert summed.expected == pytest.approx(0.9, abs=1e-3)
    assert summed.brought == pytest.approx(0.9)


def test_a_trial_that_became_the_incumbent_does_not_change_the_others() -> None:
    searcher, standing = FactorialSearcher(1), Standing(space=SPACE)
    first = searcher.ask(standing)
    assert first is not None
    searcher.tell(first.ticket, outcome(first))
    moved = tuple(replace(knob, value=first.settings[knob.name]) for knob in SPACE)
    trials = [first, *wave(searcher, replace(standing, space=moved))]
    untouched = FactorialSearcher(1)
    assert [t.settings for t in trials] == [t.settings for t in wave(untouched, standing)]


def test_a_trial_that_was_stopped_early_counts_as_no_better_than_the_worst() -> None:
    searcher, standing = FactorialSearcher(1), Standing(space=SPACE)
    for one in wave(searcher, standing):
        bad = one.settings["E"] != 0.2
        searcher.tell(one.ticket, outcome(one, End.STOPPED if bad else End.MEASURED))
    together = searcher.ask(standing)
    assert together is not None
    assert together.settings["E"] == 0.2
    assert together.settings["D"] != 0.2


def test_a_wave_in_which_nothing_helped_is_followed_by_the_other_way_round() -> None:
    searcher, standing = FactorialSearcher(1), Standing(space=SPACE)
    first = wave(searcher, standing)
    for one in first:
        searcher.tell(one.ticket, Observation(settings=one.settings, end=End.STOPPED, runs=1))
    second = wave(searcher, standing)
    up = {value for one in first for value in one.settings.values()} - {0.2}
    down = {value for one in second for value in one.settings.values()} - {0.2}
    assert min(up) > 0.2 > max(down)
