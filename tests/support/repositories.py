"""User repositories with a sealed contract around a target that trains in milliseconds."""

import hashlib
import subprocess
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit
from autoresearch.records import Proposer
from autoresearch.views import Evaluation
from tests.support.fakes import BIGRAM

TESTER = Proposer(client="tests", client_version="1", model="none")

CONTRACT = """
[target]
name = "tiny"
description = "counts of character pairs"
[brief]
path = "program.md"
[edit]
allow = ["train.py"]
[run]
command = ["{python}", "train.py"]
startup_s = 10
memory_mb = 600
budget = { tokens = 1500, cpu_s = 10 }
[metric]
name = "val_bpb"
unit = "bits per byte"
direction = "min"
scoring = "sealed"
[sealed]
entry = "train.py:load"
data = "names.txt"
vocab = "characters"
checkpoint = "model.npy"
checkpoint_mb = 1
held_out = 100
[knobs]
SMOOTHING = { low = 0.001, high = 100 }
"""

# Smoothing drowns the counts: a smaller one is a gain of many sigma, a larger one a loss.
TRAIN = BIGRAM.replace(
    "counts = np.load(path) + 0.1", "counts = np.load(path) + SMOOTHING"
).replace("import numpy as np\n", "import numpy as np\n\nSMOOTHING = 30.0\nSCALE = 1.0\n", 1)
BETTER = ("SMOOTHING = 30.0", "SMOOTHING = 0.5")
WORSE = ("SMOOTHING = 30.0", "SMOOTHING = 900.0")
CRASHING = ("SMOOTHING = 30.0", "SMOOTHING = 1 / 0")
HANGING = ("SMOOTHING = 30.0", "import time\ntime.sleep(1e6)\nSMOOTHING = 30.0")

NAMES = sorted("".join(parts) for parts in product(("ba", "de", "ki", "lo"), repeat=5))


def make_repository(
    folder: Path,
    contract: str = CONTRACT,
    train: str = TRAIN,
    names: Sequence[str] = NAMES,
) -> Path:
    """A repository of a user's, with its contract committed."""
    folder.mkdir(parents=True)
    files = {
        "autoresearch.toml": contract,
        "train.py": train,
        "program.md": "Lower it.\n",
        "names.txt": "\n".join(names) + "\n",
        "notes.md": "mine\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", "mine")
    return folder


def plant_work_in_progress(folder: Path) -> None:
    """Dirty, staged and untracked files, as a user leaves them at night."""
    (folder / "notes.md").write_text("half a thought\n")
    (folder / "staged.py").write_text("x = 1\n")
    git(folder, "add", "staged.py")
    (folder / "untracked.bin").write_bytes(bytes(range(256)))


def git(folder: Path, *arguments: str) -> str:
    """Run git as the user would."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def every_byte(folder: Path) -> dict[str, str]:
    """Each file below the folder, .git included, with its hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def propose(lab: Lab, change: tuple[str, str], hypothesis: str = "smooth less") -> str:
    """Propose one replacement in train.py; return the experiment's id."""
    find, replace = change
    edits = [Edit(path="train.py", find=find, replace=replace)]
    return lab.propose(hypothesis, edits=edits, proposer=TESTER).experiment.id


def to_verdict(lab: Lab, experiment: str, within_s: float = 600.0) -> Evaluation:
    """Evaluate until there is a verdict, or for e0 until its noise is known."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = lab.evaluate(experiment)
        if not found.needs and not found.running:
            return found
        if found.verdict is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{experiment} has no verdict after {within_s} s: {found}")
