"""The league as rows of a table, for the command and for the report."""

from typing import Any

from autoresearch.verdicts.league import LeagueRow
from server.views.figures import shorten

LEAGUE_COLUMNS = (
    "proposer",
    "kind",
    "tried",
    "keeps",
    "stand",
    "an hour",
    "a M tokens",
    "Brier",
    "log score",
    "repeats",
)
LEAGUE_NOTE = (
    "tried: experiments; stand: keeps that were neither reversed nor dropped by finalize; an hour: "
    "keeps that stand for an hour of device, by the proposer's own runs; a M tokens: keeps for a "
    "million tokens, as clients report them of campaigns' workers; Brier: of so many predictions, "
    "0.25 for a coin, lower is better; log score: in brackets that of "
    "knowing nothing, higher is better; repeats: without those that were refused, which leave no "
    "trace"
)
NOT_KNOWN = "-"


def league_cells(row: LeagueRow) -> tuple[str, ...]:
    """Return a row's cells, in the order of the columns."""
    scored = row.predictions
    return (
        row.contender.name,
        row.contender.kind,
        str(row.experiments),
        str(row.keeps),
        str(row.survivors),
        _number(row.keeps_an_hour),
        _number(row.keeps_a_million_tokens),
        f"{scored.brier:.2f} of {scored.scored}" if scored else NOT_KNOWN,
        f"{scored.log_score:+.2f} ({scored.know_nothing:+.2f})" if scored else NOT_KNOWN,
        str(row.repeats),
    )


def league_figures(row: LeagueRow) -> dict[str, Any]:
    """Return a row for a program."""
    scored = row.predictions
    return {
        "proposer": row.contender.name,
        "kind": row.contender.kind,
        "labs": list(row.labs),
        "experiments": row.experiments,
        "keeps": row.keeps,
        "survivors": row.survivors,
        "repeats": row.repeats,
        "device_hours": shorten(row.device_hours, 4),
        "keeps_an_hour": shorten(row.keeps_an_hour, 4),
        "tokens": row.tokens,
        "keeps_a_million_tokens": shorten(row.keeps_a_million_tokens, 4),
        "predictions_scored": scored.scored if scored else 0,
        "brier": shorten(scored.brier, 4) if scored else None,
        "log_score": shorten(scored.log_score, 4) if scored else None,
        "log_score_of_knowing_nothing": shorten(scored.know_nothing, 4) if scored else None,
    }


def _number(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.3g}"
