"""A contradiction: why an event cannot come next in a ledger."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Why an event cannot come next: for programs, and as a sentence."""

    reason: str
    text: str
