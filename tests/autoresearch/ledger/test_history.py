"""What the ledger's events add up to."""

import json
from dataclasses import replace

import pytest

from autoresearch.errors import LedgerDamagedError
from autoresearch.ledger import serialization as envelope
from autoresearch.ledger.events import Entry, Event
from autoresearch.ledger.history import History
from autoresearch.records import EndCause, Outcome, RunFinished, RunState
from tests.support.refusals import raises
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
    ("event", "reason", "mentions"),
    [
        (OPENED, "opened_twice", ""),
        (proposed(History(), "x"), "wrong_experiment", "e0 e2"),
        (proposed(History(), "x", id="e2"), "wrong_base", "e0"),
        (proposed(History(), "x", id="e2", base="e9"), "unknown_experiment", "e9"),
        (started(History(), "e1"), "wrong_run", "e1-r1 e1-r2"),
        (started(History(), "e9"), "unknown_experiment", "e9"),
        (finished("e1-r2"), "never_started", "e1-r2"),
        (finished("e1-r1", RunState.TRAINING), "not_final", "training"),
        (judged("e9", "e0"), "unknown_experiment", "e9"),
        (judged("e1", "e0", candidate_runs=("e1-r1",)), "unended_run", "e1-r1"),
        (judged("e1", "e1"), "wrong_base", "e1 e0"),
        (judged("e1", "e0", moved=True, outcome=Outcome.DISCARD), "not_kept", "e1 discard"),
        (concluded("e9", "x"), "unknown_experiment", "e9"),
    ],
)
def test_an_event_that_contradicts_the_history_is_refused(
    history: History, event: Event, reason: str, mentions: str
) -> None:
    before = history.copy()
    with raises(f"ledger_damaged.{reason}", *mentions.split()):
        add(history, event)
    assert history == before


def test_a_judge_that_was_replaced_gives_no_more_verdicts(history: History) -> None:
    add(history, proposed(history, "commit2"))
    add(history, judged("e1", "e0", judge_version=2))
    with raises("ledger_damaged.older_judge", "e2", "version 1", "version 2"):
        add(history, judged("e2", "e0", judge_version=1))


def test_an_experiment_is_judged_once(history: History) -> None:
    add(history, judged("e1", "e0"))
    with raises("ledger_damaged.judged_twice", "e1"):
        add(history, judged("e1", "e0", moved=True))
    assert history.incumbent == "e0"


def test_only_what_was_judged_against_the_incumbent_follows_it(history: History) -> None:
    add(history, proposed(history, "commit2"))
    add(history, judged("e1", "e0", moved=True))
    with raises("ledger_damaged.not_incumbent", "e0", "e1"):
        add(history, judged("e2", "e0", moved=True))


def test_a_run_ends_once(history: History) -> None:
    add(history, finished("e1-r1"))
    with raises("ledger_damaged.ended_twice"):
        add(history, finished("e1-r1"))


def test_nothing_comes_before_the_opening_and_no_number_is_skipped() -> None:
    with raises("ledger_damaged.not_opened"):
        grown(concluded("e0", "x"))
    with raises("ledger_damaged.wrong_number", "4", "0"):
        replay([Entry(n=4, at=0.0, commit="c", event=OPENED)])


def test_an_unknown_id_is_answered_with_the_known_ones(history: History) -> None:
    with raises("not_found.experiment", "'e7'", "e0, e1."):
        history.experiment("e7")
    with raises("not_found.run", "'r1'", "e1-r1."):
        history.run("r1")
    with raises("not_found.experiment"):
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
    with raises("ledger_damaged.unknown_key", "abc", "'extra'"):
        envelope.decode("abc", json.dumps(envelope_).encode())
    del inner["extra"]
    inner.pop(next(key for key in inner if key not in OPTIONAL))
    with raises("ledger_damaged.unreadable_event", "abc"):
        envelope.decode("abc", json.dumps(envelope_).encode())


