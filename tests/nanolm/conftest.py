"""The interpreter with torch, a small token file, and run directories around a text of train.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autoresearch.records import Measurement
from autoresearch.run_directory import RunDir
from autoresearch.sandboxes.selection import current_sandbox
from tests.support.fakes import make_run

VARIABLE = "AUTORESEARCH_TORCH_PYTHON"
MISSING = f"set {VARIABLE} to a Python with torch, numpy and tiktoken; .ci/run makes one"
VOCAB = 33  # BOS included
CONTEXT = 24

# A causal model without training: a running mean of embeddings, its weights by a fixed seed.
MODEL = """
import torch

def load(path):
    torch.manual_seed(int(open(path).read()))
    embedding, head = torch.randn(VOCAB, 48), 0.15 * torch.randn(48, VOCAB)

    def model(tokens):
        x = embedding[tokens]  # (B, T, W)
        seen = x.cumsum(1) / torch.arange(1, x.size(1) + 1)[:, None]
        return (seen + x) @ head
    return model
""".replace("VOCAB", str(VOCAB))


@pytest.fixture(scope="session")
def torch_python() -> str:
    """The interpreter that $AUTORESEARCH_TORCH_PYTHON names; without one the test is skipped."""
    found = os.environ.get(VARIABLE, "")
    if not found:
        pytest.skip(MISSING)
    return found


def write_token_file(path: Path, documents: list[list[int]], vocab: int = VOCAB) -> Path:
    """As the target's own tokens.py writes it."""
    header = {
        "format": "autoresearch tokens 1",
        "vocab": vocab,
        "documents": len(documents),
        "tokens": sum(map(len, documents)),
    }
    sizes = [1 + n % 5 for n in range(vocab - 1)]
    ends = np.cumsum([len(document) for document in documents])
    path.write_bytes(
        json.dumps(header).encode().ljust(4095)
        + b"\n"
        + np.array(sizes, "<u2").tobytes()
        + ends.astype("<u8").tobytes()
        + np.concatenate([np.array(document, "<u2") for document in documents]).tobytes()
    )
    return path


def some_documents(count: int = 400, seed: int = 1) -> list[list[int]]:
    """Different documents of 5 to 60 tokens."""
    draw = np.random.default_rng(seed)
    return [draw.integers(0, VOCAB - 1, draw.integers(5, 60)).tolist() for _ in range(count)]


def token_run(
    folder: Path, python: str, train: str = MODEL, *, seed: int = 7, **changes: object
) -> RunDir:
    """A run directory whose training is over."""
    documents = folder / "documents"
    folder.mkdir(exist_ok=True)
    if not documents.exists():
        write_token_file(documents, some_documents())
    fields = {
        "documents": str(documents),
        "python": python,
        "vocab": "tokens",
        "context": CONTEXT,
        "samples": 256,
        "tolerance": 1e-3,
        "held_out": 20,
        "checkpoint": "model.pt",
        "memory_mb": 4000,
        "score_s": 300.0,
        "sandbox": current_sandbox().name,
    }
    rundir = make_run(folder, train, **{**fields, **changes})
    rundir.out.mkdir()
    rundir.scratch.mkdir()
    (rundir.out / "model.pt").write_text(str(seed))
    return rundir


def scored_tokens(folder: Path, python: str, train: str = MODEL, **changes: object) -> Measurement:
    """What the lab finds for that model, in a process of its own as sandboxes ask for."""
    rundir = token_run(folder, python, train, **changes)
    program = "import sys; from pathlib import Path; "
    program += "from autoresearch.scoring.scorer import score_run; "
    program += "score_run(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, str(rundir.path)], check=True)
    from autoresearch.errors import ScoringError
    from autoresearch.run_directory import measurement_of

    fields = json.loads(rundir.measurement_file.read_text())
    if "failed" in fields:
        raise ScoringError(fields["failed"])
    return measurement_of(fields)
