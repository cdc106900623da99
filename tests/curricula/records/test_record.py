"""A record: what is written stays, what is changed is seen, what is carried is checked."""

import json
import multiprocessing
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from curricula.errors import CourseError, RecordDamagedError, SubmissionError
from curricula.records import export as portable
from curricula.records.chain import DamageCause
from curricula.records.events import Attempt, Event, Hint, Imported, Opened, Restarted
from curricula.records.record import _REMEDY, TORN, Record

START = datetime(2026, 1, 1, tzinfo=UTC)
LINES = 5


class Clock:
    """A clock that is a second later each time, unless it is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def opened(instance: str = "a1") -> Opened:
    return Opened(course="c", lesson="l", exercise="e", instance=instance, task_seed=7)


def attempt(instance: str = "a1", *, passed: bool = True, text: str = "answer = 1") -> Attempt:
    return Attempt(
        instance=instance,
        case_seed=3,
        submission=text,
        author="learner",
        via="agent",
        passed=passed,
        first=True,
        sandbox="unsandboxed",
    )


def record_in(folder: Path, clock: Clock | None = None) -> Record:
    return Record(folder / "ann", key_file=folder / "keys" / "key", clock=clock or Clock())


def filled(folder: Path) -> Record:
    record = record_in(folder)
    record.append(opened())
    for level in range(1, LINES - 1):
        record.append(Hint(instance="a1", level=level))
    record.append(attempt())
    return record


def agrees(opened: Opened, attempt: Attempt) -> bool:
    return True


def test_what_was_appended_is_read_again_by_another_process_s_record(tmp_path: Path) -> None:
    written = filled(tmp_path).events()
    read = record_in(tmp_path)
    assert read.events() == written
    assert [event.kind for event in written] == ["opened", "hint", "hint", "hint", "attempt"]
    assert read.damaged == ""
    assert read.notes == ()


def test_events_carry_the_clock_s_time_in_utc(tmp_path: Path) -> None:
    at = datetime.fromisoformat("2026-03-01T12:00:00+02:00")
    record = Record(tmp_path / "ann", key_file=tmp_path / "key", clock=lambda: at)
    assert record.append(opened()).at.isoformat() == "2026-03-01T10:00:00+00:00"
    assert record.events()[0].at.tzinfo is UTC


def test_a_clock_set_back_a_little_does_not_reorder_the_record(tmp_path: Path) -> None:
    clock = Clock()
    record = record_in(tmp_path, clock)
    record.append(opened())
    clock.now -= timedelta(minutes=5)
    record.append(attempt())
    assert [event.kind for event in record.events()] == ["opened", "attempt"]


def test_the_key_is_for_its_owner_only_and_lies_outside_the_record(tmp_path: Path) -> None:
    filled(tmp_path)
    key = tmp_path / "keys" / "key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text() not in (tmp_path / "ann" / "record.jsonl").read_text()


def change(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].replace(b'"level":2', b'"level":1'), *lines[3:]]


def drop(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], *lines[3:]]


def insert(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[1], *lines[2:]]


def reorder(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


def drop_the_tail(lines: list[bytes]) -> list[bytes]:
    return lines[:2]


def add_a_pass(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[-1].replace(b'"case_seed":3', b'"case_seed":4'), *lines[2:]]


def blank(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"\n", *lines[2:]]


def garble(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"\xff\xfe{]\n", *lines[2:]]


@pytest.mark.parametrize(
    "tamper",
    [change, drop, insert, reorder, drop_the_tail, add_a_pass, blank, garble],
    ids=lambda tamper: tamper.__name__,
)
@pytest.mark.parametrize("who", ["running", "started"])
def test_after_a_tampered_line_nothing_counts_and_the_line_is_named(
    tmp_path: Path, tamper: Callable[[list[bytes]], list[bytes]], who: str
) -> None:
    record = filled(tmp_path)
    written = record.events()
    lines = record.file.read_bytes().splitlines(keepends=True)
    record.file.write_bytes(b"".join(tamper(lines)))
    if who == "started":
        record = record_in(tmp_path)
    assert record.events() == written[:2]
    assert record.damage is not None
    assert record.damage.line == 3
    assert "ine 3 " in record.damaged
    assert _REMEDY in record.damaged


def test_a_changed_byte_is_seen_wherever_it_is(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    record.append(Hint(instance="a1", level=1))
    record.append(Hint(instance="a1", level=2))
    content = record.file.read_bytes()
    for place in (*range(0, len(content), 7), len(content) - 1):
        spoilt = bytearray(content)
        spoilt[place] ^= 1
        record.file.write_bytes(spoilt)
        fresh = record_in(tmp_path)
        assert fresh.damaged or fresh.notes, place
        assert len(fresh.events()) < 2


def test_an_older_copy_of_the_file_is_no_way_to_take_back_a_failure(tmp_path: Path) -> None:
    record = filled(tmp_path)
    older = record.file.read_bytes()
    record.append(attempt(passed=False))
    record.file.write_bytes(older)
    assert record.damage is not None
    assert (record.damage.cause, record.damage.line) == (DamageCause.LINES_GONE, 6)
    assert "6" in record.damaged
    assert len(record.events()) == LINES


def test_a_branch_of_the_record_s_past_is_not_its_present(tmp_path: Path) -> None:
    record = filled(tmp_path)
    older, head = record.file.read_bytes(), record.head_file.read_bytes()
    record.append(attempt(passed=False))
    newest = record.head_file.read_bytes()
    record.file.write_bytes(older)
    record.head_file.write_bytes(head)
    record.append(attempt(text="answer = 2"))
    record.head_file.write_bytes(newest)
    assert record.damage is not None
    assert record.damage.cause is DamageCause.OLDER_COPY


def test_a_deleted_record_is_missed(tmp_path: Path) -> None:
    record = filled(tmp_path)
    record.file.unlink()
    assert record.events() == ()
    assert record.damage is not None
    assert record.damage.cause is DamageCause.LINES_GONE
    assert (record.damage.line, record.damage.gone) == (1, LINES)
    assert f"{LINES} lines" in record.damaged


@pytest.mark.parametrize("spoilt", ["", "{}", "[1]", '{"count": "x", "mac": 1}'])
def test_a_head_that_is_gone_or_spoilt_is_said(tmp_path: Path, spoilt: str) -> None:
    record = filled(tmp_path)
    record.head_file.unlink()
    if spoilt:
        record.head_file.write_text(spoilt)
    assert record.damage is not None
    assert record.damage.cause is (DamageCause.HEAD_UNREADABLE if spoilt else DamageCause.HEAD_GONE)
    assert record.damage.line == LINES + 1
    assert f"line {LINES}" in record.damaged
    assert len(record.events()) == LINES


def test_a_record_without_its_key_counts_for_nothing_and_says_so(tmp_path: Path) -> None:
    record = filled(tmp_path)
    record.key_file.unlink()
    assert record.events() == ()
    assert record.damage is not None
    assert record.damage.cause is DamageCause.KEY_GONE


def test_a_key_that_does_not_read_is_an_error_with_a_remedy_and_changes_nothing(
    tmp_path: Path,
) -> None:
    record = filled(tmp_path)
    before = record.file.read_bytes()
    record.key_file.write_text("no key")
    with pytest.raises(RecordDamagedError) as refused:
        record.append(opened("b2"))
    assert refused.value.code == "record_damaged.key"
    assert refused.value.remedy
    assert record.file.read_bytes() == before


def test_after_damage_it_goes_on_in_a_new_file_and_nothing_is_deleted(tmp_path: Path) -> None:
    record = filled(tmp_path)
    kept = record.events()[:2]
    lines = record.file.read_bytes().splitlines(keepends=True)
    damaged = b"".join(change(lines))
    record.file.write_bytes(damaged)
    record.append(opened("b2"))
    assert (tmp_path / "ann" / "record.damaged-1.jsonl").read_bytes() == damaged
    events = record_in(tmp_path).events()
    assert {*kept} < {*events}
    assert [event.kind for event in events if event not in kept] == ["restarted", "opened"]
    assert record.damaged == ""
    assert "record.damaged-1.jsonl" in record.notes[0]


def test_a_second_damage_is_kept_beside_the_first(tmp_path: Path) -> None:
    record = filled(tmp_path)
    for _ in range(2):
        record.file.write_bytes(record.file.read_bytes() + b"{}\n")
        record.append(opened("b2"))
    assert sorted(path.name for path in (tmp_path / "ann").glob("record.damaged-*")) == [
        "record.damaged-1.jsonl",
        "record.damaged-2.jsonl",
    ]
    assert sum(isinstance(event, Restarted) for event in record.events()) == 2


def test_a_lost_key_is_replaced_and_what_follows_counts(tmp_path: Path) -> None:
    record = filled(tmp_path)
    record.key_file.unlink()
    record.append(opened("b2"))
    assert [event.kind for event in record_in(tmp_path).events()] == ["restarted", "opened"]
    assert [event.kind for event in record.events()] == ["restarted", "opened"]


def test_a_half_written_line_is_set_aside_and_is_no_damage(tmp_path: Path) -> None:
    record = filled(tmp_path)
    written = record.events()
    with record.file.open("ab") as file:
        file.write(b'{"prev":"12')
    assert record.damaged == ""
    assert record.events() == written
    assert TORN in record.notes[0]
    record.append(opened("b2"))
    assert (tmp_path / "ann" / "record.torn").read_bytes() == b'{"prev":"12\n'
    fresh = record_in(tmp_path)
    assert len(fresh.events()) == LINES + 1
    assert fresh.damaged == ""
    assert TORN in fresh.notes[0]


def test_a_writer_that_died_between_line_and_head_loses_nothing(tmp_path: Path) -> None:
    record = filled(tmp_path)
    head = record.head_file.read_bytes()
    record.append(opened("b2"))
    record.head_file.write_bytes(head)
    fresh = record_in(tmp_path)
    assert fresh.damaged == ""
    assert len(fresh.events()) == LINES + 1


def test_a_writer_that_died_after_its_first_line_left_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = record_in(tmp_path)
    put_head = record._put_head

    def die(count: int, mac: str) -> None:
        if count:
            raise KeyboardInterrupt
        put_head(count, mac)

    monkeypatch.setattr(record, "_put_head", die)
    with pytest.raises(KeyboardInterrupt):
        record.append(opened())
    fresh = record_in(tmp_path)
    assert (len(fresh.events()), fresh.damaged) == (1, "")


def test_another_learner_s_record_is_nobody_else_s(tmp_path: Path) -> None:
    ann = filled(tmp_path)
    bob = Record(tmp_path / "bob", key_file=ann.key_file, clock=Clock())
    for _ in range(LINES):
        bob.append(opened("b2"))
    bob.file.write_bytes(ann.file.read_bytes())
    assert bob.events() == ()
    assert bob.damage is not None
    assert (bob.damage.cause, bob.damage.line) == (DamageCause.LINE_OUT_OF_PLACE, 1)


def test_a_folder_that_can_t_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    record = Record(tmp_path / "file" / "ann", key_file=tmp_path / "key", clock=Clock())
    with pytest.raises(CourseError) as caught:
        record.append(opened())
    assert caught.value.code == "course_error.not_written"
    assert caught.value.remedy


def test_odd_texts_and_great_seeds_are_read_as_they_were_written(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    odd = attempt(text="\0\r\n\u2028\x85 é 🙂 \\ud800").model_copy(update={"case_seed": 2**100})
    written = record.append(odd)
    assert record_in(tmp_path).events() == (written,)


def test_half_a_character_is_refused_before_it_gets_into_a_record() -> None:
    with pytest.raises(SubmissionError, match="10") as refused:
        attempt(text="answer = \ud800")
    assert refused.value.code == "submission.encoding"


def test_a_kind_of_a_newer_version_is_not_taken_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = filled(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(
            "curricula.records.chain.encode",
            lambda event: b'{"at":"2026-01-01T00:00:00Z","kind":"new"}',
        )
        with pytest.raises(RecordDamagedError) as refused:
            record.append(opened("b2"))
    assert refused.value.code == "record_damaged.newer_version"
    assert len(record.events()) == LINES


def add_events(folder: Path, name: str) -> None:
    record = record_in(folder)
    for number in range(10):
        record.append(opened(f"{name}{number:02}"))


@pytest.mark.slow
def test_several_processes_append_to_one_record_and_no_event_is_lost(tmp_path: Path) -> None:
    processes = [
        multiprocessing.get_context("spawn").Process(target=add_events, args=(tmp_path, name))
        for name in "abc"
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    record = record_in(tmp_path)
    names = [event.instance for event in record.events() if isinstance(event, Opened)]
    assert sorted(names) == [f"{name}{number:02}" for name in "abc" for number in range(10)]
    assert record.damaged == ""


def add_until_killed(folder: Path, told: Connection) -> None:
    record = record_in(folder)
    for number in count():
        told.send(record.append(opened(f"{number:x}")).model_dump_json())


@pytest.mark.slow
def test_what_was_given_back_survives_a_killed_writer_and_readers_see_no_damage(
    tmp_path: Path,
) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    writer = context.Process(target=add_until_killed, args=(tmp_path, there))
    writer.start()
    reader = record_in(tmp_path)
    told = []
    for _ in range(50):
        told.append(here.recv())
        assert reader.damaged == ""
    writer.kill()
    writer.join()
    written = [event.model_dump_json() for event in record_in(tmp_path).events()]
    assert written[: len(told)] == told
    record_in(tmp_path).append(opened("ffff"))
    assert record_in(tmp_path).damaged == ""


@pytest.mark.slow
def test_threads_share_one_record_and_no_event_is_lost(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: record.append(opened(f"{number:x}")), range(40)))
    assert len(record.events()) == len(record_in(tmp_path).events()) == 40


def test_export_and_import_carry_everything_to_another_key(tmp_path: Path) -> None:
    record = filled(tmp_path / "here")
    assert record.export(tmp_path / "carried.json") == LINES
    there = record_in(tmp_path / "there")
    done = there.import_record(tmp_path / "carried.json", agrees)
    assert done == portable.Import(taken=LINES, known=0, refused=())
    *events, said = sorted(there.events(), key=lambda event: isinstance(event, Imported))
    assert tuple(events) == record.events()
    assert isinstance(said, Imported)
    assert said.taken == LINES


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    record = filled(tmp_path / "here")
    record.export(tmp_path / "carried.json")
    there = record_in(tmp_path / "there")
    there.import_record(tmp_path / "carried.json", agrees)
    before = there.file.read_bytes()
    done = there.import_record(tmp_path / "carried.json", agrees)
    assert done == portable.Import(taken=0, known=LINES, refused=())
    assert there.file.read_bytes() == before


def test_importing_into_the_record_it_came_from_changes_nothing(tmp_path: Path) -> None:
    record = filled(tmp_path)
    before = record.file.read_bytes()
    record.export(tmp_path / "carried.json")
    record.import_record(tmp_path / "carried.json", agrees)
    assert record.file.read_bytes() == before


def test_two_equal_events_of_one_moment_are_both_carried(tmp_path: Path) -> None:
    record = Record(tmp_path / "here", key_file=tmp_path / "key", clock=lambda: START)
    for _ in range(2):
        record.append(Hint(instance="a1", level=1))
    record.export(tmp_path / "carried.json")
    there = record_in(tmp_path / "there")
    there.import_record(tmp_path / "carried.json", agrees)
    assert sum(isinstance(event, Hint) for event in there.events()) == 2


def test_records_of_two_machines_merge_in_the_order_of_time(tmp_path: Path) -> None:
    clock = Clock()
    one, two = record_in(tmp_path / "one", clock), record_in(tmp_path / "two", clock)
    one.append(opened("a1"))
    two.append(opened("b2"))
    one.append(opened("c3"))
    two.export(tmp_path / "two.json")
    one.import_record(tmp_path / "two.json", agrees)
    names = [event.instance for event in one.events() if isinstance(event, Opened)]
    assert names == ["a1", "b2", "c3"]


def test_a_pass_that_does_not_replay_is_left_out_and_named(tmp_path: Path) -> None:
    record = filled(tmp_path / "here")
    record.append(attempt(text="answer = 2"))
    record.append(attempt(passed=False))
    record.export(tmp_path / "carried.json")
    there = record_in(tmp_path / "there")
    asked: list[tuple[int, str]] = []

    def grade(opened: Opened, attempt: Attempt) -> bool:
        asked.append((opened.task_seed, attempt.submission))
        return attempt.submission == "answer = 1"

    done = there.import_record(tmp_path / "carried.json", grade)
    assert asked == [(7, "answer = 1"), (7, "answer = 2")]
    assert (done.taken, len(done.refused)) == (LINES + 1, 1)
    [refused] = done.refused
    assert refused.cause is portable.RefusalCause.FAILS_AGAIN
    assert refused.instance in refused.text
    assert [event.passed for event in there.events() if isinstance(event, Attempt)] == [True, False]


def test_a_pass_on_an_instance_that_was_never_opened_is_refused(tmp_path: Path) -> None:
    record = record_in(tmp_path / "here")
    record.append(attempt())
    record.export(tmp_path / "carried.json")
    done = record_in(tmp_path / "there").import_record(tmp_path / "carried.json", agrees)
    [refused] = done.refused
    assert refused.cause is portable.RefusalCause.NEVER_OPENED
    assert refused.instance in refused.text


def test_an_export_restores_what_damage_took(tmp_path: Path) -> None:
    record = filled(tmp_path)
    record.export(tmp_path / "carried.json")
    written = record.events()
    record.file.write_bytes(b"")
    done = record.import_record(tmp_path / "carried.json", agrees)
    assert done.taken == LINES
    assert {*written} < {*record.events()}
    assert record.damaged == ""


def edit_level(export: dict) -> None:
    export["events"][1]["event"]["level"] = 2


def drop_the_last(export: dict) -> None:
    export["events"].pop()


def edit_the_time(export: dict) -> None:
    export["exported"] = "2020-01-01T00:00:00Z"


def add_a_field(export: dict) -> None:
    export["events"][0]["event"]["mastered"] = True


def edit_a_link(export: dict) -> None:
    export["events"][1]["link"] = "0" * 64


def another_version(export: dict) -> None:
    export["version"] = 2


@pytest.mark.parametrize(
    "edit",
    [edit_level, drop_the_last, edit_the_time, add_a_field, edit_a_link, another_version],
    ids=lambda edit: edit.__name__,
)
def test_an_edited_export_is_refused_whole(tmp_path: Path, edit: Callable[[dict], None]) -> None:
    filled(tmp_path / "here").export(tmp_path / "carried.json")
    export = json.loads((tmp_path / "carried.json").read_text())
    edit(export)
    (tmp_path / "carried.json").write_text(json.dumps(export))
    there = record_in(tmp_path / "there")
    with pytest.raises(RecordDamagedError) as refused:
        there.import_record(tmp_path / "carried.json", agrees)
    assert refused.value.code == "record_damaged.edited_export"
    assert there.events() == ()


def test_an_export_chained_anew_is_refused_where_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = filled(tmp_path)
    name = portable._name(record._key())
    monkeypatch.setattr("curricula.records.export._name", lambda key: name)
    (tmp_path / "forged.json").write_text(portable.pack(record.events()[:2], START, b"a guess"))
    monkeypatch.undo()
    with pytest.raises(RecordDamagedError) as refused:
        record.import_record(tmp_path / "forged.json", agrees)
    assert refused.value.code == "record_damaged.forged_export"
    there = record_in(tmp_path / "there")
    assert there.import_record(tmp_path / "forged.json", agrees).taken == 2


@pytest.mark.parametrize("content", [b"", b"null", b"\xff", b'{"format": "other"}', b"[" * 10_000])
def test_a_file_that_is_no_export_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "carried.json").write_bytes(content)
    with pytest.raises(RecordDamagedError) as refused:
        record_in(tmp_path).import_record(tmp_path / "carried.json", agrees)
    assert refused.value.remedy


def test_a_path_that_is_not_there_or_taken_is_refused_with_a_remedy(tmp_path: Path) -> None:
    record = filled(tmp_path)
    (tmp_path / "taken").write_text("mine")
    for refused in (
        lambda: record.import_record(tmp_path / "none.json", agrees),
        lambda: record.export(tmp_path / "taken"),
        lambda: record.export(tmp_path / "taken" / "x.json"),
    ):
        with pytest.raises(CourseError) as caught:
            refused()
        assert caught.value.remedy
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.slow
def test_a_long_record_is_read_and_added_to(tmp_path: Path) -> None:
    record = record_in(tmp_path / "here")
    many: list[Event] = [
        Hint(instance="a1", level=1, at=START + timedelta(seconds=number))
        for number in range(1_000)
    ]
    (tmp_path / "many.json").write_text(portable.pack(many, START, b"elsewhere"))
    record.append(opened())
    record.import_record(tmp_path / "many.json", agrees)
    events = record_in(tmp_path / "here").events()
    assert len(events) == 1_002
    assert all(one.at <= other.at for one, other in pairwise(events))
