"""What idle devices are used for: further control runs of the incumbent, while the agent thinks.

They make verdicts sharper and show a keep that was luck. They never run instead of an experiment:
nothing is started while a run waits for a device, and whoever wants one takes it (`make_room`).
"""

import time

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.loop.runs import Runs
from autoresearch.records import RunState
from autoresearch.statistics.sequential_test import GATE
from autoresearch.verdicts.evidence import (
    ages,
    began,
    comparable,
    controls_of,
    disturbed_in_a_row,
    failures,
    going,
    measured,
)
from autoresearch.verdicts.reversals import due_reversal, take_back

MOST_FAILED = 2  # runs of the incumbent; beyond it something is wrong with the target or machine
MOST_DISTURBED = 3  # runs in a row that were lost or disturbed; after them the machine gets a rest
REST_S = 60.0


def tend(runs: Runs, ledger: Ledger, contract: Contract) -> None:
    """Take in what ended, take back what fell behind, and fill idle devices with control runs."""
    runs.absorb()
    take_back(ledger, contract)
    history = ledger.history()
    if any(runs.state(run.id) is RunState.QUEUED for run in history.unfinished()):
        return
    for _ in range(runs.free_devices(history)):
        history = ledger.history()
        wanted = idle_wish(history, contract)
        if wanted is None or resting(history, wanted, time.time()):
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

    A run that gave its device to an experiment failed at nothing, and one that was lost or that the
    machine disturbed says nothing of the code: `resting` is for those.
    """
    failed = failures(history, experiment)
    if len(failed) <= MOST_FAILED or len(failed) <= len(measured(history, experiment)):
        return ""
    last = failed[-1]
    return f"{len(failed)} runs of the incumbent {experiment} failed: {last.cut or last.reason}"


def resting(history: History, experiment: str, now: float) -> str:
    """Why its next control run waits for a quieter machine; empty where it may start.

    Without a pause a machine that loses every run would be given one after another. With it the
    lab goes on by itself once the disturbance is over. `now` is in seconds since the epoch.
    """
    disturbed = disturbed_in_a_row(history, experiment)
    if len(disturbed) < MOST_DISTURBED or not 0 <= now - disturbed[-1].ended < REST_S:
        return ""
    return (
        f"the last {len(disturbed)} runs of {experiment} were lost or disturbed by the machine, "
        f"the next is tried {REST_S:g} s after them: {disturbed[-1].reason}"
    )
