"""A learner's record that version 0.1 wrote is still read, trusted and carried elsewhere."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curricula.content.catalog import find_course
from curricula.records.events import Attempt, Hint, Opened
from curricula.records.record import Record, utc_now
from curricula.teacher import Teacher
from server.sessions.answer_runner import SandboxRunner
from tests.support.paths import ROOT

OLD = ROOT / "tests" / "data" / "version_0_1" / "learner"
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def old_record(tmp_path: Path) -> Record:
    """The record of somebody who went through two lessons, with one miss and one hint."""
    folder, keys = tmp_path / "learners" / "me", tmp_path / "keys"
    folder.mkdir(parents=True)
    keys.mkdir()
    shutil.copy(OLD / "record.jsonl", folder)
    shutil.copy(OLD / "key", keys / "learners")
    shutil.copy(OLD / "head", keys / "learners.me.head")
    return Record(folder, key_file=keys / "learners", clock=lambda: NOW)


def test_an_old_record_reads_whole_and_undamaged(old_record: Record) -> None:
    events = old_record.events()
    attempts = [event for event in events if isinstance(event, Attempt)]
    assert old_record.damaged == ""
    assert sum(isinstance(event, Opened) for event in events) == 9
    assert sum(isinstance(event, Hint) for event in events) == 1
    assert [attempt.passed for attempt in attempts] == [True, False] + 8 * [True]


def test_an_old_export_is_taken_in_elsewhere(tmp_path: Path) -> None:
    there = Record(
        tmp_path / "learners" / "me",
        key_file=tmp_path / "keys" / "learners",
        clock=lambda: NOW,
    )
    there.import_record(OLD / "export.json", lambda *_: True)
    assert sum(isinstance(event, Attempt) for event in there.events()) == 10


@pytest.mark.slow
def test_every_attempt_of_an_old_record_is_graded_as_it_was(old_record: Record) -> None:
    runner = SandboxRunner()
    teacher = Teacher(find_course("microgpt", ()), old_record, runner, utc_now)
    events = old_record.events()
    opened = {event.instance: event for event in events if isinstance(event, Opened)}
    try:
        for attempt in (event for event in events if isinstance(event, Attempt)):
            assert teacher.replays(opened[attempt.instance], attempt), attempt.instance
    finally:
        runner.close()
