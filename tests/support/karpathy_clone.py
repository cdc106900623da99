"""A clone that keeps karpathy/autoresearch's agreement, on a CPU: files of ours, and their data."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from autoresearch.attachment.karpathy import recognise
from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit
from tests.support.paths import ROOT
from tests.support.printed import quietly
from tests.support.repositories import TESTER, git

FILES = ROOT / "tests" / "data" / "karpathy"
BETTER = ("BLEND = 0.3", "BLEND = 0.02")
WORSE = ("BLEND = 0.3", "BLEND = 0.6")


def make_clone(folder: Path) -> Path:
    """The clone, committed, as a user has it."""
    shutil.copytree(FILES, folder, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    git(folder, "init", "-q", "-b", "master")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", "theirs")
    return folder


def prepare_data(clone: Path, home: Path) -> Path:
    """Run its prepare.py for the user with that home; where the data lies."""
    argv = [sys.executable, "-B", "prepare.py"]
    environment = {**os.environ, "HOME": str(home)}
    subprocess.run(argv, cwd=clone, env=environment, check=True, capture_output=True)
    return home / ".cache" / "autoresearch"


def contract_of(clone: Path) -> str:
    """What is written for it by looking at its files."""
    found = recognise([path.name for path in clone.iterdir()], lambda n: (clone / n).read_text())
    assert found is not None
    return found


def open_clone(folder: Path) -> Lab:
    """A lab on a clone in `folder`, the home of whose user is `folder`/user, set as $HOME."""
    clone = make_clone(folder / "clone")
    prepare_data(clone, folder / "user")
    return quietly(Lab.open(str(clone), home=folder / "home", contract=contract_of(clone)))


def propose_change(
    lab: Lab, change: tuple[str, str], hypothesis: str, path: str = "train.py"
) -> str:
    """Propose one replacement; the experiment's id."""
    find, text = change
    edits = [Edit(path=path, find=find, replace=text)]
    return lab.propose(hypothesis, edits=edits, proposer=TESTER).experiment.id
