"""A dead end reopens for a reason, and stays closed without one."""

from collections.abc import Mapping

import pytest

from autoresearch.memory.dead_ends import (
    FEWEST_KEEPS,
    NEAR_LINES,
    ReopenedDeadEnd,
    Reopening,
    Spans,
    reopened,
)
from autoresearch.records import Outcome, Reversal, Reverted
from tests.support.samples import judged
from tests.support.told import Told

HERE = {"train.py": [(40, 42)]}
FAR = {"train.py": [(200, 210)]}


def discard(told: Told, effect: float = -0.02) -> str:
    name, base = told.propose(), told.history.incumbent
    assert base is not None
    told.tell(judged(name, base, outcome=Outcome.DISCARD, effect=effect))
    return name


def keep(told: Told) -> str:
    name, base = told.history.next_experiment, told.history.incumbent
    assert base is not None
    told.propose()
    told.tell(judged(name, base, moved=True))
    return name


def reverse(told: Told) -> None:
    name, base = told.history.kept[-1], told.history.kept[-2]
    told.tell(
        Reverted(
            reversal=Reversal(
                experiment=name,
                base=base,
                effect=-0.1,
                low=-0.2,
                high=-0.05,
                sigma=0.01,
                candidate_runs=(),
                control_runs=(),
                noise_runs=(),
                sentence="it is behind",
                judge_version=1,
            )
        )
    )


def seen(told: Told, touched: Mapping[str, Spans]) -> dict[str, ReopenedDeadEnd]:
    return {one.experiment: one for one in reopened(told.history, touched)}


def test_it_reopens_when_the_keep_that_it_failed_on_is_reversed() -> None:
    told = Told()
    on_e0 = discard(told)
    kept = keep(told)
    on_kept = discard(told)
    assert seen(told, {}) == {}
    reverse(told)
    found = seen(told, {})
    assert set(found) == {on_kept}
    assert (found[on_kept].why, found[on_kept].keeps) == (Reopening.BASE_REVERSED, (kept,))
    assert on_e0 not in found


def test_it_reopens_when_later_keeps_changed_the_lines_around_its_own() -> None:
    told = Told()
    near, apart = discard(told), discard(told)
    kept = keep(told)
    later = discard(told)
    touched = {near: HERE, apart: FAR, later: HERE, kept: {"train.py": [(45, 47)]}}
    found = seen(told, touched)
    assert set(found) == {near}
    assert (found[near].why, found[near].keeps, found[near].lines) == (
        Reopening.LINES_CHANGED,
        (kept,),
        3,
    )


@pytest.mark.parametrize(
    ("change", "reopens"),
    [
        ({"train.py": [(43, 45)]}, True),
        ({"train.py": [(43, 44)]}, False),  # two lines
        ({"train.py": [(42 + NEAR_LINES + 1, 80)]}, False),  # too far away
        ({"model.py": [(40, 42)]}, False),
    ],
)
def test_how_near_and_how_much_must_have_changed(change: Spans, reopens: bool) -> None:
    told = Told()
    name = discard(told)
    kept = keep(told)
    assert bool(seen(told, {name: HERE, kept: change})) == reopens


def test_it_reopens_after_many_keeps_wherever_they_are() -> None:
    told = Told()
    name = discard(told)
    for _ in range(FEWEST_KEEPS - 1):
        keep(told)
    assert seen(told, {name: HERE}) == {}
    keep(told)
    found = seen(told, {name: HERE})
    assert found[name].why is Reopening.MUCH_KEPT
    assert len(found[name].keeps) == FEWEST_KEEPS


def test_what_was_tried_again_or_stacked_stays_closed() -> None:
    told = Told()
    first, second = discard(told), discard(told)
    kept = keep(told)
    touched = {first: HERE, second: HERE, kept: HERE}
    assert set(seen(told, touched)) == {first, second}
    told.propose(reopened_from=first)
    assert set(seen(told, touched)) == {second}
    told.propose(stack=(second, "e9"))
    assert seen(told, touched) == {}


def test_only_a_discard_is_a_dead_end() -> None:
    told = Told()
    name = told.propose()
    told.tell(judged(name, "e0", outcome=Outcome.INCONCLUSIVE, effect=0.001))
    kept = keep(told)
    assert seen(told, {name: HERE, kept: HERE}) == {}


def test_the_most_promising_comes_first() -> None:
    told = Told()
    bad, close = discard(told, -0.5), discard(told, -0.001)
    kept = keep(told)
    touched = {bad: HERE, close: HERE, kept: HERE}
    assert [one.experiment for one in reopened(told.history, touched)] == [close, bad]
