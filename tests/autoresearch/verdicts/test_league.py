"""The league: what came of whom, from histories that a test tells."""

import pytest

from autoresearch.ledger.campaign_records import (
    CampaignBudget,
    CampaignStarted,
    StartCause,
    Worker,
    WorkerEnd,
    WorkerEnded,
    WorkerStarted,
)
from autoresearch.records import Outcome, Prediction, Proposer
from autoresearch.verdicts.league import BY_HAND, Contender, LabRecord, LeagueRow, league
from server.reports.league_table import LEAGUE_COLUMNS, league_cells, league_figures
from tests.support.told import BASELINE, Told

CLAUDE = Proposer(client="claude-code", model="opus", worker="c1/w1")
SEARCH = Proposer(client="search", worker="c1/w2")
PERSON = Proposer(client="cursor", model="gpt")


def campaign(told: Told, **tokens: int) -> None:
    """A campaign of two workers, each of which was started once and ended."""
    workers = (Worker(name="w1", agent="claude-code"), Worker(name="w2", agent="search"))
    told.tell(
        CampaignStarted(
            campaign="c1",
            budget=CampaignBudget(hours=1.0),
            workers=workers,
            silence_s=60.0,
            grace_s=60.0,
            machine="m",
        )
    )
    for worker, spent in tokens.items():
        told.tell(
            WorkerStarted(
                campaign="c1", worker=worker, start=1, cause=StartCause.FIRST, brief="go on"
            )
        )
        told.tell(
            WorkerEnded(
                campaign="c1",
                worker=worker,
                start=1,
                cause=WorkerEnd.EXITED,
                sentence="done",
                tokens=spent,
            )
        )


def try_out(told: Told, who: Proposer, value: float, runs: int = 5, **changes: object) -> str:
    """An experiment whose runs measure that, with the verdict that follows."""
    name = told.propose(proposer=who, **changes)
    spread = (0.0, 0.004, -0.004, 0.002, -0.002)
    told.runs(name, *(value + spread[n % 5] for n in range(runs)))
    told.judge(name)
    return name


def by_name(rows: tuple[LeagueRow, ...]) -> dict[Contender, LeagueRow]:
    return {row.contender: row for row in rows}


def test_each_proposer_is_measured_by_its_own_keeps_time_and_tokens() -> None:
    told = Told(*BASELINE, 3.2, 3.21)
    campaign(told, w1=500_000, w2=0)
    kept = try_out(told, CLAUDE, 3.0)
    assert told.history.verdicts[kept].moved_incumbent
    told.runs(kept, *(3.0, 3.004, 2.996))  # control runs of the incumbent: nobody's time
    lost = try_out(told, SEARCH, 3.4, runs=1)
    assert told.history.verdicts[lost].outcome is Outcome.DISCARD
    open_one = told.propose(proposer=PERSON)
    rows = by_name(league([LabRecord(name="a", history=told.history)]))
    claude = rows[Contender("claude-code opus", "claude-code")]
    assert (claude.experiments, claude.keeps, claude.survivors) == (1, 1, 1)
    assert claude.device_hours == pytest.approx(5 * 2.0 / 3600)
    assert claude.keeps_an_hour == pytest.approx(360.0)
    assert claude.keeps_a_million_tokens == pytest.approx(2.0)
    search = rows[Contender("search", "search")]
    assert (search.keeps, search.keeps_an_hour) == (0, 0.0)
    assert search.keeps_a_million_tokens is None
    person = rows[Contender("cursor gpt", BY_HAND)]
    assert (person.experiments, person.keeps_an_hour, person.predictions) == (1, None, None)
    assert open_one not in told.history.verdicts


def test_a_keep_that_finalize_dropped_or_that_was_reversed_survives_no_more() -> None:
    told = Told(*BASELINE, 3.2, 3.21)
    kept = try_out(told, PERSON, 3.0)
    [row] = league([LabRecord(name="a", history=told.history, dropped=frozenset([kept]))])
    assert (row.keeps, row.survivors) == (1, 0)


def test_predictions_are_scored_over_all_labs_and_the_best_stand_first() -> None:
    first, second = Told(*BASELINE, 3.2, 3.21), Told(*BASELINE, 3.2, 3.21)
    sure = Prediction(effect=0.2, confidence=0.95)
    try_out(first, PERSON, 3.0, prediction=sure)
    try_out(second, SEARCH, 3.6, runs=1, prediction=sure)
    try_out(second, PERSON, 3.0, prediction=sure)
    rows = league(
        [LabRecord(name="a", history=first.history), LabRecord(name="b", history=second.history)]
    )
    assert [row.contender.name for row in rows] == ["cursor gpt", "search"]
    right, wrong = rows[0].predictions, rows[1].predictions
    assert right is not None
    assert wrong is not None
    assert (right.scored, rows[0].labs, rows[1].labs) == (2, ("a", "b"), ("b",))
    assert right.brier < 0.01
    assert wrong.brier > 0.8


def test_code_that_was_proposed_before_is_a_repeat() -> None:
    told = Told(*BASELINE)
    told.propose(proposer=PERSON, fingerprint="same")
    told.propose(proposer=SEARCH, fingerprint="same")
    rows = by_name(league([LabRecord(name="a", history=told.history)]))
    assert rows[Contender("cursor gpt", BY_HAND)].repeats == 0
    assert rows[Contender("search", BY_HAND)].repeats == 1


def test_tokens_of_a_worker_that_proposed_nothing_are_its_agents() -> None:
    told = Told(*BASELINE)
    campaign(told, w1=70_000)
    [row] = league([LabRecord(name="a", history=told.history)])
    assert row.contender == Contender("claude-code", "claude-code")
    assert (row.tokens, row.experiments, row.keeps_a_million_tokens) == (70_000, 0, 0.0)


def test_a_patch_that_the_lab_re_proposed_is_no_second_experiment() -> None:
    told = Told(*BASELINE)
    told.propose(proposer=PERSON)
    told.propose(proposer=PERSON, replay_of="e1")
    [row] = league([LabRecord(name="a", history=told.history)])
    assert row.experiments == 1


def test_rows_have_a_cell_for_each_column_and_no_number_where_nothing_is_known() -> None:
    told = Told(*BASELINE)
    told.propose(proposer=PERSON)
    [row] = league([LabRecord(name="a", history=told.history)])
    cells = league_cells(row)
    assert len(cells) == len(LEAGUE_COLUMNS)
    assert dict(zip(LEAGUE_COLUMNS, cells, strict=True))["an hour"] == "-"
    assert league_figures(row)["brier"] is None
    assert league([]) == ()
