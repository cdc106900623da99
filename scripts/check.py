"""Run every check of this project, the same as CI: style, types, sizes, tests.

    uv run python scripts/check.py            everything, about ten minutes
    uv run python scripts/check.py --quick    without the tests marked slow
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
    "tests": ["pytest", "-n", "2", "-m", "not slow"],
    "slow tests": ["pytest", "-m", "slow"],
}


def main() -> int:
    """Run the checks one after the other; exit 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the slow tests")
    args = parser.parse_args()
    failed = []
    for name, command in CHECKS.items():
        if args.quick and name == "slow tests":
            continue
        print(f"== {name}: {' '.join(command)}", flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    print(f"checks: {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
