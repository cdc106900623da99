"""Where a knob's value is written: what counts as one, and that nothing else changes."""

import pytest

from autoresearch.search.sites import find_sites, lines_naming, rewrite, written

TEXT = '''\
"""é: columns are counted in bytes."""
RATE = 0.01  # Adam's
BIG: int = 1_000
COLD = -2.5
NAME = "plain"
ON = True
TWICE = 1
TWICE = 2
COUNTED = 1
COUNTED += 1
DERIVED = 4 * BIG
é = 3; WIDE = 7


class Model:
    inside = 5

    def __init__(self, width, /, depth=3, *, drop=0.1, kind=None):
        self.depth = RATE * depth


def train(steps=100):
    return steps * RATE
'''


def test_plain_values_bound_once_are_found() -> None:
    values = {name: site.value for name, site in find_sites(TEXT).items()}
    assert values == {
        "RATE": 0.01,
        "BIG": 1000,
        "COLD": -2.5,
        "NAME": "plain",
        "ON": True,
        "é": 3,
        "WIDE": 7,
        "Model.__init__.depth": 3,
        "Model.__init__.drop": 0.1,
        "train.steps": 100,
    }


def test_only_the_values_own_characters_change() -> None:
    changed = rewrite(TEXT, {"RATE": 0.25, "WIDE": 9, "train.steps": 7, "COLD": -1.0})
    expected = TEXT.replace("RATE = 0.01 ", "RATE = 0.25 ").replace("WIDE = 7", "WIDE = 9")
    expected = expected.replace("steps=100", "steps=7").replace("COLD = -2.5", "COLD = -1.0")
    assert changed == expected


def test_line_ends_stay_as_they_are() -> None:
    text = TEXT.replace("\n", "\r\n")
    assert rewrite(text, {"RATE": 0.5}) == text.replace("RATE = 0.01", "RATE = 0.5")
    assert rewrite("A = 1\rB = 2\r", {"B": 3}) == "A = 1\rB = 3\r"


def test_a_name_that_is_bound_nowhere_is_an_error() -> None:
    with pytest.raises(LookupError):
        rewrite(TEXT, {"TWICE": 3})


def test_what_does_not_parse_has_no_knobs() -> None:
    assert find_sites("def f(:\n") == {}
    assert lines_naming("def f(:\n", "f") == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1.0"),
        (0.0, "0.0"),
        (1e-8, "1e-08"),
        (0.123456, "0.1235"),
        (123456.0, "1.235e+05"),
        (True, "True"),
        ("it's", '"it\'s"'),
    ],
)
def test_a_value_is_written_as_what_it_is(value: object, text: str) -> None:
    assert written(value) == text  # type: ignore[arg-type]
    assert type(eval(text)) is type(value)


def test_the_lines_that_name_a_constant_are_those_that_bind_or_read_it() -> None:
    assert lines_naming(TEXT, "RATE") == (2, 19, 23)
    assert lines_naming(TEXT, "train.steps") == (22, 23)
