"""Fields of a run's spec that a contract's tables give."""

from collections.abc import Sequence
from typing import Any

from autoresearch.contract import Sealed

UNSEALED_OUT_MB = 256.0  # of a file that a run may leave, where no checkpoint is scored


def scored_by(sealed: Sealed | None) -> dict[str, Any]:
    """Return the spec's fields for scoring a model; placeholders where none is scored."""
    if sealed is None:
        return {
            "held_out": 0,
            "entry": "",
            "checkpoint": "",
            "checkpoint_mb": UNSEALED_OUT_MB,
            "score_s": 0.0,
            "bulk": False,
        }
    names = ("held_out", "entry", "checkpoint", "checkpoint_mb", "score_s", "bulk")
    of_kinds = ("vocab", "context", "samples", "tolerance", "function")
    return {name: getattr(sealed, name) for name in (*names, *of_kinds)}


def filled(argv: Sequence[str], python: str) -> tuple[str, ...]:
    """Return a command of the contract with its interpreter filled in."""
    return tuple(part.replace("{python}", python) for part in argv)
