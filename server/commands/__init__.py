"""The command line: what it offers, and how it fails: one clear line and a true exit status."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, CycloptsError, Group, Parameter

from autoresearch.errors import LabError
from curricula.errors import CourseError
from server.app import Toolset
from server.commands import (
    calibration,
    campaign,
    connect,
    demo,
    doctor,
    finalize,
    labs,
    league,
    redteam,
    replay,
    scaling,
    search,
)
from server.commands.init import command as init
from server.commands.teach import authoring, learning, own_model
from server.version import product_version

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
INTERRUPTED_WORDS = (
    "Stopped. Everything recorded is kept, and started runs continue; "
    "`autoresearch-mcp status` records how they ended."
)
HELP = """\
A lab in which a coding agent runs real, sealed experiments on a model.

Without a command it serves MCP over stdio, as clients start it. Labs live in \
$AUTORESEARCH_HOME, else in the platform's data folder.
"""
EXAMPLES = """\
Examples:
  autoresearch-mcp demo                         a whole research loop, no agent needed
  autoresearch-mcp connect claude-code --write  let Claude Code use it, in this folder
  autoresearch-mcp init microgpt                open a lab on a shipped target
  autoresearch-mcp log                          what was tried, and what came of it
  autoresearch-mcp verify                       replay the record, derive every verdict again
"""


def build_app() -> App:
    """Every command, in the order of a first day."""
    app = App(
        name="autoresearch-mcp",
        help=HELP,
        help_epilogue=EXAMPLES,
        help_format="plaintext",
        version=product_version(),
        default_parameter=Parameter(negative=()),
        suppress_keyboard_interrupt=False,
    )
    app.command(demo.demo)
    app.command(connect.connect)
    for command in (init.init, labs.status, labs.log, labs.verify, labs.branch):
        app.command(command)
    app.command(campaign.build_campaign())
    app.command(finalize.finalize)
    app.command(league.league)
    app.command(replay.replay)
    app.command(scaling.scale)
    app.command(search.search)
    app.command(redteam.redteam)
    app.command(calibration.aa_test)
    app.command(calibration.replay_log_command, name="replay-log")
    app.command(doctor.doctor)
    app.command(_teach())
    app.command(serve)
    for name in app:
        if app[name].help_epilogue is None:
            app[name].help_epilogue = ""  # the examples above are the root's, and are inherited
    return app


def _teach() -> App:
    """Build the commands that learners and course authors run in a terminal."""
    teach = App(
        name="teach",
        help="Commands for learners and course authors. Lessons and hints come from your agent: "
        "ask it to teach you.",
    )
    learners, authors = Group("For learners", sort_key=1), Group("For authors", sort_key=2)
    for command in (
        learning.check,
        learning.progress,
        learning.picture,
        learning.export,
        own_model.own,
    ):
        teach.command(command, group=learners)
    teach.command(learning.import_, name="import", group=learners)
    for tool in (authoring.lint, authoring.coverage, authoring.mutate, authoring.audit):
        teach.command(tool, group=authors)
    teach.command(learning.replay, group=authors)
    return teach


def serve(
    *,
    toolset: Annotated[
        Toolset, Parameter(help="Which tools: all, or only those that change nothing.")
    ] = "all",
) -> int:
    """Serve MCP over stdio; also the default without a command."""
    from server.serving import serve as serve_stdio

    return serve_stdio(toolset=toolset)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    try:
        status = build_app()(
            list(arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except (Exception, KeyboardInterrupt) as error:
        # The door: whatever went wrong, its user gets one line, unless they ask for more.
        if os.environ.get("AUTORESEARCH_DEBUG"):
            raise
        words, status = _explain(error, arguments)
        if words:
            print(f"autoresearch-mcp: {words}", file=sys.stderr)
    return status if isinstance(status, int) else 0


def _explain(error: BaseException, arguments: Sequence[str]) -> tuple[str, int]:
    match error:
        case CycloptsError():
            command = " ".join(["autoresearch-mcp", *_named(arguments)])
            return f"{' '.join(str(error).split())} See `{command} --help`.", MISUSED
        case LabError() | CourseError():
            return str(error), FAILED
        case BrokenPipeError():
            # The reader, such as `head`, has seen enough; Python must not complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return "", FAILED
        case KeyboardInterrupt():
            return INTERRUPTED_WORDS, INTERRUPTED
        case OSError(strerror=str(why), filename=where):
            return f"{why}: {where}" if where else why, FAILED
    return f"{type(error).__name__}: {error} (AUTORESEARCH_DEBUG=1 shows where)", FAILED


def _named(arguments: Sequence[str]) -> list[str]:
    commands = set(build_app())
    return [name for name in arguments[:1] if name in commands]
