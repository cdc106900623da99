"""The command `serve`: the server, with the set of tools that is wanted."""

from typing import Annotated

from cyclopts import Parameter

from server.tools.toolset import Toolset


def serve(
    *,
    toolset: Annotated[
        Toolset, Parameter(help="Which tools: all, or only those that change nothing.")
    ] = "all",
) -> int:
    """Serve MCP over stdio; also the default without a command."""
    from server.serving import serve as serve_stdio

    return serve_stdio(toolset=toolset)
