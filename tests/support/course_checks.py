"""The slow checks of the shipped course, and the committed record of their last full run.

Linting, mutation trials, coverage and the audit depend on few files and take minutes. The record
keeps their results beside a hash of those files. While the hash is unchanged, CI reads the record;
once a file changes, every check runs again, and the long tier always runs them all.
`uv run python scripts/check_courses.py` runs them and writes the record.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import anyio

from curricula.authoring.coverage import measure
from curricula.authoring.lint import lint
from curricula.authoring.mutation import try_course
from curricula.content.catalog import SHIPPED, find_course
from server.scripted_agents.teaching_audit import audit
from server.sessions.answer_runner import SandboxRunner
from tests.support.paths import ROOT

RECORD = ROOT / "tests" / "data" / "course_checks.json"
LESSONS = tuple(path.parent.name[3:] for path in sorted(SHIPPED.glob("microgpt/*/lesson.md")))
WHOLE = "your-own-gpt"  # in which whole GPTs are trained: left to the long tier
AUDITED = LESSONS[0]
DRAWS = 6  # instances of each exercise that are linted
AUDIT_FINDINGS = ("passed", "mastered", "leaked", "tampered")
LEAST_SUBMISSIONS = 15  # of an audited lesson
INSTANCES = 1  # instances of each exercise that are tried with right and wrong answers

# The folders and files that a check reads or runs: a change to any of them asks for a new run.
GRADING = (
    "curricula",
    "microgpt/gpt.py",
    "autoresearch/common",
    "autoresearch/errors.py",
    "autoresearch/sandboxes",
    "autoresearch/system",
    "server/sessions/answer_runner.py",
    "tests/support/course_checks.py",
)
SERVING = (*GRADING, "server", "skills", "uv.lock")


def lint_course() -> dict[str, Any]:
    """Return the problems of the course, as text."""
    return {"problems": list(map(str, lint(SHIPPED / "microgpt", DRAWS)))}


def cover_subject() -> dict[str, Any]:
    """Return which lines of the taught file no lesson, or two lessons, own, or none ran."""
    found = measure(find_course("microgpt"))
    return {
        "twice": list(found.twice),
        "unowned": list(found.unowned),
        "share": found.share,
        "missed": {one.lesson: list(one.missed) for one in found.lessons if one.missed},
    }


def try_lesson(lesson: str, instances: int = INSTANCES) -> dict[str, Any]:
    """Return how the graders of one lesson judged right and wrong answers."""
    with SandboxRunner() as runner:
        course = find_course("microgpt")
        found = list(try_course(course, runner, only=[lesson], instances=instances, seed="ci"))
    shown = [row for one in found for row in one.shown]
    return {
        "failures": [text for one in found for text in (*one.refused, *one.survived)],
        "exercises": len(found),
        "mutants": sum(one.mutants for one in found),
        "fewest_solutions": min(one.solutions for one in found),
        "named": sum(row.named for row in shown),
        "tried": sum(row.tried for row in shown),
    }


def audit_lessons(*lessons: str) -> dict[str, Any]:
    """Return what an agent that only wants to be done got out of these lessons."""

    async def audited() -> dict[str, Any]:
        return asdict(await audit("microgpt", only=lessons))

    return json.loads(json.dumps({**anyio.run(audited), "lessons": len(lessons)}))


CHECKS: dict[str, tuple[tuple[str, ...], Callable[[], dict[str, Any]]]] = {
    "lint": (GRADING, lint_course),
    "coverage": (GRADING, cover_subject),
    "audit": (SERVING, lambda: audit_lessons(AUDITED)),
    **{
        f"answers {lesson}": (GRADING, lambda lesson=lesson: try_lesson(lesson))
        for lesson in LESSONS
        if lesson != WHOLE
    },
}


def problems(name: str, found: dict[str, Any]) -> list[str]:
    """Return all that is wrong in the result of that check; nothing if it passed."""
    if name == "lint":
        return list(found["problems"])
    if name == "coverage":
        expected = {"twice": [], "unowned": [], "share": 1.0, "missed": {}}
        return [f"{key}: {found[key]}" for key, value in expected.items() if found[key] != value]
    if name == "audit":
        reached = [f"{key}: {found[key]}" for key in AUDIT_FINDINGS if found[key]]
        few = found["submissions"] <= LEAST_SUBMISSIONS * found["lessons"]
        return [*reached, *([f"only {found['submissions']} submissions"] if few else [])]
    wrong = list(found["failures"])
    if found["mutants"] < 8 * found["exercises"]:
        wrong.append(f"{found['mutants']} mutants of {found['exercises']} exercises")
    if found["fewest_solutions"] < 3:
        wrong.append(f"an exercise with {found['fewest_solutions']} solutions")
    if found["named"] < 0.9 * found["tried"]:
        wrong.append(f"{found['named']} of {found['tried']} misconceptions named")
    return wrong


def result(name: str) -> dict[str, Any]:
    """Return the recorded result of a check if nothing it reads has changed, else run it."""
    recorded = recorded_result(name)
    return CHECKS[name][1]() if recorded is None else recorded


def recorded_result(name: str, record: Path = RECORD) -> dict[str, Any] | None:
    """Return the recorded result of a check, or None if it is stale or missing."""
    found = json.loads(record.read_text()) if record.exists() else {}
    entry = found.get(name)
    if entry is None or entry["sources"] != digest(CHECKS[name][0]):
        return None
    return entry["result"]


@cache
def digest(sources: tuple[str, ...], root: Path = ROOT) -> str:
    """Return one hash of the names and bytes of all files below these paths."""
    total = hashlib.sha256()
    for path in sorted(set(_files(root, sources))):
        total.update(f"{path.relative_to(root).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _files(root: Path, sources: Iterable[str]) -> Iterable[Path]:
    for source in sources:
        path = root / source
        if not path.exists():
            raise FileNotFoundError(f"{path} moved: a check of the course depends on it")
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file
