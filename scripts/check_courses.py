"""Run the slow checks of the shipped course and record their results for CI.

uv run python scripts/check_courses.py            what the record has no current result for
uv run python scripts/check_courses.py --all      every check

Writes tests/data/course_checks.json, which is committed with the change that made it stale. Exits
with 1, and records nothing for it, if a check finds something wrong.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support import course_checks


def run(name: str) -> dict[str, Any]:
    """Run one check; a worker process calls this."""
    return course_checks.CHECKS[name][1]()


def main() -> int:
    """Run the stale checks on two processes and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="run the checks with a current result")
    every = parser.parse_args().all
    results = {
        name: None if every else course_checks.recorded_result(name)
        for name in course_checks.CHECKS
    }
    stale = [name for name, result in results.items() if result is None]
    failed = []
    with ProcessPoolExecutor(2) as pool:
        for name, result in zip(stale, pool.map(run, stale), strict=True):
            problems = course_checks.problems(name, result)
            print(f"{name}: {'; '.join(problems) or 'ok'}", flush=True)
            results[name] = None if problems else result
            failed += problems
    record = {
        name: {"sources": course_checks.digest(course_checks.CHECKS[name][0]), "result": result}
        for name, result in results.items()
        if result is not None
    }
    course_checks.RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    print(f"{len(stale)} of {len(results)} checks run, {len(failed)} problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
