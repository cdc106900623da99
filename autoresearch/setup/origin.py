"""Origin of a lab's code: a shipped target, or a user's repository."""

from dataclasses import dataclass
from pathlib import Path

_SHIPPED = "shipped:"  # before a target's name, in lab.json and in the ledger's first event


@dataclass(frozen=True, slots=True)
class Origin:
    """A target that ships, by its name, or a repository, by its path: one of the two.

    `str(origin)` is what lab.json and the ledger keep, and `Origin.parse` reads that back.
    """

    shipped: str = ""  # the target's name
    repository: Path | None = None

    @classmethod
    def parse(cls, text: str) -> "Origin":
        """Read what lab.json and the ledger keep."""
        if text.startswith(_SHIPPED):
            return cls(shipped=text.removeprefix(_SHIPPED))
        return cls(repository=Path(text))

    def __str__(self) -> str:
        return f"{_SHIPPED}{self.shipped}" if self.repository is None else str(self.repository)
