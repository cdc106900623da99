"""Find-and-replace edits: one place or none, and nothing else of the file changes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autoresearch.errors import PatchRefusedError
from autoresearch.patches.edits import Edit, checked_path, replace_once

TEXT = st.text("ab\n ß", max_size=12)


def edited(text: str, find: str, replace: str) -> str:
    edit = Edit(path="f.py", find=find, replace=replace)
    return replace_once(text.encode(), edit, "edit 1", ["f.py"]).decode()


@given(TEXT, st.text("ab\n", min_size=1, max_size=3), TEXT)
@example("aaa", "aa", "b")  # two places that overlap
def test_an_edit_changes_the_one_place_or_is_refused(text, find, replace):
    places = [at for at in range(len(text)) if text.startswith(find, at)]
    if len(places) != 1:
        with pytest.raises(PatchRefusedError):
            edited(text, find, replace)
        return
    [at] = places
    assert edited(text, find, replace) == text[:at] + replace + text[at + len(find) :]


@given(TEXT, TEXT, TEXT, TEXT)
def test_an_edit_can_be_undone(before, old, new, after):
    there, here = f"{before}<{old}>{after}", f"{before}<{new}>{after}"
    assert edited(there, f"<{old}>", f"<{new}>") == here
    assert edited(here, f"<{new}>", f"<{old}>") == there


@given(TEXT, TEXT, TEXT)
def test_line_ends_of_the_file_are_kept(before, old, after):
    text = f"{before}\n<{old}>{after}".replace("\n", "\r\n")
    result = edited(text, f"<{old}>", "x\ny")
    assert result.count("\n") == result.count("\r\n")


@given(st.lists(st.sampled_from(["a", "..", ".", ".git", ".GIT", "", " ", "~", "\\", "\0", "ß"]))
       .map("/".join))  # fmt: skip
def test_a_path_stays_inside_the_repository_or_is_refused(path):
    try:
        found = checked_path(path)
    except PatchRefusedError:
        return
    parts = found.split("/")
    assert not found.startswith("/")
    assert not {"", ".", "..", ".git"} & {part.lower() for part in parts}
    assert checked_path(found) == found
