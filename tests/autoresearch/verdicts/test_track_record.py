"""What selection found by chance in the judged documents is not in the spare ones."""

import random

import pytest

from autoresearch.records import Outcome, Prediction, Proposer
from autoresearch.statistics.overfitting import Keep, measure_overfitting
from autoresearch.verdicts.track_record import track_record
from server.views.trust import false_keep_words
from tests.support.told import BASELINE, TINY, Told


def scores(
    rng: random.Random, count: int, judged: float, spare: float
) -> list[tuple[float, float]]:
    """Runs whose luck in training moves both parts, and whose documents move each a little."""
    luck = [rng.gauss(0, 0.01) for _ in range(count)]
    return [(judged + by + rng.gauss(0, 0.001), spare + by + rng.gauss(0, 0.001)) for by in luck]


def keeps(claimed: float, real: float) -> list[Keep]:
    rng = random.Random(7)
    return [
        Keep(candidate=scores(rng, 4, 3 - claimed, 3 - real), controls=scores(rng, 20, 3, 3))
        for _ in range(5)
    ]


def test_gains_that_are_real_are_on_the_spare_part_too() -> None:
    found = measure_overfitting(keeps(0.02, 0.02), lower_is_better=True)
    assert found is not None
    assert found.keeps == 5
    assert found.low < 0 < found.high
    assert found.spare_low < 0.1 < found.spare_high


def test_gains_that_the_judged_documents_alone_show_are_called_overfitted() -> None:
    found = measure_overfitting(keeps(0.03, 0.02), lower_is_better=True)
    assert found is not None
    assert found.excess == pytest.approx(0.05, abs=0.01)
    assert found.low > 0
    assert found.high - found.low < found.spare_high - found.spare_low


def test_keeps_that_differ_much_from_each_other_widen_what_is_said_of_them() -> None:
    alike = measure_overfitting(keeps(0.03, 0.02), lower_is_better=True)
    rng = random.Random(3)
    apart = [
        Keep(candidate=scores(rng, 4, 2.97, 2.97 + by), controls=scores(rng, 20, 3, 3))
        for by in (0.05, -0.03, 0.02, -0.02, 0.03)
    ]
    different = measure_overfitting(apart, lower_is_better=True)
    assert alike is not None
    assert different is not None
    assert different.high - different.low > 3 * (alike.high - alike.low)


def test_the_sign_follows_the_metrics_direction() -> None:
    up = measure_overfitting(keeps(-0.03, -0.02), lower_is_better=False)
    assert up is not None
    assert up.claimed > up.spare > 0


def test_without_a_keep_or_without_spare_scores_nothing_is_said() -> None:
    assert measure_overfitting([], lower_is_better=True) is None
    one = Keep(candidate=[(1.0, 1.0)], controls=[])
    assert measure_overfitting([one], lower_is_better=True) is None


def test_a_labs_keeps_are_compared_on_both_parts() -> None:
    told = Told()
    told.runs("e0", *BASELINE, apart=0.5)
    told.propose()
    told.runs("e1", 3.0, 3.01, 3.0, 3.01, apart=0.6)
    assert track_record(told.history, TINY).overfitting is None
    told.judge("e1")
    found = track_record(told.history, TINY)
    assert found.overfitting is not None
    assert found.overfitting.claimed == pytest.approx(0.195)
    assert found.overfitting.excess == pytest.approx(0.1)
    assert found.candidates == 1
    assert 0 < found.false_keeps < 0.01


def test_predictions_are_scored_for_each_client_and_model_apart() -> None:
    told = Told(*BASELINE)
    told.propose(prediction=Prediction(effect=0.2, confidence=0.9))
    told.runs("e1", 3.0, 3.01, 3.0, 3.01)
    told.judge("e1")
    told.propose(
        prediction=Prediction(effect=0.2, confidence=0.9),
        proposer=Proposer(client="test", model="other"),
    )
    told.runs("e1", *BASELINE)
    told.runs("e2", 3.9)
    told.judge("e2")
    taste = track_record(told.history, TINY).taste
    assert list(taste) == ["test m", "test other"]
    assert taste["test m"].brier == pytest.approx(0.01)
    assert taste["test other"].brier == pytest.approx(0.81)
    assert taste["test m"].log_score > taste["test other"].log_score


def test_what_was_kept_as_a_simplification_is_among_no_false_keeps() -> None:
    told = Told(*BASELINE, *BASELINE, *BASELINE)
    told.propose(simpler=42)
    told.runs("e1", *BASELINE, *BASELINE, *BASELINE[:2])
    assert told.judge("e1").outcome is Outcome.KEEP
    found = track_record(told.history, TINY)
    assert (found.candidates, found.simplifications, found.false_keeps) == (0, 1, 0)
    told.propose()
    told.runs("e1", *BASELINE)
    told.runs("e2", 3.9)
    told.judge("e2")
    found = track_record(told.history, TINY)
    assert (found.candidates, found.simplifications) == (1, 1)
    words = false_keep_words(found)
    assert "among 1 candidate judged, by the noise of this lab's control runs" in words
    assert words.endswith("; 1 simplification kept, which claim no gain, left out")
