"""Workers of a campaign: when an agent is started, ended and given up. One object a worker.

What decides is pure (`empty_starts`, `pause_s`, `start_cause` …); the rest carries it out.
"""

import json
import time
from dataclasses import dataclass, replace

from autoresearch.campaigns.agent_process import AgentProcess, kill_marked, report_in
from autoresearch.campaigns.agents import AgentReport, agent_command, mcp_configuration
from autoresearch.campaigns.calls import REPEATS, in_circles, last_calls
from autoresearch.campaigns.records import Recorder
from autoresearch.campaigns.settings import (
    CLIENTS,
    SEARCH,
    CampaignSettings,
    WorkerFolder,
    agent_words,
    shown_agent,
)
from autoresearch.common.files import replace_file
from autoresearch.ledger.campaign_records import StartCause, Worker, WorkerEnd
from autoresearch.ledger.campaign_state import CampaignState
from autoresearch.ledger.history import History
from autoresearch.system.agent_marks import CALLS, TOLD, WORKER
from autoresearch.system.home import HOME

MOST_EMPTY = 5  # starts in a row without an experiment, after which a worker is given up
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 300.0
SEARCH_FILE = "search.json"
_NEXT = {  # why the next agent is started, after how the last one ended
    WorkerEnd.EXITED: StartCause.EXITED,
    WorkerEnd.FAILED: StartCause.FAILED,
    WorkerEnd.NOT_CONNECTED: StartCause.FAILED,
    WorkerEnd.SILENT: StartCause.SILENT,
    WorkerEnd.REPEATING: StartCause.REPEATING,
    WorkerEnd.STUCK: StartCause.STUCK,
    WorkerEnd.PAUSED: StartCause.RESUMED,
    WorkerEnd.LOST: StartCause.RESUMED,
    WorkerEnd.ENDED: StartCause.RESUMED,
}
_RESUMED = (WorkerEnd.EXITED, WorkerEnd.PAUSED, WorkerEnd.LOST)  # in the same session


def empty_starts(history: History, campaign: CampaignState, worker: str) -> int:
    """Return how many of a worker's last starts, in a row, brought no experiment.

    Those that the user or the machine ended do not count.
    """
    mine = f"{campaign.name}/{worker}"
    proposed = [
        history.proposed_at[experiment.id]
        for experiment in history.proposed_in(campaign)
        if experiment.proposer.worker == mine
    ]
    last = max(proposed, default=campaign.at)
    forgiven = (WorkerEnd.PAUSED, WorkerEnd.LOST, WorkerEnd.STUCK, WorkerEnd.ENDED)
    return sum(
        one.event.worker == worker and one.at > last and one.event.cause not in forgiven
        for one in campaign.ends
    )


def pause_s(empty: int) -> float:
    """Return the seconds before the next start, after so many starts without an experiment."""
    return min(FIRST_PAUSE_S * 2.0 ** max(0, empty - 1), LONGEST_PAUSE_S) if empty else 0.0


def start_cause(campaign: CampaignState, worker: str) -> StartCause:
    """Return why a worker's next agent is started."""
    mine = campaign.ends_of(worker)
    return _NEXT[mine[-1].cause] if mine else StartCause.FIRST


def session_to_resume(campaign: CampaignState, worker: str, agent: str) -> str:
    """Return the client's session that the next agent goes on with; "" for a new one."""
    mine = campaign.ends_of(worker)
    if not mine or agent_words(agent)[:1] not in [[client] for client in CLIENTS]:
        return ""
    return mine[-1].session if mine[-1].cause in _RESUMED else ""


def end_of_exited(report: AgentReport, code: int) -> tuple[WorkerEnd, str]:
    """Return how an agent ended that is gone, and a sentence."""
    if report.connected is False:
        return WorkerEnd.NOT_CONNECTED, "Its client did not connect to the server autoresearch."
    if report.error:
        return WorkerEnd.FAILED, f"Its client says: {report.error}"
    if code == 0:
        return WorkerEnd.EXITED, "It ended by itself."
    how = f"by signal {-code}" if code < 0 else f"with exit status {code}"
    return WorkerEnd.FAILED, f"It ended {how}."


