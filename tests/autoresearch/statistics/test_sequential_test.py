"""The judge, on arrays: what it keeps, what it drops, and how often it is fooled."""

import random
from statistics import fmean

import pytest

from autoresearch.records import Outcome
from autoresearch.statistics.false_keep_rates import FALSE_KEEPS
from autoresearch.statistics.sequential_test import (
    GATE,
    GATES,
    JUDGE_VERSION,
    Judgement,
    expected_false_keeps,
    falls_behind,
    judge,
    measure_noise,
)
from autoresearch.statistics.t_table import T_975, T_999

CONTROLS = [3.20, 3.21, 3.19, 3.20, 3.22, 3.18]  # sigma .0141


def verdict(candidate: list[float], controls: list[float] = CONTROLS) -> Judgement:
    return judge(candidate, controls, [controls], lower_is_better=True)


def test_one_lucky_run_is_never_kept() -> None:
    judgement = verdict([2.0])
    assert judgement.outcome is None
    assert judgement.more_runs == 1
    assert "never enough" in judgement.reason


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


def test_higher_is_better_turns_every_sign() -> None:
    mirrored = [-value for value in CONTROLS]
    kept = judge([-3.0, -3.01], mirrored, [mirrored], lower_is_better=False)
    assert kept.outcome is Outcome.KEEP
    assert kept.effect == pytest.approx(0.195)


def test_too_few_controls_are_asked_for_before_anything_is_judged() -> None:
    judgement = verdict([3.0, 3.0], CONTROLS[:2])
    assert judgement.outcome is None
    assert judgement.more_controls == GATE.fewest_controls - 2


def test_nothing_is_settled_for_ever() -> None:
    gains = [0.005, 0.02] * 5
    candidate = [fmean(CONTROLS) - gain for gain in gains]
    judgement = verdict(candidate)
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert judgement.more_runs == judgement.more_controls == 0
    assert verdict(candidate[:-1]).outcome is None


def test_after_the_last_run_fewer_nats_keep_than_before_it() -> None:
    controls = [3.0 + step / 100 for step in (-2, -1, 0, 1, 2)] * 12  # sigma about .0143
    better = [3.0 - 0.018 + step / 1000 for step in (-20, 20, -10, 10, 0)] * 2
    before = verdict(better[:-1], controls)
    assert before.outcome is None
    assert before.evidence is not None
    assert before.evidence < GATE.gain.keep
    last = verdict(better, controls)
    assert last.outcome is Outcome.KEEP
    assert "standard errors after the last run" in last.reason


def test_a_candidate_in_doubt_asks_for_controls_until_there_are_twenty() -> None:
    assert verdict([3.16], CONTROLS[:3]).more_controls == 1
    doubtful = [fmean(CONTROLS) - gain for gain in (0.02, 0.005, 0.02, 0.005)]
    assert verdict(doubtful).more_controls == 10 - len(CONTROLS)
    assert verdict(doubtful, CONTROLS * 4).more_controls == 0


def test_a_candidates_own_spread_counts_as_noise_too() -> None:
    steady = verdict([3.0, 3.01])
    wild = verdict([2.6, 3.41])
    assert steady.effect == pytest.approx(wild.effect)
    assert steady.noise is not None
    assert wild.noise is not None
    assert steady.noise.freedom == wild.noise.freedom == len(CONTROLS) - 1 + 1
    assert wild.noise.sigma > 10 * steady.noise.sigma
    assert wild.outcome is not Outcome.KEEP


def test_a_lucky_seed_written_into_the_code_is_one_run_however_often_it_runs() -> None:
    assert verdict([3.0, 3.0]).outcome is None
    judgement = verdict([3.0, 3.0, 3.0])
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert "seed" in judgement.reason


def test_a_metric_without_noise_keeps_any_gain_and_drops_none_at_all() -> None:
    same = [5.0] * 6
    assert judge([4.9, 4.9], same, [same], lower_is_better=True).outcome is Outcome.KEEP
    assert judge([5.0, 5.0], same, [same], lower_is_better=True).outcome is Outcome.DISCARD


def test_noise_pools_the_spread_within_groups_and_not_between_them() -> None:
    noise = measure_noise([[1.0, 1.2], [9.0, 9.2], [5.0]])
    assert noise is not None
    assert noise.freedom == 2
    assert noise.sigma == pytest.approx(0.02**0.5)
    assert measure_noise([[1.0], [2.0]]) is None


def test_a_simplification_that_is_no_worse_is_kept_and_the_test_that_kept_it_is_named() -> None:
    rng = random.Random(3)
    controls = [rng.gauss(3.2, 0.014) for _ in range(20)]
    same = [fmean(controls) + step / 1000 for step in (-10, 12, -2, 8, -8, 5, -9, 6, 10, -12)]
    plain = judge(same, controls, [controls], lower_is_better=True)
    assert plain.outcome is Outcome.DISCARD
    simpler = judge(same, controls, [controls], lower_is_better=True, simpler=True)
    assert simpler.outcome is Outcome.KEEP
    assert simpler.test == "non-inferiority"
    assert "1 sigma worse allowed" in simpler.reason


def test_a_simplification_that_is_a_gain_is_kept_as_one() -> None:
    judgement = judge([3.0, 3.01], CONTROLS, [CONTROLS], lower_is_better=True, simpler=True)
    assert judgement.outcome is Outcome.KEEP
    assert judgement.test == "gain"


