"""The pages say what is so: generated ones are fresh, links lead somewhere, tables are complete."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from autoresearch.contract import Contract, parse_contract
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


FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = {"bash", "sh", "console"}
COMMAND = re.compile(r"autoresearch-mcp (?!--)([a-z-]+(?: [a-z]+)?)([^|&;#>\n]*)")
MENU = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
EXAMPLES = [page for page in PAGES if page.name not in {"tools.md", "commands.md"}]


def examples(page: Path, *languages: str) -> list[str]:
    # A page about writing lessons quotes whole files in fences of four backticks.
    text = re.sub(r"^````.*?^````$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [code for language, code in FENCE.findall(text) if language in languages]


def helps() -> dict[str, str]:
    """Each command's help, from the page that another test holds to be fresh."""
    page = (ROOT / "docs" / "commands.md").read_text()
    parts = re.split(r"^## autoresearch-mcp ?", page, flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0].strip(): part for part in parts}


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_shell_examples_exist_with_their_options(page: Path) -> None:
    known = helps()
    for code in examples(page, *SHELL):
        typed = re.sub(r"\s#.*", "", code.replace("\\\n", " "))
        for name, rest in COMMAND.findall(typed):
            command = name if name in known else name.partition(" ")[0]
            assert command in known, f"autoresearch-mcp {name}"
            for option in re.findall(r"(?<= )--[a-z-]+", f" {rest}"):
                assert re.search(rf"{option}\b", known[command]), f"{command} {option}"


def test_the_scripts_tests_and_folders_of_shell_examples_exist() -> None:
    for page in EXAMPLES:
        for code in examples(page, *SHELL):
            for path in re.findall(r"(?<= )((?:scripts|tests|docs)/[\w./-]+)", code):
                assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_a_whole_contract_on_the_page_of_contracts_is_one() -> None:
    whole = [code for code in examples(ROOT / "docs" / "contract.md", "toml") if "[target]" in code]
    assert len(whole) >= 2
    for code in whole:
        parse_contract(code.encode())


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_of_contracts_have_fields_that_contracts_know(page: Path) -> None:
    for code in examples(page, "toml"):
        for table, fields in tomllib.loads(code).items():
            if table in Contract.model_fields and table not in {"knobs", "guards"}:  # own names
                known = set(type_of(table).model_fields)
                assert set(fields) <= known, f"[{table}] has no {set(fields) - known}"


def type_of(table: str) -> type[BaseModel]:
    annotation = Contract.model_fields[table].annotation
    kinds = [annotation, *getattr(annotation, "__args__", ())]
    return next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_examples_compile(page: Path) -> None:
    for code in examples(page, "python"):
        if "{{" not in code and "{%" not in code:
            compile(code, page.name, "exec")


def test_every_page_is_in_the_menu_of_the_site() -> None:
    menu = set(re.findall(r": ([\w/-]+\.md)$|- ([\w/-]+\.md)$", MENU, re.MULTILINE))
    listed = {name for pair in menu for name in pair if name}
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert listed == pages - {"teach-session/transcript.md"}, "a recording stays out of the site"
