"""The house: which room may import which, and what the wheel may carry."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("microgpt", "autoresearch", "curricula", "server")
ALLOWED = {
    "server": {"server", "curricula", "autoresearch"},
    "curricula": {"curricula"},
    "autoresearch": {"autoresearch"},
    "microgpt": set(),
}
GIT_MODULES = {"autoresearch/git.py", "autoresearch/workspace.py", "autoresearch/source.py"}


def modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    reached = {name.partition(".")[0] for name in imported(path)} & set(ROOMS)
    assert reached <= ALLOWED[room]


def test_only_the_workspace_and_what_it_is_made_of_reaches_git() -> None:
    reaching = {
        str(path.relative_to(ROOT))
        for path in modules()
        if imported(path) & {"autoresearch.git", "autoresearch.source"}
        or '["git"' in path.read_text()
    }
    assert reaching <= GIT_MODULES


def test_targets_import_nothing_of_the_lab() -> None:
    for path in (ROOT / "autoresearch" / "targets").rglob("*/*.py"):
        assert not {name.partition(".")[0] for name in imported(path)} & set(ROOMS)


def test_nothing_is_named_like_a_module_that_it_would_hide() -> None:
    assert not [path for path in modules() if path.name in {"mcp.py", "types.py", "fastmcp.py"}]


def test_every_module_says_its_purpose_at_its_top() -> None:
    assert not [path for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]


def test_every_runtime_dependency_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for requirement in tomllib.loads(text)["project"]["dependencies"]:
        [line] = [line for line in text.splitlines() if f'"{requirement}"' in line]
        assert "# " in line
