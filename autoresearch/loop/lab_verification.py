"""Verification of a lab: its ledger, and the files beside it that the ledger commits to."""

from collections.abc import Iterator

from autoresearch.ledger.anchor import parse_recorded_head
from autoresearch.ledger.experiment_checks import Note, check_experiments
from autoresearch.ledger.history import History
from autoresearch.ledger.verification import JudgeAgain, Verification, verify
from autoresearch.loop.open_lab import OpenLab
from autoresearch.patches.simplification import simpler
from autoresearch.setup.settings import commitment
from autoresearch.system.hashes import file_sha256


def verify_lab(lab: OpenLab, judge_again: JudgeAgain, head: str = "") -> Verification:
    """Read the ledger from git again and compare it with everything that should agree with it.

    `head` is one that was written down elsewhere, HASH or HASH:COUNT; LabError if it is neither.
    """
    checks = (
        lambda history: check_experiments(lab.repository, history, simpler),
        lambda history: _wrong_settings(lab, history),
        lambda history: _wrong_documents(lab, history),
    )
    written = parse_recorded_head(head) if head else None
    return verify(lab.ledger, judge_again, written=written, checks=checks)


def _wrong_settings(lab: OpenLab, history: History) -> Iterator[str]:
    """Compare lab.json with what the ledger says of it."""
    opened = history.opened
    if opened is None:
        return
    settings = lab.settings
    if settings.source != opened.source:
        yield f"lab.json names the source {settings.source!r}, but the ledger {opened.source!r}."
    if not opened.split_sha256:
        yield Note(
            "The secret that chose the held-out part can't be checked: this lab was opened before "
            "labs committed to it."
        )
    elif commitment(settings.split_salt, settings.split_seed) != opened.split_sha256:
        yield "The secret that chooses the held-out part is not the one that the lab committed to."


def _wrong_documents(lab: OpenLab, history: History) -> Iterator[str]:
    documents = lab.folder / "sealed" / "documents"
    if history.opened is None or not history.opened.sealed_sha256:
        return
    if file_sha256(documents) != history.opened.sealed_sha256:
        yield f"{documents} is not the held-out data that the lab was opened with."
