"""Run every check of this project, the same as CI: style, types, sizes, tests.

uv run python scripts/check.py                    everything, some minutes
uv run python scripts/check.py --quick            without the tests marked slow
uv run python scripts/check.py --all-but-quick    what `uv run pytest` alone leaves out
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECKS = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "sizes": [sys.executable, "scripts/report_sizes.py"],
    "tests": ["pytest"],
    "slow tests": ["pytest", "-m", "slow"],
}


def main() -> int:
    """Run the checks one after the other; exit 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the slow tests")
    parser.add_argument("--all-but-quick", action="store_true", help="leave out the quick tests")
    args = parser.parse_args()
    left_out = {"slow tests"} if args.quick else {"tests"} if args.all_but_quick else set()
    failed = []
    for name, command in CHECKS.items():
        if name in left_out:
            continue
        print(f"== {name}: {' '.join(command)}", flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    print(f"checks: {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
