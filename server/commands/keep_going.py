"""`campaign keep-going`: the Stop hook that keeps an interactive agent at a campaign's research.

Claude Code and Codex run a Stop hook when an agent is about to stop, with JSON on stdin; an answer
with `"decision": "block"` sends the agent on. Claude Code lets it go after eight such answers in a
row. Only a session that worked on experiments is sent on, and only while a campaign is supervised
and has budget left.
"""

import json
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoresearch.errors import LabError
from autoresearch.lab import Lab
from autoresearch.system.agent_marks import WORKER
from autoresearch.system.home import default_home, lab_names
from server.views import figures

OFF = "AUTORESEARCH_KEEP_GOING"  # 0: no session is sent on
# A call in a transcript; with the plugin it is mcp__plugin_autoresearch_autoresearch__run_training.
_WORKED = re.compile(
    r'"name":\s*"mcp__\w*autoresearch__'
    r'(?:propose_patch|run_training|evaluate_metric|conclude_experiment)"'
)


def keep_going() -> int:
    """Answer a client's Stop hook: go on while a campaign has budget left. Reads JSON on stdin.

    A session that did no experiments is left alone. AUTORESEARCH_KEEP_GOING=0 switches it off.
    """
    reason = reason_to_go_on(sys.stdin.read(), os.environ)
    if reason:
        print(json.dumps({"decision": "block", "reason": reason}))
    return 0


def reason_to_go_on(asked: str, environ: Mapping[str, str]) -> str:
    """Return why the agent of a hook's input is to go on; "" to let it stop.

    Never raises for what a client or a damaged lab holds: a hook must not get in the user's way.
    """
    if environ.get(OFF) == "0" or WORKER in environ:  # a campaign's own agents have a supervisor
        return ""
    if not _worked(asked):
        return ""
    for name in lab_names(default_home()):
        try:
            left = _left(Lab.reopen(name))
        except (LabError, OSError):
            continue
        if left:
            return (
                f"The campaign of the lab {name} goes on: {left}. Call open_lab with this name and "
                "do what its next_step says, without asking. Stop when a next_step says that "
                f"research is over, or the user says so. ({OFF}=0 switches this off.)"
            )
    return ""


def _worked(asked: str) -> bool:
    """Return whether the session called a tool that does research, by its transcript."""
    try:
        told: Any = json.loads(asked)
        path = Path(told["transcript_path"])
        with path.open(encoding="utf-8", errors="replace") as lines:
            return any(_WORKED.search(line) for line in lines)
    except (ValueError, KeyError, TypeError, OSError):
        return False


def _left(lab: Lab) -> str:
    """Return what a campaign that is supervised has left, in words; "" where none has."""
    from autoresearch.campaigns.budget import limit_reached, used
    from autoresearch.campaigns.settings import CampaignFolder
    from autoresearch.campaigns.start import supervised
    from autoresearch.campaigns.supervisor import worked_seconds

    history = lab.history()
    for state in reversed(history.campaigns.values()):
        folder = CampaignFolder.of(lab.folder, state.name)
        if not state.goes_on or state.paused or not supervised(folder):
            continue
        budget, spent = state.started.budget, used(history, state, worked_seconds(folder))
        if limit_reached(history, lab.contract, budget, spent, time.time()):
            continue
        if budget.hours is not None:
            return f"{budget.hours - spent.hours:.1f} of its {budget.hours:g} hours are left"
        return f"after {figures.count(spent.experiments, 'experiment')} it has budget left"
    return ""
