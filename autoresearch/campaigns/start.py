"""Start and resume campaigns: what could go wrong in the night is found before it begins."""

import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from autoresearch.campaigns.agents import (
    CLAUDE_FLAGS,
    CODEX_FLAGS,
    AgentReport,
    agent_command,
    mcp_configuration,
    read_line,
)
from autoresearch.campaigns.notices import check_addresses
from autoresearch.campaigns.records import current
from autoresearch.campaigns.settings import (
    CLAUDE_CODE,
    CODEX,
    SEARCH,
    CampaignFolder,
    CampaignSettings,
    agent_words,
    shown_agent,
)
from autoresearch.errors import InvalidStateError, LabError
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import CampaignBudget, CampaignStarted, Worker
from autoresearch.ledger.campaign_state import CampaignState, going_on
from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History
from autoresearch.statistics.gates import GATE
from autoresearch.system.home import HOME
from autoresearch.system.locks import try_lock
from autoresearch.verdicts.evidence import controls_of, values

ROLE = "campaign"
CHECK_S = 180.0  # for a client's first words
PROGRAMS = {CLAUDE_CODE: "claude", CODEX: "codex"}
FLAGS = {
    CLAUDE_CODE: (("--help",), CLAUDE_FLAGS),
    CODEX: (("exec", "--help"), CODEX_FLAGS),
}
HOW_TO_LOG_IN = {CLAUDE_CODE: "claude", CODEX: "codex login"}
CHECK_WORDS = "Answer with the one word ready, and call no tool."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A campaign that could start."""

    budget: CampaignBudget
    agents: tuple[str, ...]  # one a worker
    silence_s: float
    grace_s: float


def machine_id() -> str:
    """Return an id of this machine, by which a shared home is known to be used from another."""
    for file in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        if file.exists() and (text := file.read_text().strip()):
            return f"{platform.node()}/{text[:12]}"
    return platform.node()


def start_campaign(
    lab: Lab, plan: Plan, settings: CampaignSettings, check: Callable[[str], None] | None = None
) -> CampaignState:
    """Check everything, record the campaign and start its supervisor.

    Args:
        lab: The lab.
        plan: Budget and workers.
        settings: How agents are started here.
        check: Raises LabError for an agent that can't work; None checks with the real client.

    Raises:
        InvalidStateError: The baseline is not measured, or a campaign goes on.
        LabError: An agent, or an address for notices, can't be reached.
    """
    require_ready(lab)
    for agent in dict.fromkeys(plan.agents):
        (check or (lambda one: check_agent(one, settings)))(agent)
    check_addresses(settings.notify, lab.name, "campaign")

    def build(history: History) -> Event:
        _refuse_second(history)
        return CampaignStarted(
            campaign=f"c{len(history.campaigns) + 1}",
            budget=plan.budget,
            workers=tuple(
                Worker(name=f"w{n}", agent=agent) for n, agent in enumerate(plan.agents, start=1)
            ),
            silence_s=plan.silence_s,
            grace_s=plan.grace_s,
            machine=machine_id(),
        )

    lab.ledger.append(build)
    state = current(lab)
    folder = CampaignFolder.of(lab.folder, state.name)
    folder.write_settings(settings)
    start_supervisor(folder, settings.python)
    return state


def resume_campaign(lab: Lab) -> CampaignState:
    """Start the supervisor of the campaign that goes on; one that lives is left alone.

    Raises:
        InvalidStateError: No campaign goes on, or it runs on another machine.
        NotFoundError: This copy of the lab has no files of the campaign.
    """
    state = current(lab)
    if state.started.machine != machine_id():
        raise InvalidStateError(
            f"{state.name} was started on {state.started.machine}, and this is {machine_id()}: "
            "the leases of devices and the locks of one home do not reach across machines.",
            "Resume it there, or stop it: `autoresearch-mcp campaign stop`.",
            reason="other_machine",
        )
    folder = CampaignFolder.of(lab.folder, state.name)
    start_supervisor(folder, folder.read_settings().python)
    return state


def supervised(folder: CampaignFolder) -> bool:
    """Return whether a supervisor of the campaign lives."""
    if not folder.path.exists():
        return False
    lock = try_lock(folder.lock_file)
    if lock is None:
        return True
    lock.release()
    return False


def start_supervisor(folder: CampaignFolder, python: str) -> None:
    """Start a detached supervisor; raise LabError if it can't be started."""
    argv = [python, "-P", "-m", "autoresearch_mcp", "_role", ROLE, str(folder.path.resolve())]
    done = subprocess.run(
        argv,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        check=False,
        text=True,
    )
    if done.returncode:
        raise LabError(
            f"The campaign's supervisor did not start: {done.stderr.strip()[-300:]}",
            f"See {folder.errors}.",
            reason="supervisor_failed",
        )


