"""The judge, on arrays: what it keeps, what it drops, and how often it is fooled."""

import random
from statistics import fmean

import pytest

from autoresearch.records import Outcome
from autoresearch.statistics.gates import GATE, GATES, JUDGE_VERSION, NON_INFERIORITY, Judgement
from autoresearch.statistics.noise import measure_noise
from autoresearch.statistics.sequential_test import judge, luck_of_modes
from autoresearch.statistics.t_table import T_975, T_999, T_9998

CONTROLS = [3.20, 3.21, 3.19, 3.20, 3.22, 3.18]  # sigma .0141
STEPS = (-9, 7, -4, 10, -7, 3, -1, 5, -2, 8, -10, 6, 1, -7, 9, -5, 2, -8, 4, -2)
MANY = [3.2 + step / 500 for step in STEPS]  # twenty of sigma .0126


def verdict(candidate: list[float], controls: list[float] = CONTROLS, **how: int) -> Judgement:
    return judge(candidate, controls, [controls], lower_is_better=True, **how)  # type: ignore[arg-type]


def better(gain: float, runs: int, spread: float = 0.01) -> list[float]:
    """Runs that are better than 3.2 by a gain, and spread about it."""
    return [3.2 - gain + spread * STEPS[n] / 7 for n in range(runs)]


def test_one_lucky_run_is_never_kept() -> None:
    judgement = verdict([2.0])
    assert judgement.outcome is None
    assert judgement.more_runs == 1
    assert "never enough" in judgement.reason


def test_a_clear_loss_ends_after_one_run() -> None:
    judgement = verdict([3.4])
    assert judgement.outcome is Outcome.DISCARD
    assert judgement.effect == pytest.approx(-0.2)


def test_too_few_controls_are_asked_for_before_anything_is_judged() -> None:
    judgement = verdict([3.0, 3.0], CONTROLS[:2])
    assert judgement.outcome is None
    assert judgement.more_controls == GATE.fewest_controls - 2


def test_noise_pools_the_spread_within_groups_and_not_between_them() -> None:
    noise = measure_noise([[1.0, 1.2], [9.0, 9.2], [5.0]])
    assert noise is not None
    assert noise.freedom == 2
    assert noise.sigma == pytest.approx(0.02**0.5)
    assert measure_noise([[1.0], [2.0]]) is None


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


def test_a_clear_gain_is_kept_after_a_few_runs_and_sooner_with_more_controls() -> None:
    judgement = verdict(better(0.2, 4))
    assert judgement.outcome is Outcome.KEEP
    assert judgement.effect == pytest.approx(0.2, abs=0.01)
    assert judgement.low is not None
    assert judgement.high is not None
    assert 0 < judgement.low < judgement.effect < judgement.high
    assert verdict(better(0.2, 3)).outcome is None
    assert verdict(better(0.6, 3), MANY).outcome is Outcome.KEEP


def test_higher_is_better_turns_every_sign() -> None:
    mirrored = [-value for value in CONTROLS]
    gains = [-value for value in better(0.2, 4)]
    kept = judge(gains, mirrored, [mirrored], lower_is_better=False)
    assert kept.outcome is Outcome.KEEP
    assert kept.effect == verdict(better(0.2, 4)).effect


def test_what_all_runs_may_have_by_luck_is_not_kept_however_good_it_looks() -> None:
    one_mode = [0.0, 0.01, -0.01, 0.0, 0.01, -0.01]  # and none in a mode at -1, by luck
    assert verdict([-1.0, -1.01, -0.99], one_mode).outcome is None
    assert luck_of_modes(3, 6) > GATE.most_luck > luck_of_modes(4, 6)
    assert luck_of_modes(1, 1) == pytest.approx(0.25)


def test_nothing_is_settled_for_ever() -> None:
    candidate = better(0.011, GATE.most_runs, spread=0.02)
    judgement = verdict(candidate, MANY)
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert judgement.more_runs == judgement.more_controls == 0
    assert verdict(candidate[:-1], MANY).outcome is None


def test_after_the_last_run_fewer_nats_keep_than_before_it() -> None:
    candidate = better(0.0185, GATE.most_runs, spread=0.014)
    before = verdict(candidate[:-1], MANY)
    assert before.outcome is None
    assert before.evidence is not None
    assert before.evidence < GATE.gain.keep
    last = verdict(candidate, MANY)
    assert last.outcome is Outcome.KEEP
    assert "standard errors after the last run" in last.reason


