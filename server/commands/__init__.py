"""The command line: what it offers, and how it fails: one clear line and a true exit status."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from autoresearch.errors import LabError
from server.app import product_version
from server.commands import connecting, doctor, labs, showing

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
HELP = """\
A lab in which a coding agent runs real, sealed experiments on a model.

Without a command it serves MCP over stdio: that is what a client starts. Labs live in \
$AUTORESEARCH_HOME, else in the platform's data folder.
"""
EXAMPLES = """\
Examples:
  autoresearch-mcp demo                         a whole research loop, no agent needed
  autoresearch-mcp connect claude-code --write  let Claude Code use it, in this folder
  autoresearch-mcp init microgpt                open a lab on the target that ships with it
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
    )
    app.command(showing.demo)
    app.command(connecting.connect)
    for command in (labs.init, labs.status, labs.log, labs.verify, labs.branch):
        app.command(command)
    app.command(doctor.doctor)
    app.command(serve)
    return app


def serve() -> int:
    """Serve MCP over stdio, as without a command."""
    from server.serving import serve as serve_stdio

    return serve_stdio()


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    try:
        status = build_app()(
            list(arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        command = " ".join(["autoresearch-mcp", *_named(arguments)])
        return _say(f"{_one_line(error)} See `{command} --help`.", MISUSED)
    except LabError as error:
        return _say(str(error), FAILED)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _say(
            "Stopped. What was recorded is kept, and runs that were started go on; "
            "`autoresearch-mcp status` takes in how they ended.",
            INTERRUPTED,
        )
    except OSError as error:
        return _say(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), FAILED)
    return status if isinstance(status, int) else 0


def _named(arguments: Sequence[str]) -> list[str]:
    commands = set(build_app())
    return [name for name in arguments[:1] if name in commands]


def _one_line(error: CycloptsError) -> str:
    return " ".join(str(error).split())


def _say(words: str, status: int) -> int:
    print(f"autoresearch-mcp: {words}", file=sys.stderr)
    return status
