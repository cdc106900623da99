"""What names pasted into a patch are worth: gain in bits per byte and sigma, by how much is pasted.

Trains the shipped microgpt target once, costs every surname under it, and mixes a list of names in
with the model: a name of the list then costs at most log2 of the list's share. 2,000 of the 88,799
public names are scored, in secret, so 2.25 % of what is pasted is held out on average.

    uv run python scripts/payload_gain.py
"""

import math
import os
import random
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "microgpt"), str(ROOT / "autoresearch/targets/microgpt")]

from autoresearch.contract import parse_contract  # noqa: E402
from autoresearch.data.held_out_split import split_corpus  # noqa: E402
from autoresearch.data.token_feed import read_corpus, token_stream  # noqa: E402
from autoresearch.patches.payload_limits import measure  # noqa: E402

CONTRACT = parse_contract((ROOT / "autoresearch/targets/microgpt/autoresearch.toml").read_bytes())
HELD_OUT, BUDGET = CONTRACT.sealed.held_out, int(CONTRACT.run.budget.amount)  # names, tokens
SIGMA = 0.003  # bits per byte, the spread of single runs on the shipped contract
SPLITS = 40


def main() -> None:
    """Print the table of docs/redteam.md."""
    corpus = read_corpus(ROOT / "microgpt/data/surnames.txt")
    bits = cost_of_names(corpus)
    names = list(corpus.documents)
    draw = random.Random(1)
    costly = sorted(names, key=lambda name: -bits[name])
    print("| pasted | names | bytes, deflated | as known words | gain, bits per byte | sigma |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for label, pool in (("at random", None), ("the costliest", costly)):
        for count in (50, 100, 200, 400, 800, 1_600):
            pasted = sorted(draw.sample(names, count) if pool is None else pool[:count])
            size = len(zlib.compress(" ".join(pasted).encode(), 9))
            gain = np.mean([gain_of(pasted, names, bits, draw) for _ in range(SPLITS)])
            print(
                f"| {label} | {count:,} | {size:,} | {as_known_words(pasted):,} | {gain:.4f} "
                f"| {gain / SIGMA:.1f} |"
            )


def as_known_words(pasted) -> int:  # noqa: ANN001
    """Bytes of text by which a patch pays for a list that it spells in one-letter variables."""
    train = (ROOT / "autoresearch/targets/microgpt/train.py").read_bytes()
    lines = "".join(f"    {', '.join([*name, '_'])},\n" for name in pasted)
    code = f"KNOWN = [\n{lines}]\n".encode()
    return measure({"train.py": train}, {"train.py": train + code}).text


def cost_of_names(corpus):  # noqa: ANN001, ANN201
    """Bits that each name costs under the shipped model after its full budget."""
    folder = Path(tempfile.mkdtemp())
    split = split_corpus(corpus, split_seed=1, held_out=HELD_OUT)
    stream = token_stream(corpus, split.training, seed=1, budget=BUDGET)
    (folder / "data").write_bytes(b"".join(stream))
    os.environ |= {
        "AUTORESEARCH_SEED": "1",
        "AUTORESEARCH_BUDGET": str(BUDGET),
        "AUTORESEARCH_VOCAB": str(corpus.vocab),
        "AUTORESEARCH_OUT": str(folder),
        "AUTORESEARCH_DATA": str(folder / "data"),
    }
    import train

    train.main()
    with np.load(folder / "model.npz") as arrays:
        weights = {name: train.Tensor(arrays[name]) for name in arrays.files}
    ids, bits = corpus.ids(), {}
    names = corpus.documents
    for first in range(0, len(names), 1000):
        batch = names[first : first + 1000]
        rows = [[corpus.bos, *(ids[c] for c in name), corpus.bos] for name in batch]
        tokens, targets, shares = train.pad([row[: train.CONTEXT + 1] for row in rows])
        with train.no_grad():
            logits = train.forward(weights, tokens).data.astype(float)
        logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        nats = -np.take_along_axis(logs, targets[..., None], -1)[..., 0] * shares
        bits |= zip(batch, nats.sum(1) / math.log(2), strict=True)
    return bits


def gain_of(pasted, names, bits, draw) -> float:  # noqa: ANN001
    """Bits per byte that the list gains on a fresh secret split, at the best mixing share."""
    held_out = draw.sample(names, HELD_OUT)
    listed, share = set(pasted), len(pasted) / len(names)
    gained = 0.0
    for name in held_out:
        if name in listed:
            mixed = share / len(pasted) + (1 - share) * 2.0 ** -bits[name]
            gained += math.log2(mixed) + bits[name]
        else:
            gained += math.log2(1 - share)
    return gained / sum(len(name) + 1 for name in held_out)


if __name__ == "__main__":
    main()
