"""Commands that look at labs: status, log, verify, branch."""

from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from autoresearch.contract_tables.metric import Metric
from autoresearch.errors import LabError
from autoresearch.lab import Lab
from autoresearch.ledger.history import History
from autoresearch.memory.idea_tree import idea_tree
from autoresearch.records import Experiment, Verdict
from autoresearch.run_output.log_digest import clean_lines
from autoresearch.system.home import default_home, lab_names
from autoresearch.verdicts.evidence import controls_of, measured, overtaken, values
from autoresearch.verdicts.repetition import spread_behind, spread_of
from autoresearch.views import Overview
from server.commands.output import (
    JsonOption,
    LabOption,
    console,
    plain,
    print_json,
    say,
    say_who,
    table,
)
from server.views import figures
from server.views.ending_rows import ending_rows
from server.views.memory_words import tree_lines
from server.views.research_views import incumbent_words
from server.views.results_tsv import results_tsv
from server.views.trust import after_verdict, trust_rows, unseen_words

COLOURS = {
    "keep": "green",
    "discard": "red",
    "crashed": "magenta",
    "inconclusive": "yellow",
    "overtaken": "blue",
}


def status(*, lab: LabOption = "", json: JsonOption = False) -> int:
    """Show each lab: incumbent, verdicts, what runs now; exit 1 if one cannot be read."""
    names = [lab] if lab else list(lab_names(default_home()))
    views, broken = [], []
    for name in names:
        try:
            views.append(Lab.reopen(name).overview())
        except LabError as error:
            if lab:
                raise
            broken.append(f"{name}: {error}")
    if json:
        print_json(views)
        return 1 if broken else 0
    for view in views:
        show_lab(view)
    for line in broken:
        say(line, "red")
    if not names:
        say("No lab yet. Next: autoresearch-mcp init microgpt")
    verdicts = sum(sum(view.outcomes.values()) for view in views)
    kept = sum(len(view.incumbent.kept) - 1 for view in views)
    going = sum(len(view.running) for view in views)
    say(
        f"{figures.count(len(views), 'lab')}, {figures.count(verdicts, 'verdict')}, {kept} kept, "
        f"{figures.count(going, 'run')} in progress"
    )
    return 1 if broken else 0


