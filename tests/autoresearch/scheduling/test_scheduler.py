"""The scheduler on records alone: what starts, what is preempted, and why something waits."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoresearch.records import RunState
from autoresearch.scheduling.scheduler import (
    ActiveRun,
    Demand,
    Machine,
    Plan,
    Rest,
    Wait,
    next_preempted,
    plan_idle_runs,
    plan_runs,
)

NOW = 1_000.0
TRAINING, QUEUED, SCORING = RunState.TRAINING, RunState.QUEUED, RunState.SCORING
RESTING = Rest(since=NOW - 1, until=NOW + 59, reason="a busy machine")


def candidate(name: str, state: RunState = TRAINING) -> ActiveRun:
    return ActiveRun(id=name, state=state)


def control(name: str, state: RunState = TRAINING, *, preempted: bool = False) -> ActiveRun:
    return ActiveRun(id=name, state=state, control=True, preempted=preempted)


def machine(slots: int, *active: ActiveRun) -> Machine:
    return Machine(slots=slots, active=active)


def wants(experiment: str, runs: int = 1, **how: object) -> Demand:
    return Demand(experiment=experiment, runs=runs, **how)  # type: ignore[arg-type]


def test_the_first_demand_has_the_first_claim_to_a_slot() -> None:
    demands = (wants("e1"), wants("e0", 5))
    assert plan_runs(machine(3), demands, NOW) == Plan(
        starts=("e1", "e0", "e0"), wait=Wait.NO_FREE_SLOT
    )


def test_nothing_is_preempted_where_a_slot_is_free() -> None:
    found = plan_runs(machine(2, control("e0-r7")), (wants("e1", preempts=True),), NOW)
    assert found == Plan(starts=("e1",))


def test_a_control_that_trains_is_preempted_before_one_that_waits_and_the_newest_first() -> None:
    runs = (control("e0-r7"), control("e0-r8"), control("e0-r9", QUEUED))
    found = plan_runs(machine(3, *runs), (wants("e1", 3, preempts=True),), NOW)
    assert found == Plan(preempt=("e0-r8", "e0-r7", "e0-r9"), starts=("e1", "e1", "e1"))


def test_a_control_that_is_scored_and_a_candidate_are_left_alone() -> None:
    busy = machine(2, control("e0-r7", SCORING), candidate("e1-r1"))
    assert next_preempted(busy) is None
    found = plan_runs(busy, (wants("e2", preempts=True),), NOW)
    assert found == Plan(wait=Wait.NO_FREE_SLOT)


def test_the_slot_of_a_preempted_control_is_free_and_it_is_not_asked_again() -> None:
    leaving = machine(1, control("e0-r7", preempted=True))
    assert leaving.free_slots == 1
    assert next_preempted(leaving) is None
    found = plan_runs(leaving, (wants("e1", preempts=True),), NOW)
    assert found == Plan(starts=("e1",))


def test_a_run_that_was_asked_for_queues_where_no_slot_is_free() -> None:
    busy = machine(1, candidate("e1-r1"))
    found = plan_runs(busy, (wants("e2", preempts=True, queues=True),), NOW)
    assert found == Plan(starts=("e2",))
    assert machine(1, candidate("e1-r1"), candidate("e2-r1", QUEUED)).free_slots == 0


def test_controls_rest_but_the_candidate_beside_them_does_not() -> None:
    demands = (wants("e1", preempts=True), wants("e0", 2, rest=RESTING))
    assert plan_runs(machine(4), demands, NOW) == Plan(starts=("e1",), wait=Wait.RESTING)
    assert plan_runs(machine(4), demands, RESTING.until).starts == ("e1", "e0", "e0")


def test_a_clock_that_was_set_back_ends_a_rest() -> None:
    assert RESTING.lasts(NOW)
    assert not RESTING.lasts(RESTING.until)
    assert not RESTING.lasts(RESTING.since - 1)


def test_a_rest_of_what_nobody_wants_is_no_reason_to_wait() -> None:
    assert plan_runs(machine(1), (wants("e0", 0, rest=RESTING),), NOW) == Plan()


def test_idle_slots_take_no_slot_from_a_run_that_waits() -> None:
    waiting = machine(3, candidate("e1-r1", QUEUED))
    assert plan_idle_runs(waiting, (wants("e0", 2),), NOW) == Plan(wait=Wait.OTHERS_QUEUED)


def test_an_idle_demand_that_rests_holds_up_those_after_it() -> None:
    tip, parent = wants("e1", 5), wants("e0", 1, rest=RESTING)
    assert plan_idle_runs(machine(3), (parent, tip), NOW) == Plan(wait=Wait.RESTING)
    found = plan_idle_runs(machine(3), (wants("e0"), replace(tip, rest=RESTING)), NOW)
    assert found == Plan(starts=("e0",), wait=Wait.RESTING)


def test_idle_runs_preempt_nothing_whatever_their_demand_says() -> None:
    busy = machine(1, control("e0-r7"))
    found = plan_idle_runs(busy, (wants("e0", 2, preempts=True, queues=True),), NOW)
    assert found == Plan(wait=Wait.NO_FREE_SLOT)


# Machines are noisy: no test here fails for being slow.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
kinds = st.tuples(st.sampled_from([QUEUED, TRAINING, SCORING]), st.sampled_from("cpx"))


def make_machine(slots: int, runs: list[tuple[RunState, str]]) -> Machine:
    """A machine with candidates (c), controls (p) and preempted controls (x)."""
    active = (
        ActiveRun(id=f"r{n}", state=state, control=kind != "c", preempted=kind == "x")
        for n, (state, kind) in enumerate(runs)
    )
    return Machine(slots=slots, active=tuple(active))


machines = st.builds(make_machine, st.integers(0, 6), st.lists(kinds, max_size=8))
demands = st.lists(
    st.builds(
        Demand,
        experiment=st.sampled_from(["e0", "e1", "e2"]),
        runs=st.integers(-2, 5),
        preempts=st.booleans(),
        queues=st.booleans(),
        rest=st.sampled_from([None, RESTING]),
    ),
    max_size=4,
)
PLANNERS = pytest.mark.parametrize("planner", [plan_runs, plan_idle_runs])


def by_id(found: Machine) -> dict[str, ActiveRun]:
    return {run.id: run for run in found.active}


@pytest.mark.slow
@unhurried
@given(machines, demands)
def test_runs_that_do_not_queue_never_outnumber_free_and_preempted_slots(
    found: Machine, wanted: list[Demand]
) -> None:
    wanted = [replace(demand, queues=False) for demand in wanted]
    plan = plan_runs(found, wanted, NOW)
    assert len(plan.starts) <= found.free_slots + len(plan.preempt)
    idle = plan_idle_runs(found, wanted, NOW)
    assert len(idle.starts) <= found.free_slots


@pytest.mark.slow
@unhurried
@given(machines, demands)
def test_only_a_control_that_can_give_its_device_up_is_preempted_and_once(
    found: Machine, wanted: list[Demand]
) -> None:
    plan = plan_runs(found, wanted, NOW)
    assert len(set(plan.preempt)) == len(plan.preempt) <= len(plan.starts)
    for run in plan.preempt:
        asked = by_id(found)[run]
        assert asked.control
        assert not asked.preempted
        assert asked.state is not SCORING
    if plan.preempt:
        assert any(demand.preempts for demand in wanted)
    assert plan_idle_runs(found, wanted, NOW).preempt == ()


@pytest.mark.slow
@PLANNERS
@unhurried
@given(found=machines, wanted=demands)
def test_nothing_starts_that_was_not_wanted_or_rests(planner, found, wanted) -> None:  # type: ignore[no-untyped-def]
    most: Counter[str] = Counter()
    for demand in wanted:
        most[demand.experiment] += max(0, demand.runs) * (demand.rest is None)
    plan = planner(found, wanted, NOW)
    assert Counter(plan.starts) <= most
    if plan.wait is None:
        assert Counter(plan.starts) == most


@pytest.mark.slow
@PLANNERS
@unhurried
@given(found=machines, wanted=demands)
def test_carrying_a_plan_out_leaves_nothing_more_to_preempt_for_it(planner, found, wanted) -> None:  # type: ignore[no-untyped-def]
    plan = planner(found, wanted, NOW)
    after = Machine(
        slots=found.slots,
        active=(
            *(replace(r, preempted=r.preempted or r.id in plan.preempt) for r in found.active),
            *(ActiveRun(id=f"new-{n}") for n in range(len(plan.starts))),
        ),
    )
    again = planner(after, wanted, NOW)
    assert not set(again.preempt) & set(plan.preempt)
    assert after.free_slots <= max(0, found.free_slots)