def test_a_simplification_is_dropped_only_when_both_tests_say_so() -> None:
    doubtful = [fmean(CONTROLS) + 0.005]  # .35 sigma worse: screened out as a gain
    assert verdict(doubtful).outcome is Outcome.DISCARD
    judgement = judge(doubtful, CONTROLS, [CONTROLS], lower_is_better=True, simpler=True)
    assert judgement.outcome is None
    hopeless = [fmean(CONTROLS) + 0.04]
    judgement = judge(hopeless, CONTROLS, [CONTROLS], lower_is_better=True, simpler=True)
    assert judgement.outcome is Outcome.DISCARD


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
    assert JUDGE_VERSION == 3
    assert GATES[JUDGE_VERSION] is GATE


FIXED = [1.8235, 1.8235, 1.8239, 1.8235, 1.8241, 1.8238]  # a seed written into the code


def test_a_fixed_seed_of_the_incumbents_own_does_not_make_a_gain_one_draw() -> None:
    kept = judge([1.4861, 1.4861], FIXED, [FIXED], lower_is_better=True)
    assert kept.outcome is Outcome.KEEP
    same = judge([1.8235, 1.8239], FIXED, [FIXED], lower_is_better=True)
    assert same.outcome is Outcome.DISCARD


def test_version_2_took_every_fixed_seed_for_one_draw() -> None:
    alike = [1.4861] * 3
    old = judge(alike, FIXED, [FIXED], lower_is_better=True, gate=GATES[2])
    assert old.outcome is Outcome.INCONCLUSIVE
    assert "they count as one run" in old.reason


def test_two_controls_alike_do_not_excuse_a_candidate_that_fixes_its_seed() -> None:
    varied = [3.2, 3.211, 3.187, 3.224, 3.193, 3.2]
    lucky = judge([3.0] * 3, varied, [varied], lower_is_better=True)
    assert lucky.outcome is Outcome.INCONCLUSIVE
    ancestors = judge([3.0] * 3, varied, [[3.3, 3.3, 3.3, 3.31], varied], lower_is_better=True)
    assert ancestors.outcome is Outcome.INCONCLUSIVE


def test_times_that_shrink_together_with_their_noise_are_not_one_draw() -> None:
    slow = [90.0, 75.0, 105.0, 84.0, 99.0, 88.0]  # ms
    fast = [0.12, 0.125, 0.118, 0.121]
    kept = judge(fast, slow, [slow], lower_is_better=True)
    assert kept.outcome is Outcome.KEEP
    old = judge(fast, slow, [slow], lower_is_better=True, gate=GATES[2])
    assert old.outcome is Outcome.INCONCLUSIVE
    nothing = judge([0.0] * 4, slow, [slow], lower_is_better=True)
    assert nothing.outcome is Outcome.INCONCLUSIVE


def test_a_coincidence_among_many_controls_excuses_nobody() -> None:
    rng = random.Random(4)
    many = [*(rng.gauss(3.2, 0.02) for _ in range(16)), *[3.2] * 4]
    assert judge([3.0] * 3, many, [many], lower_is_better=True).outcome is Outcome.INCONCLUSIVE
    fifth = [*many[1:], 3.2]
    assert judge([3.0] * 3, fifth, [fifth], lower_is_better=True).outcome is Outcome.KEEP


@pytest.mark.parametrize("lower", [True, False])
def test_a_metric_without_noise_is_judged_in_two_runs(lower: bool) -> None:
    size, sign = [51_200.0] * 6, 1 if lower else -1
    gain = judge([51_200.0 - sign] * 2, size, [size], lower_is_better=lower)
    assert (gain.outcome, gain.effect) == (Outcome.KEEP, 1.0)
    for loss in (0, 1):
        word = judge([51_200.0 + sign * loss] * 2, size, [size], lower_is_better=lower)
        assert word.outcome is Outcome.DISCARD
    first = judge([51_200.0 - sign], size, [size], lower_is_better=lower)
    assert first.outcome is None


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


def test_false_keeps_to_expect_add_up_and_between_two_rows_the_higher_rate_counts() -> None:
    rates = dict(FALSE_KEEPS)
    assert expected_false_keeps([]) == 0
    assert expected_false_keeps([20, 20, 3]) == pytest.approx(2 * rates[20] + rates[3])
    assert expected_false_keeps([7]) == max(rates[6], rates[8])
    assert expected_false_keeps([500]) == rates[60]
    assert max(rates.values()) <= 0.002


@pytest.mark.slow
@pytest.mark.parametrize("controls", [3, 20])
def test_unchanged_code_is_kept_less_than_once_in_two_hundred_and_a_real_gain_mostly(
    controls: int,
) -> None:
    rng = random.Random(controls)

    def kept_of(gain: float, campaigns: int) -> int:
        kept = 0
        for _ in range(campaigns):
            control = [rng.gauss(0, 1) for _ in range(controls)]
            candidate: list[float] = []
            while (now := judge(candidate, control, [control], lower_is_better=True)).more_runs:
                candidate.append(rng.gauss(-gain, 1))
            kept += now.outcome is Outcome.KEEP
        return kept

    assert kept_of(0.0, 2000) <= 10
    assert kept_of(5.0, 200) >= 180


@pytest.mark.slow
def test_the_table_of_critical_values_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats", reason="needs SciPy: uv sync --group dev")
    for df in (1, 5, 30, 120):
        assert T_975[df - 1] == pytest.approx(stats.t.ppf(0.975, df), abs=1e-5)
        assert T_999[df - 1] == pytest.approx(stats.t.ppf(0.999, df), abs=1e-4)
    assert T_999[-1] == pytest.approx(stats.norm.ppf(0.999), abs=1e-5)
