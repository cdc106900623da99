"""Knobs: those that a contract declares, those that are found, and the ranges proposed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.contract_tables.knobs import KnobTable
from autoresearch.errors import NotFoundError
from autoresearch.search.knobs import Knob, find_space, proposed_range, settings_of, turned

TEXT = """\
RATE = 0.01
STEPS = 100
SEED = 7
UNUSED = 3
KIND = "plain"
ZERO = 0.0


def train(beta=0.9):
    return RATE * STEPS * SEED * ZERO * beta
"""
FILES = {"train.py": TEXT}


def test_without_a_table_numbers_that_the_code_reads_are_found_but_for_seeds() -> None:
    space = find_space(FILES, {})
    assert [knob.name for knob in space] == ["RATE", "STEPS", "ZERO", "train.beta"]
    assert not any(knob.declared for knob in space)


def test_with_a_table_only_what_it_declares_is_turned() -> None:
    tables = {"STEPS": KnobTable(low=50, high=200), "GONE": KnobTable(low=0, high=1)}
    [knob] = find_space(FILES, tables)
    assert (knob.name, knob.path, knob.line, knob.value) == ("STEPS", "train.py", 2, 100)
    assert knob.integer
    assert knob.declared


def test_a_named_knob_is_taken_whether_declared_or_found() -> None:
    tables = {"STEPS": KnobTable(low=50, high=200)}
    space = find_space(FILES, tables, ["train.beta", "STEPS"])
    assert [(knob.name, knob.declared) for knob in space] == [
        ("STEPS", True),
        ("train.beta", False),
    ]


def test_a_wrong_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(NotFoundError) as refused:
        find_space(FILES, {}, ["RAET"])
    assert refused.value.code == "not_found.knob"
    assert "RATE, STEPS, ZERO, train.beta" in refused.value.remedy


def test_a_name_bound_in_two_files_needs_its_path() -> None:
    files = {"a.py": "RATE = 0.1\n", "b.py": "RATE = 0.2\n"}
    assert find_space(files, {"RATE": KnobTable(low=0, high=1)}) == ()
    [knob] = find_space(files, {"RATE": KnobTable(low=0, high=1, path="b.py")})
    assert knob.value == 0.2


def test_code_outside_its_contracts_range_widens_it() -> None:
    [knob] = find_space(FILES, {"RATE": KnobTable(low=0.1, high=1, log=True)})
    assert (knob.low, knob.high) == (0.01, 1)
    [knob] = find_space(FILES, {"KIND": KnobTable(choices=("gated", "wide"))})
    assert knob.choices == ("plain", "gated", "wide")


def test_a_zero_has_no_factors() -> None:
    [knob] = find_space(FILES, {"ZERO": KnobTable(low=1e-4, high=1, log=True)})
    assert (knob.low, knob.log) == (0.0, False)


@pytest.mark.slow
@given(st.floats(0, 1))
def test_a_share_leads_to_a_value_and_back(share: float) -> None:
    for knob in (
        Knob(name="a", path="f", line=1, value=1.0, low=0.001, high=100.0, log=True),
        Knob(name="b", path="f", line=1, value=1.0, low=-3.0, high=5.0),
    ):
        value = knob.at(share)
        assert knob.low <= float(value) <= knob.high * 1.0001
        assert knob.share(value) == pytest.approx(share, abs=2e-3)
    whole = Knob(name="c", path="f", line=1, value=1, low=1, high=64, log=True, integer=True)
    assert isinstance(whole.at(share), int)


@given(st.floats(-1e6, 1e6, allow_nan=False), st.booleans())
def test_a_proposed_range_holds_the_value_and_more(number: float, whole: bool) -> None:
    number = float(round(number)) if whole else number
    low, high, log = proposed_range(number, whole=whole)
    assert low <= number <= high
    assert low < high or abs(number) < 1e-300
    assert not log or low > 0 or number < 1e-300
    if 0 < number < 1 and not whole:
        assert high < 1


def test_turning_knobs_changes_the_files_that_bind_them_alone() -> None:
    files = {"a.py": "RATE = 0.1\n", "b.py": "WIDTH = 2\n"}
    tables = {"RATE": KnobTable(low=0, high=1), "WIDTH": KnobTable(low=1, high=9)}
    space = find_space(files, tables)
    assert settings_of(files, space) == {"RATE": 0.1, "WIDTH": 2}
    assert turned(files, space, {"RATE": 0.1, "WIDTH": 3}) == {"b.py": "WIDTH = 3\n"}
