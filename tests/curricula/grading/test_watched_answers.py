"""The things that a grade rests on beside the answers: out of reach of the code that is graded.

In the real child. `write-backward` counts lines and looks for what stays behind, and its author's
wrong answers are right in their numbers alone.
"""

from dataclasses import replace

import pytest

from curricula.content.catalog import find_course
from curricula.grading import grader
from curricula.grading.grader import Finding, grade
from server.scripted_agents.teaching_attacks import BLINDFOLD
from server.sessions.answer_runner import SandboxRunner
from tests.support.small_course import right, small_course

EXPONENTIAL = "right, along every single way"
RINGS = ("a ring is left", "an inner function that calls itself")
KEPT = {
    "a list of all": ("        self.slopes = slopes\n",
                      "        self.slopes = slopes\n        KEPT.append(self)\n"),
    "raised from the dead": ("    def backward(self):\n",
                             "    def __del__(self):\n        KEPT.append(self)\n\n"
                             "    def backward(self):\n"),
}  # fmt: skip
PATCHES = {
    "nothing": "",
    "all at once": BLINDFOLD,
    "settrace": "import sys\nsys.settrace = lambda f: None\n",
    "gc.collect": "import gc\ngc.collect = lambda *a: 0\n",
    "gc.set_threshold": "import gc\ngc.set_threshold(1)\n",
    "gc.callbacks": "import gc\ngc.callbacks.append(lambda *a: gc.freeze())\n",
    "gc.set_debug": "import gc\ngc.set_debug(gc.DEBUG_SAVEALL)\n",
    "sys.modules": "import sys\nfor name in ('gc', 'sys', 'json'): sys.modules[name] = None\n",
    "builtins": (
        "import builtins\nbuiltins.sum = lambda *a: 0\nbuiltins.max = lambda *a: 0\n"
        "builtins.type = lambda *a: int\nbuiltins.RecursionError = ValueError\n"
    ),
    "json": (
        "import json\ndumps = json.dumps\n"
        "def zero(value):\n"
        "    if isinstance(value, dict) and isinstance(value.get('value'), list):\n"
        "        value['value'][-1] = 0\n"
        "    return dumps(value)\njson.dumps = zero\n"
    ),
    "the encoder": (
        "import json.encoder as e\nencode = e.JSONEncoder.encode\n"
        "def zero(self, value):\n"
        "    if isinstance(value, dict) and isinstance(value.get('value'), list):\n"
        "        value['value'][-1] = 0\n"
        "    return encode(self, value)\ne.JSONEncoder.encode = zero\n"
    ),
    "isinstance": (
        "import builtins\nreal = isinstance\n"
        "def zero(value, kinds):\n"
        "    if real(value, dict) and real(value.get('value'), list):\n"
        "        value['value'][-1] = 0\n"
        "    return real(value, kinds)\nbuiltins.isinstance = zero\n"
    ),
    "an audit hook": "import sys\nsys.addaudithook(lambda *_: 1 / 0)\n",
    "the main module": (
        "import __main__ as m\n"
        "for name in ('answer', 'driver', 'describe'): setattr(m, name, lambda *a: '{}')\n"
    ),
}  # fmt: skip
INSIDE = {
    "settrace": '__import__("sys").settrace(None)',
    "setprofile": '__import__("sys").setprofile(None)',
    "the callers' frames": '__import__("sys")._getframe(1)',
    "all objects": '__import__("gc").get_objects()',
}


@pytest.fixture(scope="module")
def runner():
    with pytest.MonkeyPatch.context() as patch, SandboxRunner() as runner:
        patch.setattr(grader, "LIMIT_S", 2.0)
        yield runner


@pytest.fixture(scope="module")
def backward():
    return find_course("microgpt").instance("write-backward", "7")


def mutant(instance, name):
    [found] = [one for one in instance.exercise.mutants if one.name == name]
    return instance.wrong(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        *((patch, RINGS[0]) for patch in PATCHES),
        ("nothing", RINGS[1]),
        *((patch, EXPONENTIAL) for patch in ("nothing", "all at once", "settrace")),
    ],
)
def test_whatever_is_replaced_a_fault_is_seen(runner, backward, patch, fault):
    found = grade(backward, PATCHES[patch] + mutant(backward, fault), "cases", runner)
    assert not found.passed
    assert found.words


@pytest.mark.slow
@pytest.mark.parametrize("patch", sorted(PATCHES.keys() - {"builtins", "sys.modules"}))
def test_a_right_answer_stays_right_whatever_it_replaces(runner, backward, patch):
    """So what is replaced changes nothing, and is no reason to refuse anybody."""
    assert grade(backward, PATCHES[patch] + right(backward), "cases", runner).passed


@pytest.mark.slow
@pytest.mark.parametrize("which", [1, 2])
def test_other_right_answers_stay_right(runner, backward, which):
    assert grade(backward, right(backward, which), "cases", runner).passed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "named"), [(EXPONENTIAL, ""), ("plain recursion", "passed-on-too-early")]
)
def test_a_program_that_goes_along_every_way_is_told_so_at_once(runner, backward, fault, named):
    found = grade(backward, mutant(backward, fault), "cases", runner)
    assert found.finding is Finding.WRONG
    assert found.misconception == named
    if not named:
        assert "RecursionError: it goes along every single way" in found.words


