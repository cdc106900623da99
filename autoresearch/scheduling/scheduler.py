"""The scheduler: decide which runs start, which control run is preempted, and why others wait.

Everything is passed in, the machine and the time included, and the answer is a record that the
caller carries out. Nothing here reads a file, a clock or a ledger, so that any executor can ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from autoresearch.records import RunState

PREEMPTIBLE = (RunState.TRAINING, RunState.QUEUED)  # in this order; a scored run ends by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRun:
    """A run that was started and has not ended."""

    id: str
    state: RunState = RunState.QUEUED
    control: bool = False  # a control run, which a candidate may preempt
    preempted: bool = False  # it was asked to give its device up, and will


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The slots, one for each run that can train at once, and the runs that have or await one."""

    slots: int
    active: tuple[ActiveRun, ...] = ()  # in the order in which they were started

    @property
    def free_slots(self) -> int:
        """Return the slots that no run has or waits for; those of preempted runs are free."""
        return max(0, self.slots - sum(not run.preempted for run in self.active))

    @property
    def queued(self) -> bool:
        """Return whether a run waits for its device, a preempted one included."""
        return any(run.state is RunState.QUEUED for run in self.active)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A pause before the next control run of an experiment, in seconds since the epoch."""

    since: float
    until: float
    reason: str

    def lasts(self, now: float) -> bool:
        """Return whether the pause is on; a clock that was set back to before it ends it."""
        return self.since <= now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Runs of one experiment that are wanted."""

    experiment: str
    runs: int  # at most; none or fewer are no demand
    preempts: bool = False  # a control run gives its device up for one of these
    queues: bool = False  # they start though no slot is free, and wait for one
    rest: Rest | None = None  # nothing of this demand starts before its end


class Wait(StrEnum):
    """Why fewer runs start than are wanted."""

    RESTING = "the machine disturbed the last control runs, so the next ones wait"
    NO_FREE_SLOT = "no slot is free, and no control run can be preempted"
    OTHERS_QUEUED = "a run is already waiting for a device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps for the caller: preempt those runs, then start a run of each experiment."""

    preempt: tuple[str, ...] = ()  # ids of control runs
    starts: tuple[str, ...] = ()  # experiments, one entry a run, in this order
    wait: Wait | None = None  # None where everything wanted starts


def plan_runs(machine: Machine, demands: Sequence[Demand], now: float) -> Plan:
    """Plan what starts for these demands, the first demand first.

    A control run is preempted only where no slot is free, and only for a demand that preempts. The
    rest of one demand does not hold up the next.

    Args:
        machine: The slots and the runs that have not ended.
        demands: The runs that are wanted, in the order of their claim to a slot.
        now: Seconds since the epoch.
    """
    plan = Plan()
    for demand in demands:
        if demand.runs > 0 and demand.rest is not None and demand.rest.lasts(now):
            plan = replace(plan, wait=plan.wait or Wait.RESTING)
            continue
        for _ in range(demand.runs):
            victim = None
            if not machine.free_slots and demand.preempts:
                victim = next_preempted(machine)
            if not machine.free_slots and victim is None and not demand.queues:
                plan = replace(plan, wait=plan.wait or Wait.NO_FREE_SLOT)
                break
            plan = _with_start(plan, demand.experiment, victim)
            machine = _after_start(machine, demand.experiment, victim)
    return plan


def plan_idle_runs(machine: Machine, demands: Sequence[Demand], now: float) -> Plan:
    """Plan control runs for slots that are idle, which never compete with a run that waits.

    They preempt nothing, and a demand that rests holds up those after it: a machine that disturbs
    runs of the one code would disturb runs of the other.

    Args:
        machine: The slots and the runs that have not ended.
        demands: The control runs that are worth having, the most urgent first.
        now: Seconds since the epoch.
    """
    if machine.queued:
        return Plan(wait=Wait.OTHERS_QUEUED)
    wanted = [demand for demand in demands if demand.runs > 0]
    resting = [demand.rest is not None and demand.rest.lasts(now) for demand in wanted]
    first = resting.index(True) if any(resting) else len(wanted)
    humble = [replace(demand, preempts=False, queues=False) for demand in wanted[:first]]
    plan = plan_runs(machine, humble, now)
    return replace(plan, wait=plan.wait or Wait.RESTING) if any(resting) else plan


def next_preempted(machine: Machine) -> str | None:
    """Return the control run that gives its device up first; None if there is none to ask.

    The newest comes first, and one that trains before one that has just been started. One that is
    being scored ends by itself in a moment, and one that was asked already is not asked again.
    """
    asked = [run for run in reversed(machine.active) if run.control and not run.preempted]
    return next((run.id for state in PREEMPTIBLE for run in asked if run.state is state), None)


def _with_start(plan: Plan, experiment: str, victim: str | None) -> Plan:
    preempt = plan.preempt if victim is None else (*plan.preempt, victim)
    return replace(plan, preempt=preempt, starts=(*plan.starts, experiment))


def _after_start(machine: Machine, experiment: str, victim: str | None) -> Machine:
    """Return the machine after that start; the new run is not a control to be preempted."""
    active = (replace(run, preempted=run.preempted or run.id == victim) for run in machine.active)
    return replace(machine, active=(*active, ActiveRun(id=f"new run of {experiment}")))
