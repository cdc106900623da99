"""The judge, on arrays: what it keeps, what it drops, and how often it is fooled."""

import random
from statistics import fmean

import pytest

from autoresearch.critical_values import T_975, T_999
from autoresearch.judge import GATE, Judgement, judge, measure_noise
from autoresearch.records import Outcome

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
    just_short = [fmean(CONTROLS) - 0.02] * (GATE.most_runs - 1) + [fmean(CONTROLS) - 0.021]
    assert verdict(just_short).outcome is Outcome.INCONCLUSIVE


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

    assert kept_of(0.0, 3000) <= 15
    assert kept_of(5.0, 200) >= 180


@pytest.mark.slow
def test_the_table_of_critical_values_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats", reason="needs SciPy: uv sync --group dev")
    for df in (1, 5, 30, 120):
        assert T_975[df - 1] == pytest.approx(stats.t.ppf(0.975, df), abs=1e-5)
        assert T_999[df - 1] == pytest.approx(stats.t.ppf(0.999, df), abs=1e-4)
    assert T_999[-1] == pytest.approx(stats.norm.ppf(0.999), abs=1e-5)
