"""Run the checks of this project: `uv run nox` runs all of them, `uv run nox -s quick` one kind.

Every session runs in the environment that uv has made; arguments after `--` go to pytest.
`uv run nox --list` shows the sessions.
"""

import os
import subprocess
import time

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "quick", "slow", "long"]

SLOWEST = ("--durations=10", "--durations-min=1")
STATIC = ("lint", "types")
# One more than cores: a test of a real run waits while its processes start.
WORKERS = ("-n", str((os.cpu_count() or 1) + 1))


def run_tests(session: nox.Session, tier: str, *arguments: str) -> None:
    """Run pytest and print how long the tier took."""
    began = time.monotonic()
    try:
        session.run("pytest", *SLOWEST, *arguments, *session.posargs)
    finally:
        print(f"== tier {tier}: {time.monotonic() - began:.0f} s", flush=True)


@nox.session
def quick(session: nox.Session) -> None:
    """Run the tests that take a moment, as `uv run pytest` does."""
    run_tests(session, "quick")


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests of real runs, real servers and the wheel."""
    run_tests(session, "slow", *WORKERS, "-m", "slow and not long")


@nox.session(default=False)
def torch(session: nox.Session) -> None:
    """Run the slow tests that need torch, which `slow` runs too."""
    run_tests(session, "torch", *WORKERS, "tests/nanolm", "-m", "slow and torch and not long")


@nox.session(name="long")
def long_tests(session: nox.Session) -> None:
    """Run the tests that take minutes each: all cheats, all draws, every lesson."""
    run_tests(session, "long", "-m", "long")


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Run the quick tests, and fail if they reach less of the code than they did."""
    run_tests(session, "quick with coverage", "--cov", "--cov-report=term:skip-covered")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Run the tests of pages, skills and the plugin, which the tiers run too."""
    pages = ("tests/test_docs.py", "tests/test_skills.py", "tests/test_plugin.py")
    run_tests(session, "docs", *pages, "-m", "not long")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, sizes, spelling and the imports between rooms."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "scripts/report_sizes.py")
    session.run("lint-imports")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    session.run("mypy")


@nox.session(default=False)
def ci(session: nox.Session) -> None:
    """Run the slow tests but those that need torch, with style and types checked beside them."""
    command = ["nox", "--no-color", "-s", *STATIC]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as static:
        try:
            run_tests(session, "slow", *WORKERS, "-m", "slow and not (long or torch)")
        finally:
            print(static.communicate()[0], flush=True)
    if static.returncode:
        session.error("a check that ran beside the tests failed")
