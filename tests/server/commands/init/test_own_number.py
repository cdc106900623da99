"""The user's own number beside the lab's: the same, or something else. Nothing is run."""

from types import SimpleNamespace
from typing import Any

import pytest

from server.commands.init.own_number import Own, own_number
from server.commands.init.tables import own_words

ELSE = "SOMETHING ELSE"


def baseline(*values: float, scoring: str = "stdout") -> Any:
    metric = SimpleNamespace(name="loss", unit="", scoring=scoring)
    lab = SimpleNamespace(contract=SimpleNamespace(metric=metric))
    return SimpleNamespace(values=values, lab=lab, runs=[SimpleNamespace(run="e0-r1")])


@pytest.mark.parametrize(
    ("yours", "values"),
    [
        (4.53, (4.5331, 4.5331)),  # as it was printed, rounded
        (4.5331, (4.5331, 4.5331)),
        (100.0, (100.2, 99.8, 100.1)),
        (4.6, (4.5, 4.7)),
    ],
)
def test_a_number_within_the_spread_is_the_same_programs(
    yours: float, values: tuple[float, ...]
) -> None:
    assert ELSE not in own_words(baseline(*values), yours)


@pytest.mark.parametrize(
    ("yours", "values"),
    [
        (4.53, (10.75, 10.75)),
        (4.5331, (4.5431, 4.5431)),
        (4.53, (10.7512, 10.7498)),
        (100.0, (110.0, 109.8, 110.1, 110.0, 109.9)),
    ],
)
def test_a_number_outside_the_spread_is_said_to_be_something_else(
    yours: float, values: tuple[float, ...]
) -> None:
    said = own_words(baseline(*values), yours)
    assert ELSE in said
    assert f"{yours:g}" in said


def test_nothing_is_run_outside_the_lab_where_nobody_asked_for_it() -> None:
    assert own_number(Own(), baseline(1.0, 1.0), None, ask=False) is None  # type: ignore[arg-type]
    given = own_number(Own(number=4.5, run=True), baseline(1.0), None, ask=True)  # type: ignore[arg-type]
    assert given == 4.5
