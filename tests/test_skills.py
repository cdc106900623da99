"""The skills: valid, short enough to be read, true about the tools, and tried with phrases."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "skills"
SKILLS = sorted(path.parent for path in FOLDER.glob("*/SKILL.md"))
TEXTS = sorted(path for path in FOLDER.rglob("*.md"))
TRIGGERS = [skill / "evals" / "triggers.yaml" for skill in SKILLS]
LINES, TOKENS = 500, 5000
# A token is about four letters of English; three is the cautious side.
LETTERS_PER_TOKEN = 3

RESEARCH = {
    "open_lab",
    "propose_patch",
    "run_training",
    "check_run",
    "stop_run",
    "evaluate_metric",
    "conclude_experiment",
    "recall_experiments",
    "explain_code_section",
}
# What each of the teacher's tools takes, for the calls that the skills show.
TEACHING = {
    "start_lesson": {"course", "lesson", "folder", "placement"},
    "submit_exercise": {"exercise", "file", "answer", "author", "ask_learner"},
    "get_hint": {"exercise"},
    "show_progress": set(),
    "explain_code_section": {"section", "example", "picture"},
}
# Other things with an underscore that stand in backquotes.
OTHER_WORDS = re.compile(
    r"untrusted_|predicted_effect|wait_s|next_step|stackable|next_best|weighted_mean|stands_for"
)
TERMINAL = {"check", "progress", "lint", "coverage", "mutate", "audit", "replay"}

named = pytest.mark.parametrize("skill", SKILLS, ids=lambda path: path.name)
every_text = pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(FOLDER)))


def test_there_are_the_four_skills() -> None:
    names = [skill.name for skill in SKILLS]
    assert names == ["explain-code", "run-autoresearch", "teach-microgpt", "write-a-course"]


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
def test_every_tool_that_it_names_is_there(text: Path) -> None:
    words = re.findall(r"`([a-z]+_[a-z_]+)\b", text.read_text("utf-8"))
    unknown = {word for word in words if not OTHER_WORDS.match(word)}
    assert unknown <= RESEARCH | TEACHING.keys()


@every_text
def test_every_call_of_the_teachers_tools_gives_arguments_that_they_take(text: Path) -> None:
    for tool, given in re.findall(r"`([a-z_]+)\(([^`]*)\)`", text.read_text("utf-8")):
        if tool in TEACHING:
            assert set(re.findall(r"(\w+)=", given)) <= TEACHING[tool], (tool, given)


@every_text
def test_every_teach_command_that_it_names_is_one(text: Path) -> None:
    flat = " ".join(text.read_text("utf-8").split())
    assert set(re.findall(r"autoresearch-mcp teach ([a-z]+)", flat)) <= TERMINAL


def test_the_research_tools_named_here_are_the_servers() -> None:
    page = (ROOT / "docs" / "tools.md").read_text("utf-8")
    assert set(re.findall(r"^## (\w+)$", page, re.MULTILINE)) >= RESEARCH


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
