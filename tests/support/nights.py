"""Campaigns in a history that a test tells, and campaigns that really run on the target `tiny`."""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from autoresearch.campaigns.settings import CampaignFolder, CampaignSettings
from autoresearch.campaigns.start import Plan, start_campaign
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import (
    CampaignBudget,
    CampaignStarted,
    StartCause,
    Worker,
    WorkerEnd,
    WorkerEnded,
    WorkerStarted,
)
from autoresearch.ledger.campaign_state import CampaignState
from autoresearch.records import Judged, Outcome, Proposer
from autoresearch.system.agent_marks import CALLS
from tests.support import night_agent
from tests.support.samples import judged
from tests.support.told import Told

AGENT = f"{sys.executable} {night_agent.__file__}"


class Night(Told):
    """A lab with a campaign of two workers."""

    def __init__(self, **budget: Any) -> None:
        super().__init__(3.20, 3.21, 3.19, 3.20, 3.22, 3.18)
        self.tell(
            CampaignStarted(
                campaign="c1",
                budget=CampaignBudget(**budget),
                workers=(Worker(name="w1", agent="claude-code"), Worker(name="w2", agent="codex")),
                silence_s=60.0,
                grace_s=60.0,
                machine="here",
            )
        )

    @property
    def campaign(self) -> CampaignState:
        return self.history.campaigns["c1"]

    def drop(self, *, worker: str = "c1/w1", kept: bool = False) -> str:
        """An experiment of a worker's with its verdict."""
        name = self.propose(proposer=Proposer(client="test", worker=worker))
        base = self.history.experiments[name].base
        assert base is not None
        event = judged(name, base, moved=kept)
        outcome = Outcome.KEEP if kept else Outcome.DISCARD
        self.tell(Judged(verdict=replace(event.verdict, outcome=outcome, judge_version=4)))
        return name

    def start(self, worker: str = "w1", cause: StartCause = StartCause.FIRST) -> None:
        start = self.campaign.starts_of(worker) + 1
        self.tell(
            WorkerStarted(campaign="c1", worker=worker, start=start, cause=cause, brief="Go.\n")
        )

    def end(self, worker: str = "w1", cause: WorkerEnd = WorkerEnd.FAILED, **changes: Any) -> None:
        active = self.campaign.active(worker)
        assert active is not None
        ended = WorkerEnded(
            campaign="c1", worker=worker, start=active.start, cause=cause, sentence="It ended."
        )
        self.tell(replace(ended, **changes))


def record_campaign(lab: Lab) -> None:
    """Write down a campaign of eight hours and one worker, with nobody who supervises it."""
    started = CampaignStarted(
        campaign="c1",
        budget=CampaignBudget(hours=8.0),
        workers=(Worker(name="w1", agent="claude-code --model opus"),),
        silence_s=900.0,
        grace_s=900.0,
        machine="here",
    )
    lab.ledger.append(lambda _: started)


def start_night(
    lab: Lab, *agents: str, silence_s: float = 60.0, grace_s: float = 60.0, **budget: Any
) -> CampaignFolder:
    """Start a real campaign with agents that need no check."""
    plan = Plan(
        budget=CampaignBudget(**budget), agents=agents, silence_s=silence_s, grace_s=grace_s
    )
    settings = CampaignSettings(
        home=str(lab.home),
        lab=lab.name,
        server=(sys.executable, "-m", "autoresearch_mcp", "serve", "--toolset", "research"),
        python=sys.executable,
    )
    state = start_campaign(lab, plan, settings, check=lambda _: None)
    return CampaignFolder.of(lab.folder, state.name)


def to_the_end(lab: Lab, within_s: float = 300.0) -> CampaignState:
    """Wait until the last campaign has ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        [*_, state] = lab.history().campaigns.values()
        if not state.goes_on:
            return state
        time.sleep(0.2)
    raise AssertionError(f"it goes on after {within_s} s: {lab.history().campaigns}")


def left_over(folder: CampaignFolder) -> list[str]:
    """The processes that agents of a campaign left."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(CALLS, "").startswith(str(folder.path)):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def words_heard(folder: CampaignFolder, worker: str) -> str:
    """What a worker's agent was told beside the answers of tools."""
    heard = Path(folder.worker(worker).scratch / "heard")
    return heard.read_text() if heard.exists() else ""
