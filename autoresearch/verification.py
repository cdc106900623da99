"""Read the whole ledger again and compare it with everything that should agree with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from autoresearch import envelope
from autoresearch.errors import GitFailed, LabError, LedgerDamaged
from autoresearch.history import History
from autoresearch.ledger import FILE, INCUMBENT_REF, LEDGER_REF, Anchor, Ledger
from autoresearch.records import Entry, Judged, Proposed, Verdict

JudgeAgain = Callable[[History, Verdict], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found; `ok` when there are no findings."""

    ok: bool
    entries: int  # events that replay
    experiments: int
    verdicts: int  # verdicts derived again
    anchor: str  # which head, recorded outside git, the chain was compared with
    cache: str  # "agrees" or "rebuilt"
    findings: tuple[str, ...]  # a sentence each


def verify(ledger: Ledger, judge_again: JudgeAgain | None = None) -> Verification:
    """Check objects, chain, records, verdicts, refs, anchor and cache.

    `judge_again` derives a verdict anew from the history before it. Without it no verdict is
    checked.
    """
    findings: list[str] = []
    heads = _read_heads(ledger)
    unsound = ledger.repo.fsck()
    if unsound:
        findings.append(f"git fsck: {unsound}")
    history, verdicts = History(), 0
    try:
        chain, entries = _read(ledger, heads.ledger)
        for parents, entry in zip(chain, entries, strict=True):
            findings += _wrong_parents(history, parents, entry)
            if judge_again and isinstance(entry.event, Judged):
                findings += _wrong_verdict(history, entry.event.verdict, judge_again)
                verdicts += 1
            history.apply(entry)
    except (LedgerDamaged, GitFailed) as error:
        findings.append(error.message)
    findings += _wrong_incumbent(heads.incumbent, history)
    anchor, dropped = _compare_anchor(ledger, heads.anchor, history)
    findings += dropped
    return Verification(
        ok=not findings,
        entries=len(history.entries),
        experiments=len(history.experiments),
        verdicts=verdicts,
        anchor=anchor,
        cache=ledger.cache.compare(history.entries),
        findings=tuple(findings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heads:
    """What an append moves, as it was at one moment."""

    ledger: str | None
    incumbent: str | None
    anchor: Anchor | LedgerDamaged | None  # the error if it does not read


def _read_heads(ledger: Ledger) -> _Heads:
    with ledger.lock():
        try:
            anchor: Anchor | LedgerDamaged | None = ledger.anchor()
        except LedgerDamaged as error:
            anchor = error
        return _Heads(
            ledger=ledger.repo.resolve(LEDGER_REF),
            incumbent=ledger.repo.resolve(INCUMBENT_REF),
            anchor=anchor,
        )


def _read(ledger: Ledger, head: str | None) -> tuple[list[tuple[str, ...]], Iterator[Entry]]:
    """The chain and its entries, decoded one by one, so that those before a damaged one count."""
    if head is None:
        return [], iter(())
    chain = ledger.repo.parents(head)
    blobs = ledger.repo.read_many([f"{commit[0]}:{FILE}" for commit in chain])

    def decoded() -> Iterator[Entry]:
        for (commit, *_), blob in zip(chain, blobs, strict=True):
            if blob is None:
                raise LedgerDamaged(f"The ledger's commit {commit[:12]} has no {FILE}.")
            yield envelope.decode(commit, blob)

    return chain, decoded()


def _wrong_parents(history: History, parents: tuple[str, ...], entry: Entry) -> list[str]:
    due = [entry.commit, *([history.head] if history.head else [])]
    if isinstance(entry.event, Proposed):
        due.append(entry.event.experiment.commit)
    if list(parents) == due:
        return []
    what = "the experiment's commit" if isinstance(entry.event, Proposed) else "the event before"
    return [f"Event {entry.n} ({entry.commit[:12]}) does not have {what} as its last parent."]


def _wrong_verdict(history: History, verdict: Verdict, judge_again: JudgeAgain) -> list[str]:
    try:
        again = judge_again(history, verdict)
    except LabError as error:
        return [f"The verdict on {verdict.experiment} cannot be derived again: {error.message}"]
    if again == verdict:
        return []
    differing = [
        f"{name} {getattr(verdict, name)!r} is {getattr(again, name)!r} when derived again"
        for name in Verdict.__slots__
        if getattr(again, name) != getattr(verdict, name)
    ]
    return [f"The verdict on {verdict.experiment} does not follow: {'; '.join(differing)}."]


def _wrong_incumbent(branch: str | None, history: History) -> list[str]:
    if branch == history.incumbent_commit:
        return []
    return [
        f"The incumbent's branch is at {(branch or 'nothing')[:12]}, but the ledger says "
        f"{history.incumbent or 'that there is none'}"
        f" ({(history.incumbent_commit or 'no commit')[:12]})."
    ]


def _compare_anchor(
    ledger: Ledger, anchor: Anchor | LedgerDamaged | None, history: History
) -> tuple[str, list[str]]:
    """Which anchor was used, and what it shows."""
    if isinstance(anchor, LedgerDamaged):
        return "unreadable", [anchor.message]
    if anchor is None:
        found = ["There are events, but no anchor to compare them with."] if history.entries else []
        return f"none, there is no anchor at {ledger.anchor_path}", found
    said = f"{anchor.head[:12]} as event {anchor.count - 1}, from {ledger.anchor_path.name}"
    return said, _off_anchor(history, anchor)


def _off_anchor(history: History, anchor: Anchor) -> list[str]:
    count = len(history.entries)
    if anchor.count > count:
        return [
            f"The ledger's tail was dropped: {anchor.count} events were recorded, {count} read."
        ]
    if history.entries[anchor.count - 1].commit != anchor.head:
        return [f"The ledger was rewritten: event {anchor.count - 1} is not the one recorded."]
    return []
