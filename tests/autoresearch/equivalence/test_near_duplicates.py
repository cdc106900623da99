"""The same patch with other numbers is near; other names, lines or signs are not."""

import pytest

from autoresearch.equivalence.near_duplicates import near, read_change, same_change

DIFF = """\
diff --git a/train.py b/train.py
index 1..2 100644
--- a/train.py
+++ b/train.py
@@ -10,2 +10,3 @@ def f():
-{removed}
+{added}
"""


def change(added, removed="rate = base", path="train.py"):
    return read_change(DIFF.format(added=added, removed=removed).replace("train.py", path))


FIRST = change("rate = base * 0.5 + np.cos(done) * 1e-3  # slower")


@pytest.mark.parametrize(
    "other",
    [
        change("rate = base * 0.4 + np.cos(done) * 1e-3"),
        change("rate = base*0.9 + np.cos(done)*2e-3"),
        change("rate = base * 0.5 + np.cos(done) * 0.001 # why"),
    ],
)
def test_close_numbers_are_near(other):
    assert near(FIRST, other)
    assert near(other, FIRST)


@pytest.mark.parametrize(
    "other",
    [
        change("rate = base * 0.1 + np.cos(done) * 1e-3"),
        change("rate = base * 0.5 + np.cos(done) * 0"),
        change("gain = peak / 0.5 - np.sin(seen) * 1e-3"),
        change("rate = base * 0.5"),
        change("rate = base * 0.5 + np.cos(done) * 1e-3", removed="weights = None if x else y"),
        change("rate = base * 0.5 + np.cos(done) * 1e-3", path="other.py"),
    ],
)
def test_far_numbers_other_code_and_other_places_are_not(other):
    assert not near(FIRST, other)


def test_the_same_change_may_stand_elsewhere():
    assert same_change(FIRST, change("rate = base * 0.5 + np.cos(done) * 1e-3"))
    assert not same_change(FIRST, change("rate = base * 0.4 + np.cos(done) * 1e-3"))


@pytest.mark.parametrize("diff", ["", "diff --git a/x b/x\n", "@@\n", "+++ b/x"])
def test_a_diff_without_code_is_near_nothing(diff):
    assert not near(read_change(diff), read_change(diff))
