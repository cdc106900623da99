"""Idle devices make further control runs of the incumbent while the agent thinks.

They make verdicts sharper and show a keep that was luck. They never compete with an experiment:
nothing is started while a run waits for a device, and an experiment's run preempts them.
"""

import time

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.loop.runs import Runs
from autoresearch.scheduling.demands import idle_demands
from autoresearch.scheduling.scheduler import plan_idle_runs
from autoresearch.verdicts.reversals import due_reversal, reverse_if_due


def tend(runs: Runs, ledger: Ledger, contract: Contract) -> None:
    """Record what ended, write down a due reversal, and fill idle slots with control runs."""
    runs.absorb()
    reverse_if_due(ledger, contract)
    history = ledger.history()
    demands = idle_demands(history, contract)
    if demands:
        runs.carry_out(plan_idle_runs(runs.machine(history), demands, time.time()))


def nothing_to_tend(history: History, contract: Contract) -> bool:
    """Return whether `tend` would do nothing, so that nobody needs to lock the lab for it."""
    if history.unfinished() or idle_demands(history, contract):
        return False
    return due_reversal(history, contract) is None
