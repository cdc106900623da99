"""Asking the ledger; its cache is worth nothing and may be spoilt in any way."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from autoresearch.records import FileChange, Outcome
from tests.autoresearch.samples import (
    concluded,
    proposed,
)
from tests.autoresearch.small import Small, one


def test_words_find_hypotheses_and_lessons(small: Small) -> None:
    ledger = small.ledger()
    assert ledger.recall("learning RATES") == ("e1", "e2")
    assert ledger.recall("schedule") == ("e1",)
    assert ledger.recall("wider") == ("e2",)
    assert ledger.recall("train.py", outcome=Outcome.DISCARD) == ("e2",)
    assert ledger.recall('nothing "like* this) OR') == ()
    ledger.append(one(concluded("e2", "dropout hurts")))
    assert ledger.recall("dropout") == ("e2",)


def test_without_words_the_newest_come_first(small: Small) -> None:
    ledger = small.ledger()
    assert ledger.recall() == ("e2", "e1", "e0")
    assert ledger.recall(limit=1) == ("e2",)
    assert ledger.recall(words="?!") == ("e2", "e1", "e0")


def test_paths_and_outcomes_narrow(small: Small) -> None:
    ledger = small.ledger()
    commit = ledger.history().experiments["e2"].commit
    change = FileChange(path="models/mlp.py", added=9, removed=0, spans=())
    ledger.append(lambda h: proposed(h, commit, changes=(change,)))
    assert ledger.recall(path="train.py") == ("e2", "e1")
    assert ledger.recall(path="models") == ledger.recall(path="models/") == ("e3",)
    assert ledger.recall(path="model") == ()
    assert ledger.recall(outcome=Outcome.KEEP) == ("e1",)


def test_the_search_works_without_full_text_search(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoresearch.cache._FTS", "CREATE VIRTUAL TABLE words USING missing(x)")
    (small.folder / "cache.sqlite").unlink(missing_ok=True)
    ledger = small.ledger()
    assert ledger.recall("rate learn") == ("e1", "e2")
    assert ledger.recall("dropout") == ()
    ledger.append(one(concluded("e2", "dropout hurts")))
    assert ledger.recall("dropout", path="train.py") == ("e2",)


def old_schema(cache: Path) -> None:
    cache.unlink()
    with sqlite3.connect(cache) as db:
        db.execute("CREATE TABLE events (something TEXT)")
        db.execute("PRAGMA user_version=999")


def torn(cache: Path) -> None:
    content = bytearray(cache.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    cache.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        lambda cache: cache.write_bytes(b"no database " * 1_000),
        lambda cache: cache.write_bytes(b""),
        lambda cache: cache.write_bytes(cache.read_bytes()[:5_000]),
        torn,
        old_schema,
    ],
    ids=["deleted", "garbage", "empty", "truncated", "torn", "old schema"],
)
def test_a_spoilt_cache_is_rebuilt_without_a_word(
    small: Small, spoil: Callable[[Path], object]
) -> None:
    small.ledger().recall("anything")
    spoil(small.folder / "cache.sqlite")
    assert small.ledger().recall("schedule") == ("e1",)
    found = small.ledger().verify()
    assert (found.ok, found.cache) == (True, "agrees")


def test_a_cache_that_cannot_be_written_is_done_without(small: Small) -> None:
    cache = small.folder / "cache.sqlite"
    cache.unlink(missing_ok=True)
    (small.folder / "cache.sqlite-journal").mkdir()
    assert small.ledger().recall("schedule") == ("e1",)


def test_a_cache_of_another_ledger_is_rebuilt(small: Small, made: Small) -> None:
    small.ledger().recall()
    with sqlite3.connect(small.folder / "cache.sqlite") as db:
        db.execute("UPDATE events SET hash = 'x' WHERE n = 15")
    assert small.ledger().recall("schedule") == ("e1",)
    assert small.ledger().verify().cache == "agrees"


def test_verify_sees_an_edited_row_of_the_cache(small: Small) -> None:
    small.ledger().recall()
    with sqlite3.connect(small.folder / "cache.sqlite") as db:
        db.execute("UPDATE events SET record = replace(record, 'discard', 'keep')")
    assert small.ledger().verify().cache == "rebuilt"
