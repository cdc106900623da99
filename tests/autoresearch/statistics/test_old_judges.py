"""Judge versions 1 to 3 give the verdicts that they gave."""

from statistics import fmean

import pytest

from autoresearch.records import Outcome
from autoresearch.statistics.gates import GATES, Judgement
from autoresearch.statistics.sequential_test import judge

CONTROLS = [3.20, 3.21, 3.19, 3.20, 3.22, 3.18]  # sigma .0141
FIXED = [1.8235, 1.8235, 1.8239, 1.8235, 1.8241, 1.8238]  # a seed written into the code


def verdict(candidate: list[float], controls: list[float] = CONTROLS) -> Judgement:
    return judge(candidate, controls, [controls], lower_is_better=True, gate=GATES[3])


def test_a_clear_gain_is_kept_after_two_runs() -> None:
    judgement = verdict([3.0, 3.01])
    assert judgement.outcome is Outcome.KEEP
    assert judgement.effect == pytest.approx(0.195)
    assert judgement.low is not None
    assert judgement.high is not None
    assert 0 < judgement.low < judgement.effect < judgement.high


def test_a_clear_loss_ends_after_one_run() -> None:
    judgement = verdict([3.4])
    assert judgement.outcome is Outcome.DISCARD
    assert judgement.effect == pytest.approx(-0.2)


def test_after_the_last_run_fewer_nats_keep_than_before_it() -> None:
    controls = [3.0 + step / 100 for step in (-2, -1, 0, 1, 2)] * 12  # sigma about .0143
    better = [3.0 - 0.018 + step / 1000 for step in (-20, 20, -10, 10, 0)] * 2
    before = verdict(better[:-1], controls)
    assert before.outcome is None
    assert before.evidence is not None
    assert before.evidence < GATES[3].gain.keep
    last = verdict(better, controls)
    assert last.outcome is Outcome.KEEP
    assert "standard errors after the last run" in last.reason


def test_a_candidates_own_spread_counts_as_noise_too() -> None:
    steady = verdict([3.0, 3.01])
    wild = verdict([2.6, 3.41])
    assert steady.effect == pytest.approx(wild.effect)
    assert steady.noise is not None
    assert wild.noise is not None
    assert steady.noise.freedom == wild.noise.freedom == len(CONTROLS) - 1 + 1
    assert wild.noise.sigma > 10 * steady.noise.sigma
    assert wild.outcome is not Outcome.KEEP


def test_a_metric_without_noise_keeps_any_gain_and_drops_none_at_all() -> None:
    same = [5.0] * 6
    assert (
        judge([4.9, 4.9], same, [same], lower_is_better=True, gate=GATES[3]).outcome is Outcome.KEEP
    )
    assert (
        judge([5.0, 5.0], same, [same], lower_is_better=True, gate=GATES[3]).outcome
        is Outcome.DISCARD
    )


def test_version_1_still_gives_the_verdicts_that_it_gave() -> None:
    kept = judge([3.0, 3.01], CONTROLS, [CONTROLS], lower_is_better=True, gate=GATES[1])
    assert (kept.outcome, kept.evidence) == (Outcome.KEEP, 13.650547352661512)
    assert (kept.low, kept.high) == (0.16531749890053044, 0.22468250109946925)
    assert kept.reason == "evidence 13.7 nats, 6.8 keep"
    open_ = judge([3.17, 3.18], CONTROLS, [CONTROLS], lower_is_better=True, gate=GATES[1])
    assert open_.outcome is None
    assert open_.evidence == 0.38789068623863276
    assert judge([3.0], CONTROLS[:5], [CONTROLS], lower_is_better=True, gate=GATES[1]).reason == (
        "needs 1 more control runs of the incumbent"
    )


def test_version_2_took_every_fixed_seed_for_one_draw() -> None:
    alike = [1.4861] * 3
    old = judge(alike, FIXED, [FIXED], lower_is_better=True, gate=GATES[2])
    assert old.outcome is Outcome.INCONCLUSIVE
    assert "they count as one run" in old.reason


def test_version_3_asks_for_controls_until_there_are_twenty() -> None:
    doubtful = [fmean(CONTROLS) - gain for gain in (0.02, 0.005, 0.02, 0.005)]
    assert verdict(doubtful).more_controls == 10 - len(CONTROLS)
    assert verdict(doubtful, CONTROLS * 4).more_controls == 0


def test_versions_2_and_3_still_give_the_verdicts_that_they_gave() -> None:
    for version in (2, 3):
        kept = judge([3.0, 3.01], CONTROLS, [CONTROLS], lower_is_better=True, gate=GATES[version])
        assert (kept.outcome, kept.evidence) == (Outcome.KEEP, 16.89900218826917)
        assert (kept.low, kept.high) == (0.16857035129609788, 0.2214296487039018)
