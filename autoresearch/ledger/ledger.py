"""The ledger: an append-only record of events, which are commits on one branch of the repository.

Each commit's tree holds one `event.json`; its first parent is the previous event, and the event of
a proposal has the experiment's commit as second parent. SQLite is only a cache.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from autoresearch.errors import InvalidStateError, LedgerDamagedError
from autoresearch.git.repository import Moves, Repository
from autoresearch.git.signatures import Signer
from autoresearch.ledger import serialization
from autoresearch.ledger.anchor import Anchor, read_anchor, write_anchor
from autoresearch.ledger.events import Entry, Event
from autoresearch.ledger.history import History
from autoresearch.ledger.search_index import SearchIndex
from autoresearch.records import Judged, LabOpened, Proposed, Reverted

LEDGER_REF = "refs/heads/autoresearch/ledger"
INCUMBENT_REF = "refs/heads/autoresearch/incumbent"
FILE = "event.json"
LOCK_S = 30.0
ATTEMPTS = 5
SIGNED = (LabOpened, Judged, Reverted)  # events that are signed, where a lab signs


class Ledger:
    """The ledger of one lab. Writers queue for a file lock; the ref moves by compare-and-swap.

    Args:
        repo: The lab's repository.
        cache_path: The SQLite file of the search index.
        anchor_path: The file that records the head outside git.
        clock: Returns epoch seconds.
        signer: The key that signs openings, verdicts and reversals; None if the lab does not sign.
    """

    def __init__(
        self,
        repo: Repository,
        cache_path: Path,
        anchor_path: Path,
        clock: Callable[[], float] = time.time,
        signer: Signer | None = None,
    ) -> None:
        self.repo = repo
        self.signer = signer
        self.cache = SearchIndex(cache_path)
        self.anchor_path = anchor_path
        self._clock = clock
        # The last history read, and the ref's stamp then; one value, since threads share it.
        self._known: tuple[History, object] = (History(), None)

    def history(self) -> History:
        """Return the history up to now. Histories returned before stay as they were."""
        known, read_at = self._known
        stamp = self.repo.ref_stamp(LEDGER_REF)
        return known if stamp is not None and stamp == read_at else self._read()

    def _read(self) -> History:
        """Return the history up to the branch's present head."""
        known, _ = self._known  # taken before the ref is read, so that it is never ahead of it
        stamp = self.repo.ref_stamp(LEDGER_REF)
        if self.repo.is_at(LEDGER_REF, known.head):
            self._known = (known, stamp)
            return known
        head = self.repo.resolve(LEDGER_REF)
        anchor = self.anchor() if head is None and known.head is None else None
        if anchor is not None and anchor.count:
            raise LedgerDamagedError(
                f"The ledger's last commit cannot be read in {self.repo.path}.",
                "Run `autoresearch-mcp verify`; restore that folder from a copy.",
                reason="unreadable_commit",
            )
        if head != known.head:
            known = extended(self.repo, known, head)
        self._known = (known, stamp)
        return known

    def append(self, build: Callable[[History], Event | None]) -> Entry | None:
        """Append the event that `build` makes from the present history.

        Returns:
            The new entry, or None if `build` returns None.

        Raises:
            LedgerDamagedError: As in `append_all`.
        """

        def build_all(history: History) -> tuple[Event, ...]:
            event = build(history)
            return () if event is None else (event,)

        entries = self.append_all(build_all)
        return entries[0] if entries else None

    def append_all(self, build: Callable[[History], Sequence[Event]]) -> tuple[Entry, ...]:
        """Append several events atomically: all of them or none.

        The incumbent's branch moves together with the event that moves the incumbent.

        Args:
            build: Makes the events from the present history; called again if the ledger moved.

        Returns:
            The new entries, () if `build` made no events.

        Raises:
            LedgerDamagedError: The ledger is not at the recorded head (so that nothing is built on
                what others wrote), or could not be moved in ATTEMPTS attempts.
            InvalidStateError: Another process held the lock for LOCK_S seconds.
        """
        with self.lock():
            # Left by a git that was killed: only the holder of our lock moves these refs.
            self.repo.remove_locks((LEDGER_REF, INCUMBENT_REF, "HEAD"))
            for _ in range(ATTEMPTS):
                before = self._read()
                self._require_recorded_head(before)
                events = build(before)
                if not events:
                    return ()
                after = self._commit(before, events)
                then = Anchor(head=after.head, count=len(after.entries))
                now = Anchor(head=before.head, count=len(before.entries), next=then)
                write_anchor(self.anchor_path, now)
                if self.repo.move_refs(self._moves(before, after)):
                    write_anchor(self.anchor_path, then)
                    self._known = (after, None)
                    return tuple(after.entries[len(before.entries) :])
        raise LedgerDamagedError(
            f"The ledger could not be moved in {ATTEMPTS} attempts: one of its branches is not "
            "where the ledger says it is.",
            "Run `autoresearch-mcp verify` to see which.",
            reason="branches_moved",
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock out other writers; raise InvalidStateError after waiting LOCK_S seconds."""
        lock = FileLock(self.repo.path / "append.lock", timeout=LOCK_S)
        try:
            lock.acquire()
        except Timeout:
            raise InvalidStateError(
                f"Another process has been writing to this lab for {LOCK_S:g} s.",
                "Wait, then try again.",
                reason="ledger_locked",
            ) from None
        try:
            yield
        finally:
            lock.release()

    def anchor(self) -> Anchor | None:
        """Return the head recorded outside git; None if there is no such file."""
        return read_anchor(self.anchor_path)

    def _require_recorded_head(self, history: History) -> None:
        """Raise LedgerDamagedError unless the ledger is at the recorded head."""
        anchor, count = self.anchor(), len(history.entries)
        if anchor is None and not count:
            return
        if anchor is None or not anchor.at(history.head, count):
            said = f"names event {anchor.count - 1}" if anchor else "is gone"
            raise LedgerDamagedError(
                f"The ledger ends with event {count - 1}, but {self.anchor_path}, where the lab "
                f"records its head, {said}.",
                "Run `autoresearch-mcp verify`; restore the lab's folder from a copy.",
                reason="anchor_differs",
            )

    def _commit(self, before: History, events: Sequence[Event]) -> History:
        """Write the events as commits that no ref points to yet; return the history with them."""
        after = before.copy()
        for event in events:
            n, at = len(after.entries), self._clock()
            blob = serialization.encode(n, at, event)
            after.check(event)
            tree = self.repo.make_tree({FILE: self.repo.write_blob(blob)})
            parents = [after.head] if after.head else []
            if isinstance(event, Proposed):
                parents.append(event.experiment.commit)
            subject = f"{n} {serialization.kind_of(event)}"
            sign = self.signer.key if self.signer and isinstance(event, SIGNED) else None
            commit = self.repo.commit_tree(tree, parents, subject, at=at, sign=sign)
            after.apply(serialization.decode(commit, blob))
        return after

    def _moves(self, before: History, after: History) -> Moves:
        """Return the ledger's move, and the incumbent's from its present place: it is derived."""
        moves = {LEDGER_REF: (after.head, before.head)}
        if self.repo.is_at(INCUMBENT_REF, after.incumbent_commit):
            return moves
        present = self.repo.resolve(INCUMBENT_REF)
        if present != after.incumbent_commit:
            moves[INCUMBENT_REF] = (after.incumbent_commit, present)
        return moves


def extended(repo: Repository, history: History, head: str | None) -> History:
    """Return the history up to `head`, reading only new events."""
    if head is None:
        if history.head is None:
            return history
        raise LedgerDamagedError(
            "The ledger's branch is gone.", "Run `autoresearch-mcp verify`.", reason="branch_gone"
        )
    chain = repo.parents(head, history.head)
    if history.head and (not chain or chain[0][1:2] != (history.head,)):
        raise LedgerDamagedError(
            "The ledger's branch no longer continues from where this server read it.",
            "Run `autoresearch-mcp verify`, then start the server again.",
            reason="not_continued",
        )
    blobs = repo.read_many([f"{commit[0]}:{FILE}" for commit in chain])
    after = history.copy()
    for (commit, *_), blob in zip(chain, blobs, strict=True):
        if blob is None:
            raise LedgerDamagedError(
                f"The ledger's commit {commit[:12]} has no {FILE}.", reason="no_event"
            )
        after.apply(serialization.decode(commit, blob))
    return after
