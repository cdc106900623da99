"""What idle devices are used for: further control runs of the incumbent, while the agent thinks.

They make verdicts sharper and show a keep that was luck. They never run instead of an experiment:
nothing is started while a run waits for a device, and whoever wants one takes it (`make_room`).
"""

from autoresearch.contract import Contract
from autoresearch.evidence import (
    ages,
    began,
    comparable,
    controls_of,
    failures,
    going,
    measured,
)
from autoresearch.history import History
from autoresearch.judge import GATE
from autoresearch.ledger import Ledger
from autoresearch.records import RunState
from autoresearch.reverting import due_reversal, take_back
from autoresearch.runs import Runs

MOST_FAILED = 2  # runs of the incumbent; beyond it something is wrong with the target or machine


def tend(runs: Runs, ledger: Ledger, contract: Contract) -> None:
    """Take in what ended, take back what fell behind, and fill idle devices with control runs."""
    runs.absorb()
    take_back(ledger, contract)
    history = ledger.history()
    if any(runs.state(run.id) is RunState.QUEUED for run in history.unfinished()):
        return
    for _ in range(runs.free_devices(history)):
        wanted = idle_wish(ledger.history(), contract)
        if wanted is None:
            return
        runs.start(wanted)


def at_rest(history: History, contract: Contract) -> bool:
    """Whether tending would do nothing, so that nobody needs to lock the lab for it."""
    if history.unfinished() or idle_wish(history, contract) is not None:
        return False
    return due_reversal(history, contract) is None


def idle_wish(history: History, contract: Contract) -> str | None:
    """Whose control run an idle device should make; None once there are enough.

    The incumbent's, up to what the gate can use. With a budget of seconds its parent's too, for
    they are compared and those from before the keep grow old.
    """
    tip = history.kept[-1]
    parent = history.kept[-2] if len(history.kept) > 1 else None
    if parent is not None and ages(contract):
        fresh = controls_of(history, tip)
        beside = comparable(history, controls_of(history, parent), began(history, fresh))
        behind = len(beside) + going(history, parent) < min(len(fresh), GATE.fewest_controls)
        if behind and not hopeless(history, parent):
            return parent
    have = len(controls_of(history, tip)) + going(history, tip)
    return tip if have < GATE.most_controls and not hopeless(history, tip) else None


def hopeless(history: History, experiment: str) -> str:
    """Why the incumbent's runs are not worth another try; empty while they are.

    A run that gave its device to an experiment failed at nothing.
    """
    failed = failures(history, experiment)
    if len(failed) <= MOST_FAILED or len(failed) <= len(measured(history, experiment)):
        return ""
    last = failed[-1]
    return f"{len(failed)} runs of the incumbent {experiment} failed: {last.cut or last.reason}"
