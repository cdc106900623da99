"""Report the sizes of files and functions, and fail on what is over the house's limits.

uv run python scripts/report_sizes.py
"""

import ast
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("microgpt", "autoresearch", "curricula", "server")
MOST_LINES = 400  # a file
MOST_FUNCTION_LINES = 60


def main() -> int:
    """Print the medians and the largest; exit 1 when something is too large."""
    files = {
        path: path.read_text()
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name != "exercises.py"  # a lesson's right and wrong answers, told as data
    }
    lengths = {path: len(text.splitlines()) for path, text in files.items()}
    functions = {
        f"{path.relative_to(ROOT)}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, text in files.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    longest = sorted(functions, key=lambda name: -functions[name])[:3]
    largest = sorted(lengths, key=lambda path: -lengths[path])[:3]
    for path in largest:
        print(f"{lengths[path]:5} lines  {path.relative_to(ROOT)}")
    for name in longest:
        print(f"{functions[name]:5} lines  {name}")
    over = [path for path in lengths if lengths[path] > MOST_LINES]
    over_functions = [name for name in functions if functions[name] > MOST_FUNCTION_LINES]
    print(
        f"sizes: {len(files)} files, median {median(lengths.values()):.0f} lines, "
        f"{len(functions)} functions, median {median(functions.values()):.0f} lines, "
        f"{len(over) + len(over_functions)} over the limit"
    )
    return 1 if over or over_functions else 0


if __name__ == "__main__":
    sys.exit(main())
