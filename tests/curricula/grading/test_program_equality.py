"""When two submissions are the same program, and when the agent's with other numbers."""

import pytest

from curricula.grading.program_equality import fingerprint, outline

PROGRAM = """\
import math
from collections import Counter


def mean(values, scale=3):
    counts = Counter(values)
    total = 0.0
    size = len(values)
    for value in values:
        if value > 2:
            total += value * scale
        else:
            total -= math.sqrt(value)
    return total / size if counts else None
"""
DISGUISES = {
    "a comment and a docstring": PROGRAM.replace("    counts", '    "mine"  # all\n    counts'),
    "a dead line": PROGRAM.replace("    counts", "    unused = 0\n    counts"),
    "a dead line that uses what is there": PROGRAM.replace(
        "    for", "    again = sorted(values)[:2]\n    for"
    ),
    "a dead line that only feeds another": PROGRAM.replace(
        "    for", "    one = size\n    two = one + 1\n    for"
    ),
    "a counter that nobody reads": PROGRAM.replace(
        "    for value in values:\n",
        "    steps = 0\n    for value in values:\n        steps += 1\n",
    ),
    "a pass": PROGRAM.replace("    for", "    pass\n    for"),
    "an ellipsis": PROGRAM.replace("    for", "    ...\n    for"),
    "a bare name": PROGRAM.replace("    for", "    total\n    for"),
    "a call without effect": PROGRAM.replace("    for", "    len(values)\n    for"),
    "a print": PROGRAM.replace("    for", "    print('so far', total)\n    for"),
    "an assignment to itself": PROGRAM.replace("    for", "    total = total\n    for"),
    "nothing added": PROGRAM.replace("    for", "    total = total + 0\n    for"),
    "a branch that is never taken": PROGRAM.replace(
        "    for", "    if False:\n        total = 5\n    for"
    ),
    "a branch that is always taken": PROGRAM.replace(
        "    size", "    if True:\n        pass\n    size"
    ),
    "a loop that never runs": PROGRAM.replace(
        "    for", "    while 0:\n        total = 5\n    for"
    ),
    "a loop over nothing to do": PROGRAM.replace(
        "    for value", "    for _ in range(3):\n        pass\n    for value"
    ),
    "an empty test": PROGRAM.replace(
        "    for", "    if size > 3:\n        pass\n    for"
    ),
    "lines after the end": PROGRAM + "    total = 7\n    return total\n",
    "an assertion of nothing": PROGRAM.replace("    for", "    assert True\n    for"),
    "other names": PROGRAM.replace("total", "heap").replace("values", "xs").replace("Counter", "C")
    .replace("import C", "import Counter as C"),
    "lines in another order": PROGRAM.replace(
        "    counts = Counter(values)\n    total = 0.0\n    size = len(values)\n",
        "    counts = Counter(values)\n    size = len(values)\n    total = 0.0\n",
    ),
    "imports in another order": PROGRAM.replace("import math\n", "").replace(
        "\n\n\ndef", "\nimport math\n\n\ndef"
    ),
    "annotations": PROGRAM.replace("(values, scale=3)", "(values: list, scale: int = 3) -> float")
    .replace("total = 0.0", "total: float = 0.0"),
    "a longer way to add": PROGRAM.replace("total += value", "total = total + value"),
    "an inner function that nobody calls": PROGRAM.replace(
        "    for", "    def inner(x):\n        return x\n    for"
    ),
}  # fmt: skip
BESIDE = {  # for which one must know what is asked for
    "an import that nobody uses": "import random\n" + PROGRAM,
    "a helper that nobody calls": "def helper(x):\n    return x * 2\n\n\n" + PROGRAM,
    "helpers that call each other": (
        "def one():\n    return two()\ndef two():\n    return one()\n" + PROGRAM
    ),
    "a class that nobody uses": "class Empty:\n    size = 3\n" + PROGRAM,
    "a name that nobody reads": PROGRAM + "\nanswer = 42\nother = answer + 1\n",
    "another name of it": PROGRAM + "\nagain = mean\n",
    "a dead line at the top": "seed = 42\n" + PROGRAM,
}
OTHERS = {
    "another number": PROGRAM.replace("> 2", "> 3"),
    "another operator": PROGRAM.replace("value * scale", "value + scale"),
    "another function": PROGRAM.replace("sqrt", "exp"),
    "another branch": PROGRAM.replace("if counts", "if not counts"),
    "a line that does something": PROGRAM.replace("    for", "    total = 1.0\n    for"),
    "a line in the loop": PROGRAM.replace("else:\n", "else:\n            size = 1\n"),
    "lines whose order counts": PROGRAM.replace(
        "    total = 0.0\n    size = len(values)\n",
        "    values = values[1:]\n    total = 0.0\n    size = len(values)\n",
    ),
    "a call that may do something": PROGRAM.replace("    for", "    values.pop()\n    for"),
    "an order that counts": PROGRAM.replace(
        "    size = len(values)\n", "    size = len(values)\n    values = values * 2\n"
    ),
    "an early end": PROGRAM.replace("    for", "    if size > 3:\n        return 1\n    for"),
}  # fmt: skip


