"""A keep is reversed when its runs since then put it behind its base."""

from statistics import fmean

import pytest

from autoresearch.statistics.gates import GATES
from autoresearch.statistics.reversal_test import falls_behind

CONTROLS = [3.20, 3.21, 3.19, 3.20, 3.22, 3.18]  # sigma .0141


def test_a_keep_falls_behind_only_at_a_look() -> None:
    worse = [fmean(CONTROLS) + gain for gain in (0.01, 0.03, 0.0, 0.02, 0.01, 0.02)]
    assert falls_behind(worse[:5], CONTROLS, [CONTROLS], lower_is_better=True) is None
    setback = falls_behind(worse, CONTROLS, [CONTROLS], lower_is_better=True)
    assert setback is not None
    assert setback.runs == GATES[2].looks[0] == 6
    assert setback.effect == pytest.approx(-0.015)
    assert setback.low < setback.effect < setback.high
    better_since = [*worse, 3.0, 3.0, 3.0, 3.0, 3.0]
    again = falls_behind(better_since, CONTROLS, [CONTROLS], lower_is_better=True)
    assert again is not None
    assert again.runs == 6, "between two looks, the earlier one counts"
    assert falls_behind([*better_since, 3.0], CONTROLS, [CONTROLS], lower_is_better=True) is None


def test_the_first_version_never_looked_whether_a_keep_fell_behind() -> None:
    worse = [3.3] * 6
    assert falls_behind(worse, CONTROLS, [CONTROLS], lower_is_better=True)
    assert falls_behind(worse, CONTROLS, [CONTROLS], lower_is_better=True, gate=GATES[1]) is None


def test_a_kept_simplification_may_be_behind_by_its_margin() -> None:
    worse = [fmean(CONTROLS) + gain for gain in (0.0, 0.02, -0.01, 0.01, 0.02, 0.0)]
    plain = falls_behind(worse, CONTROLS, [CONTROLS], lower_is_better=True)
    assert plain is not None
    allowed = falls_behind(worse, CONTROLS, [CONTROLS], lower_is_better=True, margin_sigmas=1.0)
    assert allowed is None
    mirrored = [-value for value in CONTROLS]
    gain = falls_behind([-v for v in worse], mirrored, [mirrored], lower_is_better=False)
    assert gain is not None
    assert gain.effect == pytest.approx(plain.effect)


def test_behind_in_time_is_behind_by_a_factor_and_told_in_the_unit() -> None:
    base = [10.0, 10.2, 9.9, 10.1, 9.8, 10.0]
    slower = [10.4, 10.6, 10.3, 10.5, 10.2, 10.4]
    found = falls_behind(slower, base, [base], lower_is_better=True, log=True)
    assert found is not None
    assert found.effect == pytest.approx(-0.4, abs=0.01)
