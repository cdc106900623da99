"""Near misses, stacked through the normal door before anything is left out."""

from dataclasses import replace

import pytest

from autoresearch.finalization.finalization import Options, finalize
from autoresearch.finalization.fresh_runs import Allowance
from autoresearch.finalization.near_misses import FINALIZER, NearMisses, offered, runs_of_stacks
from autoresearch.finalization.passenger_test import Standing
from autoresearch.lab import Lab
from autoresearch.records import Judged, Outcome
from tests.support.repositories import propose
from tests.support.samples import judged


def unwatched(_what: str, _runs: int) -> None:
    """For what nobody looks at."""


def miss(lab: Lab, find: str, put: str) -> str:
    """A near miss, written down as the judge would."""
    name = propose(lab, (find, put))
    verdict = judged(name, "e0", outcome=Outcome.INCONCLUSIVE, effect=0.01).verdict
    lab.ledger.append(lambda _: Judged(verdict=replace(verdict, moved_incumbent=False)))
    return name


@pytest.fixture
def missed(lab: Lab) -> Lab:
    """A lab that kept nothing, with two near misses; together they are a gain of many sigma."""
    assert miss(lab, "SMOOTHING = 30.0", "SMOOTHING = 5.0") == "e1"
    assert miss(lab, "SCALE = 1.0", "SCALE = 2.0") == "e2"
    return lab


@pytest.mark.slow
def test_a_stack_is_proposed_judged_and_kept_like_any_experiment(missed: Lab) -> None:
    assert offered(missed) == ("e1", "e2")
    [found] = NearMisses(missed, Allowance(), unwatched).try_all()
    assert (found.stack, found.experiment, found.outcome) == (("e1", "e2"), "e3", Outcome.KEEP)
    known = missed.history().experiments["e3"]
    assert known.proposer == FINALIZER
    assert missed.history().kept == ("e0", "e3")
    assert runs_of_stacks(missed) == len(missed.history().runs_of("e3")) > 0
    # An earlier stack is told of again, and nothing is proposed twice.
    assert [one.experiment for one in NearMisses(missed, Allowance(), unwatched).try_all()] == [
        "e3"
    ]
    assert len(missed.history().experiments) == 4


@pytest.mark.long
def test_what_near_misses_gave_is_finalized_even_where_nothing_was_kept_before(
    missed: Lab,
) -> None:
    found = finalize(missed, Options(), unwatched)
    assert [one.outcome for one in found.stacks] == [Outcome.KEEP]
    assert [(one.keep, one.standing) for one in found.ablation.answers] == [("e3", Standing.GAIN)]
    assert "a stack of e1, e2" in found.commits[0].message


@pytest.mark.long
def test_a_stack_without_a_verdict_when_the_runs_end_says_so_and_goes_on_later(
    missed: Lab,
) -> None:
    [stopped] = NearMisses(missed, Allowance(runs=1), unwatched).try_all()
    assert (stopped.experiment, stopped.outcome) == ("e3", None)
    [ended] = NearMisses(missed, Allowance(), unwatched).try_all()
    assert (ended.experiment, ended.outcome) == ("e3", Outcome.KEEP)


@pytest.mark.slow
def test_without_time_nothing_is_stacked(missed: Lab) -> None:
    late = NearMisses(missed, Allowance(until=10.0), unwatched, now=lambda: 11.0)
    assert late.try_all() == ()
    assert len(missed.history().experiments) == 3
