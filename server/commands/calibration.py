"""`aa-test` and `replay-log`: how far verdicts can be trusted, this lab's and a log's."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from autoresearch.errors import LabError
from autoresearch.records import Outcome
from autoresearch.replays.results_log import JudgedLog, judge_log
from server.commands.output import JsonOption, console, plain, print_json, say, table
from server.views import figures

if TYPE_CHECKING:
    from autoresearch.calibration.own_lab import Resolution
    from autoresearch.calibration.real_trials import Calibration
    from autoresearch.calibration.rivals import Rivals
    from autoresearch.calibration.simulation import Row, Simulation

NULLS = 10_000
SHOWN = (0.5, 1.0, 1.5, 2.0, 3.0)  # sigma
INTERRUPTED = 130


def aa_test(
    *,
    simulate: Annotated[bool, Parameter(help="Simulate campaigns; no run is started.")] = False,
    real: Annotated[
        int, Parameter(help="Candidates to test by real runs of unchanged code; 60 are meaningful.")
    ] = 0,
    target: Annotated[str, Parameter(help="With --real: the target.")] = "microgpt",
    candidates: Annotated[
        int, Parameter(help="With --simulate: candidates without a gain in each row.")
    ] = NULLS,
    seed: Annotated[int, Parameter(help="With --simulate: the same seed, the same table.")] = 1,
    lab: Annotated[
        str | None, Parameter(help="A lab of your own: what it can tell apart, by its noise.")
    ] = None,
    runs: Annotated[
        int, Parameter(help="With --lab: control runs to make first; they are recorded.")
    ] = 0,
    json: JsonOption = False,
) -> int:
    """Propose unchanged code again and again, and count how often the judge is fooled.

    Exit 1 if it is fooled more often than docs/calibration.md promises. With --lab it says which
    gains that lab finds 9 times in 10, by the noise of its own control runs.
    """
    if lab is not None and not (simulate or real):
        return _own_lab(lab, runs, seed, json)
    if real < 0:
        raise LabError(
            f"--real {real} is not possible.",
            "Give at least 1; 60 are meaningful.",
            reason="too_few",
        )
    if simulate == bool(real):
        raise LabError(
            "Simulated, real, or a lab of your own?",
            "Give one of --simulate, --real N with N candidates, such as 60, and --lab NAME.",
            reason="simulate_or_real",
        )
    if simulate:
        return _simulate(candidates, seed, json)
    try:
        return _real(real, target, json)
    except KeyboardInterrupt:
        print("Stopped: its runs were ended and its temporary lab removed.", file=sys.stderr)
        return INTERRUPTED


def replay_log(
    file: Annotated[Path, Parameter(help="A results.tsv of karpathy/autoresearch.")],
    *,
    sigma: Annotated[
        float, Parameter(help="The spread of runs that differ only in their seed, such as 0.0007.")
    ],
    json: JsonOption = False,
) -> None:
    """Report which keeps of a results.tsv stand above the noise."""
    found = judge_log(file, sigma)
    if json:
        print_json(found)
        return
    _show_log(found)


def _simulate(candidates: int, seed: int, json: bool) -> int:
    from autoresearch.calibration import simulation as simulate

    if candidates < 1 or seed < 0:
        raise LabError(
            f"--candidates {candidates} --seed {seed} can't be simulated.",
            "Give at least 1 candidate, and a seed of 0 or more.",
            reason="not_simulated",
        )
    with _progress(json) as progress:
        total = simulate.candidates_of(candidates)
        task = progress.add_task("candidates judged", total=total)
        found = simulate.simulate(
            seed=seed,
            nulls=candidates,
            done=lambda more: progress.update(task, advance=more),
        )
    # With fewer candidates than were promised for, a bound may be missed by chance.
    broken = simulate.broken_promises(found) if candidates >= NULLS else ()
    if json:
        print_json({"simulation": plain(found), "broken": broken})
    else:
        _show_simulation(found)
        for words in broken:
            say(f"- {words}", "red")
        if candidates >= NULLS:
            say("A bound of docs/calibration.md is broken." if broken else "All bounds hold.")
    return 1 if broken else 0


def _real(nulls: int, target: str, json: bool) -> int:
    from autoresearch.calibration.real_trials import broken_promises, calibrate

    with _progress(json) as progress:
        task = progress.add_task("20 controls first", total=None)

        def watch(what: str, done: int, of: int) -> None:
            progress.update(task, description=what, completed=done, total=of)

        found = calibrate(nulls, target=target, watch=watch)
    broken = broken_promises(found)
    if json:
        print_json({"calibration": plain(found), "broken": broken})
        return 1 if broken else 0
    _show_real(found)
    for words in broken:
        say(f"- {words}", "red")
    say("A bound of docs/calibration.md is broken." if broken else "All bounds hold.")
    return 1 if broken else 0


def _own_lab(name: str, runs: int, seed: int, json: bool) -> int:
    from autoresearch.calibration.own_lab import measure_controls, resolution
    from autoresearch.lab import Lab

    if runs < 0 or seed < 0:
        raise LabError(
            f"--runs {runs} --seed {seed} is not possible.", "Give 0 or more.", reason="too_few"
        )
    lab = Lab.reopen(name)
    try:
        with _progress(json) as progress:
            task = progress.add_task("control runs", total=runs)
            measure_controls(
                lab, runs, lambda done, of: progress.update(task, completed=done, total=of)
            )
            progress.update(task, description="judging drawn candidates", total=None)
            found = resolution(lab, seed=seed)
    except KeyboardInterrupt:
        print("Stopped: control runs that began go on to their end.", file=sys.stderr)
        return INTERRUPTED
    if json:
        print_json({"resolution": plain(found)})
        return 0
    for line in resolution_words(lab.name, found, lab.contract.metric.unit):
        say(line)
    return 0


def resolution_words(name: str, found: "Resolution", unit: str) -> tuple[str, ...]:
    """Say in sentences what a lab can tell apart."""
    if found.sigma == 0:
        return (
            f"{name}: {figures.count(found.runs, 'control run')} gave exactly the same value, so "
            "any difference is found, and one confirming run decides.",
        )
    gain = f"{found.gain:.2g} {unit}".rstrip()
    shape = "looks normal" if found.normal else "does not look normal, or too few runs tell"
    drift = "; its level may drift, so control runs beside a candidate are needed" * found.drifts
    return (
        f"{name}: sigma {found.sigma:.2g} {unit}".rstrip()
        + f" from {figures.count(found.runs, 'control run')}; the noise {shape}{drift}.",
        f"Gains above {gain} ({found.gain_sigmas:.1f} sigma) are found 9 times in 10 within "
        f"{found.most_runs} runs, in {found.runs_each:.1f} on average.",
        f"A change that does nothing takes {found.null_runs:.1f} runs, and "
        f"{found.false_keeps:.2%} of such are kept.",
    )


def _progress(json: bool) -> Progress:
    return Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True, highlight=False) if json else console,
        transient=True,
    )


def _show_simulation(found: "Simulation") -> None:
    from autoresearch.calibration.simulation import RIVALRY

    first = found.rows[0]
    say(
        f"{first.at(0).candidates:,} candidates without a gain and {first.at(1).candidates:,} of "
        "each effect per row; effects in sigma, which is estimated from the controls of each; "
        f"judge version {found.judge_version}, seed {found.seed}"
    )
    shown = table(
        "controls", "false keeps", "runs per null", "runs at -2", *(f"kept at {e:g}" for e in SHOWN)
    )
    for row in found.rows:
        shown.add_row(
            row.setting.label,
            f"{row.at(0).rate:.2%}",
            f"{row.at(0).runs_each:.2f}",
            f"{row.at(-2).runs_each:.2f}",
            *(f"{row.at(effect).rate:.3f}" for effect in SHOWN),
        )
    console.print(shown)
    say("\nRuns per candidate, by effect")
    _show_runs(found.rows)
    say("\nOther noise")
    _show_noises(found.noises)
    say("\nSimplifications kept, if at most 1 sigma worse is allowed")
    _show_simplifications(found.simplifications)
    say("\nThe first runs of the same candidates without a gain, under other rules")
    beside = next(row for row in found.rows if row.setting == RIVALRY)
    _show_rivals(found.rivals, beside.at(0).rate * found.rivals.candidates)


def _show_runs(rows: Sequence["Row"]) -> None:
    shown = table("controls", *(f"{one.effect:g}" for one in rows[0].tallies))
    for row in rows:
        shown.add_row(row.setting.label, *(f"{one.runs_each:.2f}" for one in row.tallies))
    console.print(shown)


def _show_noises(rows: Sequence["Row"]) -> None:
    shown = table("runs", "controls", "false keeps", "runs per null", "kept at 2", "at 4")
    for row in rows:
        shown.add_row(
            row.setting.kind,
            f"{row.setting.controls}",
            f"{row.at(0).rate:.2%}",
            f"{row.at(0).runs_each:.2f}",
            f"{row.at(2).rate:.3f}",
            f"{row.at(4).rate:.3f}",
        )
    console.print(shown)


def _show_simplifications(rows: Sequence["Row"]) -> None:
    shown = table("controls", *(f"{one.effect:g}" for one in rows[0].tallies), "runs at 0")
    for row in rows:
        rates = [f"{one.rate:.3f}" for one in row.tallies]
        shown.add_row(row.setting.label, *rates, f"{row.at(0).runs_each:.2f}")
    console.print(shown)


def _show_rivals(rivals: "Rivals", ours: float) -> None:
    number = rivals.candidates
    shown = table("rule", f"false keeps in {number}", "")
    rows = (
        ("this judge", f"{ours:.2f}", ""),
        (
            "keep if lower than its own last lucky run",
            f"{rivals.keeps:.2f}",
            f"the last claims {rivals.claimed:.1f} sigma on the code it began with",
        ),
        ("keep if lower than a fresh run", f"{rivals.fresh * number:.1f}", ""),
        (
            "pi-autoresearch's confidence of 2 or more",
            f"{rivals.keeps * rivals.likely_real:.2f}",
            f"of the lucky ones; a session ends at {rivals.confidence:.1f} times its spread",
        ),
    )
    for row in rows:
        shown.add_row(*map(Text, row))
    console.print(shown)


def _show_real(found: "Calibration") -> None:
    digits = figures.digits_for(found.sigma)
    say(
        f"{found.target}, {found.sandbox}: sigma {found.sigma:.{digits}f} {found.unit} from "
        f"{len(found.controls)} controls; judge version {found.judge_version}; "
        f"{found.seconds:.0f} s"
    )
    shown = table("candidates", *(str(outcome) for outcome in Outcome), "runs each")
    planted = "planted gain"
    if found.planted_effect is not None:
        sigmas = found.planted_effect / found.sigma
        planted = f"planted gain of {found.planted_effect:+.{digits}f}, {sigmas:.1f} sigma"
    for name, group in (("unchanged code", found.nulls), (planted, found.planted)):
        if group:
            ended = [one.trial.outcome for one in group]
            runs = sum(one.trial.runs for one in group) / len(group)
            counts = [str(ended.count(outcome)) for outcome in Outcome]
            shown.add_row(f"{len(group)} of {name}", *counts, f"{runs:.2f}")
    console.print(shown)
    if not found.planted:
        say(f"No known gain to plant into {found.target}.")
    if found.rivals:
        say("\nThe first runs of the same unchanged code, under other rules")
        kept = sum(one.trial.outcome is Outcome.KEEP for one in found.nulls)
        _show_rivals(found.rivals, kept)


def _show_log(found: JudgedLog) -> None:
    shown = table("commit", "gain", "sigma", "luck", "tries", "luck", "", "change")
    for keep in found.keeps:
        shown.add_row(
            Text(keep.commit[:8]),
            f"{keep.gain:+.6f}",
            f"{keep.sigmas:.1f}",
            _chance(keep.luck),
            str(keep.tries),
            _chance(keep.luck_of_tries),
            Text("stands", style="green") if keep.stands else Text("noise?", style="yellow"),
            Text(keep.description),
        )
    console.print(shown)
    for words in found.damaged:
        say(f"left out: {words}", "yellow")
    say(
        "luck: 1 - Phi(gain / (sigma sqrt 2)), the chance that a run of the same code beats "
        "another by as much; after tries: that one of so many runs, those since the last keep, "
        "does. Below 1 %, a keep stands above the noise."
    )
    say(
        f"{figures.count(found.runs, 'run')}, {len(found.keeps)} kept after the first: "
        f"{found.below_sigma} of them gained less than sigma = {found.sigma:g}, "
        f"{found.standing} stand above the noise; {found.claimed:.6f} claimed in all"
    )


def _chance(share: float) -> str:
    return f"{share:.0e}" if share < 0.001 else f"{share:.3f}"
