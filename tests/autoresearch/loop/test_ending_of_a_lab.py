"""A lab that reached its goal, or used up its limits, takes no more experiments."""

from pathlib import Path

import pytest

from autoresearch.lab import Lab
from autoresearch.records import Outcome
from tests.support.instant import InstantExecutor, judge, with_executor
from tests.support.refusals import raises
from tests.support.repositories import BETTER, CONTRACT, WORSE, make_repository, propose

NEXT = (BETTER[1], "SMOOTHING = 0.4")
GOAL = CONTRACT.replace('direction = "min"', 'direction = "min"\ngoal = 2.01')


def limited(limits: str) -> str:
    return CONTRACT.replace("[sealed]", f"[stop]\n{limits}\n[sealed]")


def opened(folder: Path, contract: str, executor: InstantExecutor) -> Lab:
    source = str(make_repository(folder / "repository", contract))
    lab = with_executor(Lab.open(source, home=folder / "home"), executor)
    while lab.evaluate("e0").needs:
        pass
    return lab


@pytest.mark.slow
@pytest.mark.parametrize(
    ("noise", "controls"), [(1e-3, 3), pytest.param(0.0, 1, marks=pytest.mark.long)]
)
def test_a_goal_that_a_keep_reaches_is_confirmed_by_control_runs_of_its_own(
    tmp_path: Path, noise: float, controls: int
) -> None:
    lab = opened(tmp_path, GOAL, InstantExecutor(noise=noise))
    assert not lab.ending().over
    judge(lab, propose(lab, BETTER))
    kept = lab.evaluate("e1")
    assert kept.ending is not None
    assert kept.verdict is not None
    assert kept.verdict.outcome is Outcome.KEEP
    assert (kept.ending.done, kept.ending.controls) == (True, controls)
    assert kept.settled
    with raises("invalid_state.goal_reached", "2.01", "[metric] goal"):
        propose(lab, NEXT)
    assert list(lab.history().experiments) == ["e0", "e1"]
    seen = lab.overview().ending
    assert seen is not None
    assert seen.sentence == lab.ending().sentence == kept.ending.sentence
    assert lab.verify().ok


@pytest.mark.slow
def test_a_goal_that_control_runs_do_not_confirm_is_open_again(tmp_path: Path) -> None:
    executor = InstantExecutor()
    lab = opened(tmp_path, GOAL, executor)
    propose(lab, BETTER)
    while lab.evaluate("e1").verdict is None:
        if len(lab.history().runs_of("e1")) == 4:
            executor.drift = 0.1  # what it was kept on was luck
    found = lab.evaluate("e1").ending
    assert found is not None
    assert (found.controls, found.reached, found.over) == (3, False, False)
    assert propose(lab, NEXT) == "e2"


@pytest.mark.slow
def test_after_its_last_experiment_a_lab_brings_it_to_a_verdict_and_takes_no_other(
    tmp_path: Path,
) -> None:
    lab = opened(tmp_path, limited("experiments = 1"), InstantExecutor())
    propose(lab, WORSE)
    with raises("invalid_state.limit_used_up", "e1", "[stop] experiments"):
        propose(lab, BETTER)
    judge(lab, "e1")
    assert lab.history().verdicts["e1"].outcome is Outcome.DISCARD
    with raises("invalid_state.limit_used_up", "[stop] experiments"):
        propose(lab, BETTER)
