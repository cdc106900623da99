"""Every error that the lab raises on purpose, as one tree.

LabError                  something the caller can understand and act on
├── ContractError         autoresearch.toml is missing, malformed, or asks for what is not there
├── PatchRefused          a patch that was turned down before it cost anything
├── NotFound              no lab, experiment, run, file or symbol of that name
├── NotNow                the request makes sense, but not in the present state
├── RunFailed             a run could not be started
├── ScoringFailed         the model under research did not answer as a model must
├── LedgerDamaged         the record does not replay, or does not match its anchor
└── GitFailed             git said no; its words are in the message
"""


class LabError(Exception):
    """What was wrong, and in `remedy` what is allowed and what to do next."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        between = "\n" if "\n" in self.message else " "
        return f"{self.message}{between}{self.remedy}".strip()


class ContractError(LabError):
    """autoresearch.toml is missing, malformed, or asks for what is not there."""


class PatchRefused(LabError):
    """A patch that was turned down before it cost anything."""


class NotFound(LabError):
    """No lab, experiment, run, file or symbol of that name."""


class NotNow(LabError):
    """The request makes sense, but not in the present state."""


class RunFailed(LabError):
    """A run could not be started."""


class ScoringFailed(LabError):
    """The model under research did not answer as a model must."""


class LedgerDamaged(LabError):
    """The record does not replay, or does not match its anchor."""


class GitFailed(LabError):
    """git said no; its words are in the message."""
