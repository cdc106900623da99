"""However a model dresses a diff, git gets the same one."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import PatchRefusedError
from autoresearch.git.unified_diff import clean

LINES = st.lists(st.text("ab+-@ `\tß", max_size=6), max_size=8)
WORDS = st.sampled_from(["", "Here it is:\n\n", "It helps - really.\n+ more of it\n"])


@st.composite
def diffs(draw: st.DrawFn) -> str:
    """A regular diff of one file, as difflib writes it."""
    before = draw(LINES)
    after = draw(LINES.filter(lambda lines: lines != before))
    lines = difflib.unified_diff(before, after, "a/f.py", "b/f.py", lineterm="")
    return "\n".join(lines) + "\n"


def test_lines_that_look_like_a_header_do_not_change_how_names_are_read():
    diff = "--- a/f.c\n+++ b/f.c\n@@ -1,2 +1,2 @@\n--- i;\n+++ i;\n x\n"
    assert clean(diff).strip == 1


@pytest.mark.slow
@given(diffs(), WORDS, st.booleans(), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_words_fences_and_line_ends_around_a_diff_do_not_count(diff, words, fenced, end, whole):
    dressed = f"{words}```diff\n{diff}```\nThat is all.\n" if fenced else words + diff
    if not whole and not fenced:
        dressed = dressed.removesuffix("\n")
    found = clean(dressed.replace("\n", end))
    assert found == clean(diff)
    assert found.strip == 1
    assert found.text == f"diff --git a/f.py b/f.py\n{diff}"
    assert clean(found.text) == found


@given(st.lists(st.sampled_from(
    ["--- a/f", "+++ b/f", "@@ -1 +1 @@", "@@", "diff --git a/f b/f", "-a", "+b", " c", "```", ""]
), max_size=12))  # fmt: skip
def test_any_text_is_a_diff_or_refused_with_a_remedy(lines):
    try:
        found = clean("\n".join(lines))
    except PatchRefusedError as refused:
        assert refused.remedy
    else:
        assert clean(found.text) == found
