"""The one-page report of a demo, out of its template."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from autoresearch.system.home import lab_names
from server.scripted_agents.demo import DemoResult
from server.views import figures
from server.views.trust import trust_rows, unseen_words

TEMPLATES = Path(__file__).resolve().parent / "templates"


def write_report(result: DemoResult, path: Path, *, chart: Path | None, again: str) -> None:
    """Write markdown; `again` is how the command line is called on this lab."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - markdown for people, from the demo's own figures
    )
    environment.filters["effect"] = lambda trial: figures.effect(
        trial.effect, trial.low, trial.high, result.sigma
    )
    template = environment.get_template("report.md.j2")
    path.write_text(
        template.render(
            result=result,
            chart=chart.name if chart else None,
            again=again,
            kept=[trial for trial in result.trials if trial.kept],
            dropped=[trial for trial in result.trials if not trial.kept],
            right=_predicted_well(result),
            unseen=unseen_data(result.home),
            trust=_trust(result.home),
        )
    )


def unseen_data(home: Path) -> str:
    """Return how much of the demo's gain holds on documents that no verdict looked at."""
    if len(list(lab_names(home))) != 1:
        return ""
    from autoresearch.lab import Lab

    return unseen_words(Lab.reopen(home=home).overview())


def _trust(home: Path) -> list[tuple[str, str]]:
    """Return the demo lab's trust in its own conclusions; nothing if the lab is gone."""
    if len(list(lab_names(home))) != 1:
        return []
    from autoresearch.lab import Lab

    return trust_rows(Lab.reopen(home=home).overview())


def _predicted_well(result: DemoResult) -> tuple[int, int]:
    """Return (right directions, predictions whose interval excludes 0)."""
    told = [
        (trial.confidence >= 0.5, trial.low > 0)
        for trial in result.trials
        if trial.low is not None and trial.high is not None and not trial.low <= 0 <= trial.high
    ]
    return sum(said == came for said, came in told), len(told)
