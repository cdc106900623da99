"""The user's own number, beside the lab's: as they gave it, or by a run outside the lab."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.prompt import Confirm

from server.commands.init.questions import is_terminal
from server.commands.output import console

if TYPE_CHECKING:
    from autoresearch.attachment.baseline import Baseline
    from autoresearch.git.snapshot import Snapshot

RUN_YOURS = (
    "Run it once as you would, in a copy of your folder, with your variables and home and without "
    "a sandbox, to see that its number is the same?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The user's own run: its number, or their wish for one."""

    number: float | None = None
    run: bool = False  # they asked for one


def own_number(own: Own, proven: "Baseline", seen: "Snapshot", *, ask: bool) -> float | None:
    """Return the user's own number; None where it is not known, or their run has none."""
    from autoresearch.attachment.same_program.user_run import run_of_the_user
    from autoresearch.errors import RunStartError

    if own.number is not None or proven.lab.contract.metric.scoring == "sealed":
        return own.number
    offered = ask and is_terminal(console)
    if not (own.run or (offered and Confirm.ask(RUN_YOURS, console=console, default=False))):
        return None
    try:
        return run_of_the_user(proven.lab, proven.runs[0].run, seen)
    except RunStartError as error:
        print(error, file=sys.stderr)
        return None
