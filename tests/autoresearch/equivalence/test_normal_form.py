"""A patch in disguise has the normal form of the first; one that does something else has not."""

import tomllib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.equivalence.normal_form import interface_of, normal_form
from tests.support.paths import ROOT
from tests.support.tiers import first_in_ci

TRAIN = (ROOT / "autoresearch" / "targets" / "microgpt" / "train.py").read_text()
PAIRS = tomllib.loads((ROOT / "tests" / "data" / "disguises.toml").read_text())


@cache
def interface():
    return interface_of({"train.py": TRAIN.encode()})


def patched(edits):
    text = TRAIN
    for find, replace in edits:
        assert text.count(find) == 1, find
        text = text.replace(find, replace)
    compile(text, "train.py", "exec")
    return {"train.py": text.encode()}


@cache
def original_form():
    return normal_form({"train.py": TRAIN.encode()}, interface())


def of(text, original=""):
    """The normal form of a file that stands alone, the original of which defines little."""
    return normal_form({"a.py": text.encode()}, interface_of({"a.py": original.encode()}))


def test_there_are_twenty_of_each():
    assert [len(PAIRS[kind]) for kind in ("same", "other")] == [20, 20]
    names = [pair["name"] for kind in PAIRS.values() for pair in kind]
    assert len(set(names)) == 40


@pytest.mark.parametrize("pair", first_in_ci(PAIRS["same"], 5), ids=lambda pair: pair["name"])
def test_a_patch_in_disguise_is_recognised(pair):
    first, second = patched(pair["first"]), patched(pair["second"])
    assert first != second
    form = normal_form(first, interface())
    assert form == normal_form(second, interface())
    assert form != original_form()


@pytest.mark.parametrize("pair", first_in_ci(PAIRS["other"], 5), ids=lambda pair: pair["name"])
def test_another_patch_is_not_taken_for_the_first(pair):
    first, second = patched(pair["first"]), patched(pair["second"])
    forms = {normal_form(code, interface()) for code in (first, second)}
    assert len(forms | {original_form()}) == 3


