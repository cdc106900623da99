"""Early stopping replayed over recorded runs: what it saves, and that it changes no verdict."""

import pytest

from autoresearch.calibration.early_stopping_replay import (
    RecordedSet,
    read_recorded,
    replay_stops,
    saved,
    stopped_controls,
)
from autoresearch.records import Outcome
from autoresearch.statistics.early_stopping import find_early_stop
from tests.support.paths import ROOT

RECORDS = ROOT / "tests" / "data" / "early_stop"


@pytest.fixture(scope="module")
def wide() -> RecordedSet:
    """Random search over every knob."""
    return read_recorded(RECORDS / "microgpt-wide.jsonl")


@pytest.fixture(scope="module")
def mild() -> RecordedSet:
    """The demo's moves, unchanged code, near ones, and draws of one to three knobs."""
    return read_recorded(RECORDS / "microgpt.jsonl")


@pytest.mark.slow
def test_in_a_random_search_over_all_knobs_three_tenths_of_the_time_are_saved(
    wide: RecordedSet,
) -> None:
    assert len(wide.candidates) >= 20
    assert saved(replay_stops(wide)) >= 0.30


@pytest.mark.slow
def test_no_verdict_is_changed(wide: RecordedSet, mild: RecordedSet) -> None:
    rows = [*replay_stops(wide), *replay_stops(mild)]
    assert [row.name for row in rows if row.without is not row.with_it] == []
    assert sum(row.without is Outcome.KEEP for row in rows) >= 5


@pytest.mark.slow
def test_no_run_of_what_is_kept_and_no_control_is_hopeless(
    wide: RecordedSet, mild: RecordedSet
) -> None:
    for recorded in (wide, mild):
        assert stopped_controls(recorded) == ()
        controls = [run.losses for run in recorded.controls]
        for row, candidate in zip(replay_stops(recorded), recorded.candidates, strict=True):
            if row.without is not Outcome.DISCARD:
                assert all(find_early_stop(run.losses, controls) is None for run in candidate.runs)


@pytest.mark.slow
def test_a_few_controls_give_no_other_answer_than_all_on_what_is_kept(mild: RecordedSet) -> None:
    for first in range(0, 20, 4):
        controls = [run.losses for run in mild.controls[first : first + 4]]
        for row, candidate in zip(replay_stops(mild), mild.candidates, strict=True):
            if row.without is not Outcome.DISCARD:
                assert all(find_early_stop(run.losses, controls) is None for run in candidate.runs)