@dataclass(slots=True, kw_only=True)
class WorkerSlot:
    """One worker: its agent, if one runs, and when the next may start."""

    worker: Worker
    folder: WorkerFolder
    settings: CampaignSettings
    campaign: str
    recorder: Recorder
    silence_s: float
    process: AgentProcess | None = None
    not_before: float = 0.0  # monotonic
    last_call: float = 0.0  # monotonic, when a new call was seen
    wave: int = 0  # experiments that the next start leaves to a search
    _seen_call: float = 0.0
    _agent: str = ""  # of the last start

    @property
    def name(self) -> str:
        """Return the worker's name."""
        return self.worker.name

    @property
    def going(self) -> tuple[int, float]:
        """Return tokens and money of the agent that runs."""
        return (0, 0.0) if self.process is None else _cost(self.process.report)

    def take_over(self, campaign: CampaignState) -> None:
        """Record the agent that a dead supervisor left, after ending it."""
        if campaign.active(self.name) is None:
            return
        kill_marked(str(self.folder.calls_file))
        report = report_in(self.worker.agent, self.folder.output_file)
        tokens, money = _cost(report)
        self.recorder.ended(
            self.name,
            WorkerEnd.LOST,
            "Its supervisor died, or the machine restarted.",
            session=report.session,
            tokens=tokens,
            money=money,
        )

    def tend(self, now: float) -> bool:
        """End an agent that is gone, silent or in circles; return whether one ended."""
        process = self.process
        if process is None:
            return False
        code = process.exit_code
        if code is not None:
            self.end(*end_of_exited(process.report, code), now=now)
        elif process.flooded:
            self.end(WorkerEnd.FAILED, "It flooded its output.", now=now)
        elif process.report.connected is False:
            self.end(*end_of_exited(process.report, 0), now=now)
        elif in_circles(calls := last_calls(self.folder.calls_file)):
            words = f"It made one refused call of {calls[-1].tool} {REPEATS} times in a row."
            self.end(WorkerEnd.REPEATING, words, now=now)
        elif self._silent_for(now) > self.silence_s:
            words = f"It called no tool for {self.silence_s:g} seconds."
            self.end(WorkerEnd.SILENT, words, now=now)
        return self.process is None

    def end(self, cause: WorkerEnd, sentence: str, *, now: float) -> None:
        """End the agent, if one runs, and record how."""
        process, self.process = self.process, None
        if process is None:
            return
        process.end()
        report = process.report
        tokens, money = _cost(report)
        self.recorder.ended(
            self.name, cause, sentence, session=report.session, tokens=tokens, money=money
        )
        self.not_before = now

    def start(self, campaign: CampaignState, brief: str, told: int, now: float) -> None:
        """Start an agent with its brief; a command that can't be started counts as a failed one."""
        cause = start_cause(campaign, self.name)
        self._agent = SEARCH if self.wave else self.worker.agent
        environment = self._prepare(brief, told, alone=len(campaign.started.workers) == 1)
        self.wave = 0
        session = session_to_resume(campaign, self.name, self._agent)
        command = agent_command(
            self._agent,
            server=self.settings.server,
            server_environment=environment,
            mcp_file=str(self.folder.mcp_file),
            session=session,
            python=self.settings.python,
            search_file=str(self.folder.path / SEARCH_FILE),
        )
        marked = {**command.environment, CALLS: str(self.folder.calls_file)}
        self.recorder.started(self.name, cause, brief)
        self.last_call, self._seen_call = now, time.time()
        try:
            self.process = AgentProcess(
                self._agent,
                replace(command, environment=marked),
                brief,
                self.folder,
            )
        except OSError as error:
            words = f"{shown_agent(self._agent)} can't be started: {error.strerror}."
            self.recorder.ended(self.name, WorkerEnd.FAILED, words)
            self.not_before = now

    def _prepare(self, brief: str, told: int, *, alone: bool) -> dict[str, str]:
        """Write the files that the agent needs; return its server's environment.

        A search that is not alone has one experiment in flight, as any agent has.
        """
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.folder.calls_file.unlink(missing_ok=True)
        environment = {
            HOME: self.settings.home,
            WORKER: f"{self.campaign}/{self.name}",
            CALLS: str(self.folder.calls_file),
            TOLD: str(told),
        }
        server = mcp_configuration(self.settings.server, environment)
        replace_file(self.folder.mcp_file, server.encode(), durable=False)
        replace_file(self.folder.brief_file, brief.encode(), durable=False)
        if self._agent == SEARCH:
            search = {
                "worker": environment[WORKER],
                "experiments": self.wave or None,
                "at_once": None if alone else 1,
            }
            told_to = {"home": self.settings.home, "lab": self.settings.lab, "search": search}
            replace_file(self.folder.path / SEARCH_FILE, json.dumps(told_to).encode())
        return environment

    def _silent_for(self, now: float) -> float:
        """Return the seconds since the last call was seen; a search calls no tool and is not asked.

        The calls' own times only tell a new one from an old one, so that a clock that is set back
        ends nobody.
        """
        if self._agent == SEARCH:
            return 0.0
        calls = last_calls(self.folder.calls_file)
        newest = calls[-1].at if calls else self._seen_call
        if newest != self._seen_call:
            self._seen_call, self.last_call = newest, now
        return now - self.last_call


def _cost(report: AgentReport) -> tuple[int, float]:
    return report.tokens, report.money
