"""What the ledger's events add up to."""

import json
from dataclasses import replace

import pytest

from autoresearch.errors import LedgerDamagedError, NotFoundError
from autoresearch.ledger import serialization as envelope
from autoresearch.ledger.history import History
from autoresearch.records import Entry, Event, Outcome, RunState
from tests.support.samples import (
    OPENED,
    all_kinds,
    concluded,
    finished,
    judged,
    proposed,
    started,
)


def entries(*events: Event) -> list[Entry]:
    return [Entry(n=n, at=float(n), commit=f"c{n}", event=e) for n, e in enumerate(events)]


def replay(entries: list[Entry]) -> History:
    history = History()
    for entry in entries:
        history.apply(entry)
    return history


def grown(*events: Event) -> History:
    return replay(entries(*events))


def add(history: History, event: Event) -> None:
    n = len(history.entries)
    history.apply(Entry(n=n, at=float(n), commit=f"c{n}", event=event))


@pytest.fixture
def history() -> History:
    """Opened, with e0 and e1, and one run of e1 that has not ended."""
    history = grown(OPENED)
    add(history, proposed(history, "commit0"))
    add(history, proposed(history, "commit1"))
    add(history, started(history, "e1"))
    return history


def test_an_empty_history_expects_e0() -> None:
    history = History()
    assert (history.head, history.incumbent, history.next_experiment) == (None, None, "e0")


def test_events_of_every_kind_add_up() -> None:
    history = grown(*all_kinds("commit0"))
    assert history.opened == OPENED
    assert (history.incumbent, history.incumbent_commit) == ("e0", "commit0")
    assert [run.id for run in history.runs_of("e0")] == ["e0-r1"]
    assert [report.state for report in history.reports_of("e0")] == [RunState.FINISHED]
    assert history.verdicts["e0"].sentence == "it is not better"
    assert [told.lesson for told in history.lessons["e0"]] == ["as it was found"]
    assert (history.head, history.next_experiment, history.next_run("e0")) == ("c5", "e1", "e0-r2")


def test_a_verdict_that_moves_the_incumbent_extends_the_kept_line(history: History) -> None:
    add(history, judged("e1", "e0", moved=True))
    add(history, proposed(history, "commit2"))
    assert history.kept == ("e0", "e1")
    assert history.incumbent_commit == "commit1"
    assert history.experiments["e2"].base == "e1"


def test_runs_without_a_report_are_unfinished(history: History) -> None:
    assert [run.id for run in history.unfinished()] == ["e1-r1"]
    add(history, finished("e1-r1", RunState.LOST))
    assert history.unfinished() == ()


def test_a_copy_does_not_change_with_the_original(history: History) -> None:
    copy = history.copy()
    before = (len(copy.entries), dict(copy.runs), copy.lessons.copy())
    add(history, started(history, "e1"))
    add(history, concluded("e1", "a lesson"))
    assert (len(copy.entries), copy.runs, copy.lessons) == before
    assert copy != history


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (OPENED, "opened already"),
        (proposed(History(), "x"), "e0 is proposed where e2 is due"),
        (proposed(History(), "x", id="e2"), "only e0, has no base"),
        (proposed(History(), "x", id="e2", base="e9"), "e9 is unknown"),
        (started(History(), "e1"), "e1-r1 is started where e1-r2 is due"),
        (started(History(), "e9"), "e9 is unknown"),
        (finished("e1-r2"), "e1-r2 ended, but was never started"),
        (finished("e1-r1", RunState.TRAINING), "ended as training"),
        (judged("e9", "e0"), "e9 is unknown"),
        (judged("e1", "e0", candidate_runs=("e1-r1",)), "rests on e1-r1"),
        (judged("e1", "e1"), "e1 is judged against e1, but its base is e0"),
        (judged("e1", "e0", moved=True, outcome=Outcome.DISCARD), "its outcome is discard"),
        (concluded("e9", "x"), "e9 is unknown"),
    ],
)
def test_an_event_that_contradicts_the_history_is_refused(
    history: History, event: Event, why: str
) -> None:
    before = history.copy()
    with pytest.raises(LedgerDamagedError, match=why):
        add(history, event)
    assert history == before