def test_a_candidate_in_doubt_asks_for_controls_until_there_are_twenty() -> None:
    assert verdict([3.16], CONTROLS[:3]).more_controls == 1
    doubtful = better(0.02, 4)
    assert verdict(doubtful).more_controls == 10 - len(CONTROLS)
    assert verdict(doubtful, MANY).more_controls == 0


def test_a_candidates_wider_spread_is_no_lottery() -> None:
    lucky = better(0.1, 5, spread=0.1)
    assert verdict(better(0.1, 5), MANY).outcome is Outcome.KEEP
    wide = verdict(lucky, MANY)
    assert wide.outcome is None
    assert wide.evidence is not None
    assert wide.evidence < 2


def test_a_steadier_candidate_is_judged_by_the_incumbents_spread() -> None:
    steady, plain = verdict(better(0.03, 6, spread=0.001)), verdict(better(0.03, 6, spread=0.01))
    assert steady.evidence == pytest.approx(plain.evidence, rel=0.15)


def test_one_bad_control_makes_no_gain_and_hides_none() -> None:
    outlier = [*MANY[1:], 3.4]
    assert verdict(better(0.0, 3), outlier).outcome is not Outcome.KEEP
    kept, clean = verdict(better(0.05, 6), outlier), verdict(better(0.05, 6), MANY)
    assert kept.outcome is clean.outcome is Outcome.KEEP
    assert kept.noise is not None
    assert clean.noise is not None
    assert kept.noise.sigma < 2 * clean.noise.sigma  # 3.6 times without a fence


def test_a_lucky_control_shows_what_luck_can_do() -> None:
    lucky = [*MANY[1:], 3.0]
    assert verdict(better(0.05, 6), lucky).outcome is None


def test_where_levels_drift_controls_beside_the_candidate_are_asked_for_and_decide() -> None:
    candidate = better(0.04, 6)
    assert verdict(candidate, MANY).outcome is Outcome.KEEP
    drifting = verdict(candidate, MANY, old=20)
    assert drifting.outcome is None
    assert drifting.more_controls == 6
    beside_level = [*MANY, *MANY[:6]]
    assert verdict(candidate, beside_level, old=20).outcome is Outcome.KEEP
    with_it = [*MANY, *(value - 0.04 for value in MANY[:6])]
    assert verdict(candidate, with_it, old=20).outcome is not Outcome.KEEP


def test_at_its_last_run_a_candidate_may_still_wait_for_controls_beside_it() -> None:
    candidate = better(0.02, GATE.most_runs)
    waiting = verdict(candidate, MANY, old=20)
    assert (waiting.outcome, waiting.more_runs) == (None, 0)
    assert waiting.more_controls == GATE.most_fresh
    assert verdict(candidate, [*MANY, *MANY[:10]], old=20).outcome is Outcome.KEEP


def test_noise_of_older_versions_counts_only_where_it_fits_and_adds_caution() -> None:
    candidate = better(0.03, 6)
    times_a_hundred = [100 * value for value in MANY]
    kept = judge(candidate, MANY, [times_a_hundred, MANY], lower_is_better=True)
    assert kept == verdict(candidate, MANY)
    wider = [3.2 + 1.4 * (value - 3.2) for value in MANY]
    careful = judge(candidate, MANY, [wider, MANY], lower_is_better=True)
    assert careful.noise is not None
    assert kept.noise is not None
    assert careful.noise.sigma > 1.1 * kept.noise.sigma
    calmer = [3.2 + 0.7 * (value - 3.2) for value in MANY]
    assert judge(candidate, MANY, [calmer, MANY], lower_is_better=True) == kept


def test_times_are_compared_by_their_logarithm_and_told_in_their_unit() -> None:
    slow = [90.0, 75.0, 105.0, 84.0, 99.0, 88.0]  # ms
    fast = [0.12, 0.125, 0.118, 0.121]
    kept = judge(fast, slow, [slow], lower_is_better=True, log=True)
    assert kept.outcome is Outcome.KEEP
    assert kept.effect == pytest.approx(90, abs=3)
    assert kept.low is not None
    assert kept.high is not None
    assert 80 < kept.low < kept.effect < kept.high < 95
    faster = [0.06, 0.0612, 0.0605, 0.0608]
    then = [*fast, 0.123, 0.119]
    again = judge(faster, then, [slow, then], lower_is_better=True, log=True)
    assert again.outcome is Outcome.KEEP


