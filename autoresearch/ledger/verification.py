"""Verification: read the whole ledger again and compare it with all that should agree with it.

Whatever was done to the lab's folder, the result is a list of findings and never an error.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from autoresearch.errors import GitError, LabError, LedgerDamagedError
from autoresearch.git.bulk_reads import find_foreign_config, read_commits, signatures
from autoresearch.git.signatures import ALLOWED
from autoresearch.ledger import serialization
from autoresearch.ledger.anchor import Anchor, RecordedHead
from autoresearch.ledger.events import Entry
from autoresearch.ledger.experiment_checks import Note
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import FILE, INCUMBENT_REF, LEDGER_REF, SIGNED, Ledger
from autoresearch.records import Judged, Proposed, Reversal, Reverted, Ruling, Verdict

Check = Callable[[History], Iterable[str]]  # yields findings, a sentence each, and Notes
GOOD = "G"  # git's letter for a signature by a key that is allowed
# Errors that deriving something from a forged record may raise.
_CONTRADICTIONS = (LabError, ArithmeticError, AssertionError, LookupError, TypeError, ValueError)


class JudgeAgain(Protocol):
    """Derives a verdict or a reversal again."""

    def __call__(self, history: History, ruling: Ruling, /) -> Ruling:
        """Return the ruling that its version of the judge gives on the history before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of a verification; `ok` if there are no findings."""

    ok: bool
    entries: int  # events that could be folded
    experiments: int
    verdicts: int  # verdicts and reversals derived again
    anchor: str  # the head, recorded outside git, that the chain was compared with
    cache: str  # "agrees" or "rebuilt"
    findings: tuple[str, ...]  # a sentence each
    head: str = ""  # HASH:COUNT, for a person to record elsewhere; "" without readable events
    signed: int = 0  # verdicts and reversals with a good signature
    signer: str = ""  # the key's fingerprint; "" where the lab does not sign
    notes: tuple[str, ...] = ()  # comparisons that could not be made, which are no findings


def verify(
    ledger: Ledger,
    judge_again: JudgeAgain | None = None,
    *,
    written: RecordedHead | None = None,
    checks: Sequence[Check] = (),
) -> Verification:
    """Check objects, chain, records, verdicts, signatures, refs, anchor and cache of a ledger.

    Args:
        ledger: The ledger, which is only read (its cache may be rebuilt).
        judge_again: Derives a ruling from the history before it; without it, none is derived.
        written: A head that was recorded elsewhere.
        checks: Further checks, made last on the folded history.

    Returns:
        The findings, whatever the ledger's state.

    Raises:
        InvalidStateError: Another process held the ledger's lock for too long.
    """
    findings: list[str] = []
    heads = _read_heads(ledger)
    findings += _collect(lambda: _check_repository(ledger))
    history, rulings = History(), 0
    try:
        chain, entries = _read(ledger, heads.ledger)
        for parents, entry in zip(chain, entries, strict=True):
            findings += _check_parents(history, parents, entry)
            if judge_again and isinstance(entry.event, Judged | Reverted):
                findings += _check_ruling(history, entry.event, judge_again)
                rulings += 1
            history.apply(entry)
    except (LedgerDamagedError, GitError) as error:
        findings.append(error.message)
    findings += _check_incumbent(heads.incumbent, history)
    anchor, dropped = _compare_anchor(ledger, heads.anchor, history)
    findings += dropped
    if written is not None:
        anchor = f"{anchor}; and {_head_text(written)}, as given"
        findings += _compare_recorded(history, written)
    signer = _Signer(ledger, history)
    findings += _collect(signer.findings)
    for check in checks:
        findings += _collect(lambda check=check: check(history))  # type: ignore[misc]
    notes = tuple(str(found) for found in findings if isinstance(found, Note))
    findings = [found for found in findings if not isinstance(found, Note)]
    return Verification(
        ok=not findings,
        entries=len(history.entries),
        experiments=len(history.experiments),
        verdicts=rulings,
        anchor=anchor,
        cache=ledger.cache.compare(history.entries),
        findings=tuple(findings),
        head=f"{history.head}:{len(history.entries)}" if history.head else "",
        signed=signer.good,
        signer=signer.key,
        notes=notes,
    )


def _collect(ask: Callable[[], Iterable[str]]) -> list[str]:
    """Collect findings; an error ends them and becomes the last finding."""
    found: list[str] = []
    try:
        found += ask()
    except LabError as error:
        found.append(error.message)
    except (OSError, *_CONTRADICTIONS) as error:
        found.append(f"The record cannot be checked further: {type(error).__name__}: {error}")
    return found


def _check_repository(ledger: Ledger) -> Iterator[str]:
    said = ledger.repo.fsck()
    if said:
        yield f"git fsck: {said}"
    yield from find_foreign_config(ledger.repo)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heads:
    """The refs and the anchor that an append moves, at one moment."""

    ledger: str | None
    incumbent: str | None
    anchor: Anchor | LedgerDamagedError | None  # the error if it is unreadable


def _read_heads(ledger: Ledger) -> _Heads:
    with ledger.lock():
        try:
            anchor: Anchor | LedgerDamagedError | None = ledger.anchor()
        except LedgerDamagedError as error:
            anchor = error
        return _Heads(
            ledger=ledger.repo.resolve(LEDGER_REF),
            incumbent=ledger.repo.resolve(INCUMBENT_REF),
            anchor=anchor,
        )


def _read(ledger: Ledger, head: str | None) -> tuple[list[tuple[str, ...]], Iterator[Entry]]:
    """Return the chain and its entries, decoded lazily: those before a damaged one count."""
    if head is None:
        return [], iter(())
    chain = ledger.repo.parents(head)
    blobs = ledger.repo.read_many([f"{commit[0]}:{FILE}" for commit in chain])

    def decoded() -> Iterator[Entry]:
        for (commit, *_), blob in zip(chain, blobs, strict=True):
            if blob is None:
                raise LedgerDamagedError(
                    f"The ledger's commit {commit[:12]} has no {FILE}.", reason="no_event"
                )
            yield serialization.decode(commit, blob)

    return chain, decoded()


def _check_parents(history: History, parents: tuple[str, ...], entry: Entry) -> list[str]:
    due = [entry.commit, *([history.head] if history.head else [])]
    if isinstance(entry.event, Proposed):
        due.append(entry.event.experiment.commit)
    if list(parents) == due:
        return []
    what = "the experiment's commit" if isinstance(entry.event, Proposed) else "the event before"
    return [f"Event {entry.n} ({entry.commit[:12]}) does not have {what} as its last parent."]


def _check_ruling(history: History, event: Judged | Reverted, judge_again: JudgeAgain) -> list[str]:
    ruling: Verdict | Reversal
    again: Verdict | Reversal
    try:
        if isinstance(event, Judged):
            what, ruling = f"The verdict on {event.verdict.experiment}", event.verdict
            again = judge_again(history, event.verdict)
        else:
            what, ruling = f"The reversal of {event.reversal.experiment}", event.reversal
            again = judge_again(history, event.reversal)
    except _CONTRADICTIONS as error:
        said = error.message if isinstance(error, LabError) else f"{type(error).__name__}: {error}"
        return [f"{what} cannot be derived again: {said}"]
    if again == ruling:
        return []
    differing = [
        f"{name} {getattr(ruling, name)!r} is {getattr(again, name, None)!r} when derived again"
        for name in type(ruling).__slots__
        if getattr(again, name, None) != getattr(ruling, name)
    ]
    return [f"{what} does not follow: {'; '.join(differing)}."]


def _check_incumbent(branch: str | None, history: History) -> list[str]:
    if branch == history.incumbent_commit:
        return []
    return [
        f"The incumbent's branch is at {(branch or 'nothing')[:12]}, but the ledger's incumbent is "
        f"{history.incumbent or 'none'}"
        f" ({(history.incumbent_commit or 'no commit')[:12]})."
    ]


def _compare_anchor(
    ledger: Ledger, anchor: Anchor | LedgerDamagedError | None, history: History
) -> tuple[str, list[str]]:
    """Return a description of the anchor that was used, and findings."""
    if isinstance(anchor, LedgerDamagedError):
        return "unreadable", [anchor.message]
    if anchor is None:
        found = ["There are events, but no anchor to compare them with."] if history.entries else []
        return f"no anchor at {ledger.anchor_path}", found
    used = anchor
    if anchor.next is not None and anchor.next.at(history.head, len(history.entries)):
        used = anchor.next  # the writer died before it could record that
    said = f"{(used.head or 'nothing')[:12]} as event {used.count - 1}"
    return f"{said}, from {ledger.anchor_path.name}", _compare_head(history, used)


def _compare_head(history: History, anchor: Anchor) -> list[str]:
    count = len(history.entries)
    if anchor.count > count:
        return [
            f"The ledger's tail was dropped: {anchor.count} events were recorded, {count} read."
        ]
    if anchor.count and history.entries[anchor.count - 1].commit != anchor.head:
        return [f"The ledger was rewritten: event {anchor.count - 1} is not the one recorded."]
    if anchor.count < count:
        return [f"Events were added by others: {anchor.count} events were recorded, {count} read."]
    return []


def _compare_recorded(history: History, written: RecordedHead) -> list[str]:
    """Compare with a head recorded elsewhere; later events are expected, not a finding."""
    found = [e for e in history.entries if e.commit.startswith(written.head)]
    if any(written.count in (None, entry.n + 1) for entry in found):
        return []
    return [
        f"The head {_head_text(written)} that was recorded elsewhere is not in the ledger: "
        "it was rewritten, or its tail was dropped."
    ]


def _head_text(written: RecordedHead) -> str:
    return written.head[:12] + (f":{written.count}" if written.count is not None else "")


class _Signer:
    """Checks signatures if the first event's own signature shows that the lab signs."""

    def __init__(self, ledger: Ledger, history: History) -> None:
        self._ledger, self._history = ledger, history
        self.key, self.good = "", 0

    def findings(self) -> Iterator[str]:
        """Yield findings on signatures; set `good` to the number of good ones and `key`."""
        due = [entry for entry in self._history.entries if isinstance(entry.event, SIGNED)]
        if not due:
            return
        commits = read_commits(self._ledger.repo, [entry.commit for entry in due])
        opening = commits[0]
        if opening is None or not opening.signed:
            if self._ledger.signer is not None:
                yield "The lab's settings name a key, but the first event is not signed."
            return
        if self._ledger.signer is None:
            yield "The first event is signed, but the lab's settings name no key."
        allowed = self._ledger.anchor_path.parent / ALLOWED
        found = signatures(self._ledger.repo, [entry.commit for entry in due], allowed)
        letter, self.key = (*found.get(due[0].commit, ()), "", "")[:2]
        if letter != GOOD:
            yield f"The signature of the first event is not good ({letter or 'none'})."
        for entry, commit in zip(due[1:], commits[1:], strict=True):
            what = f"{_name_of(entry)} (event {entry.n})"
            if commit is None or not commit.signed:
                yield f"{what} is not signed, but in this lab it must be."
            elif found.get(entry.commit) != [GOOD, self.key]:
                yield f"The signature of {what} is not good, or is by another key."
            else:
                self.good += 1


def _name_of(entry: Entry) -> str:
    match entry.event:
        case Judged(verdict=verdict):
            return f"the verdict on {verdict.experiment}"
        case Reverted(reversal=reversal):
            return f"the reversal of {reversal.experiment}"
    return serialization.kind_of(entry.event)
