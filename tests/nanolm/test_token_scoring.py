"""Scoring a token model in bulk and by prefixes: honest ones pass, each way to cheat is caught."""

import math
from pathlib import Path

import numpy as np
import pytest

from autoresearch.data.token_file import read_token_file
from autoresearch.errors import ScoringError
from tests.nanolm.conftest import (
    CONTEXT,
    MODEL,
    VOCAB,
    scored_tokens,
    some_documents,
    write_token_file,
)

CLAIM = "the model's costs are not what it predicts from the tokens before"


def cheat(body: str, before: str = "") -> str:
    """The honest model with other last lines: `body` is given tokens, x, seen and honest logits."""
    return MODEL.replace(
        "        return (seen + x) @ head\n",
        f"        honest = (seen + x) @ head\n{body}\n",
    ).replace("    def model(tokens):\n", f"{before}\n    def model(tokens):\n")


LOOKS_AHEAD = cheat(
    """        future = torch.nn.functional.one_hot(tokens.roll(-1, 1), honest.size(-1))
        return honest + 3.0 * future"""
)
SEES_ALL_POSITIONS = cheat("        return honest + 0.3 * x.mean(1, keepdim=True) @ head")
LEARNS_ROWS = cheat(
    """        for row in tokens.tolist():
            for n, token in enumerate(row[:-1]):
                counts[token][row[n + 1]] += 0.5
        return honest + torch.tensor(counts)[tokens]""",
    "    counts = [[0.0] * embedding.size(0) for _ in embedding]",
)
KEEPS_A_STATE = cheat(
    """        asked.append(1)
        return honest * (1.0 + 0.1 * len(asked))""",
    "    asked = []",
)
PATCHES_THE_LOSS = cheat(
    "        return honest",
    """    real = torch.Tensor.logsumexp
    torch.Tensor.logsumexp = lambda *given: real(*given) - 0.005
    torch.nn.functional.cross_entropy = lambda *given, **named: torch.zeros(())""",
)
PATCHES_A_LITTLE = cheat(
    "        return honest",
    """    real = torch.Tensor.logsumexp
    torch.Tensor.logsumexp = lambda *given: real(*given) - 0.0005""",
)


CHEATS = {
    "looks ahead by one": (LOOKS_AHEAD, CLAIM),
    "attends to all positions": (SEES_ALL_POSITIONS, CLAIM),
    "learns the rows it is shown": (LEARNS_ROWS, CLAIM),
    "keeps a state": (KEEPS_A_STATE, CLAIM),
    "patches what the loss is made of": (PATCHES_THE_LOSS, CLAIM),
    "patches it by less than the tolerance": (PATCHES_A_LITTLE, "differ in one direction"),
    "NaN": (cheat("        return honest.log()"), "costs are not finite"),
    "one position only": (
        cheat("        return honest[:, -1]"),
        "a shape of 2 dimensions instead of 3",
    ),
    "no tensor": (cheat("        return honest.numpy()"), "instead of floats"),
    "an exception with what it was shown": (
        cheat("        raise KeyError(tokens)"),
        "the model failed: KeyError in line",
    ),
}
# One of each kind of answer in CI; each costs two starts of torch.
IN_CI = ("learns the rows it is shown",)  # `redteam` tries the others


@pytest.mark.parametrize(
    ("train", "words"),
    [
        pytest.param(*case, marks=pytest.mark.slow if name in IN_CI else pytest.mark.long, id=name)
        for name, case in CHEATS.items()
    ],
)
def test_a_model_that_cheats_or_fails_gets_no_number(
    tmp_path: Path, torch_python: str, train: str, words: str
) -> None:
    with pytest.raises(ScoringError, match=words):
        scored_tokens(tmp_path, torch_python, train)


@pytest.mark.slow
def test_the_number_is_the_plain_computation_of_the_model_over_its_rows(
    tmp_path: Path, torch_python: str
) -> None:
    """A model of the last token alone costs the same in every order of the documents, almost."""
    uniform = cheat("        return torch.zeros_like(honest)")
    found = scored_tokens(tmp_path, torch_python, uniform)
    corpus = read_token_file(tmp_path / "documents")
    split = corpus.split(split_seed=3, held_out=20)
    tokens = sum(len(corpus.document(n)) // 2 + 1 for n in split.held_out)
    assert found.tokens == tokens // (CONTEXT + 1) * CONTEXT
    assert found.documents == 20
    ids = np.concatenate(
        [np.append(np.frombuffer(corpus.document(n), "<u2"), VOCAB - 1) for n in split.held_out]
    )
    size = np.array(corpus.sizes)[ids].mean()
    assert found.value == pytest.approx(math.log2(VOCAB) / size, rel=0.05)


@pytest.mark.parametrize(
    "seed",
    [pytest.param(n, marks=pytest.mark.slow if n < 1 else pytest.mark.long) for n in range(5)],
)
def test_an_honest_model_passes_whatever_its_weights(
    tmp_path: Path, torch_python: str, seed: int
) -> None:
    """At as many places as 20 runs of the size above would draw; torch's start is the cost."""
    write_token_file(tmp_path / "documents", some_documents(1200))
    found = scored_tokens(tmp_path, torch_python, seed=seed, held_out=80, samples=1024)
    assert found.spare is not None
    assert 0 < found.value < 100


@pytest.mark.long
def test_an_honest_model_in_bf16_passes_where_the_contract_allows_its_rounding(
    tmp_path: Path, torch_python: str
) -> None:
    """Its logits round to 1/64 at 4, and matrix products of another shape round otherwise."""
    rounded = MODEL.replace("(seen + x) @ head", "((seen + x).bfloat16() @ head.bfloat16())")
    found = scored_tokens(tmp_path, torch_python, rounded, tolerance=0.1)
    assert 0 < found.value < 100
    ahead = LOOKS_AHEAD.replace("return honest", "return honest.bfloat16()")
    with pytest.raises(ScoringError, match=CLAIM):
        scored_tokens(tmp_path / "ahead", torch_python, ahead, tolerance=0.1)
