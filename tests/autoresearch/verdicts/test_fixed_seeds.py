"""Labs whose runs do not vary with the lab's seed: a size in bytes, and what a fixed seed gives."""

from pathlib import Path

import pytest

from autoresearch.records import Outcome, Verdict
from tests.support.printed import CONTRACT, open_printed, propose_work
from tests.support.repositories import to_verdict

SIZE = CONTRACT.replace('"score"', '"size"').replace('"points"', '"bytes"').replace("max", "min")
BUNDLE = """
WORDS = ["one", "two", "three", "four"]
NOTE = "a word for a person"
print(f"METRIC size={len(repr(WORDS))}")
"""
# The seed never varies; only how far it gets does, by a little, and not in every run.
SEEDED = """
import os
import random

RATE = 0.5
random.seed(42)
late = int(os.environ["AUTORESEARCH_SEED"]) % 3 == 0  # as if a machine were slow now and then
print(f"METRIC size={100 * RATE + random.random() + 0.01 * late * RATE:.6f}")
"""


@pytest.mark.long
def test_a_metric_without_noise_keeps_a_byte_and_nothing_that_changes_none(tmp_path: Path) -> None:
    lab = open_printed(tmp_path, contract=SIZE, work=BUNDLE)
    baseline = to_verdict(lab, "e0")
    assert baseline.incumbent.mean == 31

    def verdict(find: str, text: str) -> Verdict:
        found = to_verdict(lab, propose_work(lab, (find, text), "change a word")).verdict
        assert found is not None
        return found

    none = verdict('"a word for a person"', '"another word"')
    assert (none.outcome, none.effect) == (Outcome.DISCARD, 0)
    less = verdict('"three"', '"thre"')
    assert (less.outcome, less.effect, less.moved_incumbent) == (Outcome.KEEP, 1, True)
    assert len(less.candidate_runs) == 2
    more = verdict('"four"', '"fourr"')
    assert more.outcome is Outcome.DISCARD
    assert lab.verify().ok, lab.verify().findings


@pytest.mark.long
def test_code_with_a_fixed_seed_can_still_be_improved(tmp_path: Path) -> None:
    lab = open_printed(tmp_path, contract=SIZE, work=SEEDED)
    to_verdict(lab, "e0")
    found = to_verdict(lab, propose_work(lab, ("RATE = 0.5", "RATE = 0.4"), "a lower rate")).verdict
    assert found is not None
    assert found.outcome is Outcome.KEEP, found.sentence
    assert lab.verify().ok, lab.verify().findings