OLD = (RunState.LOST, "gave its device to an experiment after 3.1 s of training")


@pytest.mark.parametrize(
    ("state", "reason", "cause"),
    [
        (*OLD, EndCause.PREEMPTED),
        (RunState.CRASHED, OLD[1], None),  # an exception may say anything
        (RunState.LOST, "its supervisor died while the run was training", EndCause.SUPERVISOR_DIED),
        (RunState.FINISHED, "scored 2.4513", EndCause.MEASURED),
        (RunState.STOPPED, "stopped early: its loss is 3.1 at half", EndCause.STOPPED_EARLY),
        (RunState.STOPPED, "asked to stop before it began", EndCause.ASKED_TO_STOP),
        (RunState.TAINTED, "other processes used 90 % of the machine", EndCause.DISTURBED),
        (
            RunState.TAINTED,
            "out of GPU memory: it wanted 2.0 GiB more, while notebook (pid 1) held 7,192 MB",
            EndCause.GPU_CROWDED,
        ),
        (RunState.CRASHED, "out of memory: its limit is 120 MB", EndCause.OUT_OF_MEMORY),
        (
            RunState.CRASHED,
            "killed after 1.1 s: used 301 MB of memory, over its 300 MB",
            EndCause.OVER_MEMORY,
        ),
        (RunState.CRASHED, "ZeroDivisionError: division by zero", None),
        (RunState.TRAINING, "trains", None),
    ],
)
def test_a_report_of_an_earlier_version_has_the_cause_that_its_reason_tells(
    state: RunState, reason: str, cause: EndCause | None
) -> None:
    """These sentences stand in ledgers: they are data here, and no wording of today."""
    report = replace(finished("e0-r1", state).report, reason=reason, cause=None)
    fields = json.loads(envelope.encode(0, 0.0, RunFinished(report=report)))
    del fields["event"]["report"]["cause"]
    read = envelope.decode("c", json.dumps(fields).encode()).event
    assert read == RunFinished(report=replace(report, cause=cause))


def test_the_reason_of_a_report_with_a_cause_is_never_read() -> None:
    report = replace(finished("e0-r1", OLD[0]).report, reason=OLD[1])
    for cause in (EndCause.SUPERVISOR_DIED, None):
        told = RunFinished(report=replace(report, cause=cause))
        assert envelope.decode("c", envelope.encode(0, 0.0, told)).event == told
    told = replace(finished("e0-r1").report, reason="in other words", cause=EndCause.PREEMPTED)
    assert told.yielded


def test_every_cause_ends_a_run() -> None:
    assert all(cause.state.final for cause in EndCause)


@pytest.mark.parametrize(
    "blob",
    [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000, b'{"n":0,"at":0,"kind":"x","event":{}}'],
)
def test_a_blob_that_is_no_event_is_damage(blob: bytes) -> None:
    with raises("ledger_damaged.unreadable_event", "abc"):
        envelope.decode("abc", blob)


def test_values_are_not_converted_to_fit() -> None:
    text = envelope.encode(0, 0.0, finished("e0-r1")).decode()
    for was, becomes in (('"tokens":1000', '"tokens":"1000"'), ('"finished"', '"done"')):
        with pytest.raises(LedgerDamagedError):
            envelope.decode("abc", text.replace(was, becomes).encode())


def test_a_number_that_is_not_finite_is_not_recorded() -> None:
    for value in (float("nan"), float("inf")):
        with raises("ledger_damaged.not_finite"):
            envelope.encode(0, 0.0, judged("e1", "e0", effect=value))


def test_text_that_is_not_unicode_is_recorded_without_it() -> None:
    lesson = concluded("e0", "a \udcff b \0 \u2028 ü")
    decoded = envelope.decode("c", envelope.encode(0, 0.0, lesson)).event
    assert decoded == replace(lesson, lesson="a ? b \0 \u2028 ü")