def test_a_lucky_seed_written_into_the_code_is_one_run_however_often_it_runs() -> None:
    assert verdict([3.0] * 3).outcome is None
    judgement = verdict([3.0] * 4)
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert "seed" in judgement.reason


FIXED = [1.8235, 1.8235, 1.8239, 1.8235, 1.8241, 1.8238]  # a seed written into the code


def test_a_fixed_seed_of_the_incumbents_own_does_not_make_a_gain_one_draw() -> None:
    kept = judge([1.4861] * 4, FIXED, [FIXED], lower_is_better=True)
    assert kept.outcome is Outcome.KEEP
    same = judge([1.8235, 1.8239], FIXED, [FIXED], lower_is_better=True)
    assert same.outcome is Outcome.DISCARD


def test_two_controls_alike_do_not_excuse_a_candidate_that_fixes_its_seed() -> None:
    varied = [3.2, 3.211, 3.187, 3.224, 3.193, 3.2]
    lucky = judge([3.0] * 4, varied, [varied], lower_is_better=True)
    assert lucky.outcome is Outcome.INCONCLUSIVE
    ancestors = judge([3.0] * 4, varied, [[3.3, 3.3, 3.3, 3.31], varied], lower_is_better=True)
    assert ancestors.outcome is Outcome.INCONCLUSIVE


def test_a_coincidence_among_many_controls_excuses_nobody() -> None:
    rng = random.Random(4)
    many = [*(rng.gauss(3.2, 0.02) for _ in range(16)), *[3.2] * 4]
    assert judge([3.0] * 4, many, [many], lower_is_better=True).outcome is Outcome.INCONCLUSIVE
    fifth = [*many[1:], 3.2]
    assert judge([3.0] * 4, fifth, [fifth], lower_is_better=True).outcome is Outcome.KEEP


def test_where_runs_repeat_exactly_words_stand_in_place_of_sigmas() -> None:
    size = [51_200.0] * 6
    gain = verdict([51_100.0] * 2, size)
    assert (gain.outcome, gain.effect, gain.low, gain.high) == (Outcome.KEEP, 100, 100, 100)
    assert gain.noise is not None
    assert gain.noise.sigma == 0
    assert "repeats exactly" in gain.reason
    assert verdict([51_200.0], size).outcome is Outcome.DISCARD
    same = judge([51_200.0] * 2, size, [size], lower_is_better=True, simpler=True)
    assert (same.outcome, same.test) == (Outcome.KEEP, NON_INFERIORITY)


def test_a_candidate_that_varies_beside_controls_that_do_not_is_judged_by_its_own_spread() -> None:
    exact = [3.2] * 6
    assert verdict(better(0.005, 4), exact).outcome is not Outcome.KEEP
    assert verdict(better(0.2, 4), exact).outcome is Outcome.KEEP


def test_a_simplification_that_is_no_worse_is_kept_and_the_test_that_kept_it_is_named() -> None:
    same = better(0.0, GATE.most_runs)
    assert verdict(same, MANY).outcome is Outcome.DISCARD
    simpler = judge(same, MANY, [MANY], lower_is_better=True, simpler=True)
    assert simpler.outcome is Outcome.KEEP
    assert simpler.test == NON_INFERIORITY
    assert "1 sigma worse allowed" in simpler.reason


def test_a_simplification_that_is_a_gain_is_kept_as_one() -> None:
    judgement = judge(better(0.2, 4), CONTROLS, [CONTROLS], lower_is_better=True, simpler=True)
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


def test_the_present_gate_is_that_of_the_newest_version() -> None:
    assert max(GATES) == JUDGE_VERSION == 4
    assert GATES[JUDGE_VERSION] is GATE


@pytest.mark.slow
@pytest.mark.parametrize("controls", [6, 20])
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
        assert T_9998[df - 1] == pytest.approx(stats.t.ppf(0.9998, df), abs=1e-3)
        assert T_999[df - 1] == pytest.approx(stats.t.ppf(0.999, df), abs=1e-4)
    assert T_999[-1] == pytest.approx(stats.norm.ppf(0.999), abs=1e-5)
