"""The command `search`: turn the knobs of a lab's code without a language model."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from autoresearch.common.text import cut
from autoresearch.errors import LabError
from autoresearch.lab import Lab
from autoresearch.search.driver import run_search
from autoresearch.search.plan import SearchPlan, plan_search
from autoresearch.search.searchers import Method
from autoresearch.search.settings import Progress, SearchResult, SearchSettings, Watch, Why
from autoresearch.search.sites import written
from server.clients.launch import how_to_install
from server.commands.output import (
    JsonOption,
    LabOption,
    console,
    print_json,
    say,
    say_who,
    spinner,
    table,
)
from server.views import figures
from server.views.research_views import incumbent_words

INTERRUPTED = 130
NO_OPTUNA = "lab_error.no_optuna"
LONGEST = 110  # characters of a line of progress
ENDS = {
    Why.EXPERIMENTS: "it proposed as many experiments as it was to",
    Why.HOURS: "its hours are up",
    Why.LAB_ENDED: "the contract's goal is reached, or its [stop] is used up",
    Why.TOLD_TO: "it was told to end",
    Why.NOTHING_NEW: "nothing is left that was not tried",
}


def search(
    *,
    lab: LabOption = "",
    experiments: Annotated[
        int | None, Parameter(help="How many experiments to propose; 40, unless --hours is given.")
    ] = None,
    hours: Annotated[float | None, Parameter(help="How long to go on proposing.")] = None,
    method: Annotated[Method, Parameter(help="How it chooses what to try.")] = Method.TPE,
    knobs: Annotated[
        tuple[str, ...],
        Parameter(help="Only these, in place of all.", consume_multiple=True),
    ] = (),
    dry_run: Annotated[
        bool, Parameter(help="Show the knobs and first trials; run nothing.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Search a lab's knobs without a language model; each trial is an experiment like any other.

    Knobs are those of [knobs] in the contract, else the numbers found in the code. After
    Ctrl-C started runs continue, and the same command goes on where it was.
    """
    here = Lab.reopen(lab or None)
    most = 40 if experiments is None and hours is None else experiments
    settings = SearchSettings(method=method, experiments=most, hours=hours, knobs=knobs)
    _check(settings)
    with _installed():
        if dry_run:
            plan = plan_search(here, settings)
            if json:
                print_json(plan)
            else:
                _show_plan(plan, settings)
            return 0
        on = Console(stderr=True, highlight=False) if json else console
        try:
            with _watched(on) as watch:
                found = run_search(here, settings, watch=watch)
        except KeyboardInterrupt:
            _say_interrupted(here)
            return INTERRUPTED
    if json:
        print_json(found)
        return 0
    _show(here, found)
    return 0


def _check(settings: SearchSettings) -> None:
    for name in ("experiments", "hours"):
        given = getattr(settings, name)
        if given is not None and given <= 0:
            raise LabError(
                f"--{name} {given:g} leaves nothing to do.",
                f"Give a number above 0 as --{name}.",
                reason="no_budget",
            )


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    """Word the lack of optuna with the command that brings it to this very installation."""
    try:
        yield
    except LabError as error:
        if error.code != NO_OPTUNA:
            raise
        remedy = f"`{how_to_install('search')}` brings them; or take --method factorial."
        raise LabError(error.message, remedy, reason=error.reason) from error


@contextlib.contextmanager
def _watched(on: Console) -> Iterator[Watch]:
    with spinner(on) as say_now:
        say_now("starting")
        last = ""

        def watch(progress: Progress) -> None:
            nonlocal last
            flight = ", ".join(progress.in_flight) or "nothing"
            say_now(
                f"{figures.count(progress.proposed, 'experiment')} proposed, {flight} "
                f"in flight, incumbent {progress.incumbent}"
            )
            line = cut(f"  {progress.experiment} {progress.words}", LONGEST)
            if line != last:
                on.print(Text(line))
            last = line

        yield watch


def _show_plan(plan: SearchPlan, settings: SearchSettings) -> None:
    shown = table("knob", "where", "now", "to try", "")
    for knob in plan.knobs:
        notes = [] if knob.declared else ["found in the code"]
        notes += ["near the last structural keep"] if knob.name in plan.near else []
        shown.add_row(
            knob.name,
            Text(f"{knob.path}:{knob.line}"),
            Text(written(knob.value)),
            Text(knob.values),
            "; ".join(notes),
        )
    console.print(shown)
    for one in plan.first:
        effect, confidence = one.prediction.effect, one.prediction.confidence
        say(f"would try {one.turned}: expects {effect:+.3g}, gain likely by {confidence:.0%}")
    bounds = [
        *([figures.count(settings.experiments, "experiment")] if settings.experiments else []),
        *([f"{settings.hours:g} hours"] if settings.hours else []),
    ]
    pruned = "" if plan.early_stop else "; early_stop in the contract would end bad runs early"
    say(
        f"{settings.method} over {figures.count(len(plan.knobs), 'knob')} of {plan.incumbent}, "
        f"{' or '.join(bounds)}, after {figures.count(plan.trials, 'trial')} in the ledger; "
        f"nothing was started{pruned}"
    )


def _show(lab: Lab, found: SearchResult) -> None:
    say_who(lab.contract.metric)
    view = lab.overview()
    say(incumbent_words(view.incumbent, view.unit))
    kept = ", ".join(found.kept) or "nothing"
    open_ = f"; still open: {', '.join(found.still_open)}" if found.still_open else ""
    say(
        f"{figures.count(len(found.proposed), 'experiment')} proposed, kept {kept}{open_}. "
        f"It ended because {ENDS[found.why]}. `autoresearch-mcp log` shows all."
    )


def _say_interrupted(lab: Lab) -> None:
    history = lab.history()
    open_ = [e.id for e in history.experiments.values() if e.base and e.id not in history.verdicts]
    words = ", ".join(open_) or "nothing"
    Console(stderr=True, soft_wrap=True, highlight=False).print(
        f"Stopped, with {words} open. Started runs continue, and the same command goes on where "
        "it was."
    )