SAME = {
    "imports": ("import os\nimport sys\nx = os, sys", "import sys, os\nx = os, sys"),
    "range": ("for i in range(0, 5, 1):\n    print(i)", "for i in range(5):\n    print(i)"),
    "nested tests": ("if a:\n    if b:\n        f()", "if a and b:\n    f()"),
    "annotations": ("def f(x: int) -> int:\n    return x", "def f(x):\n    return x"),
    "unused": ("def f(x):\n    spare = 3\n    return x", "def f(x):\n    return x"),
    "return of nothing": ("def f(x):\n    g(x)\n    return None", "def f(x):\n    g(x)"),
    "loops over one name": (
        "def f(a, b):\n    for i in a:\n        g(i)\n    for i in b:\n        h(i)",
        "def f(a, b):\n    for i in a:\n        g(i)\n    for j in b:\n        h(j)",
    ),
    "methods": (
        "class A:\n    def f(self):\n        pass\n    def g(self):\n        return 1",
        "class A:\n    def g(self):\n        return 1\n    def f(self):\n        pass",
    ),
}
OTHER = {
    "prints": ("print(1)\nprint(2)", "print(2)\nprint(1)"),
    "a call between": (
        "def f(w):\n    a = w[0]\n    g(w)\n    return a",
        "def f(w):\n    g(w)\n    a = w[0]\n    return a",
    ),
    "a read of what a call may change": (
        "def f(w):\n    a = w[0]\n    return g(w) + a",
        "def f(w):\n    return g(w) + w[0]",
    ),
    "an iterator that is used up": (
        "def f(it):\n    a = sum(it)\n    b = list(it)\n    return a, b",
        "def f(it):\n    b = list(it)\n    a = sum(it)\n    return a, b",
    ),
    "evaluated once or each time": (
        "def f(n):\n    x = g()\n    return [x for _ in range(n)]",
        "def f(n):\n    return [g() for _ in range(n)]",
    ),
    "evaluated always or perhaps": (
        "def f(a):\n    x = g()\n    return a and x",
        "def f(a):\n    return a and g()",
    ),
    "NaN": ("KNOWN = not (a < b)", "KNOWN = a >= b"),
    "a whole number": ("KNOWN = 3", "KNOWN = 3.0"),
    "in place, of a parameter": ("def f(x):\n    x += 1", "def f(x):\n    x = x + 1"),
    "in place, of what was given away": (
        "def f(a, b):\n    s = a + b\n    keep(s)\n    s += b\n    return s",
        "def f(a, b):\n    s = a + b\n    keep(s)\n    s = s + b\n    return s",
    ),
    "a closure that sees the later value": (
        "def f():\n    x = 1\n    g = lambda: x\n    x = 2\n    return g()",
        "def f():\n    x = 2\n    g = lambda: x\n    x = 1\n    return g()",
    ),
    "the order of fields": ("class A:\n    a: int\n    b: int", "class A:\n    b: int\n    a: int"),
    "the last definition counts": (
        "def f():\n    return 1\ndef f():\n    return 2",
        "def f():\n    return 2\ndef f():\n    return 1",
    ),
    "a name of the original": ("KNOWN = 3\nprint(KNOWN)", "OTHER = 3\nprint(OTHER)"),
    "a parameter that is named in a call": (
        "def f(rate):\n    return rate\nf(rate=1)",
        "def f(speed):\n    return speed\nf(rate=1)",
    ),
    "a division by nothing, before or after": (
        "def f(x):\n    print(x)\n    y = 1 / x\n    return y",
        "def f(x):\n    y = 1 / x\n    print(x)\n    return y",
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_other_ways_to_write_it_are_known(what):
    one, other = SAME[what]
    assert of(one) == of(other)


@pytest.mark.parametrize("what", OTHER)
def test_nothing_that_may_differ_is_taken_to_be_the_same(what):
    one, other = OTHER[what]
    assert of(one, "KNOWN = 1") != of(other, "KNOWN = 1")


STATEMENTS = (
    "a = b + 1",
    "b = a * 2",
    "c = xs[0]",
    "xs[0] = a",
    "xs.append(c)",
    "a += c",
    "ys = xs",
    "ys = list(xs)",
    "b = sum(it)",
    "c = next(it, 0)",
    "note(a)",
    "a = max(b, c)",
    "c = note(b) + a",
    "if a < b: c = 1",
    "if b > a:\n        c = 1\n    else:\n        c = b",
    "for i in xs[:2]: a = a + i",
    "d = a - c",
    "note(d)",
    "zs = [x + a for x in xs]",
    "e = 5",
    "a = e + c",
    "if c: return done(a, b, c, d, e, xs, ys, zs)",
)
PROGRAM = """\
def work(note, done, xs, it, a, b):
    c, d, e, ys, zs = 3, 4, 0, [], []
    {}
    return done(a, b, c, d, e, xs, ys, zs)
"""


def told(program):
    """All that a program tells, and returns."""
    said, names = [], {}
    exec(program, names)

    def note(value):
        said.append(value)
        return value

    xs = [7, 8, 9]
    try:
        result = names["work"](note, lambda *rest: repr(rest), xs, iter([5, 6, 7]), 1, 2)
    except (ArithmeticError, LookupError, TypeError) as error:
        result = type(error)
    return said, result, xs


@pytest.mark.slow
@given(st.lists(st.sampled_from(STATEMENTS), min_size=2, max_size=6), st.randoms())
def test_programs_of_one_form_do_the_same(lines, random):
    shuffled = list(lines)
    random.shuffle(shuffled)
    one, other = (PROGRAM.format("\n    ".join(part)) for part in (lines, shuffled))
    if of(one) == of(other):
        assert told(one) == told(other)


@pytest.mark.slow
@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6), st.data())
def test_a_line_more_has_the_same_form_only_if_it_does_nothing(lines, data):
    place = data.draw(st.integers(0, len(lines)))
    extra = data.draw(st.sampled_from(STATEMENTS))
    longer = [*lines[:place], extra, *lines[place:]]
    one, other = (PROGRAM.format("\n    ".join(part)) for part in (lines, longer))
    if of(one) == of(other):
        assert told(one) == told(other)
