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


def open_arena(target: str, folder: Path) -> Lab:
    """Make a repository of the target below `folder`, and a lab on it in a home beside it."""
    files = {name: path.read_bytes() for name, path in shipped_files(target).items()}
    files[FILE_NAME] = small(files[FILE_NAME].decode()).encode()
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
