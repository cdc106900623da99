"""Run every check of this project: style, types, sizes, tests.

uv run python scripts/check.py                    everything, half an hour on two cores
uv run python scripts/check.py --quick            without the tests marked slow or long
uv run python scripts/check.py --ci               what CI runs after `uv run pytest`
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TYPES = ["mypy"]  # on one core, for most of a minute: so beside the others
CHECKS = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "sizes": [sys.executable, "scripts/report_sizes.py"],
    "tests": ["pytest"],
    "slow tests": ["pytest", "-m", "slow"],
    "long tests": ["pytest", "-m", "long"],
}


def main() -> int:
    """Run the checks one after the other, types beside them; exit 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    less = parser.add_mutually_exclusive_group()
    less.add_argument("--quick", action="store_true", help="leave out the slow and long tests")
    less.add_argument("--ci", action="store_true", help="leave out the quick and long tests")
    args = parser.parse_args()
    left_out = {"long tests"} if args.quick or args.ci else set()
    left_out |= {"slow tests"} if args.quick else {"tests"} if args.ci else set()
    failed = []
    with subprocess.Popen(TYPES, cwd=ROOT, stdout=subprocess.PIPE, text=True) as types:
        for name, command in CHECKS.items():
            if name in left_out:
                continue
            print(f"== {name}: {' '.join(command)}", flush=True)
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                failed.append(name)
        print(f"== types, meanwhile: {' '.join(TYPES)}\n{types.communicate()[0]}", flush=True)
    if types.returncode:
        failed.append("types")
    print(f"checks: {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
