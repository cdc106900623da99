"""What a patch adds is counted in its order, whatever carries it."""

import ast
import random
from collections.abc import Mapping

import pytest

from autoresearch.patches.added_text import added_lines, size_of_added
from autoresearch.patches.payload_limits import (
    CONSTANT_BYTES,
    LINE_BYTES,
    TEXT_BYTES,
    WORD_BYTES,
    check_payload,
    measure,
)
from tests.support.paths import ROOT
from tests.support.refusals import raises

TRAIN = (ROOT / "autoresearch/targets/microgpt/train.py").read_bytes()
BASE = {"train.py": TRAIN}
NAMES = random.Random(1).sample((ROOT / "microgpt/data/surnames.txt").read_text().split(), 500)
LETTERS = [letter for name in NAMES for letter in name]
BITS = [bit == "1" for letter in LETTERS for bit in f"{ord(letter) - 97:05b}"]


def with_code(code: str) -> dict[str, bytes]:
    return {"train.py": TRAIN.replace(b"CURVE_LINES = 80", f"{code}\nCURVE_LINES = 80".encode())}


def listed(items: list[str], *, by: int = 16) -> str:
    """A list with so few items in a line that a line stays short."""
    rows = [", ".join(items[at : at + by]) for at in range(0, len(items), by)]
    return "KNOWN = [\n" + "".join(f"    {row},\n" for row in rows) + "]"


def numbered(word: str) -> list[int]:
    return [ord(letter) - 96 for letter in word]


# Each carries the 500 names in an order of what is known already.
ORDERS = {
    "variables": listed(LETTERS),
    "brackets": listed(["()" if bit else "[]" for bit in BITS]),
    "comparisons": listed([f"WIDTH {'<' if a else '>'} WIDTH" for a in BITS]),
    "signs": listed([("-" if bit else "+") + "WIDTH" for bit in BITS]),
    "nested brackets": listed(
        ["(" * n + "[]" + ")" * n for name in NAMES for n in numbered(name)], by=8
    ),
    "attributes": "\n".join(f"WIDTH.{'.'.join(name)}" for name in NAMES),
    "calls": "\n".join(f"WIDTH({')('.join(name)})" for name in NAMES),
    "keywords": "\n".join(f"pad({'=0, '.join(dict.fromkeys(name))}=0)" for name in NAMES),
    "fields of f-strings": "\n".join(f'f"{{{"}{".join(name)}}}"' for name in NAMES),
    "imports": "\n".join(f"from os import {', '.join(name)}" for name in NAMES),
    "statements": "\n".join(";".join(f"{letter}()" for letter in name) for name in NAMES),
    "lines": "\n".join(f"{letter}()" for letter in LETTERS),
    "line ends": "".join("pass;" if bit else "pass\n" for bit in BITS) + "pass",
    "blank lines": "".join("WIDTH\n" + "\n" * bit for bit in BITS),
    "indents": "KNOWN = [\n" + "\n".join(f"{' ' * n}0," for n in numbered("".join(NAMES))) + "\n]",
    "quotes": listed(["''" if bit else '""' for bit in BITS]),
    "escapes": listed(["'a'" if bit else r"'\x61'" for bit in BITS]),
    "spellings of a number": listed(["16" if bit else "0x10" for bit in BITS]),
    "underscores": listed(["100" if bit else "1_00" for bit in BITS]),
    "comments": "\n".join(f"# {letter}" for letter in LETTERS),
    "docstrings": "\n".join(f"'{letter}'" for letter in LETTERS),
    "global names": "\n".join(f"def f():\n    global {', '.join(name)}" for name in NAMES),
}


QUICK = ("variables", "indents", "docstrings")  # names, white space, text


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, id=name, marks=() if name in QUICK else pytest.mark.long)
        for name, code in ORDERS.items()
    ],
)
def test_known_words_in_a_new_order_are_refused(code: str) -> None:
    after = with_code(code)
    ast.parse(after["train.py"])
    assert measure(BASE, after).text > TEXT_BYTES
    with raises("patch_refused.new_text", f"{TEXT_BYTES:,}"):
        check_payload(BASE, after)


def test_a_line_that_nobody_reads_to_its_end_is_refused() -> None:
    long = f"KNOWN = [{'WIDTH,' * 100}]"
    with raises("patch_refused.line_too_long", "train.py:", str(LINE_BYTES)):
        check_payload(BASE, with_code(long))
    base = with_code(long)
    check_payload(base, {"train.py": base["train.py"].replace(b"WIDTH,WIDTH]", b"WIDTH,HEADS]")})


def test_carriage_returns_do_not_make_lines_short() -> None:
    long = "\r".join(["WIDTH"] * 200).encode()
    with raises("patch_refused.line_too_long"):
        check_payload(BASE, {**BASE, "new.py": long})


def size(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> int:
    found = measure(before, after)
    assert found.constants <= CONSTANT_BYTES
    assert found.words <= WORD_BYTES
    return found.text


LINES = [f"step_{n} = WIDTH\n".encode() for n in range(3_000)]
LONG = {"train.py": b"".join(LINES)}


@pytest.mark.slow
def test_the_order_of_lines_that_are_moved_counts() -> None:
    moved = random.Random(2).sample(LINES[:1_000], 1_000)
    assert size(LONG, {"train.py": b"".join([*moved, *LINES[1_000:]])}) > TEXT_BYTES


@pytest.mark.slow
def test_which_lines_are_deleted_counts() -> None:
    draw = random.Random(3)
    left = [line for line in LINES[:2_000] if draw.random() < 0.5]
    bits = 2_000  # one a line
    assert size(LONG, {"train.py": b"".join([*left, *LINES[2_000:]])}) > bits / 8


def test_names_of_files_that_are_added_or_deleted_count() -> None:
    paths = {f"{'_'.join(NAMES[n : n + 20])}.py": b"" for n in range(0, 500, 20)}
    assert size(BASE, {**BASE, **paths}) > TEXT_BYTES
    assert size({**BASE, **paths}, BASE) > TEXT_BYTES


def test_moving_a_function_or_deleting_much_costs_little() -> None:
    lines = TRAIN.decode().splitlines(keepends=True)
    start = lines.index("class Adam:\n")
    moved = "".join([*lines[:start], *lines[start + 20 :], *lines[start : start + 20]])
    assert size(BASE, {"train.py": moved.encode()}) < 60
    assert size(BASE, {"train.py": "".join(lines[:start]).encode()}) < 30
    other = "".join(lines[start : start + 20]).encode()
    rest = "".join([*lines[:start], *lines[start + 20 :]]).encode()
    assert size(BASE, {"train.py": rest, "optimiser.py": other}) < 80


def test_a_line_is_new_where_it_follows_another_than_in_the_base() -> None:
    before = {"a.py": b"one\ntwo\nthree\nfour"}
    after = {"a.py": b"one\nthree\nfour\ntwo"}
    assert [(line.number, line.text) for line in added_lines(before, after)] == [
        (2, b"three"),
        (4, b"two"),
    ]
    assert size_of_added(before, before) == 0
