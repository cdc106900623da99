"""`redteam` on a terminal: runs cheats and honest patches, and prints what came of each."""

from collections import Counter
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from autoresearch.common.text import cut
from autoresearch.redteam.catalogue import Entry, chosen
from autoresearch.redteam.outcomes import Finding, Outcome
from autoresearch.redteam.trials import TORCH_PYTHON, UNSANDBOXED, Report, run_redteam
from server.commands.output import JsonOption, console, plain, print_json, say, table
from server.views import figures

STYLES = {
    Outcome.CAUGHT: "green",
    Outcome.WITHOUT_EFFECT: "green",
    Outcome.PASSED: "green",
    Outcome.WORKED: "bold red",
    Outcome.NOT_HELD: "bold red",
    Outcome.BROKEN: "magenta",
    Outcome.FLAGGED: "bold red",
    Outcome.NOT_TRIED: "yellow",
}
BAR = 30
WORDS = 110  # characters of what is said of a patch in the table


def redteam(
    *,
    target: Annotated[str, Parameter(help="The shipped target to cheat on.")] = "microgpt",
    only: Annotated[
        tuple[str, ...], Parameter(help="Only the patch of this name; may be repeated.")
    ] = (),
    unsandboxed: Annotated[
        bool,
        Parameter(help="Without a sandbox, to show which cheats then work; they are harmless."),
    ] = False,
    torch_python: Annotated[
        str,
        Parameter(
            env_var=TORCH_PYTHON,
            help="A Python with torch and NumPy, for the cheats of token scoring.",
        ),
    ] = "",
    json: JsonOption = False,
) -> int:
    """Try to cheat the lab, and show that honest patches pass; exit 1 if anything got through.

    Every patch really runs, in a lab of its own that is removed afterwards: about three minutes. A
    cheat is caught (refused, or its run is not judged) or without effect (scored no better than
    unchanged code, and nothing outside was touched). Anything else is called broken.
    """
    entries = chosen(target, only)
    on = Console(stderr=True, highlight=False) if json else console
    report = _watched(target, entries, on, UNSANDBOXED if unsandboxed else "", torch_python)
    if json:
        print_json({**plain(report), "counts": _counts(report), "ok": report.ok})
    else:
        _show(report)
    return 0 if report.ok else 1


def _watched(
    target: str, entries: tuple[Entry, ...], on: Console, sandbox: str, torch_python: str
) -> Report:
    with Progress(
        MofNCompleteColumn(),
        BarColumn(bar_width=BAR),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        console=on,
        transient=True,
    ) as progress:
        task = progress.add_task("opening a lab", total=len(entries))

        def watch(about: str, done: int, total: int) -> None:
            progress.update(task, description=about, completed=done, total=total)

        return run_redteam(target, entries, watch, sandbox=sandbox, torch_python=torch_python)


def _show(report: Report) -> None:
    cheats = [finding for finding in report.findings if finding.cheats]
    honest = [finding for finding in report.findings if not finding.cheats]
    if cheats:
        _show_table(cheats, "cheat", "class", "held by")
    if honest:
        _show_table(honest, "honest patch", "what it changes", "")
    for line in report.ledger:
        say(f"the ledger is damaged: {line}", "bold red")
    _show_gaps(report)
    say(_last_line(report), _style(report))


def _show_table(findings: list[Finding], name: str, about: str, held_by: str) -> None:
    shown = table(name, about, *([held_by] if held_by else []), "came to", "sigma", "because")
    for finding in findings:
        gain = "" if finding.gain_sigma is None else f"{finding.gain_sigma:+.1f}"
        shown.add_row(
            finding.name,
            finding.about,
            *([", ".join(finding.held_by)] if held_by else []),
            Text(finding.outcome, style=STYLES[finding.outcome]),
            gain,
            Text(cut(" ".join(finding.words.split()), WORDS)),
        )
    console.print(shown)


def _show_gaps(report: Report) -> None:
    """Loudly, what no sandbox means here."""
    for gap in report.gaps:
        say(f"{report.sandbox}: {gap}", "yellow")
    loose = [finding.name for finding in report.findings if finding.outcome is Outcome.NOT_HELD]
    if loose:
        say(
            f"NOT HELD: {figures.count(len(loose), 'cheat')} that the sandbox here "
            f"({report.sandbox}) does not stop: {', '.join(loose)}",
            "bold red",
        )
        say("`autoresearch-mcp doctor` shows what is missing. Open only targets that you trust.")


def _last_line(report: Report) -> str:
    counts = _counts(report)
    untried = f"; {counts['not tried']} not tried" if counts["not tried"] else ""
    cheats = sum(finding.cheats for finding in report.findings)
    honest = len(report.findings) - cheats
    failed = report.count(Outcome.CAUGHT) + report.count(Outcome.WITHOUT_EFFECT)
    return (
        f"{failed} of {figures.count(cheats, 'cheat')} failed ({counts['caught']} caught, "
        f"{counts['without effect']} without effect), {counts['worked']} worked, "
        f"{counts['not held']} not held, {counts['broken']} broken; {counts['flagged']} of "
        f"{honest} honest patches flagged{untried}; sandbox: {report.sandbox}; "
        f"{report.seconds:.0f} s"
    )


def _counts(report: Report) -> dict[str, int]:
    counted = Counter(finding.outcome for finding in report.findings)
    return {str(outcome): counted[outcome] for outcome in Outcome}


def _style(report: Report) -> str:
    return "green" if report.ok else "bold red"
