"""The command line's door: with no arguments it serves at once, else it hands over to commands."""

import sys


def main() -> None:
    """Serve over stdio, or run the command that was named."""
    if not sys.argv[1:]:
        from server.serving import serve

        sys.exit(serve())
    from server.commands import run

    sys.exit(run(sys.argv[1:]))
