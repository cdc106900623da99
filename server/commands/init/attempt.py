"""One attempt of `init`: what must hold before its runs, and what is kept when they fail."""

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from autoresearch.errors import ContractError, InvalidStateError, LabError
from autoresearch.git.repository import snapshot
from autoresearch.git.user_repository import top_of
from autoresearch.lab import Lab
from autoresearch.setup.lab_creation import lab_on
from autoresearch.setup.settings import UNPROVED
from autoresearch.system.home import default_home, lab_folder
from autoresearch.system.locks import try_lock

if TYPE_CHECKING:
    from autoresearch.attachment.baseline import Baseline, Chooser, Opener, Watch
    from autoresearch.attachment.proposal_parts import Proposal
    from autoresearch.git.snapshot import Snapshot


def remove_unproved(path: Path) -> None:
    """Remove the lab of an init that was killed before its baseline was measured.

    Raises InvalidStateError if that init still goes on.
    """
    home = default_home()
    name = lab_on(top_of(path), home)
    if name is None or not (lab_folder(home, name) / UNPROVED).exists():
        return
    from autoresearch.attachment.baseline import discard

    held = try_lock(lab_folder(home, name) / UNPROVED)
    if held is None:
        raise InvalidStateError(
            f"Another init measures the baseline of {path} now.",
            "Wait until it has ended.",
            reason="init_goes_on",
        )
    held.release()
    discard(Lab.reopen(name, home=home))


def has_gpu() -> bool:
    """Return whether a run could lease a GPU here."""
    from autoresearch.devices.machine import Machine

    return bool(Machine().devices("gpu"))


def look_at(path: Path, *, dry_run: bool) -> "Snapshot":
    """Return what the commit has in a folder; raise LabError if no lab can be attached there."""
    top = top_of(path)
    seen = snapshot(top)
    name = lab_on(top, default_home())
    if name is not None and dry_run:
        print(f"There is the lab {name}, which keeps its own contract.", file=sys.stderr)
    elif name is not None:
        raise InvalidStateError(
            f"{top} already has the lab {name}.",
            f"Open it: autoresearch-mcp init {name}. For another one on {path}, set another "
            "AUTORESEARCH_HOME.",
            reason="lab_exists",
        )
    if top == path:
        return seen
    below = seen.below(path.relative_to(top).as_posix())
    if not below.files:
        raise ContractError(
            f"The last commit of {top} has no file in {path}.",
            "Commit the code, or give another folder.",
            reason="empty_folder",
        )
    return below


def prove(
    proposal: "Proposal", seen: "Snapshot", opener: "Opener", watch: "Watch", choose: "Chooser"
) -> "Baseline":
    """Measure the baseline; what was found is kept for the next init if that fails."""
    from autoresearch.attachment.baseline import measure_baseline
    from autoresearch.attachment.contract_proposal import propose
    from autoresearch.attachment.proposal_parts import Answers
    from server.commands.init.kept_findings import forget, keep

    found = [proposal]
    try:
        proven = measure_baseline(proposal, seen, opener, watch, choose, found.append)
    except BaseException:
        with contextlib.suppress(LabError, OSError):
            before = propose(seen, Answers(), os.environ)
            keep(default_home(), seen.top, before, found[-1])
        raise
    forget(default_home(), seen.top, seen.folder)
    return proven
