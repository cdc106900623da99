"""The open lab as the loop reads it: a protocol, so that the loop need not know the facade."""

from pathlib import Path
from typing import Protocol

from autoresearch.contract import Contract
from autoresearch.git.repository import Repository
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.loop.runs import Runs
from autoresearch.patches.code_sections import Reader
from autoresearch.setup.settings import Settings


class OpenLab(Protocol):
    """One target opened for research; `autoresearch.lab.Lab` is one."""

    name: str
    folder: Path
    repository: Repository
    ledger: Ledger

    @property
    def contract(self) -> Contract:
        """The contract of e0, which no experiment can change."""

    @property
    def settings(self) -> Settings:
        """The content of lab.json."""

    @property
    def brief(self) -> str:
        """The text of the human's brief; "" if the contract names none."""

    @property
    def runs(self) -> Runs:
        """The lab's runs."""

    def history(self) -> History:
        """The ledger's events, folded into a history."""

    def read_file(self, path: str, commit: str) -> str:
        """Return a file's text at a commit; raise NotFoundError for held-out data."""

    def reader(self, commit: str) -> Reader:
        """Return a reader of files at a commit."""
