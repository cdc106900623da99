"""The only top-level module that the wheel installs; it finds the product and hands over.

In a wheel the product lies in `_app/` beside this file, in a checkout its folders are importable
already. `autoresearch-mcp _role NAME ...` starts a child's role without the server's imports.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run the role named after `_role`, else the command line."""
    app = Path(__file__).resolve().parent / "_app"
    if app.is_dir():
        sys.path.insert(0, str(app))
    if sys.argv[1:2] == ["_role"]:
        from autoresearch.roles import run_role

        sys.exit(run_role(sys.argv[2], sys.argv[3:]))
    from server.cli import main as run_command_line

    run_command_line()