def log(
    run: Annotated[str, Parameter(help="A run, such as e3-r1, whose log to print.")] = "",
    *,
    lab: LabOption = "",
    tsv: Annotated[
        bool, Parameter(name="--tsv", help="Print karpathy/autoresearch's results.tsv.")
    ] = False,
    tree: Annotated[
        bool, Parameter(name="--tree", help="Print each experiment below the one it came from.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the experiments with their verdicts, or show a run's log."""
    here = Lab.reopen(lab or None)
    metric = here.contract.metric
    if run:
        lines = clean_lines(here.log(run))
        if json:
            print_json({"run": run, "scoring": metric.provenance, "untrusted_log": lines})
        else:
            say("\n".join(lines))
            say_who(metric)
        return
    here.overview()  # takes in how runs ended
    history = here.history()
    if tsv:
        print(results_tsv(history, metric), end="")
        return
    if tree:
        if json:
            print_json({"scoring": metric.provenance, "ideas": plain(idea_tree(history))})
        else:
            say("\n".join(tree_lines(history)))
            say_who(metric)
        return
    if json:
        print_json([_entry(history, name, metric) for name in history.experiments])
        return
    show_experiments(history, metric)
    kept = " → ".join(history.kept)
    say(f"{figures.count(len(history.experiments) - 1, 'experiment')}; the kept line: {kept}")


def verify(
    *,
    lab: LabOption = "",
    head: Annotated[
        str, Parameter(help="HASH:COUNT that an earlier verify printed, to compare.")
    ] = "",
    json: JsonOption = False,
) -> int:
    """Replay the ledger from git and derive every verdict again; exit 1 if anything differs.

    Anyone who can write to the lab's folder can rewrite its ledger and the head beside it. Keep
    the head that this prints somewhere they can't write to, and pass it as --head next time.
    """
    here = Lab.reopen(lab or None)
    found = here.verify(head)
    if json:
        # A ledger that does not agree may not tell what its contract is.
        scoring = here.contract.metric.provenance if found.ok else None
        print_json({**plain(found), "scoring": scoring})
        return 0 if found.ok else 1
    for finding in found.findings:
        say(f"- {finding}", "red")
    for note in found.notes:
        say(f"- {note}")
    if found.signer:
        due = figures.count(found.verdicts, "verdict")
        say(f"{found.signed} of {due} signed with the key {found.signer}")
    if found.ok:
        say_who(here.contract.metric)
        say(f"To compare later, keep this somewhere else: --head {found.head}")
    say(
        f"{here.name}: {'agrees' if found.ok else 'DOES NOT AGREE'}; "
        f"{figures.count(found.entries, 'event')}, "
        f"{figures.count(found.experiments, 'experiment')}, "
        f"{figures.count(found.verdicts, 'verdict')} derived again; anchor: {found.anchor}; "
        f"cache {found.cache}; {figures.count(len(found.findings), 'finding')}"
    )
    return 0 if found.ok else 1


def branch(
    name: Annotated[str, Parameter(help="The new branch; it must not exist.")],
    *,
    lab: LabOption = "",
) -> None:
    """Write the incumbent into your repository as a new branch; nothing else in it changes."""
    here = Lab.reopen(lab or None)
    say(here.branch(name))
    say_who(here.contract.metric)


def show_lab(view: Overview) -> None:
    """A lab's table: what it researches, how far it is."""
    tip = view.incumbent
    tally = ", ".join(f"{number} {outcome}" for outcome, number in view.outcomes.items()) or "none"
    better = "lower" if view.direction == "min" else "higher"
    unit = f" in {view.unit}" if view.unit else ""
    shown = table("", "")
    shown.show_header = False
    for key, value in (
        ("lab", f"{view.lab} ({view.source})"),
        ("metric", f"{view.metric}{unit}, {better} is better, {view.scoring}"),
        ("incumbent", incumbent_words(tip, view.unit)),
        *(("unseen data", words) for words in (unseen_words(view),) if words),
        *ending_rows(view.ending),
        ("kept", " → ".join(tip.kept)),
        ("verdicts", tally),
        ("budget", f"{view.budget} a run"),
        ("devices", view.devices),
        ("running", ", ".join(view.running) or "nothing"),
        *trust_rows(view),
        *(("note", notice) for notice in view.notices),
    ):
        shown.add_row(Text(key, style="bold"), Text(value))
    console.print(shown)
    console.print()


def show_experiments(history: History, metric: Metric) -> None:
    """A row for each experiment, and a line on how to read them."""
    shown = table("id", "verdict", metric.name, "effect ± 95 %", "runs", "hypothesis")
    for column in shown.columns[:-1]:
        column.no_wrap = True  # a narrow terminal folds the hypothesis and no number
    for name, experiment in history.experiments.items():
        outcome = _outcome(history, name)
        ended = [one for one in history.reports_of(name) if not one.state.repeated]
        shown.add_row(
            name,
            Text(outcome, style=COLOURS.get(outcome, "")),
            _score(history, name),
            _effect(history, history.verdicts.get(name)),
            str(len(ended)),
            Text(_told(history, experiment)),
        )
    console.print(shown)
    better = "lower" if metric.direction == "min" else "higher"
    unit = f", {metric.unit}" if metric.unit else ""
    say(
        f"{metric.name}: mean of its runs{unit}, {better} is better; effect: how much "
        "better than what it was built on, + is better; runs: not counting those that were lost, "
        "tainted or preempted"
    )
    say_who(metric)


def _outcome(history: History, name: str) -> str:
    if overtaken(history, name):
        return "overtaken"
    verdict = history.verdicts.get(name)
    return str(verdict.outcome) if verdict else "baseline" if name == "e0" else "open"


def _score(history: History, name: str) -> str:
    """The mean of its measured runs, with as many digits as the noise allows."""
    found = values(history, measured(history, name))
    sigma = spread_of([values(history, controls_of(history, kept)) for kept in history.kept])
    return figures.measured(sum(found) / len(found), "", sigma) if found else ""


def _effect(history: History, verdict: Verdict | None) -> str:
    if verdict is None or verdict.effect is None:
        return ""
    sigma = spread_behind(history, verdict)
    if sigma == 0:
        return figures.effect(verdict.effect, None, None, sigma)
    digits = figures.digits_for(sigma)
    shown = f"{verdict.effect:+.{digits}f}"
    if verdict.low is None or verdict.high is None:
        return shown
    return f"{shown} ±{(verdict.high - verdict.low) / 2:.{digits}f}"


def _told(history: History, experiment: Experiment) -> str:
    """The hypothesis, what became of it, and why nothing was measured where nothing was."""
    verdict = history.verdicts.get(experiment.id)
    unmeasured = verdict is not None and verdict.effect is None
    why = figures.quote(verdict.sentence) if verdict and unmeasured else None
    notes = filter(None, (after_verdict(history, experiment.id), why))
    return " ".join([experiment.hypothesis, *(f"({words})" for words in notes)])


def _entry(history: History, name: str, metric: Metric) -> dict[str, object]:
    verdict = history.verdicts.get(name)
    experiment = history.experiments[name]
    return {
        "experiment": name,
        "base": experiment.base,
        "commit": experiment.commit,
        "hypothesis": experiment.hypothesis,
        "outcome": verdict.outcome if verdict else None,
        "scoring": metric.provenance,
        "effect": verdict.effect if verdict else None,
        "low": verdict.low if verdict else None,
        "high": verdict.high if verdict else None,
        "note": after_verdict(history, name),
        "lessons": [one.lesson for one in history.lessons.get(name, ())],
        "runs": [run.id for run in history.runs_of(name)],
    }
