"""Limits of a training: its budget, its wall and CPU ceilings, memory, and processes. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from autoresearch.records import EndCause
from autoresearch.run_directory import RunSpec
from autoresearch.system.processes import Usage

MOST_PROCESSES = 512


class EndKind(StrEnum):
    """The cause of a training's end."""

    EXITED = "exited"
    BUDGET = "budget"  # its seconds are used up; if it is sealed, its checkpoint is scored
    CEILING = "ceiling"  # cut before its budget was used, or, not being sealed, after it
    LIMIT = "limit"  # of memory, processes or disk
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class LimitMet:
    """The end of a training, with the limit it met."""

    kind: EndKind
    text: str  # the limit, with its number; "" if the training exited by itself
    over: EndCause | None = None  # at EndKind.LIMIT, which limit that was


def exceeded_resource(spec: RunSpec, usage: Usage) -> LimitMet | None:
    """Return the limit of memory or processes that the usage exceeds, None if none is."""
    if usage.rss_mb > spec.memory_mb:
        text = f"used {usage.rss_mb:.0f} MB of memory, over its {spec.memory_mb} MB"
        return LimitMet(EndKind.LIMIT, text, EndCause.OVER_MEMORY)
    if usage.processes > MOST_PROCESSES:
        text = f"ran more than {MOST_PROCESSES} processes at once"
        return LimitMet(EndKind.LIMIT, text, EndCause.TOO_MANY_PROCESSES)
    return None


def spent_time(spec: RunSpec, wall_s: float, cpu_s: float) -> LimitMet | None:
    """Return the budget or ceiling that these seconds have used up, None if none is.

    A budget in seconds ends a sealed run only: what it left is scored. A run that prints its own
    number must end by itself, so only its ceilings end it.
    """
    budgets = (("wall_s", wall_s, "wall"), ("cpu_s", cpu_s, "CPU"))
    for unit, taken, clock in budgets if spec.sealed and not spec.guarding else ():
        if spec.budget_unit == unit and taken >= spec.budget:
            return LimitMet(EndKind.BUDGET, f"its budget of {spec.budget:g} {clock} seconds")
    ceilings = ((spec.cpu_ceiling_s, cpu_s, "CPU"), (spec.wall_ceiling_s, wall_s, "wall"))
    for allowed, taken, clock in ceilings:
        if allowed is not None and taken >= allowed:
            return LimitMet(EndKind.CEILING, f"its ceiling of {allowed:g} {clock} seconds")
    return None