def require_ready(lab: Lab) -> None:
    """Raise InvalidStateError for a lab that no campaign can start in."""
    history = lab.history()
    _refuse_second(history)
    measured = len(values(history, controls_of(history, history.kept[-1])))
    if measured < GATE.fewest_controls:
        raise InvalidStateError(
            f"The baseline of {lab.name} is not measured: {history.kept[-1]} has {measured} "
            f"control runs, and {GATE.fewest_controls} are needed.",
            f"`autoresearch-mcp init {lab.settings.source}` measures it.",
            reason="no_baseline",
        )
    ending = lab.ending()
    if ending.over:
        raise InvalidStateError(
            f"{ending.sentence} No experiment would be taken.",
            "Open the target as a new lab with another goal or limit.",
            reason="research_over",
        )


def _refuse_second(history: History) -> None:
    other = going_on(history.campaigns)
    if other is not None:
        raise InvalidStateError(
            f"{other.name} goes on in this lab: one campaign at a time.",
            "`autoresearch-mcp campaign status` shows it, `campaign resume` continues it after a "
            "restart of the machine, `campaign stop` ends it.",
            reason="second_campaign",
        )


def check_agent(agent: str, settings: CampaignSettings) -> None:
    """Raise LabError, with what to do about it, for an agent that can't work here.

    A client is started once with the tools of this lab and a prompt of one line: that finds a
    client that is not logged in, lacks a flag, or does not connect to the server.
    """
    words = agent_words(agent)
    if not words:
        raise LabError("An agent's command is empty.", "Name a client or a command.")
    if agent == SEARCH:
        return
    program = PROGRAMS.get(words[0], words[0])
    if shutil.which(program) is None:
        raise LabError(
            f"There is no command {program!r}, which --agent {shown_agent(agent)!r} needs.",
            "Install it, put it on PATH, or name another agent: claude-code, codex, search, or a "
            "command in quotes.",
            reason="no_agent",
        )
    if words[0] in PROGRAMS:
        _check_flags(words[0])
        _check_client(agent, words[0], settings)


def _check_flags(client: str) -> None:
    program, asked, flags = PROGRAMS[client], *FLAGS[client]
    told = subprocess.run(
        [program, *asked], capture_output=True, text=True, check=False, timeout=CHECK_S
    ).stdout
    lacking = [flag for flag in flags if flag not in told]
    if lacking:
        raise LabError(
            f"This {program} has no {', '.join(lacking)}, without which it can't be confined to "
            "the lab's tools.",
            f"Update {program}.",
            reason="client_too_old",
        )


def _check_client(agent: str, client: str, settings: CampaignSettings) -> None:
    environment = {HOME: settings.home}
    with TemporaryDirectory(prefix="campaign-check-") as folder:
        mcp_file = Path(folder) / "mcp.json"
        mcp_file.write_text(mcp_configuration(settings.server, environment))
        command = agent_command(
            agent,
            server=settings.server,
            server_environment=environment,
            mcp_file=str(mcp_file),
        )
        report, said = _first_words(agent, command.words, command.environment, folder)
    if report.connected is False:
        raise LabError(
            f"{client} did not connect to the lab's server.",
            "`autoresearch-mcp doctor` says what it lacks; start again once it does not.",
            reason="not_connected",
        )
    if not report.finished:
        raise LabError(
            f"{client} could not answer: {report.error or said or 'it printed nothing'}",
            f"Log in first (`{HOW_TO_LOG_IN[client]}`), and try it by hand.",
            reason="client_failed",
        )


def _first_words(
    agent: str, words: Sequence[str], environment: Mapping[str, str], folder: str
) -> tuple[AgentReport, str]:
    """Return what a client reports of one short turn, and the last line that it printed."""
    process = subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(CHECK_WORDS.encode(), timeout=CHECK_S)
    except subprocess.TimeoutExpired:
        _kill_session(process.pid)
        output, _ = process.communicate()
    finally:
        _kill_session(process.pid)
    report, last = AgentReport(), ""
    for line in output.splitlines():
        report = read_line(agent, report, line)
        last = line.decode(errors="replace").strip() or last
    return report, last[:300]


def _kill_session(leader: int) -> None:
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader:
                os.kill(process.pid, signal.SIGKILL)
        except (OSError, psutil.Error):
            continue


def wait_for_supervisor(folder: CampaignFolder, within_s: float = 15.0) -> bool:
    """Return whether a supervisor lives, waiting a little for one that is being started."""
    deadline = time.monotonic() + within_s
    while not supervised(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
