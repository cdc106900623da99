"""Sections of a file: found by lines or symbol, with spans, knobs, and lines that move."""

import pytest

from autoresearch.errors import NotFoundError
from autoresearch.patches.code_sections import (
    LineMap,
    Place,
    Reader,
    covering_spans,
    definitions,
    find_knobs,
    find_section,
    number_lines,
)

TEXT = '''"""A file."""
import os

RATE = 0.01
DECAY: float = -1e-3
NAMES = ["a"]


@cached
def train(steps=100, *, warmup=0.1, log=print):
    for step in range(steps):
        rate = 3
        if step:
            go(rate)


class Adam:
    BETA = 0.9

    def step(self):
        pass
'''
FILES = {"train.py": TEXT, "lib/tensor.py": "EPS = 1e-5\n", "notes.md": "one\ntwo\n"}


class Files(Reader):
    def __call__(self, path: str) -> str:
        return FILES[path]


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ("train.py:4-5", Place("train.py", 4, 5)),
        ("train.py:4", Place("train.py", 4, 4)),
        ("train.py:20-999", Place("train.py", 20, 21)),
        ("train.py", Place("train.py", 1, 21)),
        ("train.py:train", Place("train.py", 9, 14)),
        ("train", Place("train.py", 9, 14)),
        ("Adam.step", Place("train.py", 20, 21)),
        ("step", Place("train.py", 20, 21)),
        ("RATE", Place("train.py", 4, 4)),
        ("EPS", Place("lib/tensor.py", 1, 1)),
        ("notes.md:2", Place("notes.md", 2, 2)),
    ],
)
def test_a_section_is_found_by_lines_file_or_symbol(section: str, place: Place) -> None:
    assert find_section(section, list(FILES), Files()) == place


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("tran.py", "Files: train.py"),
        ("train.py:50", "has lines 1-21"),
        ("train.py:9-4", "has lines 1-21"),
        ("train.py:trian", "It defines: train"),
        ("nothing", "There is no file or symbol 'nothing'"),
        ("other.py:1-2", "There is no file 'other.py'"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(section: str, said: str) -> None:
    with pytest.raises(NotFoundError) as error:
        find_section(section, list(FILES), Files())
    assert said in str(error.value)


def test_spans_are_the_blocks_around_the_lines_outermost_first() -> None:
    spans = covering_spans(TEXT, 14, 14)
    assert [span.kind for span in spans] == ["module", "function", "for", "if"]
    assert (spans[1].name, spans[1].first, spans[1].last) == ("train", 9, 14)
    assert covering_spans("not python (", 1, 1) == ()


def test_knobs_are_names_bound_to_literals_on_those_lines() -> None:
    found = {knob.name: knob for knob in find_knobs(TEXT, 1, 21, {"RATE": (0.001, 0.1)})}
    assert set(found) == {"RATE", "DECAY", "steps", "warmup", "rate", "BETA"}
    assert (found["RATE"].value, found["RATE"].low, found["RATE"].high) == ("0.01", 0.001, 0.1)
    assert found["DECAY"].value == "-1e-3"
    assert [knob.name for knob in find_knobs(TEXT, 10, 10, {})] == ["steps", "warmup"]


def test_definitions_leave_out_imports_and_docstrings() -> None:
    assert [(d.kind, d.name, d.first, d.last) for d in definitions(TEXT)] == [
        ("code", "RATE to NAMES", 4, 6),
        ("function", "train", 9, 14),
        ("class", "Adam", 17, 21),
    ]


def test_lines_are_followed_through_an_edit() -> None:
    old = "a\nb\nc\nd\ne\n"
    new = "0\n1\na\nb\nX\nd\ne\n"
    moved = LineMap(old, new)
    assert moved.span(1, 2) == (3, 4)
    assert moved.span(3, 3) == (5, 5)
    assert moved.span(2, 4) == (4, 6)
    gone = LineMap(old, "a\nb\nd\ne\n")
    assert gone.span(3, 3) == (3, 3)
    assert LineMap(old, old).span(2, 3) == (2, 3)


def test_lines_are_numbered_as_an_editor_numbers_them() -> None:
    assert number_lines("a\n" * 12, 9, 10) == " 9 a\n10 a"
