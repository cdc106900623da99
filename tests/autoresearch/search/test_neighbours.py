"""Knobs near a structural keep, by the lines that name them."""

from autoresearch.search.knobs import find_space
from autoresearch.search.neighbours import near_knobs

TEXT = """\
RATE = 0.01
DECAY = 0.5
WIDTH = 16


def step(beta=0.9):
    kept = beta * DECAY
    return kept * RATE


def model():
    return [0] * WIDTH
"""


def near(*spans: tuple[int, int]) -> frozenset[str]:
    files = {"train.py": TEXT}
    return near_knobs(find_space(files, {}), "e4", files.__getitem__, lambda *_: spans)


def test_a_knob_is_near_where_its_use_was_touched_and_where_its_definition_was() -> None:
    assert near((7, 7)) == {"DECAY", "step.beta"}
    assert near((3, 3)) == {"WIDTH"}
    assert near((8, 12)) == {"RATE", "WIDTH"}


def test_a_keep_that_touched_other_lines_is_near_nothing() -> None:
    assert near() == frozenset()
    assert near((4, 5)) == frozenset()
