"""The skills that come with the product, and their copies in a client's folder.

A copy that the user changed is kept. What was written is noted beside the skills, by hash, so that
a newer version replaces a copy that nobody touched.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import LabError, NotFoundError
from server.clients.user_files import Plan

SKILLS = Path(__file__).resolve().parents[2] / "skills"  # so in a checkout and in a wheel
NOTE = ".autoresearch-mcp.json"  # {file: SHA-256 of what connect wrote there}
LEFT_OUT = "evals"  # for those who work on the skills
FOR_TOOLSET: Mapping[str, tuple[str, ...]] = {
    "research": ("run-autoresearch", "explain-code"),
    "read-only": ("run-autoresearch", "explain-code"),
    "teach": ("teach-microgpt", "explain-code", "write-a-course"),
}


@dataclass(frozen=True, slots=True)
class SkillPlan:
    """One skill's files as they will be, and those that stay as the user made them."""

    name: str
    plans: tuple[Plan, ...]
    kept: tuple[Path, ...]

    @property
    def changes(self) -> bool:
        """Return whether writing the plan would change anything."""
        return any(plan.changes for plan in self.plans)


@dataclass(frozen=True, slots=True)
class SkillsPlan:
    """All skills of one client, and the note of what was written."""

    folder: Path
    skills: tuple[SkillPlan, ...]
    note: Plan | None  # None: nothing to add to it

    @property
    def plans(self) -> list[Plan]:
        """Every file to write, the note last: it must not claim what was not written."""
        files = [plan for skill in self.skills for plan in skill.plans]
        return [*files, self.note] if self.note else files

    @property
    def kept(self) -> list[Path]:
        """The files that stay as the user made them."""
        return [path for skill in self.skills for path in skill.kept]


def shipped(toolset: str = "all") -> list[str]:
    """The names of the skills that speak of this toolset's tools."""
    there = sorted(path.parent.name for path in SKILLS.glob("*/SKILL.md"))
    if not there:
        raise NotFoundError(
            f"There are no skills in {SKILLS}.", "Reinstall the product.", reason="skills"
        )
    return [name for name in there if name in FOR_TOOLSET.get(toolset, there)]


def files_of(name: str) -> dict[str, str]:
    """A skill's files that a client needs: path within the skills' folder, and text."""
    found = sorted(path for path in (SKILLS / name).rglob("*") if path.is_file())
    relative = [(path, path.relative_to(SKILLS)) for path in found]
    return {
        to.as_posix(): path.read_text("utf-8")
        for path, to in relative
        if LEFT_OUT not in to.parts and not any(part.startswith((".", "__")) for part in to.parts)
    }


def plan_skills(folder: Path, names: Sequence[str], *, force: bool = False) -> SkillsPlan:
    """Plan the copying of these skills; with `force`, over the user's changes too."""
    noted = _read_note(folder / NOTE)
    skills, written = [], dict(noted)
    for name in names:
        plans, kept = [], []
        for to, text in files_of(name).items():
            before = _read(folder / to)
            touched = before not in (None, text) and _hash(before or "") != noted.get(to)
            if touched and not force:
                kept.append(folder / to)
                continue
            plans.append(Plan(folder / to, text, text, before, precious=touched))
            written[to] = _hash(text)
        skills.append(SkillPlan(name, tuple(plans), tuple(kept)))
    return SkillsPlan(folder, tuple(skills), _note(folder, written) if written != noted else None)


def _note(folder: Path, written: Mapping[str, str]) -> Plan:
    text = json.dumps(written, indent=2, sort_keys=True) + "\n"
    return Plan(folder / NOTE, text, text, _read(folder / NOTE), precious=False)


def _read_note(path: Path) -> dict[str, str]:
    """Return the note; a damaged one counts as none, so that every file is the user's."""
    try:
        noted = json.loads(_read(path) or "{}")
    except json.JSONDecodeError:
        return {}
    return noted if isinstance(noted, dict) else {}


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(
            f"{path} can't be read: {error}.",
            "Move it elsewhere and try again, or use --no-skills.",
            reason="skill_unreadable",
        ) from error


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
