"""`connect`: the client's configuration, printed or written, once the server answered."""

import os
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import anyio
from cyclopts import Parameter

from autoresearch.errors import LabError
from autoresearch.run_output.log_digest import last_line
from autoresearch.system.home import default_home
from server.clients.configuration import plan_claude_code, plan_claude_rules, plan_codex
from server.clients.installed import (
    CALLED,
    PLUGIN_TOOLS,
    Client,
    Installed,
    codex_home,
    installed,
)
from server.clients.launch import Launch, environment, launch_command, passed_on
from server.clients.skills import SkillPlan, SkillsPlan, plan_skills, shipped
from server.clients.user_files import Plan, apply
from server.commands.output import JsonOption, print_json, say
from server.sessions.teaching_calls import COURSES, own_courses
from server.tools.toolset import Toolset
from server.views import figures

FIRST_START_S = 300.0  # a first start may have to download everything
NO_BYTECODE = (
    "the server's bytecode can't be written where it is installed, so each of its starts compiles "
    "it again, which takes seconds: install it as a user who may write there, and connect again"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer when started as the client will start it."""

    tools: int
    allowed: tuple[str, ...]  # tools that the client need not ask about
    seconds: float
    compiled: bool = True  # its bytecode is there, so that the next start is quick


def connect(
    client: Annotated[Client, Parameter(help="The client.", show_choices=True)],
    *,
    write: Annotated[
        bool, Parameter(help="Write it; existing settings are kept, merged and backed up.")
    ] = False,
    toolset: Annotated[
        Toolset,
        Parameter(help="Which tools: all, research, teach, or only those that change nothing."),
    ] = "all",
    skills: Annotated[
        bool,
        Parameter(
            negative="--no-skills",
            help="Also copy the skills to where the client looks; those you changed are kept.",
        ),
    ] = True,
    force: Annotated[
        bool, Parameter(help="Also replace skills that you changed; yours are backed up.")
    ] = False,
    unattended: Annotated[
        bool,
        Parameter(help="Have the client ask about none of the tools, as in a night by itself."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print the client's configuration, or write it; start the server once to check that it works.

    That start also downloads what is missing and writes the server's bytecode. Claude Code is
    configured for this folder, Codex for this user. The skills are copied to where the client looks
    for them; a file that you changed is left alone. Of an entry that is there, command, arguments
    and the lab's own variables are set; all else in it stays. Where the client has the plugin,
    which brings server and skills, no second server is added.
    """
    launch = launch_command(toolset)
    answer = anyio.run(lambda: _try(launch, unattended=unattended))
    there = installed(client, Path.cwd())
    plans = _plan(client, launch, answer, there)
    copies = _plan_copies(client, toolset, force=force) if skills and not there.plugin else None
    every = [*plans, *(copies.plans if copies else [])]
    backups = apply(every) if write else []
    if json:
        report = _report(client, launch, plans, copies, backups, answer, written=write)
        print_json({**report, "plugin": there.plugin, "notes": _notes(plans, there, answer)})
        return
    for plan in plans:
        _show(plan, written=write)
    if copies:
        _show_copies(client, copies, written=write)
    for note in _notes(plans, there, answer):
        say(note, "yellow")
    for backup in backups:
        say(f"the old file is kept as {backup}")
    changed = sum(plan.changes for plan in every) if write else 0
    say(
        f"the server answered with {figures.count(answer.tools, 'tool')} in "
        f"{answer.seconds:.1f} s; {figures.count(changed, 'file')} written, "
        f"{len(backups)} backed up"
    )
    say(_next(client, toolset, written=write))


def _plan(client: Client, launch: Launch, answer: Answer, there: Installed) -> list[Plan]:
    """Return the files of the client's configuration; beside the plugin, what it cannot bring."""
    if there.plugin and client == "codex":
        return []  # it asks about tools that write alone, and takes that from their annotations
    if there.plugin:
        return [plan_claude_rules(Path.cwd(), [PLUGIN_TOOLS + name for name in answer.allowed])]
    env, home = {**environment(), **_courses()}, str(default_home().resolve())
    if client == "codex":
        names = passed_on()
        return plan_codex(codex_home(), launch, env, answer.allowed, home=home, names=names)
    return plan_claude_code(Path.cwd(), launch, env, answer.allowed, home=home)


def _notes(plans: list[Plan], there: Installed, answer: Answer) -> list[str]:
    """Return what a user should know of what was found and replaced."""
    notes = [note for plan in plans for note in plan.notes]
    if there.plugin:
        notes.append(
            f"{CALLED[there.client]} has the plugin {there.plugin}, which brings this server and "
            "its skills, so no second server is added. To have an entry of its own instead: "
            f"{there.removal}, and connect again."
        )
    if there.twice:
        notes.append(f"The server is there twice, and so is each tool. {there.remedy}")
    if not answer.compiled:
        notes.append(NO_BYTECODE)
    return notes


def _next(client: str, toolset: str, *, written: bool) -> str:
    if not written:
        return f"Next: autoresearch-mcp connect {client} --write"
    ask = {
        "teach": "to teach you how a GPT works",
        "all": "to improve microgpt, or to teach you how it works",
    }
    start = "claude, approve the server" if client == "claude-code" else "codex"
    return f"Next: {start}, then ask it {ask.get(toolset, 'to improve microgpt')}"


def _courses() -> dict[str, str]:
    """The variable with the user's own courses, as it is set here; whole paths, for any folder."""
    folders = [str(folder.expanduser().resolve()) for folder in own_courses()]
    return {COURSES: os.pathsep.join(folders)} if folders else {}


async def _try(launch: Launch, *, unattended: bool) -> Answer:
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

    compiled = await _compile(launch_command("all"))
    started = time.monotonic()
    with TemporaryDirectory() as folder:
        log = Path(folder) / "stderr"
        transport = StdioTransport(
            launch.command,
            list(launch.args),
            env=dict(os.environ),
            keep_alive=False,
            log_file=log,
        )
        try:
            async with Client(transport, init_timeout=FIRST_START_S) as client:
                tools = await client.list_tools()
        except Exception as error:  # whatever the start of a program can end with
            said = last_line(log) or str(error)
            raise LabError(
                f"The server did not answer when started as "
                f"`{shlex.join([launch.command, *launch.args])}`: {said}.",
                "Run that command by itself to see why; `autoresearch-mcp doctor` may help.",
                reason="no_answer",
            ) from error
    allowed = [
        tool.name
        for tool in tools
        if unattended or (tool.annotations and tool.annotations.read_only_hint)
    ]
    return Answer(len(tools), tuple(allowed), time.monotonic() - started, compiled)


async def _compile(launch: Launch) -> bool:
    """Write the bytecode in the environment that the client will start, as its interpreter does."""
    command = [launch.command, *launch.args, "_role", "bytecode"]
    try:
        done = await anyio.run_process(command, check=False, stdout=subprocess.DEVNULL)
    except OSError:
        return True  # nothing starts by this command, which the first start is about to say
    return done.returncode != 1


def _plan_copies(client: Client, toolset: str, *, force: bool) -> SkillsPlan:
    """Both folders are where the client looks, and scoped as its configuration is."""
    claude, codex = Path.cwd() / ".claude" / "skills", Path.home() / ".agents" / "skills"
    return plan_skills(claude if client == "claude-code" else codex, shipped(toolset), force=force)


def _show(plan: Plan, *, written: bool) -> None:
    if not plan.changes:
        say(f"{plan.path}: already up to date")
    elif written:
        say(f"{plan.path}: {'written' if plan.before is None else 'merged'}")
    else:
        say(f"# {plan.path}", "bold")
        say(plan.ours)


def _show_copies(client: str, copies: SkillsPlan, *, written: bool) -> None:
    if not written:
        say(f"# {copies.folder}", "bold")
    for skill in copies.skills:
        say(f"{copies.folder / skill.name}: {_state(skill, written=written)}")
    for path in copies.kept:
        say(f"kept, because you changed it: {path}")
    if copies.kept:
        say(
            f"autoresearch-mcp connect {client} --write --force replaces what you changed, "
            "and backs it up"
        )


def _state(skill: SkillPlan, *, written: bool) -> str:
    changed = sum(plan.changes for plan in skill.plans)
    if not changed:
        return "kept with your changes" if skill.kept else "already up to date"
    return f"{figures.count(changed, 'file')} {'written' if written else 'to write'}"


def _report(
    client: str,
    launch: Launch,
    plans: list[Plan],
    copies: SkillsPlan | None,
    backups: list[Path],
    answer: Answer,
    *,
    written: bool,
) -> dict[str, object]:
    return {
        "client": client,
        "command": launch.command,
        "args": list(launch.args),
        "files": [
            {"path": str(plan.path), "changes": plan.changes, "written": written and plan.changes}
            for plan in plans
        ],
        "skills": [
            {
                "name": skill.name,
                "folder": str(copies.folder / skill.name),
                "changes": skill.changes,
                "written": written and skill.changes,
                "kept": [str(path) for path in skill.kept],
            }
            for skill in copies.skills
        ]
        if copies
        else [],
        "backups": [str(backup) for backup in backups],
        "tools": answer.tools,
        "seconds": round(answer.seconds, 2),
    }
