"""Every error that the lab raises on purpose, as one tree.

LabError                  something the caller can understand and act on
├── ContractError         autoresearch.toml is missing, malformed, or asks for something missing
├── PatchRefusedError     a patch was turned down before it cost anything
├── NotFoundError         no lab, experiment, run, file or symbol has that name
├── InvalidStateError     the request is valid, but not in the lab's present state
├── RunStartError         a run could not be started
├── ScoringError          the model under research did not answer as a model must
├── LedgerDamagedError    the ledger is inconsistent, or does not match its anchor
└── GitError              git failed; its output is in the message
"""

from autoresearch.common.errors import ExplainedError


class LabError(ExplainedError):
    """Something that the caller can understand and act on."""

    kind = "lab_error"


class ContractError(LabError):
    """autoresearch.toml is missing, malformed, or asks for something missing."""

    kind = "contract"


class PatchRefusedError(LabError):
    """A patch was turned down before it cost anything."""

    kind = "patch_refused"


class NotFoundError(LabError):
    """No lab, experiment, run, file or symbol has that name."""

    kind = "not_found"


class InvalidStateError(LabError):
    """The request is valid, but not in the lab's present state."""

    kind = "invalid_state"


class RunStartError(LabError):
    """A run could not be started."""

    kind = "run_start"


class ScoringError(LabError):
    """The model under research did not answer as a model must."""

    kind = "scoring"


class LedgerDamagedError(LabError):
    """The ledger is inconsistent, or does not match its anchor."""

    kind = "ledger_damaged"


class GitError(LabError):
    """git failed; its output is in the message."""

    kind = "git"
