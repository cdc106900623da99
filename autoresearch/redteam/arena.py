"""Opens the lab in which the red team's patches run: a smaller budget, and a home of its own."""

import re
from pathlib import Path

from autoresearch.contract import FILE_NAME
from autoresearch.git.repository import Repository
from autoresearch.lab import Lab
from autoresearch.targets import shipped_files

TOKENS = 30_000
CPU_S = 6  # the ceiling; an honest run takes about one
HELD_OUT = 600  # more than one batch of the scorer's, so that a model could remember one
SCORE_S = 30

# What the guarded arena checks by running the code: that no token is trained on twice.
GUARD = """
import io

import numpy as np

from train import batches

BOS = 26
stream = np.array([BOS, *([3, 1, 20, BOS] * 300)], "<u2").tobytes()
taken = sum(int(shares.sum()) for _, _, shares in batches(io.BytesIO(stream), bos=BOS))
assert taken <= len(stream) // 2, f"{taken} tokens were taken from {len(stream) // 2}"
"""
GUARDS = """
[guards]
passes = ["{python}", "guard.py"]
"""


def open_arena(target: str, folder: Path, *, guarded: bool = False) -> Lab:
    """Make a repository of the target below `folder`, and a lab on it in a home beside it."""
    files = {name: path.read_bytes() for name, path in shipped_files(target).items()}
    contract = small(files[FILE_NAME].decode())
    if guarded:
        files["guard.py"], contract = GUARD.encode(), contract + GUARDS
    files[FILE_NAME] = contract.encode()
    source = folder / target
    repository = Repository.create(source / ".git")
    commit = repository.import_files(files, f"{target}, with a small budget")
    repository.move_refs({"refs/heads/autoresearch/incumbent": (commit, None)})
    config = source / ".git" / "config"
    config.write_text(config.read_text().replace("bare = true", "bare = false"))
    for name, content in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Lab.open(str(source), home=folder / "home")


def small(contract: str) -> str:
    """The contract with less to train on and less to score, so that a run takes a second.

    Every run goes to its end: what is asked of an honest patch is whether its model can be scored,
    not whether it is a good idea.
    """
    for key, line in (
        ("budget", f"budget = {{ tokens = {TOKENS}, cpu_s = {CPU_S} }}"),
        ("held_out", f"held_out = {HELD_OUT}"),
        ("score_s", f"score_s = {SCORE_S}"),
        ("early_stop", "early_stop = false"),
    ):
        contract, found = re.subn(rf"^{key} = .*$", line, contract, flags=re.MULTILINE)
        if found != 1:
            raise ValueError(f"the contract has {found} lines for {key}")
    return contract