@pytest.mark.slow
@pytest.mark.parametrize("how", KEPT)
def test_numbers_that_are_kept_alive_are_not_freed_at_once(runner, backward, how):
    find, put = KEPT[how]
    source = right(backward).replace(find, put)
    assert source != right(backward)
    assert not grade(backward, "KEPT = []\n" + source, "cases", runner).passed


@pytest.mark.slow
@pytest.mark.parametrize(
    "inside",
    [
        "gc.enable(); gc.set_threshold(1)",  # so that rings are swept up before they are looked for
        "gc.freeze()",  # so that nobody looks at them
        "gc.callbacks.append(lambda *_: gc.freeze())",
    ],
)
@pytest.mark.parametrize("fault", RINGS[:1])
def test_a_ring_that_is_swept_up_or_hidden_is_seen(runner, backward, fault, inside):
    source = mutant(backward, fault).replace(
        "    def backward(self):\n", f"    def backward(self):\n        {inside}\n"
    )
    assert not grade(backward, "import gc\n" + source, "cases", runner).passed


@pytest.mark.slow
@pytest.mark.parametrize("what", INSIDE)
def test_what_would_look_at_the_watching_is_refused_in_a_sentence(runner, backward, what):
    for fault in (mutant(backward, EXPONENTIAL), right(backward)):
        source = fault.replace(
            "def backward(self):\n", f"def backward(self):\n        {INSIDE[what]}\n"
        )
        found = grade(backward, source, "cases", runner)
        assert found.finding is Finding.WRONG
        assert "PermissionError: an answer may not use" in found.words


@pytest.mark.slow
def test_a_count_that_is_evaded_meets_the_time_instead(runner, backward):
    """Work that is done before the counted call: no trace sees it, and it never ends."""
    source = mutant(backward, EXPONENTIAL).replace(
        "    def backward(self):\n",
        "    @property\n    def backward(self):\n        self.work()\n        return int\n\n"
        "    def work(self):\n",
    )
    assert grade(backward, source, "cases", runner).finding is Finding.TIME


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        "from collections import namedtuple\nPair = namedtuple('Pair', 'x y')\n",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 0\n",
        "import enum\nE = enum.Enum('E', 'A B')\n",
        "from typing import NamedTuple, TypeVar\nT = TypeVar('T')\n"
        "class P(NamedTuple):\n    x: int = 0\n",
        "import statistics, fractions, decimal, random, functools, itertools, heapq, re, json\n",
        "import logging\nlogging.getLogger().warning('here')\n",
        "import traceback\ntry:\n    1 / 0\nexcept ArithmeticError:\n    traceback.format_exc()\n",
        "import sys\nsys.setrecursionlimit(5000)\n",
        "import contextlib, io, os, tempfile, threading, time, copy, pathlib, inspect\n",
        "import gc\ngc.collect()\n",
    ],
)
def test_what_an_honest_answer_uses_is_not_refused(runner, tmp_path, source):
    instance = small_course(tmp_path).instance("write-total", "7")
    assert grade(instance, source + right(instance), "cases", runner).passed


DRIVER = """\
import math
import random

def drive(entry, values):
    rng = random.Random(len(values))
    return [entry(values), math.floor(2.5), sum([1, 2]), rng.random() < 2]
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "patch",
    [
        "import math\nmath.floor = lambda x: 9\n",
        "import random\nrandom.Random = None\n",
        "import builtins\nkept = sum\nbuiltins.sum = lambda x: 9\ndel builtins.sum\n"
        "builtins.sum = kept\nbuiltins.len = lambda x: 9 / 0\n",
        "__builtins__['sum'] = lambda x: 9\n",
    ],
)
def test_a_driver_uses_what_it_imported_and_the_builtins_as_they_were(runner, tmp_path, patch):
    instance = small_course(tmp_path).instance("write-total", "7")
    exercise = replace(
        instance.exercise, driver=DRIVER,
        reference=lambda p, values: [p["gain"] * sum(values), 2, 3, True],
    )  # fmt: skip
    loop = "def total(values):\n    found = 0\n    for value in values:\n        found += value\n"
    source = f"{patch}{loop}    return found * {instance.params['gain']}\n"
    assert grade(replace(instance, exercise=exercise), source, "cases", runner).passed


@pytest.mark.slow
@pytest.mark.parametrize(
    "value",
    [
        "class Yes(float):\n    __eq__ = lambda *_: True\n    __hash__ = None\n"
        "    __sub__ = __rsub__ = lambda *_: 0.0\n    __float__ = lambda _: 0.0\n"
        "    __repr__ = lambda _: '0'\ntotal = lambda values: Yes(7.25)\n",
        "class Yes(int):\n    __eq__ = lambda *_: True\n    __hash__ = None\n"
        "total = lambda values: Yes(7)\n",
        "class Yes(str):\n    __eq__ = lambda *_: True\n    __hash__ = None\n"
        "total = lambda values: Yes('x')\n",
        "class Yes(list):\n    __eq__ = lambda *_: True\n    __hash__ = None\n"
        "    __len__ = lambda _: 0\ntotal = lambda values: Yes([1])\n",
        "class Yes(dict):\n    __eq__ = lambda *_: True\n    __hash__ = None\n"
        "    items = lambda _: []\ntotal = lambda values: Yes(a=1)\n",
    ],
)
def test_an_answer_is_compared_as_plain_data_whatever_it_says_of_itself(runner, tmp_path, value):
    instance = small_course(tmp_path).instance("write-total", "7")
    found = grade(instance, value, "cases", runner)
    assert not found.passed
    assert found.finding is Finding.WRONG
