"""Words for what is proposed for a repository, and for what its baseline showed."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status
from rich.text import Text

from autoresearch.statistics.gates import GATE
from autoresearch.verdicts.repetition import spread_of
from server.commands.output import console
from server.views import figures
from server.views.trust import spread_words

if TYPE_CHECKING:
    from autoresearch.attachment.baseline import Baseline
    from autoresearch.attachment.proposal_parts import Part, Proposal

SHORT_LINE = 100
# Quantiles of Student's t, two-sided at one in 50, by degrees of freedom: runs less one.
BEYOND = {1: 31.8, 2: 6.96, 3: 4.54, 4: 3.75}
HELD = {
    "stdout": (
        "self-reported: the code under research prints its own number. Frozen files, hashes, "
        "guards, seeds and budget hold; what a patch may still do is in docs/attach.md"
    ),
    "clock": "read off the lab's own clock: the code under research has no part in it",
    "sealed": "sealed: the lab computes the number from a model that sees inputs only",
}


class Working:
    """Show in a terminal what is going on, in one line that is replaced, and what happened."""

    def __init__(self, on: Console, status: Status) -> None:
        self._on = on
        self._status = status

    def said(self, line: str) -> None:
        """Something happened: a line that stays."""
        self._on.print(Text(f"  {line}"))

    def now(self, line: str) -> None:
        """Return the current activity."""
        self._status.update(Text(line[:SHORT_LINE]))


@contextmanager
def working(json: bool) -> Iterator[Working]:
    """With JSON on stdout, all this goes to stderr."""
    on = Console(stderr=True, highlight=False, soft_wrap=True) if json else console
    with on.status(Text("")) as status:
        yield Working(on, status)


def rows_of(proposal: "Proposal") -> Iterator[tuple[str, str, str]]:
    """(part, value, why) of what there is to say, in the order of a contract."""
    if proposal.text is not None:
        yield "contract", proposal.text.value, why_of(proposal.text)
        return
    for name in ("command", "metric", "direction", "edit"):
        part = getattr(proposal, name)
        if part is None:
            yield name, "?", "not to be known: " + asked(name, proposal)
        else:
            yield name, value_of(name, part), why_of(part)
    yield from _ends(proposal)
    name = "time-out" if proposal.ends else "budget"
    clock = "" if proposal.ends else "; a clock in its code ends it, so load on the machine counts"
    yield name, f"{proposal.budget_s.value:g} s", why_of(proposal.budget_s) + clock
    if proposal.lock or proposal.packages:
        part = proposal.lock or proposal.packages
        assert part is not None
        yield "environment", value_of("environment", part), why_of(part)
    else:
        yield "python", proposal.python.value or "this product's own", why_of(proposal.python)
    for name in ("device", "env", "memory_mb", "inputs", "network", "guards"):
        part = getattr(proposal, name)
        if part is not None and part.value:
            yield name, value_of(name, part), why_of(part)


def _ends(proposal: "Proposal") -> Iterator[tuple[str, str, str]]:
    """The goal and the limits; a best possible value that nobody asked for is only offered."""
    from autoresearch.attachment.metric_names import best_possible

    if proposal.goal is not None:
        yield "goal", f"{proposal.goal.value:g}", why_of(proposal.goal)
    elif proposal.metric is not None and proposal.direction is not None:
        meter = proposal.metric.value
        best = best_possible(meter.name, meter.unit, proposal.direction.value)
        if best is not None:
            yield "goal", "none", f"the best possible is {best:g}: --goal {best:g} ends there"
    if proposal.most.value:
        most = [f"{number:g} {name}" for name, number in proposal.most.value.items()]
        yield "stop", ", ".join(most), why_of(proposal.most)


def value_of(name: str, part: "Part[object]") -> str:
    """A part's value as people read it."""
    from autoresearch.attachment.commands import shown
    from autoresearch.attachment.proposal_parts import Meter

    value = part.value
    if name == "command":
        return shown(value)  # type: ignore[arg-type]
    if isinstance(value, Meter):
        unit = f" in {value.unit}" if value.unit else ""
        printed = f"read in {value.file}" if value.file else "printed"
        how = "the lab's clock" if value.scoring == "clock" else printed
        return f"{value.name}{unit}, {how}"
    if isinstance(value, dict):
        return "; ".join(
            f"{key}={one if isinstance(one, str) else shown(one)}" for key, one in value.items()
        )
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value)


def why_of(part: "Part[object]") -> str:
    """Why a part is what it is, and whether it is a guess."""
    from autoresearch.attachment.proposal_parts import Sureness

    if part.sure is Sureness.FOUND:
        return part.why
    return f"{part.sure}: {part.why}" if part.why else str(part.sure)


def asked(name: str, proposal: "Proposal") -> str:
    """Return the option to give for a part that can't be known."""
    from autoresearch.attachment.proposal_parts import OPTIONS

    several = proposal.choices.get(name, ())
    if name == "command" and proposal.notebooks and not several:
        return f"{OPTIONS[name]}; {proposal.notebooks[0]} is a notebook, and none is started"
    if several:
        return f"{OPTIONS[name]}; there are {', '.join(several[:6])}"
    return OPTIONS[name]


def own_words(proven: "Baseline", yours: float) -> str:
    """The user's own number beside the lab's, and whether it can be the same program's."""
    values, metric = proven.values, proven.lab.contract.metric
    sigma = statistics.stdev(values)
    apart = abs(yours - statistics.fmean(values))
    shown = f"Your own run: {metric.name} {yours:g}{' ' * bool(metric.unit)}{metric.unit}"
    quantile = BEYOND.get(len(values) - 1, min(BEYOND.values()))
    exponent = Decimal(repr(yours)).as_tuple().exponent
    assert isinstance(exponent, int)
    rounded = 0.5 * 10.0**exponent  # people give it as it was printed
    if apart <= quantile * sigma * (1 + 1 / len(values)) ** 0.5 + 1.001 * rounded:
        return f"{shown}, as in the lab"
    how = f"{apart / sigma:.0f} times the spread" if sigma else "and all of them are the same"
    return (
        f"{shown}. THE LAB MEASURES SOMETHING ELSE: its runs are {apart:.4g} away, {how}. Find out "
        "why before any research (docs/attach.md, The same program)"
    )


def baseline_words(proven: "Baseline", yours: float | None = None) -> Iterator[str]:
    """Yield the baseline's measurement, the cost of a verdict, and what the lab guarantees."""
    contract = proven.lab.contract
    values, unit = proven.values, contract.metric.unit
    sigma = spread_of([values])
    spread = f", spread {sigma:.2g}" if sigma else ""
    if sigma == 0:
        spread = f", the same in every run: {spread_words(sigma)}"
    mean = figures.measured(statistics.fmean(values), unit, sigma)
    yield (
        f"Baseline: {contract.metric.name} {mean}{spread}, "
        f"{figures.count(len(values), 'run')} of {proven.seconds:.1f} s each"
    )
    if yours is not None:
        yield own_words(proven, yours)
    yield from proven.differences
    devices = proven.lab.runs.at_once()
    least, most = GATE.fewest_runs, GATE.most_runs
    yield (
        f"A verdict takes {least} to {most} runs of a change, beside {GATE.fewest_controls} or "
        f"more of the baseline: {least * proven.seconds / devices:.0f} to "
        f"{most * proven.seconds:.0f} s on {figures.count(devices, 'device')}"
    )
    yield f"It is {HELD[contract.metric.scoring]}"
    if contract.inputs.network:
        yield "Runs may use the network, and every result says so"
