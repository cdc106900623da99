"""The report of a finalize: one page of markdown, out of its template, and its charts beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from autoresearch.finalization.ablation import KeepAnswer
from autoresearch.finalization.finalization import Finalized
from autoresearch.finalization.wording import (
    interval_words,
    proposer_words,
    span_words,
    standing_words,
)
from autoresearch.lab import Lab
from autoresearch.verdicts.league import LeagueRow
from server.clients.launch import how_to_install
from server.reports.final_charts import draw_final, draw_history, points_of
from server.reports.league_table import LEAGUE_COLUMNS, LEAGUE_NOTE, league_cells
from server.views import figures
from server.views.attribution import who_says
from server.views.scaling_text import sentence as scaling_sentence
from server.views.trust import loudly, trust_rows

TEMPLATES = Path(__file__).resolve().parent / "templates"
NAME = "report.md"
CHARTS = ("final.png", "history.png")
Draw = Callable[[Lab, Finalized, Path], tuple[Path, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report as it was written."""

    page: Path
    charts: tuple[Path, ...]  # none without matplotlib


def draw_charts(lab: Lab, found: Finalized, folder: Path) -> tuple[Path, ...]:
    """Draw the charts into a folder; raise ImportError without matplotlib."""
    metric = lab.contract.metric
    draw_final(found, metric.name, metric.unit, folder / CHARTS[0])
    draw_history(points_of(lab.history()), lab.name, metric.unit, folder / CHARTS[1])
    return tuple(folder / name for name in CHARTS)


def write_report(
    lab: Lab,
    found: Finalized,
    rows: Sequence[LeagueRow],
    folder: Path,
    draw: Draw = draw_charts,
) -> Report:
    """Write the page and, where matplotlib is installed, its charts into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        charts = draw(lab, found, folder)
    except ImportError:
        charts = ()
    page = folder / NAME
    page.write_text(render(lab, found, rows, [chart.name for chart in charts]))
    return Report(page=page, charts=charts)


def headline(lab: Lab, found: Finalized) -> str:
    """Say in one or two sentences what stood, and what it is worth on unseen documents."""
    kept, stand = len(found.ablation.answers), len(found.ablation.standing)
    dropped = found.ablation.dropped
    words = f"{stand} of {figures.count(kept, 'keep')} of {lab.name} stand"
    words += f"; dropped: {', '.join(dropped)}. " if dropped else ". "
    return words + held_out_words(lab, found)


def held_out_words(lab: Lab, found: Finalized) -> str:
    """Say what the final code is worth, on documents that no verdict used where there are any."""
    confirmed, metric = found.confirmation, lab.contract.metric
    if confirmed is None:
        return "Nothing stands, so there is no branch."
    if confirmed.unseen is None:
        gain = span_words(confirmed.gain, metric.unit)
        return f"The final code gains {gain} over e0 on what verdicts use, too; nothing is unseen."
    score = span_words(confirmed.unseen, metric.unit, signed=False)
    before = span_words(confirmed.unseen_original, metric.unit, signed=False)
    which = "an earlier finalize or run was shown on" if confirmed.shown_before else "nobody saw"
    return (
        f"On held-out documents that no verdict used and {which}, the final code has "
        f"{metric.name} {score} and e0 {before}: a gain of "
        f"{span_words(confirmed.unseen_gain, metric.unit)}."
    )


def render(lab: Lab, found: Finalized, rows: Sequence[LeagueRow], charts: Sequence[str]) -> str:
    """Return the page; `charts` are names of files beside it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - markdown; what agents wrote goes through `cell`
    )
    environment.filters["cell"] = cell
    history, overview = lab.history(), lab.overview()
    metric = lab.contract.metric
    experiments = history.experiments
    return environment.get_template("final_report.md.j2").render(
        lab=lab.name,
        found=found,
        metric=metric,
        headline=headline(lab, found),
        judged=span_words(found.confirmation.gain, metric.unit) if found.confirmation else "",
        who=who_says(metric),
        unsandboxed=loudly(overview.sandbox).strip(),
        sandbox=overview.sandbox,
        keeps=[_keep_row(lab, one) for one in found.ablation.answers],
        joints=[
            (", ".join(one.keeps), one.holds, _interval(one.gain, one.low, one.high, metric.unit))
            for one in found.ablation.joint
        ],
        outcomes=overview.outcomes,
        tried=len(experiments) - 1,
        scaling=scaling_words(found),
        trust=trust_rows(overview),
        charts=charts,
        install=how_to_install("plots"),
        league_columns=LEAGUE_COLUMNS,
        league=[league_cells(row) for row in rows],
        league_note=LEAGUE_NOTE,
    )


def cell(words: str) -> str:
    """Return words that others wrote as one line that can't leave its cell of a table."""
    line = " ".join(words.split())
    for mark in ("\\", "|", "`", "*", "_", "[", "]", "<", ">", "#"):
        line = line.replace(mark, f"\\{mark}")
    return line


def _keep_row(lab: Lab, answer: KeepAnswer) -> dict[str, str]:
    history = lab.history()
    known, verdict = history.experiments[answer.keep], history.verdicts[answer.keep]
    return {
        "keep": answer.keep,
        "hypothesis": known.hypothesis,
        "then": figures.effect(verdict.effect, verdict.low, verdict.high, verdict.sigma),
        "now": _interval(answer.gain, answer.low, answer.high, ""),
        "runs": f"{answer.runs} and {answer.controls}" if answer.runs else "none",
        "who": proposer_words(known.proposer),
        "standing": standing_words(answer),
    }


def _interval(gain: float | None, low: float | None, high: float | None, unit: str) -> str:
    return "not measured" if gain is None else interval_words(gain, low, high, unit)


def scaling_words(found: Finalized) -> str:
    """Say whether the gain over e0 carries over to other sizes; "" if the contract has none."""
    carried = found.carried_over
    if carried is None:
        return ""
    if carried.view is None:
        return f"Not known: {carried.why_not}"
    return scaling_sentence(carried.view)
