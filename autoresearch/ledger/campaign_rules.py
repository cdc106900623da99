"""Rules of a campaign for proposals: its end, its pauses, and what its user forbids. Pure."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from autoresearch.errors import InvalidStateError, PatchRefusedError
from autoresearch.ledger.campaign_state import going_on
from autoresearch.ledger.history import History
from autoresearch.records import FileChange, Proposer
from autoresearch.system.locks import try_lock

CAMPAIGNS = "campaigns"  # below a lab's folder
SUPERVISOR_LOCK = "supervisor.lock"  # below a campaign's


def refuse_beyond_campaign(history: History, proposer: Proposer) -> None:
    """Raise InvalidStateError for a worker whose campaign ended, pauses, or has all experiments."""
    campaign = history.campaigns.get(proposer.worker.partition("/")[0])
    if campaign is None:
        return
    most = campaign.started.budget.experiments
    used_up = most is not None and len(history.proposed_in(campaign)) >= most
    if not campaign.goes_on or campaign.stop_wanted or used_up:
        why = f"all of its {most} experiments were proposed" if used_up else "it has ended"
        raise InvalidStateError(
            f"The campaign {campaign.name} takes no further experiment: {why}.",
            "Bring what is open to a verdict, conclude it, and end.",
            reason="campaign_over",
        )
    if campaign.paused:
        raise InvalidStateError(
            f"The campaign {campaign.name} is paused by its user.",
            "End now: you are started again when it goes on.",
            reason="campaign_paused",
        )


def unattended_notice(history: History, lab_folder: Path) -> str:
    """Return a sentence for a campaign that goes on without a supervisor, "" where none does."""
    campaign = going_on(history.campaigns)
    if campaign is None or campaign.paused:
        return ""
    lock_file = lab_folder / CAMPAIGNS / campaign.name / SUPERVISOR_LOCK
    lock = try_lock(lock_file) if lock_file.parent.exists() else None
    if lock is None and lock_file.parent.exists():
        return ""
    if lock is not None:
        lock.release()
    return (
        f"The campaign {campaign.name} goes on, but nothing supervises it: the machine restarted, "
        "or its supervisor was killed. `autoresearch-mcp campaign resume` in a shell continues it."
    )


def refuse_vetoed(history: History, changes: Sequence[FileChange]) -> None:
    """Raise PatchRefusedError for a patch that changes what the user forbids in this campaign.

    A glob is matched as a shell does, and `*` stands for slashes too.
    """
    campaign = going_on(history.campaigns)
    for glob in campaign.vetoes if campaign else ():
        changed = [change.path for change in changes if fnmatchcase(change.path, glob)]
        if changed:
            raise PatchRefusedError(
                f"The user forbids changes to {glob}, and this patch changes {changed[0]}.",
                "Change other code.",
                reason="vetoed",
            )
