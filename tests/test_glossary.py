"""The words that the glossary rules out stand in no page, docstring or message."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

CODE = ("autoresearch", "server", "curricula")
GLOSSARY = ROOT / "docs" / "glossary.md"

# Read by this test, but not its prose: made from code, or recordings of what was really said.
LEFT_OUT = {
    "docs/glossary.md": "lists the words",
    "docs/tools.md": "generated from the code, whose strings are read",
    "docs/commands.md": "generated from the code, whose strings are read",
    "docs/teach-session/transcript.md": "a recording",
}

# (file, word): why the word is right there.
EXCEPTIONS: dict[tuple[str, str], str] = {}


def banned() -> list[re.Pattern[str]]:
    """The words of the glossary's last table but one, as patterns."""
    section = GLOSSARY.read_text().partition("## Words not used\n")[2].partition("\n## ")[0]
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    words = [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]
    return [
        re.compile(
            r"\b" + re.escape(word).replace(r"\*", r"\w*").replace(r"\ ", r"\s+") + r"\b", re.I
        )
        for word in words
    ]


def prose_of_page(text: str) -> str:
    """A page without its code, fenced or inline."""
    text = re.sub(r"^(`{3,})[^\n]*\n.*?^\1`*$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def strings_of_module(text: str) -> Iterator[str]:
    """Docstrings and string literals, but those that are a name or a path."""
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and not re.fullmatch(r"[\w./:*-]*", node.value)
        ):
            yield re.sub(r"`[^`\n]*`", "", node.value)


def pages() -> list[Path]:
    found = [*ROOT.glob("*.md"), ROOT / "curricula" / "README.md"]
    found += [*ROOT.glob("docs/**/*.md"), *ROOT.glob("skills/**/*.md")]
    return found


def modules() -> list[Path]:
    found = [
        path
        for top in ("autoresearch", "server", "curricula")
        for path in (ROOT / top).rglob("*.py")
    ]
    return [
        path
        for path in found
        if not {"courses", "targets"} & set(path.relative_to(ROOT).parts[:-2])
    ]


def found_in(path: Path) -> set[str]:
    """The banned words in a file, exceptions left out."""
    text = path.read_text()
    prose = [prose_of_page(text)] if path.suffix == ".md" else strings_of_module(text)
    hits = {hit.lower() for part in prose for word in banned() for hit in word.findall(part)}
    return {hit for hit in hits if (name_of(path), hit) not in EXCEPTIONS}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


FILES = sorted(name_of(path) for path in [*pages(), *modules()])
READ = [name for name in FILES if name not in LEFT_OUT]


def test_the_glossary_has_words_to_look_for() -> None:
    assert len(banned()) > 10
    assert any(word.search("Mend it, then call again.") for word in banned())


@pytest.mark.slow
@pytest.mark.parametrize("top", ["autoresearch", "server", "curricula", "docs", "skills", ""])
def test_no_file_has_a_word_that_the_glossary_rules_out(top: str) -> None:
    mine = [name for name in READ if name.rpartition("/")[0].partition("/")[0] == top]
    assert mine
    found = {name: words for name in mine if (words := found_in(ROOT / name))}
    assert found == {}


def test_every_exception_is_needed_and_has_its_reason() -> None:
    for (name, word), reason in EXCEPTIONS.items():
        assert reason
        text = (ROOT / name).read_text().lower()
        assert word in text, f"{name} has no {word!r} any more: take the exception out"
