"""Cutting texts: never longer than asked, and never changed where they fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.common.text import cut


def test_a_cut_text_says_that_it_is():
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 5) == "abcd…"
    assert cut("abcdef", 5, "...") == "ab..."


@pytest.mark.slow
@given(st.text("ab …\n😀"), st.integers(1, 30))
def test_a_text_fits_or_is_its_beginning(text, longest):
    short = cut(text, longest)
    assert len(short) <= longest
    assert short == text or (len(text) > longest and text.startswith(short[:-1]))
