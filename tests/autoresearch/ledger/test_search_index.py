"""Asking the ledger; its cache is worth nothing and may be spoilt in any way."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from autoresearch.ledger.verification import verify
from autoresearch.loop.recall import alike
from autoresearch.records import FileChange, Outcome
from tests.support.samples import (
    concluded,
    proposed,
)
from tests.support.small import Small, one, recall


@pytest.mark.slow
def test_words_find_hypotheses_and_lessons(small: Small) -> None:
    ledger = small.ledger()
    assert recall(ledger, "learning RATES") == ("e1", "e2")
    assert recall(ledger, "schedule") == ("e1",)
    assert recall(ledger, "wider") == ("e2",)
    assert recall(ledger, "train.py", outcome=Outcome.DISCARD) == ("e2",)
    assert recall(ledger, 'nothing "like* this) OR') == ()
    ledger.append(one(concluded("e2", "dropout hurts")))
    assert recall(ledger, "dropout") == ("e2",)


def test_without_words_the_newest_come_first(small: Small) -> None:
    ledger = small.ledger()
    assert recall(ledger) == ("e2", "e1", "e0")
    assert recall(ledger, limit=1) == ("e2",)
    assert recall(ledger, words="?!") == ("e2", "e1", "e0")


@pytest.mark.slow
def test_paths_and_outcomes_narrow(small: Small) -> None:
    ledger = small.ledger()
    commit = ledger.history().experiments["e2"].commit
    change = FileChange(path="models/mlp.py", added=9, removed=0, spans=())
    ledger.append(lambda h: proposed(h, commit, changes=(change,)))
    assert recall(ledger, path="train.py") == ("e2", "e1")
    assert recall(ledger, path="models") == recall(ledger, path="models/") == ("e3",)
    assert recall(ledger, path="model") == ()
    assert recall(ledger, outcome=Outcome.KEEP) == ("e1",)


@pytest.mark.slow
def test_the_search_works_without_full_text_search(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "autoresearch.ledger.search_index._FTS", "CREATE VIRTUAL TABLE words USING missing(x)"
    )
    (small.folder / "cache.sqlite").unlink(missing_ok=True)
    ledger = small.ledger()
    assert recall(ledger, "rate learn") == ("e1", "e2")
    assert recall(ledger, "dropout") == ()
    ledger.append(one(concluded("e2", "dropout hurts")))
    assert recall(ledger, "dropout", path="train.py") == ("e2",)


def old_schema(cache: Path) -> None:
    cache.unlink()
    with sqlite3.connect(cache) as db:
        db.execute("CREATE TABLE events (something TEXT)")
        db.execute("PRAGMA user_version=999")


def torn(cache: Path) -> None:
    content = bytearray(cache.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    cache.write_bytes(content)


@pytest.mark.slow
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
    recall(small.ledger(), "anything")
    spoil(small.folder / "cache.sqlite")
    assert recall(small.ledger(), "schedule") == ("e1",)
    found = verify(small.ledger())
    assert (found.ok, found.cache) == (True, "agrees")


def test_a_cache_that_cannot_be_written_is_done_without(small: Small) -> None:
    cache = small.folder / "cache.sqlite"
    cache.unlink(missing_ok=True)
    (small.folder / "cache.sqlite-journal").mkdir()
    assert recall(small.ledger(), "schedule") == ("e1",)


def test_a_cache_of_another_ledger_is_rebuilt(small: Small, made: Small) -> None:
    recall(small.ledger())
    with sqlite3.connect(small.folder / "cache.sqlite") as db:
        db.execute("UPDATE events SET hash = 'x' WHERE n = 15")
    assert recall(small.ledger(), "schedule") == ("e1",)
    assert verify(small.ledger()).cache == "agrees"


def test_verify_sees_an_edited_row_of_the_cache(small: Small) -> None:
    recall(small.ledger())
    with sqlite3.connect(small.folder / "cache.sqlite") as db:
        db.execute("UPDATE events SET record = replace(record, 'discard', 'keep')")
    assert verify(small.ledger()).cache == "rebuilt"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a higher learning rate learns faster", "lower the learning rates at the end", True),
        ("LEARNING_RATE 0.01 → 0.02: longer steps", "LEARNING_RATE 0.02 → 0.04", True),
        ("a higher learning rate learns faster", "a wider model learns more than this", False),
        ("WIDTH 16 → 32: could help with these", "HEADS 4 → 3: could help with these", False),
        ("tie the weights", "tie", False),
        ("", "", False),
    ],
)
def test_hypotheses_are_alike_by_the_words_that_say_what_is_tried(
    one: str, other: str, expected: bool
) -> None:
    assert alike(one, other) is expected
    assert alike(other, one) is expected