def test_a_judge_that_was_replaced_gives_no_more_verdicts(history: History) -> None:
    add(history, proposed(history, "commit2"))
    add(history, judged("e1", "e0", judge_version=2))
    with pytest.raises(
        LedgerDamagedError, match="e2 is judged by version 1 of the judge after version"
    ):
        add(history, judged("e2", "e0", judge_version=1))


def test_an_experiment_is_judged_once(history: History) -> None:
    add(history, judged("e1", "e0"))
    with pytest.raises(LedgerDamagedError, match="e1 is judged a second time"):
        add(history, judged("e1", "e0", moved=True))
    assert history.incumbent == "e0"


def test_only_what_was_judged_against_the_incumbent_follows_it(history: History) -> None:
    add(history, proposed(history, "commit2"))
    add(history, judged("e1", "e0", moved=True))
    with pytest.raises(LedgerDamagedError, match=r"judged against e0.*incumbent is e1"):
        add(history, judged("e2", "e0", moved=True))


def test_a_run_ends_once(history: History) -> None:
    add(history, finished("e1-r1"))
    with pytest.raises(LedgerDamagedError, match="ended twice"):
        add(history, finished("e1-r1"))


def test_nothing_comes_before_the_opening_and_no_number_is_skipped() -> None:
    with pytest.raises(LedgerDamagedError, match="first event"):
        grown(concluded("e0", "x"))
    with pytest.raises(LedgerDamagedError, match="number 4, but it is number 0"):
        replay([Entry(n=4, at=0.0, commit="c", event=OPENED)])


def test_an_unknown_id_is_answered_with_the_known_ones(history: History) -> None:
    with pytest.raises(NotFoundError, match=r"'e7'.*There are: e0, e1\."):
        history.experiment("e7")
    with pytest.raises(NotFoundError, match=r"'r1'.*There are: e1-r1\."):
        history.run("r1")
    with pytest.raises(NotFoundError, match="no experiments yet"):
        History().experiment("e0")


@pytest.mark.parametrize("event", all_kinds("commit0"), ids=envelope.kind_of)
def test_every_event_survives_the_way_through_json(event: Event) -> None:
    blob = envelope.encode(3, 1.5, event)
    assert envelope.decode("c", blob) == Entry(n=3, at=1.5, commit="c", event=event)
    assert envelope.encode(3, 1.5, envelope.decode("c", blob).event) == blob


OPTIONAL = ("replay_of", "contract", "cause")  # keys that records of older versions lack


@pytest.mark.parametrize("event", all_kinds("commit0"), ids=envelope.kind_of)
def test_a_key_too_many_or_too_few_is_damage(event: Event) -> None:
    envelope_ = json.loads(envelope.encode(0, 0.0, event))
    fields = envelope_["event"]
    inner = next((value for value in fields.values() if isinstance(value, dict)), fields)
    inner["extra"] = 1
    with pytest.raises(LedgerDamagedError, match=r"abc.*'extra'"):
        envelope.decode("abc", json.dumps(envelope_).encode())
    del inner["extra"]
    inner.pop(next(key for key in inner if key not in OPTIONAL))
    with pytest.raises(LedgerDamagedError, match="abc does not read"):
        envelope.decode("abc", json.dumps(envelope_).encode())


@pytest.mark.parametrize(
    "blob",
    [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000, b'{"n":0,"at":0,"kind":"x","event":{}}'],
)
def test_a_blob_that_is_no_event_is_damage(blob: bytes) -> None:
    with pytest.raises(LedgerDamagedError, match="abc does not read"):
        envelope.decode("abc", blob)


def test_values_are_not_converted_to_fit() -> None:
    text = envelope.encode(0, 0.0, finished("e0-r1")).decode()
    for was, becomes in (('"tokens":1000', '"tokens":"1000"'), ('"finished"', '"done"')):
        with pytest.raises(LedgerDamagedError):
            envelope.decode("abc", text.replace(was, becomes).encode())


def test_a_number_that_is_not_finite_is_not_recorded() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(LedgerDamagedError, match="not finite"):
            envelope.encode(0, 0.0, judged("e1", "e0", effect=value))


def test_text_that_is_not_unicode_is_recorded_without_it() -> None:
    lesson = concluded("e0", "a \udcff b \0 \u2028 ü")
    decoded = envelope.decode("c", envelope.encode(0, 0.0, lesson)).event
    assert decoded == replace(lesson, lesson="a ? b \0 \u2028 ü")
