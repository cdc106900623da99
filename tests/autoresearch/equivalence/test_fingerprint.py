"""The same code in disguise has the same fingerprint; other code has another."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autoresearch.equivalence.fingerprint import fingerprint

NAMES = ("a", "b", "c", "total", "i", "_", "größe", "x1")
CODE = """\
LIMIT = {limit}


def f(x, *, scale=1.0):
    {one} = x + {added}
    for {two} in range({one}):
        {one} += {two} * scale
    return [{three} for {three} in ({one}, LIMIT) if {three}]
"""


def code(one="a", two="b", three="c", added=3, limit=10):
    return CODE.format(one=one, two=two, three=three, added=added, limit=limit)


def of(text: str) -> str:
    return fingerprint({"work.py": text.encode()})


@pytest.mark.slow
@given(st.permutations(NAMES))
def test_the_names_of_locals_do_not_count(names):
    assert of(code(*names[:3])) == of(code())


@given(st.lists(st.sampled_from(["", "  # why", "\n", "\n    # a line of its own\n", "  "]),
                min_size=8, max_size=8), st.sampled_from([" ", "\t", "   "]))  # fmt: skip
def test_spacing_and_comments_do_not_count(added, indent):
    lines = code().replace("    ", indent).splitlines()
    lines = [line + more for line, more in zip(lines, added, strict=True)]
    assert of("\n".join(lines)) == of(code())


@given(*[st.integers(0, 50)] * 4)
def test_numbers_do_count(added, limit, other_added, other_limit):
    same = (added, limit) == (other_added, other_limit)
    first = of(code(added=added, limit=limit))
    assert (first == of(code(added=other_added, limit=other_limit))) == same


@given(st.sampled_from(["x", "scale", "LIMIT", "f"]), st.sampled_from(NAMES))
def test_names_that_a_caller_may_use_do_count(old, new):
    assume(new not in ("a", "b", "c"))
    assert of(code().replace(old, new)) != of(code())


@given(st.binary(max_size=60), st.sampled_from(["work.py", "work.txt"]))
def test_any_content_has_one(content, name):
    assert len(fingerprint({name: content})) == 64
