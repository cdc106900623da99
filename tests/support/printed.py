"""User repositories whose programs print their own number, or whose time is the metric."""

from dataclasses import replace
from pathlib import Path

from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit
from tests.support.fakes import QuietExecutor
from tests.support.repositories import TESTER, git

CONTRACT = """
[target]
name = "printed"
[edit]
allow = ["work.py"]
[run]
command = ["{python}", "work.py"]
startup_s = 10
memory_mb = 600
budget = { wall_s = 10 }
[metric]
name = "score"
unit = "points"
direction = "max"
scoring = "stdout"
"""

# The seed moves it a little, as a real benchmark's noise does; STEP moves it by many sigma.
WORK = """
import os
import random

from frozen import weigh

STEP = 3.0

random.seed(int(os.environ["AUTORESEARCH_SEED"]))
print(f"METRIC score={weigh(STEP) + random.gauss(0, 0.1):.6f}")
"""
FILES = {
    "work.py": WORK,
    "frozen.py": "def weigh(step):\n    return 10 - step\n",
    "notes.md": "mine\n",
}
BETTER = ("STEP = 3.0", "STEP = 1.0")
WORSE = ("STEP = 3.0", "STEP = 6.0")


def make_printed(
    folder: Path, files: dict[str, str] | None = None, *, contract: str = CONTRACT
) -> Path:
    """A repository of a user's; with an empty contract it carries none."""
    folder.mkdir(parents=True)
    whole = {**FILES, **(files or {}), **({"autoresearch.toml": contract} if contract else {})}
    for name, text in whole.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", "mine")
    return folder


def open_printed(folder: Path, *, contract: str = CONTRACT, **files: str) -> Lab:
    """A lab on such a repository, in a home beside it; `work`, `frozen` name files without .py."""
    named = {f"{name}.py": text for name, text in files.items()}
    source = make_printed(folder / "repository", named, contract=contract)
    return quietly(Lab.open(str(source), home=folder / "home"))


def quietly(lab: Lab) -> Lab:
    """The lab, its runs real, on a machine that seems idle."""
    lab.__dict__["runs"] = replace(lab.runs, executor=QuietExecutor())
    return lab


def propose_work(lab: Lab, change: tuple[str, str], hypothesis: str = "step less") -> str:
    """Propose one replacement in work.py; return the experiment's id."""
    find, text = change
    edits = [Edit(path="work.py", find=find, replace=text)]
    return lab.propose(hypothesis, edits=edits, proposer=TESTER).experiment.id
