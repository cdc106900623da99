"""Search index of the ledger in SQLite: a cache, rebuilt from git's entries at any time.

A missing, damaged or older file is replaced silently: it holds nothing that git lacks.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from autoresearch.ledger import serialization
from autoresearch.ledger.events import Entry
from autoresearch.records import Concluded, Experiment, Judged, Outcome, Proposed

SCHEMA = 3  # increase it when a table changes
BUSY_S = 10.0
_TABLES = """
CREATE TABLE events (n INTEGER PRIMARY KEY, hash TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE experiments (
    id TEXT PRIMARY KEY, n INTEGER NOT NULL, outcome TEXT, effect REAL, who TEXT NOT NULL
);
CREATE TABLE touched (experiment TEXT NOT NULL, path TEXT NOT NULL);
CREATE INDEX touched_by ON touched (experiment);
"""
_TOUCHING = """EXISTS (SELECT 1 FROM touched t WHERE t.experiment = e.id
AND (t.path = ? OR substr(t.path, 1, length(?)) = ?))"""
_FTS = "CREATE VIRTUAL TABLE words USING fts5(experiment UNINDEXED, text, tokenize='porter')"
_PLAIN = "CREATE TABLE words (experiment TEXT NOT NULL, text TEXT NOT NULL)"


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A search; empty fields do not narrow it."""

    words: str = ""  # searched in hypotheses, lessons and paths
    path: str = ""  # a file or a folder
    outcome: Outcome | None = None  # of the last verdict
    min_effect: float | None = None  # of the last verdict, in metric units
    max_effect: float | None = None
    by: str = ""  # a part of the client's, the model's or the worker's name
    limit: int = 10  # experiments


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """The index file and its lock; every use opens it, adds new entries and closes it."""

    path: Path

    def recall(self, entries: Sequence[Entry], question: Question) -> tuple[str, ...]:
        """Return ids of matching experiments: best match first, or newest first without words."""

        def ask(db: sqlite3.Connection) -> tuple[str, ...]:
            _catch_up(db, entries)
            return _search(db, question)

        return self._use(ask)

    def compare(self, entries: Sequence[Entry]) -> str:
        """Compare every row with git; return "agrees", or "rebuilt" if it was missing or differed.

        Rows of events later than `entries` are left: they may have been added meanwhile.
        """

        def ask(db: sqlite3.Connection) -> str:
            stored = db.execute("SELECT n, hash, record FROM events ORDER BY n").fetchall()
            known = [(e.n, e.commit, _record(e)) for e in entries[: len(stored)]]
            agrees = stored[: len(entries)] == known and bool(stored or not entries)
            if not agrees:
                _clear(db)
            if len(stored) < len(entries) or not agrees:
                _catch_up(db, entries)
            return "agrees" if agrees else "rebuilt"

        return self._use(ask)

    def _use(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query; if the file is damaged, discard it and ask an empty one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):
            try:
                return _ask(str(self.path), ask)
            except (sqlite3.DatabaseError, UnicodeDecodeError):
                return self._use_new(ask)

    def _use_new(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        try:
            for suffix in ("", "-wal", "-shm", "-journal"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            return _ask(str(self.path), ask)
        except (sqlite3.DatabaseError, OSError):  # a full or read-only disk
            return _ask(":memory:", ask)


def _ask(database: str, ask: Callable[[sqlite3.Connection], T]) -> T:
    with closing(sqlite3.connect(database, timeout=BUSY_S)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=OFF")  # a lost cache is only rebuilt
        if db.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:
            _create(db)
        with db:
            return ask(db)


def _create(db: sqlite3.Connection) -> None:
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise sqlite3.DatabaseError("the cache has another version's tables")
    db.executescript(_TABLES)
    try:
        db.execute(_FTS)
    except sqlite3.OperationalError:  # an SQLite built without FTS5
        db.execute(_PLAIN)
    db.execute(f"PRAGMA user_version={SCHEMA}")


def _catch_up(db: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Add what is new; start over if what is stored is not the beginning of `entries`."""
    last = db.execute("SELECT n, hash FROM events ORDER BY n DESC LIMIT 1").fetchone()
    count = last[0] + 1 if last else 0
    if last and (count > len(entries) or entries[count - 1].commit != last[1]):
        _clear(db)
        count = 0
    for entry in entries[count:]:
        _add(db, entry)


def _clear(db: sqlite3.Connection) -> None:
    for table in ("events", "experiments", "touched", "words"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 (names from the line above)


def _record(entry: Entry) -> str:
    return serialization.encode(entry.n, entry.at, entry.event).decode()


def _add(db: sqlite3.Connection, entry: Entry) -> None:
    row = (entry.n, entry.commit, _record(entry))
    db.execute("INSERT INTO events VALUES (?, ?, ?)", row)
    match entry.event:
        case Proposed(experiment=experiment):
            _add_experiment(db, entry.n, experiment)
        case Judged(verdict=verdict):
            found = (verdict.outcome.value, verdict.effect, verdict.experiment)
            db.execute("UPDATE experiments SET outcome = ?, effect = ? WHERE id = ?", found)
        case Concluded(experiment=name, lesson=lesson):
            db.execute("INSERT INTO words VALUES (?, ?)", (name, lesson))
        case _:
            pass


def _add_experiment(db: sqlite3.Connection, n: int, experiment: Experiment) -> None:
    proposer = experiment.proposer
    who = "\n".join((proposer.client, proposer.model, proposer.worker)).lower()
    db.execute("INSERT INTO experiments VALUES (?, ?, NULL, NULL, ?)", (experiment.id, n, who))
    text = "\n".join([experiment.hypothesis, *(change.path for change in experiment.changes)])
    db.execute("INSERT INTO words VALUES (?, ?)", (experiment.id, text))
    for change in experiment.changes:
        db.execute("INSERT INTO touched VALUES (?, ?)", (experiment.id, change.path))


def _search(db: sqlite3.Connection, question: Question) -> tuple[str, ...]:
    terms = re.findall(r"\w+", question.words)
    joined, order = "", "e.n DESC"
    conditions, given = ["1"], list[str | float]()
    if terms and _full_text(db):
        joined, order = "JOIN words ON words.experiment = e.id", "words.rank, e.n DESC"
        conditions.append("words MATCH ?")
        given.append(" OR ".join(f'"{term}"*' for term in terms))
    elif terms:
        score = " + ".join("(text LIKE ?)" for _ in terms)
        joined = f"JOIN (SELECT experiment, {score} AS score FROM words) w ON w.experiment = e.id"  # noqa: S608
        order = "w.score DESC, e.n DESC"
        conditions.append("w.score > 0")
        given += [f"%{term}%" for term in terms]
    if question.outcome is not None:
        conditions.append("e.outcome = ?")
        given.append(question.outcome.value)
    for limit, comparison in ((question.min_effect, ">="), (question.max_effect, "<=")):
        if limit is not None:
            conditions.append(f"e.effect {comparison} ?")
            given.append(limit)
    if question.by:
        conditions.append("instr(e.who, ?)")
        given.append(question.by.lower())
    if question.path:
        folder = question.path.rstrip("/") + "/"
        conditions.append(_TOUCHING)
        given += [question.path, folder, folder]
    where = " AND ".join(conditions)
    ask = f"SELECT e.id FROM experiments e {joined} WHERE {where} ORDER BY {order}"  # noqa: S608
    found: dict[str, None] = {}  # an experiment with several lessons is found several times
    for (name,) in db.execute(ask, given):
        found[name] = None
        if len(found) >= question.limit:
            break
    return tuple(found)


def _full_text(db: sqlite3.Connection) -> bool:
    made = db.execute("SELECT sql FROM sqlite_master WHERE name = 'words'").fetchone()
    return "fts5" in made[0]
