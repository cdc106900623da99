"""Fresh runs outside the ledger: each is made once, whatever happens beside it."""

from dataclasses import dataclass, field

import pytest

from autoresearch.finalization.fresh_runs import Allowance, FreshRuns, Variant, Wanted
from autoresearch.lab import Lab
from autoresearch.records import RunReport, RunState
from autoresearch.run_directory import RunDir
from tests.support.instant import InstantExecutor, with_executor


@dataclass
class Late(InstantExecutor):
    """Nobody hears that a run has ended before they ask the second time."""

    looks: dict[str, int] = field(default_factory=dict)

    def settle(self, rundir: RunDir) -> RunReport | None:
        name = str(rundir.path)
        self.looks[name] = self.looks.get(name, 0) + 1
        return super().settle(rundir) if self.looks[name] > 1 else None


@dataclass
class Losing(InstantExecutor):
    """The first `losses` runs are lost."""

    losses: int = 0

    def submit(self, rundir: RunDir) -> None:
        self.state = RunState.LOST if len(self.submitted) < self.losses else RunState.FINISHED
        super().submit(rundir)


def fresh(lab: Lab) -> FreshRuns:
    return FreshRuns(lab, lab.folder / "finalization" / "e0", lambda *_: None)


def wanted(lab: Lab, runs: int) -> list[Wanted]:
    commit = lab.history().experiments["e0"].commit
    variant = Variant(name="whole", commit=commit, experiment="e0")
    return [Wanted(variant=variant, number=n) for n in range(1, runs + 1)]


@pytest.mark.slow
def test_a_run_that_ends_between_two_looks_is_not_started_again(lab: Lab) -> None:
    executor = Late()
    with_executor(lab, executor)
    reports = fresh(lab).run(wanted(lab, 6), "")
    assert len(reports) == len(executor.submitted) == fresh(lab).used == 6


@pytest.mark.slow
def test_what_has_ended_is_not_run_again_and_more_may_be_asked_for(lab: Lab) -> None:
    executor = InstantExecutor()
    with_executor(lab, executor)
    first = fresh(lab).run(wanted(lab, 2), "")
    assert fresh(lab).missing(wanted(lab, 5)) == 3
    assert fresh(lab).run(wanted(lab, 5), "")[:2] == first
    assert len(executor.submitted) == 5
    assert fresh(lab).seed_of(wanted(lab, 1)[0]) == executor.submitted[0].read_spec().seed


@pytest.mark.slow
@pytest.mark.parametrize(("losses", "state"), [(2, RunState.FINISHED), (3, RunState.LOST)])
def test_a_lost_run_is_repeated_twice_at_most(lab: Lab, losses: int, state: RunState) -> None:
    executor = Losing(losses=losses)
    with_executor(lab, executor)
    [report] = fresh(lab).run(wanted(lab, 1), "")
    assert report.state is state
    assert [one.path.name for one in executor.submitted] == ["r1", "r1-again1", "r1-again2"]


@pytest.mark.slow
def test_what_a_kill_left_half_made_is_made_anew(lab: Lab) -> None:
    executor = InstantExecutor()
    with_executor(lab, executor)
    left = lab.folder / "finalization" / "e0" / "whole" / "r1"
    (left / "tree").mkdir(parents=True)  # without a spec: it was never started
    assert fresh(lab).used == 0
    [report] = fresh(lab).run(wanted(lab, 1), "")
    assert report.state is RunState.FINISHED


@pytest.mark.parametrize(
    ("allowance", "covered"),
    [
        (Allowance(), True),
        (Allowance(runs=12), True),
        (Allowance(runs=11), False),
        (Allowance(until=101.0), True),
        (Allowance(until=100.0), False),
    ],
)
def test_an_allowance_is_used_up_by_runs_or_by_time(allowance: Allowance, covered: bool) -> None:
    assert allowance.covers(used=10, more=2, now=100.0) is covered
