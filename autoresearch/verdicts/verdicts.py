"""Verdicts and reversals derived again, each with the gate of the judge version that gave it.

A newer product then does not call an old ledger wrong.
"""

from dataclasses import replace

from autoresearch.contract import Contract
from autoresearch.errors import LedgerDamagedError
from autoresearch.ledger.history import History
from autoresearch.records import Reversal, Ruling, Verdict
from autoresearch.statistics.gates import GATES, JUDGE_VERSION, Gate
from autoresearch.verdicts.assessment import assess
from autoresearch.verdicts.reversals import due_reversal


def due_verdict(
    experiment: str, history: History, contract: Contract, version: int = JUDGE_VERSION
) -> Verdict | None:
    """Return the verdict that the runs so far allow; None while more are needed or go on."""
    return assess(experiment, history, contract, version=version).verdict


def judge_again(history: History, ruling: Ruling, contract: Contract) -> Ruling:
    """Derive a verdict or a reversal again from all that came before it, for `verify` to compare.

    Only its experiment and its judge version are trusted. Its sentence is kept, since a later
    product may phrase the same numbers differently.

    Raises:
        LedgerDamagedError: The runs allow no such ruling, or the judge version is unknown.
    """
    known_gate(ruling.judge_version, ruling.experiment)
    again: Verdict | Reversal | None
    if isinstance(ruling, Verdict):
        again = due_verdict(ruling.experiment, history, contract, ruling.judge_version)
    else:
        again = due_reversal(history, contract, ruling.judge_version)
    if again is None:
        kind = "verdict on" if isinstance(ruling, Verdict) else "reversal of"
        raise LedgerDamagedError(f"The runs do not support the {kind} {ruling.experiment}.")
    return replace(again, sentence=ruling.sentence)


def known_gate(version: int, experiment: str) -> Gate:
    """Return the gate of that judge version; raise LedgerDamagedError if there is none."""
    if version not in GATES:
        known = ", ".join(map(str, sorted(GATES)))
        raise LedgerDamagedError(
            f"The ruling on {experiment} was given by version {version} of the judge, which this "
            f"release does not know; it knows {known}.",
            "Verify it with the release that wrote it, or a newer one.",
        )
    return GATES[version]
