"""The pages say what is so: generated ones are fresh, links lead somewhere, tables are complete."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("skills/**/*.md")]
    if ".venv" not in path.parts
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.slow
def test_the_generated_pages_are_what_server_and_command_line_say() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/make_docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_names_every_tool_and_no_other() -> None:
    told = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    there = re.findall(r"^## (\w+)$", (ROOT / "docs" / "tools.md").read_text(), re.MULTILINE)
    assert sorted(set(told)) == sorted(there)


def test_the_readmes_commands_are_commands() -> None:
    named = set(re.findall(r"autoresearch-mcp ([a-z]{3,})", (ROOT / "README.md").read_text()))
    page = (ROOT / "docs" / "commands.md").read_text()
    there = set(re.findall(r"^## autoresearch-mcp (\w+)\b", page, re.MULTILINE))
    assert named <= there


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "\npip install uv && uv run pytest\n" in (ROOT / "README.md").read_text()
    assert "^pip install uv && uv run pytest" in (ROOT / ".ci" / "run").read_text()


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}