def test_the_program_parses_as_it_stands_here_and_in_every_disguise():
    for text in (PROGRAM, *DISGUISES.values(), *BESIDE.values(), *OTHERS.values()):
        compile(text, "program", "exec")
    assert PROGRAM not in {*DISGUISES.values(), *BESIDE.values(), *OTHERS.values()}


@pytest.mark.parametrize("what", DISGUISES)
def test_a_program_is_known_in_disguise(what):
    assert fingerprint(DISGUISES[what]) == fingerprint(PROGRAM)
    assert fingerprint(DISGUISES[what], "mean") == fingerprint(PROGRAM, "mean")
    assert outline(DISGUISES[what], "mean") == outline(PROGRAM, "mean")


@pytest.mark.parametrize("what", BESIDE)
def test_what_the_name_asked_for_does_not_need_is_left_out(what):
    assert fingerprint(BESIDE[what], "mean") == fingerprint(PROGRAM, "mean")
    assert outline(BESIDE[what], "mean") == outline(PROGRAM, "mean")
    assert fingerprint(BESIDE[what]) != fingerprint(PROGRAM)


@pytest.mark.parametrize("what", OTHERS)
def test_a_program_that_does_something_else_is_another(what):
    assert fingerprint(OTHERS[what]) != fingerprint(PROGRAM)
    assert fingerprint(OTHERS[what], "mean") != fingerprint(PROGRAM, "mean")


def test_two_disguises_at_once_are_no_better():
    both = DISGUISES["other names"].replace("    heap = 0.0\n", "    dead = [1]\n    heap = 0.0\n")
    assert fingerprint(both) == fingerprint(PROGRAM)


CLASS = """\
class Number:
    def __init__(self, data, made_from=()):
        self.data = data
        self.made_from = made_from
        self.effect = 0.0

    def backward(self):
        self.effect = 1.5
        for parent in self.made_from:
            parent.effect += 2 * self.effect
"""


def test_the_lines_of_a_constructor_and_methods_may_stand_in_any_order():
    other = CLASS.replace("        self.effect = 0.0\n", "").replace(
        "        self.data = data\n", "        self.effect = 0.0\n        self.data = data\n"
    )
    assert other != CLASS
    assert fingerprint(other) == fingerprint(CLASS)


def test_an_outline_has_no_numbers_texts_or_names_of_its_own_attributes():
    other = CLASS.replace("effect", "pull").replace("made_from", "inputs").replace("1.5", "-4")
    assert fingerprint(other, "Number") != fingerprint(CLASS, "Number")
    assert outline(other, "Number") == outline(CLASS, "Number")
    assert outline(CLASS.replace("+=", "-="), "Number") != outline(CLASS, "Number")


@pytest.mark.parametrize("text", ["answer = 3", "answer = [1, 2]", "answer = {'a': (1,)}", "no ("])
def test_a_value_alone_has_no_outline(text):
    assert outline(text, "answer") == ""


def test_answers_that_name_a_value_are_told_apart_by_it():
    assert fingerprint("answer = 3", "answer") != fingerprint("answer = 4", "answer")
    assert fingerprint("answer = [3]\n", "answer") == fingerprint("x = 9\nanswer = [3]", "answer")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"x{n} = {n}" for n in range(5_000)),
        "def f(x):\n" + "\n".join(f"    x{n} = x + {n}" for n in range(3_000)) + "\n    return x\n",
        "x = " + "(" * 90 + "1" + ")" * 90,
        pytest.param(
            "\n".join(f"def f{n}(x):\n    return f{n + 1}(x)" for n in range(1_500)),
            marks=pytest.mark.long,
        ),
        "".join("    " * n + f"def f{n}(x):\n" for n in range(60)) + "    " * 60 + "return 1\n",
    ],
    ids=["names", "locals", "brackets", "functions", "nested"],
)
def test_a_large_program_is_compared_too(text):
    assert len(text) < 64_000 * 3
    assert fingerprint(text, "f0")
    assert outline(text, "f0") is not None
