"""Serves over stdio: protocol on stdout, everything else on stderr."""

import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.sessions.open_labs import Labs
    from server.tools.toolset import Toolset


def serve(
    labs: "Labs | None" = None, *, look_s: float | None = None, toolset: "Toolset" = "all"
) -> int:
    """Until the client closes the pipe; Ctrl-C is a clean end too."""
    # FastMCP's own handlers draw boxes for people; a client's log wants lines.
    os.environ.setdefault("FASTMCP_LOG_ENABLED", "false")
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    from server.app import build_server
    from server.sessions.lab_calls import LOOK_S

    try:
        server = build_server(labs, look_s=LOOK_S if look_s is None else look_s, toolset=toolset)
        server.run("stdio", show_banner=False)
    except KeyboardInterrupt:
        return 130
    return 0
