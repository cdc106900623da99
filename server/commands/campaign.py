"""The command `campaign`: research through the night, with agents that are started again."""

import shlex
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from autoresearch.errors import LabError
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import CampaignBudget, Steering
from autoresearch.system.home import default_home, lasting_python
from server.clients.launch import how_to_install, launch_command
from server.commands.keep_going import keep_going
from server.commands.output import JsonOption, LabOption, print_json, say, table
from server.views import figures

if TYPE_CHECKING:
    from autoresearch.campaigns.settings import CampaignFolder, CampaignSettings
    from autoresearch.campaigns.start import Plan
    from autoresearch.ledger.campaign_state import CampaignState


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a campaign; the first that is reached ends it."""

    hours: Annotated[float | None, Parameter(help="Hours of work; pauses do not count.")] = 8.0
    experiments: Annotated[int | None, Parameter(help="Experiments proposed.")] = None
    runs: Annotated[int | None, Parameter(help="Runs that ended.")] = None
    device_hours: Annotated[float | None, Parameter(help="Hours of all runs together.")] = None
    tokens: Annotated[int | None, Parameter(help="Tokens that agents' clients report.")] = None
    money: Annotated[float | None, Parameter(help="US dollars that clients estimate.")] = None
    target: Annotated[float | None, Parameter(help="A value of the metric to reach.")] = None
    plateau: Annotated[
        int | None, Parameter(help="Experiments in a row without a keep after which it ends.")
    ] = None


def start(
    *,
    lab: LabOption = "",
    limits: Limits = Limits(),
    workers: Annotated[int, Parameter(help="Agents at once; the --agent ones take turns.")] = 1,
    agent: Annotated[
        tuple[str, ...],
        Parameter(
            help="claude-code, codex, search, or a command in quotes; several mix. Words after a "
            "client's name are handed on: 'codex -m MODEL'."
        ),
    ] = ("claude-code",),
    silence: Annotated[
        float, Parameter(help="Seconds without a tool call before an agent is started again.")
    ] = 900.0,
    grace: Annotated[
        float, Parameter(help="Seconds for open verdicts after the budget's end.")
    ] = 900.0,
    notify: Annotated[
        tuple[str, ...], Parameter(help="An address for apprise; tried once at start.")
    ] = (),
    dry_run: Annotated[
        bool, Parameter(help="Print the agents' commands and start nothing.")
    ] = False,
) -> int:
    """Start agents that research until a budget is used up, with nobody watching.

    It goes on when this terminal is closed. The first limit that is reached ends it.
    """
    from autoresearch.campaigns.start import Plan, start_campaign

    here = Lab.reopen(lab or None)
    budget = CampaignBudget(**asdict(limits))
    _refuse_bad(budget, workers, silence, grace, agent)
    _require_notify(notify)
    plan = Plan(
        budget=budget,
        agents=tuple(agent[n % len(agent)] for n in range(workers)),
        silence_s=silence,
        grace_s=grace,
    )
    settings = _settings(here, notify)
    if dry_run:
        _show_commands(plan, settings)
        return 0
    say("Looking whether each agent can work here; a client answers one line first.")
    state = start_campaign(here, plan, settings)
    _require_supervisor(_folder(here, state.name))
    say(
        f"{state.name} goes on with {figures.count(workers, 'worker')}. "
        "`autoresearch-mcp campaign status` shows it, `campaign tell` steers it."
    )
    return 0


def status(*, lab: LabOption = "", json: JsonOption = False) -> int:
    """Show the campaign: budget left, workers, what they do; exit 1 if it needs you."""
    from autoresearch.campaigns.budget import used
    from autoresearch.campaigns.start import supervised
    from autoresearch.campaigns.supervisor import worked_seconds

    here = Lab.reopen(lab or None)
    history = here.history()
    if not history.campaigns:
        say("No campaign yet. Next: autoresearch-mcp campaign start")
        return 0
    state = list(history.campaigns.values())[-1]
    folder = _folder(here, state.name)
    alive = supervised(folder)
    spent = used(history, state, worked_seconds(folder))
    needs = _needs(state, alive=alive)
    if json:
        ended = state.ended.event if state.ended else None
        print_json(
            {
                "campaign": state.name,
                "goes_on": state.goes_on,
                "paused": state.paused,
                "supervised": alive,
                "used": asdict(spent),
                "budget": asdict(state.started.budget),
                "workers": _workers(state),
                "ended": asdict(ended) if ended else None,
                "needs_you": needs,
            }
        )
        return 1 if needs else 0
    say(f"{state.name} of {here.name}: {_state_words(state, alive=alive)}")
    shown = table("worker", "agent", "starts", "now")
    for one in _workers(state):
        shown.add_row(*(str(one[key]) for key in ("worker", "agent", "starts", "now")))
    from server.commands.output import console

    console.print(shown)
    say(
        f"used: {spent.hours:.2f} hours, {figures.count(spent.experiments, 'experiment')}, "
        f"{figures.count(spent.runs, 'run')}, {spent.device_hours:.2f} device hours, "
        f"{spent.tokens:,} tokens, {spent.money:.2f} US dollars"
    )
    for words in needs:
        say(f"needs you: {words}", "yellow")
    return 1 if needs else 0


def pause(*, lab: LabOption = "") -> None:
    """End its agents and start no more until `resume`; runs that train go on to their end."""
    _steer(lab, Steering.PAUSE, "is paused")


def resume(*, lab: LabOption = "") -> int:
    """Go on after a pause, a crash or a restart of the machine."""
    from autoresearch.campaigns.start import resume_campaign, wait_for_supervisor

    here = Lab.reopen(lab or None)
    state = resume_campaign(here)
    _steer(lab, Steering.RESUME, "goes on")
    return 0 if wait_for_supervisor(_folder(here, state.name)) else 1


def stop(
    *,
    lab: LabOption = "",
    wait: Annotated[bool, Parameter(help="Wait until it has ended.")] = False,
) -> int:
    """End it: its agents now, open verdicts within the grace; then the report is written."""
    from autoresearch.campaigns.start import start_supervisor

    here = Lab.reopen(lab or None)
    _steer(lab, Steering.STOP, "is being stopped")
    name = list(here.history().campaigns)[-1]
    folder = _folder(here, name)
    if folder.settings_file.exists():
        start_supervisor(folder, folder.read_settings().python)  # nothing where one lives
    while wait and here.history().campaigns[name].goes_on:
        time.sleep(0.5)
    return 0


def tell(
    words: Annotated[str, Parameter(help="For its agents, in their next result of any tool.")],
    *,
    lab: LabOption = "",
) -> None:
    """Tell the agents something; it is written into the ledger."""
    if not words.strip():
        raise LabError("There is nothing to tell.", "Write a sentence, in quotes.")
    _steer(lab, Steering.TELL, "was told", words.strip())


def veto(
    glob: Annotated[str, Parameter(help="Files that no patch may change, such as 'model/*'.")],
    *,
    lab: LabOption = "",
) -> None:
    """Forbid patches that change some files for the rest of the campaign."""
    _steer(lab, Steering.VETO, f"refuses patches of {glob}", glob)


def report(*, lab: LabOption = "") -> None:
    """Print the report of the last campaign, as markdown."""
    from autoresearch.campaigns.report import report_text
    from autoresearch.campaigns.supervisor import worked_seconds

    here = Lab.reopen(lab or None)
    campaigns = list(here.history().campaigns.values())
    if not campaigns:
        raise LabError("There was no campaign in this lab.", "Start one: campaign start.")
    last = campaigns[-1]
    print(report_text(here, last, worked_seconds(_folder(here, last.name))))


campaign = App(
    name="campaign",
    help="Research through the night: agents, budgets, steering.",
)
for command in (start, status, pause, resume, stop, tell, veto, report, keep_going):
    campaign.command(command)


def _steer(lab: str, steering: Steering, words: str, text: str = "") -> None:
    from autoresearch.campaigns.records import steer

    state = steer(Lab.reopen(lab or None), steering, text)
    say(f"{state.name} {words}.")


def _folder(lab: Lab, campaign: str) -> "CampaignFolder":
    from autoresearch.campaigns.settings import CampaignFolder

    return CampaignFolder.of(lab.folder, campaign)


def _require_supervisor(folder: "CampaignFolder") -> None:
    """Raise LabError if a supervisor that was started ended at once."""
    from autoresearch.campaigns.start import wait_for_supervisor

    if not wait_for_supervisor(folder):
        raise LabError(
            f"{folder.path.name} is recorded, but its supervisor ended at once.",
            f"See {folder.errors}; then `autoresearch-mcp campaign resume`.",
            reason="supervisor_failed",
        )


def _settings(lab: Lab, notify: tuple[str, ...]) -> "CampaignSettings":
    from autoresearch.campaigns.settings import CampaignSettings

    home = default_home()
    python = lasting_python(home)
    launch = launch_command("research")
    lasting = (python, "-m", "autoresearch_mcp", *launch.args[-3:])
    return CampaignSettings(
        home=str(home.resolve()), lab=lab.name, server=lasting, python=python, notify=notify
    )


def _show_commands(plan: "Plan", settings: "CampaignSettings") -> None:
    from autoresearch.campaigns.agents import agent_command
    from autoresearch.system.home import HOME

    for agent in dict.fromkeys(plan.agents):
        command = agent_command(
            agent,
            server=settings.server,
            server_environment={HOME: settings.home},
            mcp_file="MCP.json",
            python=settings.python,
            search_file="SEARCH.json",
        )
        shown = [f"{name}={shlex.quote(value)}" for name, value in command.environment.items()]
        say(" ".join([*shown, shlex.join(command.words)]))


def _refuse_bad(
    budget: CampaignBudget, workers: int, silence: float, grace: float, agents: tuple[str, ...]
) -> None:
    limits = {
        "--hours": budget.hours,
        "--experiments": budget.experiments,
        "--runs": budget.runs,
        "--device-hours": budget.device_hours,
        "--tokens": budget.tokens,
        "--money": budget.money,
        "--plateau": budget.plateau,
        "--workers": workers,
        "--silence": silence,
    }
    for option, value in limits.items():
        if value is not None and not value > 0:
            raise LabError(f"{option} is {value:g}.", "It must be more than 0.", reason="option")
    if grace < 0:
        raise LabError(f"--grace is {grace:g}.", "It must be 0 or more.", reason="option")
    if not agents:
        raise LabError("No --agent is given.", "Name one, such as claude-code.", reason="option")


def _require_notify(addresses: tuple[str, ...]) -> None:
    from importlib.util import find_spec

    if addresses and find_spec("apprise") is None:
        raise LabError(
            "--notify needs apprise, which is not installed.",
            f"Install it: {how_to_install('notify')}",
            reason="extra",
        )


def _workers(state: "CampaignState") -> list[dict[str, object]]:
    from autoresearch.campaigns.settings import shown_agent

    found: list[dict[str, object]] = []
    for worker in state.started.workers:
        ends, gone = state.ends_of(worker.name), state.retirement(worker.name)
        works = state.active(worker.name) is not None
        last = ends[-1].sentence if ends else "waits to be started"
        found.append(
            {
                "worker": worker.name,
                "agent": shown_agent(worker.agent),
                "starts": state.starts_of(worker.name),
                "now": gone or ("works" if works else last),
            }
        )
    return found


def _needs(state: "CampaignState", *, alive: bool) -> list[str]:
    """Say what waits for the user."""
    needs = [one.sentence for one in state.retired] if state.goes_on else []
    if state.goes_on and not alive:
        needs.append("its supervisor is gone: `autoresearch-mcp campaign resume` goes on")
    return needs


def _state_words(state: "CampaignState", *, alive: bool) -> str:
    if state.ended:
        return f"ended ({state.ended.event.cause}): {state.ended.event.sentence}"
    if state.paused:
        return "paused by you; `campaign resume` goes on"
    return "goes on" if alive else "has no supervisor"
