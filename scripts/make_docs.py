"""Write docs/tools.md and docs/commands.md from the server and the command line themselves.

uv run python scripts/make_docs.py            write them
uv run python scripts/make_docs.py --check    exit 1 where they are out of date
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import anyio

ROOT = Path(__file__).resolve().parent.parent


def tools_page() -> str:
    """Every tool as a client sees it: description, annotations, parameters."""
    from fastmcp import Client

    from server.app import build_server

    async def listed() -> list[Any]:
        async with Client(build_server()) as client:
            return await client.list_tools()

    parts = [
        "# The tools\n",
        "Written by `uv run python scripts/make_docs.py` from the server; a test compares.\n",
    ]
    for tool in anyio.run(listed):
        reads = "only reads" if tool.annotations.read_only_hint else "writes to the lab"
        parts += [f"## {tool.name}\n", f"{tool.description}\n", f"It {reads}.\n"]
        parts += ["| parameter | what it is |", "| --- | --- |"]
        schema = tool.input_schema
        for name, field in schema["properties"].items():
            needed = "" if name in schema.get("required", ()) else _default(field)
            parts.append(f"| `{name}` | {field.get('description', '')}{needed} |")
        parts.append("")
    return "\n".join(parts)


def commands_page() -> str:
    """Return every command with its parameters, as cyclopts documents them."""
    from server.commands import build_app

    commands = build_app().generate_docs(
        heading_level=2, max_heading_level=2, flatten_commands=True
    )
    return (
        "# The commands\n\n"
        "Written by `uv run python scripts/make_docs.py` from the commands; a test compares.\n\n"
        f"{commands.strip()}\n"
    )


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return "" if default in (None, "", False) else f" (default {default})"


def pages() -> dict[Path, str]:
    """Each page's path and text."""
    return {
        ROOT / "docs" / "tools.md": tools_page(),
        ROOT / "docs" / "commands.md": commands_page(),
    }


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args()
    stale = [
        path for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    for path in stale:
        print(f"{'out of date' if args.check else 'wrote'}: {path.relative_to(ROOT)}")
        if not args.check:
            path.write_text(pages()[path])
    print(f"docs: {len(pages())} pages, {len(stale)} out of date")
    return 1 if args.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
