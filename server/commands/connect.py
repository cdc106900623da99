"""`connect`: the client's configuration, printed or written, once the server answered."""

import os
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import anyio
from cyclopts import Parameter

from autoresearch.errors import LabError
from autoresearch.run_output.log_digest import last_line
from server.app import Toolset
from server.clients.configuration import Plan, apply, plan_claude_code, plan_codex
from server.clients.launch import Launch, environment, launch_command
from server.clients.skills import SkillPlan, SkillsPlan, plan_skills, shipped
from server.commands.output import JsonOption, print_json, say
from server.sessions.teaching_calls import COURSES, own_courses
from server.views import figures

FIRST_START_S = 300.0  # a first start may have to download everything


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer when started as the client will start it."""

    tools: int
    readers: tuple[str, ...]
    seconds: float


def connect(
    client: Annotated[
        Literal["claude-code", "codex"], Parameter(help="The client.", show_choices=True)
    ],
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
    json: JsonOption = False,
) -> None:
    """Print the client's configuration, or write it; start the server once to check that it works.

    That first start also downloads what is missing, so that the client's own does not time out.
    Claude Code is configured for this folder, Codex for this user. The skills that go with
    the tools are copied to where the client looks for them; a file that you changed is left alone.
    """
    launch, env = launch_command(toolset), {**environment(), **_courses()}
    answer = anyio.run(_try, launch)
    plans = (
        plan_claude_code(Path.cwd(), launch, env, answer.readers)
        if client == "claude-code"
        else plan_codex(_codex_home(), launch, env, answer.readers)
    )
    copies = _plan_copies(client, toolset, force=force) if skills else None
    every = [*plans, *(copies.plans if copies else [])]
    backups = apply(every) if write else []
    if json:
        print_json(_report(client, launch, plans, copies, backups, answer, written=write))
        return
    for plan in plans:
        _show(plan, written=write)
    if copies:
        _show_copies(client, copies, written=write)
    for backup in backups:
        say(f"the old file is kept as {backup}")
    changed = sum(plan.changes for plan in every) if write else 0
    say(
        f"the server answered with {figures.count(answer.tools, 'tool')} in "
        f"{answer.seconds:.1f} s; {figures.count(changed, 'file')} written, "
        f"{len(backups)} backed up"
    )
    say(_next(client, toolset, written=write))


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


async def _try(launch: Launch) -> Answer:
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

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
    readers = [tool.name for tool in tools if tool.annotations and tool.annotations.read_only_hint]
    return Answer(len(tools), tuple(readers), time.monotonic() - started)


def _codex_home() -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex")


def _plan_copies(client: str, toolset: str, *, force: bool) -> SkillsPlan:
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
