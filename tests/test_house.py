"""The house: purposes, names, dependencies and folder sizes; imports are import-linter's."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ROOMS = ("microgpt", "autoresearch", "curricula", "server")
MOST_MODULES = 15  # in one folder, besides its __init__.py
MOST_AT_THE_ROOT = 10  # of autoresearch/
DATA = ("curricula/courses", "autoresearch/redteam/cheats", "autoresearch/redteam/honest")
EXEMPT = (*DATA, "tests/data", "tests/support")

# Words that begin a clause, not a sentence: a docstring says what to do ("Return ...") or names.
CLAUSES = (
    "As", "Everything", "How", "It", "Nothing", "Of", "That", "They", "Those", "What", "Whatever",
    "Where", "Whether", "Which", "Who", "Whose",
)  # fmt: skip


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


@pytest.mark.slow
def test_imports_keep_the_contracts_of_pyproject() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout
    assert "0 broken" in found.stdout


def test_only_the_room_git_starts_git() -> None:
    reaching = [path for path in modules() if '["git"' in path.read_text()]
    assert {path.parent for path in reaching} <= {ROOT / "autoresearch" / "git"}


def test_targets_and_taught_files_import_nothing_of_the_lab() -> None:
    targets = [*(ROOT / "autoresearch" / "targets").rglob("*/*.py")]
    for path in [*targets, *(ROOT / "microgpt").rglob("*.py")]:
        assert not {name.partition(".")[0] for name in imported(path)} & set(ROOMS), path


def test_no_folder_holds_more_modules_than_a_reader_can_look_over() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    counts: dict[str, int] = {}
    for name in tracked:
        path = Path(name)
        if not name.startswith(EXEMPT) and path.name != "__init__.py":
            counts[str(path.parent)] = counts.get(str(path.parent), 0) + 1
    assert counts["autoresearch"] <= MOST_AT_THE_ROOT
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_nothing_is_named_like_a_module_that_it_would_hide() -> None:
    assert not [path for path in modules() if path.name in {"mcp.py", "types.py", "fastmcp.py"}]


@pytest.mark.slow
def test_every_module_says_its_purpose_at_its_top() -> None:
    assert not [path for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]


@pytest.mark.slow
def test_no_docstring_begins_with_a_clause() -> None:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        f"{path.relative_to(ROOT)}: {docstring.splitlines()[0]}"
        for path in modules()
        if not {"microgpt", "courses", "targets"} & set(path.relative_to(ROOT).parts)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, documented) and (docstring := ast.get_docstring(node))
        if re.split(r"\W", docstring, maxsplit=1)[0] in CLAUSES
    ]
    assert found == []


def test_every_runtime_dependency_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for requirement in tomllib.loads(text)["project"]["dependencies"]:
        [line] = [line for line in text.splitlines() if f'"{requirement}"' in line]
        assert "# " in line


PROSE = ("reason", "message", "sentence", "remedy", "hopeless")  # what people read
READS = ("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition")
SEARCHES = ("search", "match", "fullmatch", "findall", "finditer")
ALLOWED = {  # module, expression: why it may
    ("autoresearch/old_records.py", "reason.startswith(begins)"): "they have nothing else",
    ("autoresearch/old_records.py", "_OVER_MEMORY.search(reason)"): "they have nothing else",
    ("autoresearch/common/errors.py", "'\\n' in self.message"): "lays the text out",
    ("autoresearch/training/supervisor.py", "claim.reason != said"): "shows what is new",
}


def is_prose(node: ast.expr) -> bool:
    """Whether it is a variable or a field that is named like text for people."""
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in PROSE


def branches_on_prose(tree: ast.AST) -> Iterator[ast.expr]:
    """What reads a sentence to decide something: its parts, its equality, a pattern in it."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=text, attr=name)) if name in READS:
                found = is_prose(text)
            case ast.Call(func=ast.Attribute(attr=name), args=args) if name in SEARCHES:
                found = any(map(is_prose, args))
            case ast.Compare(left=left, comparators=[right], ops=[ast.In() | ast.NotIn()]):
                found = is_prose(left) or is_prose(right)
            case ast.Compare(left=left, comparators=others, ops=[ast.Eq() | ast.NotEq()]):
                sides = [left, *others]
                empty = any(isinstance(one, ast.Constant) and not one.value for one in sides)
                found = any(map(is_prose, sides)) and not empty
            case ast.Match(subject=subject):
                found = is_prose(subject)
            case _:
                found = False
        if found:
            yield node  # type: ignore[misc]


@pytest.mark.slow
def test_no_code_branches_on_a_sentence() -> None:
    """A reworded message must change nothing but what people read: there are causes and codes."""
    found = {
        (path.relative_to(ROOT).as_posix(), ast.unparse(node))
        for path in modules()
        for node in branches_on_prose(ast.parse(path.read_text()))
    }
    assert found == set(ALLOWED)
