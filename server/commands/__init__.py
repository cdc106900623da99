"""The command line: what it offers, and how it fails: one clear line and a true exit status."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from cyclopts import App, CycloptsError, Parameter

from autoresearch.errors import LabError
from curricula.errors import CourseError
from server.version import product_version

# Where each command is, in the order of a first day. Strings, so that a command can start without
# what the others need.
COMMANDS = {
    "demo": "demo:demo",
    "connect": "connect:connect",
    "init": "init.command:init",
    "status": "labs:status",
    "log": "labs:log",
    "verify": "labs:verify",
    "branch": "labs:branch",
    "campaign": "campaign:campaign",
    "finalize": "finalize:finalize",
    "league": "league:league",
    "replay": "replay:replay",
    "scale": "scaling:scale",
    "search": "search:search",
    "redteam": "redteam:redteam",
    "aa-test": "calibration:aa_test",
    "replay-log": "calibration:replay_log",
    "doctor": "doctor:doctor",
    "teach": "teach.command:teach",
    "serve": "serve:serve",
}
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


def build_app(called: str = "") -> App:
    """Build the command line; of its commands, import the called one, or all where none is."""
    app = App(
        name="autoresearch-mcp",
        help=HELP,
        help_epilogue=EXAMPLES,
        help_format="plaintext",
        version=product_version(),
        default_parameter=Parameter(negative=()),
        suppress_keyboard_interrupt=False,
    )
    wanted = () if called == "--version" else [called] if called in COMMANDS else COMMANDS
    for name in wanted:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(import_module(f"server.commands.{module}"), attribute)
        app.command(command)
        if app[name].help_epilogue is None:
            app[name].help_epilogue = ""  # the examples above are the root's, and are inherited
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    try:
        status = build_app(*arguments[:1])(
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
            known = [name for name in arguments[:1] if name in COMMANDS]
            command = " ".join(["autoresearch-mcp", *known])
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
