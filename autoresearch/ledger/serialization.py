"""Serialization of ledger events as canonical JSON; malformed input raises LedgerDamagedError."""

import json
from dataclasses import asdict, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from autoresearch.errors import LedgerDamagedError
from autoresearch.ledger.events import KINDS, Entry, Event
from autoresearch.old_records import with_cause
from autoresearch.records import RunFinished

_NAMES = {record: kind for kind, record in KINDS.items()}
_KEYS = {"n", "at", "kind", "event"}


def kind_of(event: Event) -> str:
    """Return the name of the event's kind, as written in the ledger."""
    return _NAMES[type(event)]


def encode(n: int, at: float, event: Event) -> bytes:
    """Return canonical JSON: sorted keys, no spaces, no NaN; equal events give equal bytes.

    `n` is the event's index in the ledger, `at` is in epoch seconds.
    """
    envelope = {"n": n, "at": at, "kind": kind_of(event), "event": asdict(event)}
    try:
        text = json.dumps(
            envelope, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except ValueError as error:
        raise LedgerDamagedError(
            f"A {kind_of(event)} event holds a number that is not finite.",
            "Record None where nothing was measured.",
            reason="not_finite",
        ) from error
    return text.encode(errors="replace") + b"\n"


def decode(commit: str, blob: bytes) -> Entry:
    """Return the entry in a commit's `event.json`; raise LedgerDamagedError if it is malformed."""
    try:
        envelope = json.loads(blob)
        if not isinstance(envelope, dict) or set(envelope) != _KEYS:
            raise ValueError(f"its keys are not {', '.join(sorted(_KEYS))}")
        kind, n, at = envelope["kind"], envelope["n"], envelope["at"]
        known = isinstance(kind, str) and kind in KINDS
        if not known or type(n) is not int or type(at) not in (int, float):
            raise ValueError(f"kind {kind!r}, n {n!r} or at {at!r} is not valid")
        event = _adapter(kind).validate_json(json.dumps(envelope["event"]), strict=True)
        if isinstance(event, RunFinished) and "cause" not in envelope["event"]["report"]:
            event = replace(event, report=with_cause(event.report))
    except (ValidationError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())[:300]
        raise LedgerDamagedError(
            f"The ledger's commit {commit[:12]} can't be read: {why}", reason="unreadable_event"
        ) from error
    extra = _unknown(envelope["event"], to_jsonable_python(event))
    if extra:
        raise LedgerDamagedError(
            f"The ledger's commit {commit[:12]} has a key that a {kind} event does not: {extra!r}.",
            "It was written by a newer version, or by hand.",
            reason="unknown_key",
        )
    return Entry(n=n, at=float(at), commit=commit, event=event)


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])


def _unknown(raw: object, known: object) -> str:
    """Return the first key of `raw` that reading dropped (plain dataclasses drop extras), or ""."""
    if isinstance(raw, dict) and isinstance(known, dict):
        inner = (key if key not in known else _unknown(raw[key], known[key]) for key in raw)
        return next(filter(None, inner), "")
    if isinstance(raw, list) and isinstance(known, list):
        return next(filter(None, map(_unknown, raw, known)), "")
    return ""
