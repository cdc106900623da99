"""A learner's record: one file that is only ever added to, each line bound to the one before.

A line is {"prev": sha256 of the line before, "event": {...}, "mac": HMAC-SHA256 of all that}. The
key lies in a file of its own, and beside that one a head: how many lines there were, and the MAC of
the last. What this shows and what it can't is in docs/decisions/12-mastery.md.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from autoresearch.common.files import PRIVATE, create_file, replace_file, sync_folder
from curricula.errors import CourseError, RecordDamagedError
from curricula.records import export as portable
from curricula.records.chain import FILE, Damage, Read, behind, follow, make_line
from curricula.records.events import Event, Imported, Restarted

TORN = "record.torn"
LOCK_S = 30.0
SLACK = timedelta(hours=1)  # a clock that was set back by less does not reorder the record
_REMEDY = (
    "The events before it still count. Import an export of this record, or just continue: the next "
    "event starts a new file with what still counts, and the damaged one is kept beside it."
)


def utc_now() -> datetime:
    """The time, as records write it."""
    return datetime.now(UTC)


class Record:
    """One learner's record. Any number of processes may append to it.

    `folder` is the learner's. Its name stands for them: the lines are bound to it, so another's
    record put there is no record of theirs. `key_file` lies elsewhere and may be shared by
    learners. `clock` gives an aware time.
    """

    def __init__(
        self, folder: Path, *, key_file: Path, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.folder = folder
        self.file = folder / FILE
        self.key_file = key_file
        self.head_file = key_file.with_name(f"{key_file.name}.{folder.name}.head")
        self._clock = clock
        self._empty = Read(prev=hashlib.sha256(f"record of {folder.name}".encode()).hexdigest())
        self._known: tuple[Read, bytes | None] = (self._empty, None)  # and the key it was read with

    def events(self) -> tuple[Event, ...]:
        """All events that count, by their time; those of one time in the order of writing."""
        return tuple(sorted(self._read().events, key=lambda event: event.at))

    @property
    def damage(self) -> Damage | None:
        """Return the first damage of the file; None if it is undamaged."""
        return self._read().damage

    @property
    def damaged(self) -> str:
        """Name the first damaged line and the remedy; "" if the record is undamaged."""
        damage = self.damage
        return f"{damage.text} {_REMEDY}" if damage else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return notices for a reader of the record, as sentences; often none."""
        read = self._read()
        said = [self.damaged] if read.damage else []
        if read.torn or (self.folder / TORN).exists():
            said.append(
                "A process died while it wrote an event; the half line does not count and is kept "
                f"in {TORN}. If that was an attempt, submit it again."
            )
        said += [
            f"On {event.at:%Y-%m-%d} the record was damaged and continued in a new file "
            f"({event.why}). The damaged one is {event.kept}."
            for event in read.events
            if isinstance(event, Restarted)
        ]
        return tuple(said)

    def append(self, event: Event) -> Event:
        """Write one event down, with the clock's time, and give it back as it was written."""
        with self._lock():
            read = self._ready()
            stamped = event.model_copy(update={"at": self._now(read)})
            self._write(read, [stamped])
        return stamped

    def export(self, path: Path) -> int:
        """Write all events that count into one portable file; how many there were.

        Raises CourseError where there is a file already, or none can be written.
        """
        if path.exists():
            raise CourseError(
                f"{path} already exists.", "Give a name that is not in use.", reason="file_exists"
            )
        events = self.events()
        text = portable.pack(events, self._clock(), self._key() if events else b"")
        try:
            _replace(path, text.encode())
        except OSError as error:
            raise CourseError(
                f"Nothing could be written to {path}: {error.strerror}.",
                "Give a path in a folder that exists and that you may write to.",
                reason="not_written",
            ) from error
        return len(events)

    def import_record(
        self,
        path: Path,
        replay: portable.Replay,
        here: Callable[[str], str] = lambda course: course,
    ) -> portable.Import:
        """Take in the events of an exported record that are not here yet.

        Each pass of the learner's is graded again by `replay(opened, attempt)`, and left out if it
        does not pass. `here` gives the identity of an exported course on this machine, where it
        may lie elsewhere. Raises RecordDamagedError for a file that was edited, with nothing
        written.
        """
        package = portable.unpack(path, self._key() if self.key_file.exists() else b"")
        known = self.events()
        came = portable.renamed(package.events, known, here)
        around = (*came, *known)  # an opening that is known here wins
        good, refused = portable.replayed(portable.unknown(came, known), around, replay)
        with self._lock():
            read = self._ready()
            new = portable.unknown(good, read.events)
            if new:
                said = Imported(
                    at=self._now(read), digest=package.digest, taken=len(new), refused=len(refused)
                )
                self._write(read, [*new, said])
        old = len(came) - len(new) - len(refused)
        return portable.Import(taken=len(new), known=old, refused=tuple(refused))

    def _now(self, read: Read) -> datetime:
        now = self._clock().astimezone(UTC)
        last = read.events[-1].at if read.events else now
        return last if timedelta(0) < last - now <= SLACK else now

    @contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "record.lock", timeout=LOCK_S):
                yield
        except Timeout:
            raise CourseError(
                f"Another process has been writing to this record for {LOCK_S:g} s.",
                "Wait, then try again.",
                reason="busy",
            ) from None
        except OSError as error:
            raise CourseError(
                f"The record in {self.folder} can't be written: {error.strerror or error}.",
                "What was not written does not count: check the folder and its disk; try again.",
                reason="not_written",
            ) from error

    def _read(self) -> Read:
        """The file now. Readers don't wait for writers, unless something looks wrong."""
        read = self._scan()
        if (read.damage or read.torn) and self.folder.exists():
            with self._lock():  # perhaps a writer was only half done
                read = self._scan()
        return read

    def _scan(self) -> Read:
        head = self._head()  # before the lines: the file may be ahead of its head, never behind
        content = self.file.read_bytes() if self.file.exists() else b""
        key = self._key() if self.key_file.exists() else None
        known, read_with = self._known
        if read_with != key or hashlib.sha256(content[: known.size]).hexdigest() != known.digest:
            known = self._empty
        read = follow(content, known, key)
        self._known = (replace(read, damage=None, torn=b""), key)
        return read if read.damage else replace(read, damage=behind(read, head))

    def _ready(self) -> Read:
        """The file, made fit to be added to: half lines set aside, damaged files left behind."""
        read = self._scan()
        if read.damage:
            read = self._start_on(read, read.damage)
        elif read.torn:
            with (self.folder / TORN).open("ab") as aside:
                aside.write(read.torn + b"\n")
                aside.flush()
                os.fsync(aside.fileno())
            os.truncate(self.file, read.size)
        if not read.events and self._head() is None:
            self._put_head(0, "")  # so that a first line without a head is no sign of damage
        return replace(read, torn=b"")

    def _start_on(self, read: Read, damage: Damage) -> Read:
        """Go on in a new file with the events that still count; the old one stays beside it."""
        n = 1
        while (kept := self.folder / f"record.damaged-{n}.jsonl").exists():
            n += 1
        create_file(kept, self.file.read_bytes() if self.file.exists() else b"", mode=PRIVATE)
        said = Restarted(at=self._now(read), kept=kept.name, why=damage.text)
        fresh, lines = self._lines(self._empty, [*read.events, said])
        _replace(self.file, lines)
        self._put_head(len(fresh.events), fresh.macs[-1])
        return fresh

    def _write(self, read: Read, events: Sequence[Event]) -> None:
        """Add lines to a file that is fit for it; the caller holds the lock."""
        after, lines = self._lines(read, events)
        first = not self.file.exists()
        with self.file.open("ab") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        if first:
            sync_folder(self.folder)  # the head, which lies elsewhere, counts on the file
        self._put_head(len(after.events), after.macs[-1])

    def _lines(self, read: Read, events: Iterable[Event]) -> tuple[Read, bytes]:
        key, prev, lines = self._key(), read.prev, b""
        for event in events:
            line = make_line(key, prev, event)
            prev = hashlib.sha256(line).hexdigest()
            lines += line
        return follow(lines, replace(read, size=0), key), lines

    def _put_head(self, count: int, mac: str) -> None:
        _replace(self.head_file, json.dumps({"count": count, "mac": mac}).encode())

    def _head(self) -> tuple[int, str] | None:
        """Number of lines and last MAC, as they were written down; None: there were none yet."""
        try:
            fields: Any = json.loads(self.head_file.read_bytes())
            return int(fields["count"]), str(fields["mac"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return -1, "unreadable"

    def _key(self) -> bytes:
        """Return the key; create it, readable by its owner only, if there is none."""
        if not self.key_file.exists():
            self.key_file.parent.mkdir(parents=True, exist_ok=True)
            new = self.key_file.with_name(f"{self.key_file.name}.{secrets.token_hex(4)}.new")
            create_file(new, secrets.token_hex(32).encode(), mode=PRIVATE)
            try:
                os.link(new, self.key_file)  # whole or not at all, and the first one wins
            except FileExistsError:
                pass
            finally:
                new.unlink()
        try:
            return bytes.fromhex(self.key_file.read_text().strip())
        except (OSError, ValueError) as error:
            raise RecordDamagedError(
                f"The record's key {self.key_file} is not readable.",
                "Restore that file; or move it away, and events written with it no longer count.",
                reason="key",
            ) from error


def _replace(path: Path, content: bytes) -> None:
    """Replace a file that only its owner may read, also against a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content, mode=PRIVATE, ordered=True)
