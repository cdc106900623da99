"""The skills: valid, short enough to be read, true about the tools, and tried with phrases."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
import yaml
from pydantic import BaseModel

from curricula.exercise import Exercise, Mutant
from server.app import build_server
from server.views import research_results as results
from server.views import teaching_results
from tests.support.paths import ROOT

FOLDER = ROOT / "skills"
SKILLS = sorted(path.parent for path in FOLDER.glob("*/SKILL.md"))
TEXTS = sorted(path for path in FOLDER.rglob("*.md"))
TRIGGERS = [skill / "evals" / "triggers.yaml" for skill in SKILLS]
LINES, TOKENS = 500, 5000
# A token is about four letters of English; three is the cautious side.
LETTERS_PER_TOKEN = 3

OWN_WORDS = ("untrusted_", "weighted_mean")  # a prefix of fields, and an example's function
TERMINAL = {"check", "progress", "lint", "coverage", "mutate", "audit", "replay"}


@pytest.fixture(scope="module")
def tools() -> dict[str, set[str]]:
    """What each of the server's tools takes."""
    listed = anyio.run(build_server(tend_s=None).list_tools)
    return {tool.name: set(tool.parameters["properties"]) for tool in listed}


@pytest.fixture(scope="module")
def fields() -> set[str]:
    """Every field of a result or of an exercise."""
    shown = [
        one
        for module in (results, teaching_results)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, BaseModel)
    ]
    written = {field.name for one in (Exercise, Mutant) for field in dataclasses.fields(one)}
    return written.union(*(one.model_fields for one in shown))


named = pytest.mark.parametrize("skill", SKILLS, ids=lambda path: path.name)
every_text = pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(FOLDER)))


def test_there_are_the_four_skills() -> None:
    names = [skill.name for skill in SKILLS]
    assert names == ["explain-code", "run-autoresearch", "teach-microgpt", "write-a-course"]


@pytest.mark.slow
@named
def test_agentskills_validates_it(skill: Path) -> None:
    tool = Path(sys.executable).with_name("agentskills")
    done = subprocess.run(
        [str(tool), "validate", str(skill)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@named
def test_it_is_short_and_its_references_lie_one_level_deep(skill: Path) -> None:
    text = (skill / "SKILL.md").read_text("utf-8")
    assert len(text.splitlines()) < LINES
    assert len(text) / LETTERS_PER_TOKEN < TOKENS
    for path in skill.rglob("*"):
        assert len(path.relative_to(skill).parts) <= 2
    for reference in skill.glob("references/*.md"):
        assert f"(references/{reference.name})" in text, "a reference that nothing leads to"
        assert "](" not in reference.read_text("utf-8"), "a reference leads no further"


@named
def test_its_description_says_what_it_does_when_to_use_it_and_when_not(skill: Path) -> None:
    header = (skill / "SKILL.md").read_text("utf-8").split("---\n")[1]
    description = yaml.safe_load(header)["description"]
    assert "Use when the user" in description
    not_for = description.split("Not for ")[1]
    others = {path.name for path in SKILLS} - {skill.name}
    assert any(other in not_for for other in others)


@every_text
def test_every_tool_argument_and_field_that_it_names_is_there(
    text: Path, tools: dict[str, set[str]], fields: set[str]
) -> None:
    words = set(re.findall(r"`([a-z]+_[a-z_]+)\b", text.read_text("utf-8")))
    own = {word for word in words if word.startswith(OWN_WORDS)}
    assert words - own <= tools.keys() | fields | set().union(*tools.values())


@every_text
def test_every_call_that_it_shows_gives_arguments_that_the_tool_takes(
    text: Path, tools: dict[str, set[str]]
) -> None:
    for tool, given in re.findall(r"`([a-z_]+)\(([^`]*)\)`", text.read_text("utf-8")):
        if "_" in tool and not tool.startswith(OWN_WORDS):
            assert set(re.findall(r"(\w+)=", given)) <= tools[tool], (tool, given)


@every_text
def test_every_teach_command_that_it_names_is_one(text: Path) -> None:
    flat = " ".join(text.read_text("utf-8").split())
    assert set(re.findall(r"autoresearch-mcp teach ([a-z]+)", flat)) <= TERMINAL


@pytest.mark.parametrize("file", TRIGGERS, ids=lambda path: path.parts[-3])
def test_phrases_and_near_misses_are_well_formed_many_and_in_several_languages(file: Path) -> None:
    rows = yaml.safe_load(file.read_text("utf-8"))
    assert all(row.keys() == {"language", "should_trigger", "phrase"} for row in rows)
    assert all(isinstance(row["should_trigger"], bool) for row in rows)
    assert all(row["phrase"].strip() for row in rows)
    for wanted in (True, False):
        chosen = [row for row in rows if row["should_trigger"] is wanted]
        assert len(chosen) >= 8
        assert len({row["language"] for row in chosen}) >= 3


def test_no_phrase_is_claimed_by_two_skills() -> None:
    claimed = [
        row["phrase"].casefold()
        for file in TRIGGERS
        for row in yaml.safe_load(file.read_text("utf-8"))
        if row["should_trigger"]
    ]
    assert len(claimed) == len(set(claimed))


def test_among_the_near_misses_of_each_is_a_phrase_that_another_answers() -> None:
    rows = [row for file in TRIGGERS for row in yaml.safe_load(file.read_text("utf-8"))]
    claimed = {row["phrase"] for row in rows if row["should_trigger"]}
    for file in TRIGGERS:
        own = yaml.safe_load(file.read_text("utf-8"))
        assert claimed & {row["phrase"] for row in own if not row["should_trigger"]}, file
