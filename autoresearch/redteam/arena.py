"""Opens the lab in which the red team's patches run: a smaller budget, and a home of its own.

The scoring of arrays and of tokens has small targets of its own, whose files stand in `arenas/` and
whose data are made here.
"""

import array
import json
import math
import random
import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from autoresearch.contract import FILE_NAME
from autoresearch.executors.local import LocalExecutor
from autoresearch.git.repository import Repository
from autoresearch.lab import Lab
from autoresearch.redteam.catalogue import ARRAYS, CHARACTERS
from autoresearch.targets import shipped_files

TOKENS = 30_000
CPU_S = 6  # the ceiling; an honest run takes about one
HELD_OUT = 600  # more than one batch of the scorer's, so that a model could remember one
SCORE_S = 30
LOAD_CPU_S, SCORE_CPU_S = 0.2, 0.6  # about twice what unchanged code takes
_ARENAS = Path(__file__).resolve().parent / "arenas"
_KNOWN, _ASKED = 400, 600  # rows of the arrays' target: to learn from, and held out
_WALKS, _VOCAB = 1_200, 33  # documents of the tokens' target, and its token ids, BOS included

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


def open_arena(
    target: str,
    folder: Path,
    kind: str = CHARACTERS,
    python: str = "",
    *,
    guarded: bool = False,
) -> Lab:
    """Make a repository of the target below `folder`, and a lab on it in a home beside it.

    `python` runs the target, where its kind needs another interpreter than this one. A `guarded`
    one has a contract with a guard.
    """
    files = arena_files(target, kind)
    if kind == CHARACTERS:
        files[FILE_NAME] = small(files[FILE_NAME].decode()).encode()
    if guarded:
        files |= {"guard.py": GUARD.encode(), FILE_NAME: files[FILE_NAME] + GUARDS.encode()}
    if python:
        line = f"[run]\npython = {json.dumps(python)}\n"
        files[FILE_NAME] = files[FILE_NAME].replace(b"[run]\n", line.encode(), 1)
    source = folder / (target if kind == CHARACTERS else kind)
    repository = Repository.create(source / ".git")
    commit = repository.import_files(files, f"{source.name}, with a small budget")
    repository.move_refs({"refs/heads/autoresearch/incumbent": (commit, None)})
    config = source / ".git" / "config"
    config.write_text(config.read_text().replace("bare = true", "bare = false"))
    for name, content in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    lab = Lab.open(str(source), home=folder / "home")
    if lab.contract.run.budget.tokens is None:
        lab.runs = replace(lab.runs, executor=_Undisturbed(sys.executable))
    return lab


class _Undisturbed(LocalExecutor):
    """Runs that nothing taints: with a budget of seconds the patches beside one would."""

    role = "supervise_undisturbed"


def arena_files(target: str, kind: str) -> dict[str, bytes]:
    """The files of the target that patches of this kind are written against, as it ships."""
    if kind == CHARACTERS:
        return {name: path.read_bytes() for name, path in shipped_files(target).items()}
    texts: dict[str, str] = tomllib.loads((_ARENAS / f"{kind}.toml").read_text(encoding="utf-8"))
    files = {name: text.encode() for name, text in texts.items()}
    return files | (_surface() if kind == ARRAYS else {"data/walks.tokens": _walks()})


def small(contract: str) -> str:
    """The contract with less to train on and less to score, so that a run takes a second.

    Every run goes to its end: what is asked of an honest patch is whether its model can be scored,
    not whether it is a good idea.
    """
    scoring = f"{SCORE_S}\nload_cpu_s = {LOAD_CPU_S}\nscore_cpu_s = {SCORE_CPU_S}"
    for key, line in (
        ("budget", f"budget = {{ tokens = {TOKENS}, cpu_s = {CPU_S} }}"),
        ("held_out", f"held_out = {HELD_OUT}"),
        ("score_s", f"score_s = {scoring}"),
        ("early_stop", "early_stop = false"),
    ):
        contract, found = re.subn(rf"^{key} = .*$", line, contract, flags=re.MULTILINE)
        if found != 1:
            raise ValueError(f"the contract has {found} lines for {key}")
    return contract


def _surface() -> dict[str, bytes]:
    """Points of a curved surface: some with what they lead to, others held out."""
    draw = random.Random(1)
    points = [(draw.uniform(-1, 1), draw.uniform(-1, 1)) for _ in range(_KNOWN + _ASKED)]
    rows = [(a, b, math.sin(3 * a) + b * b + draw.gauss(0, 0.1)) for a, b in points]
    known, asked = rows[:_KNOWN], rows[_KNOWN:]
    return {
        "known.csv": _table(known),
        "held_out/x.csv": _table([row[:2] for row in asked]),
        "held_out/y.csv": "".join(f"{row[2]:.6f}\n" for row in asked).encode(),
    }


def _table(rows: Sequence[tuple[float, ...]]) -> bytes:
    return "".join(",".join(f"{value:.6f}" for value in row) + "\n" for row in rows).encode()


def _walks() -> bytes:
    """A token file of walks in which each token has a few successors."""
    draw = random.Random(2)
    after = [[draw.randrange(_VOCAB - 1) for _ in range(4)] for _ in range(_VOCAB - 1)]
    documents = []
    for _ in range(_WALKS):
        walk = [draw.randrange(_VOCAB - 1)]
        while len(walk) < draw.randint(12, 40):
            near = draw.random() < 0.8
            walk.append(draw.choice(after[walk[-1]]) if near else draw.randrange(_VOCAB - 1))
        documents.append(walk)
    tokens = [token for walk in documents for token in walk]
    header = {
        "format": "autoresearch tokens 1",
        "vocab": _VOCAB,
        "documents": len(documents),
        "tokens": len(tokens),
    }
    ends = accumulate(map(len, documents))
    parts = (("H", [1] * (_VOCAB - 1)), ("Q", ends), ("H", tokens))
    content = b"".join(array.array(code, numbers).tobytes() for code, numbers in parts)
    return json.dumps(header).encode().ljust(4095) + b"\n" + content
