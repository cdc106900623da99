"""Makes the data once, and is what train.py may rely on: budget, tokens, loader, metric.

It keeps karpathy/autoresearch's agreement between the two files, in the standard library, on a CPU,
in a second. None of its code is theirs.
"""

import itertools
import json
import math
import os
import random

TIME_BUDGET = 2 / 10  # seconds of training
MAX_SEQ_LEN = 64  # tokens a row
EVAL_TOKENS = 4 * 1024  # that val_bpb is measured on

CACHE_DIR = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")
DATA_DIR = os.path.join(CACHE_DIR, "data")
TOKENIZER_DIR = os.path.join(CACHE_DIR, "tokenizer")
SHARDS = 3  # the last of which is for validation only
SYLLABLES = ("ba", "de", "ki", "lo", "mu", "na", "ro", "su")
BEGIN = 0  # the token before each word; it stands for no byte


class Tokenizer:
    """Characters to numbers and back."""

    def __init__(self, letters):
        self._letters = letters
        self._ids = {letter: n + 1 for n, letter in enumerate(letters)}

    @classmethod
    def from_directory(cls, folder=TOKENIZER_DIR):
        with open(os.path.join(folder, "tokenizer.json")) as file:
            return cls(json.load(file))

    def get_vocab_size(self):
        return len(self._letters) + 1

    def encode(self, word):
        return [BEGIN, *(self._ids[letter] for letter in word)]


def make_dataloader(tokenizer, rows, columns, split):
    """Without end: (inputs, targets, epoch), each of the first two rows x columns."""
    shards = range(SHARDS - 1) if split == "train" else (SHARDS - 1,)
    for epoch in itertools.count(1):
        ids = []
        for shard in shards:
            with open(os.path.join(DATA_DIR, f"shard_{shard:05d}.txt")) as file:
                for word in file:
                    ids += tokenizer.encode(word.strip())
        size = rows * columns
        for start in range(0, len(ids) - size, size):
            x = [ids[start + r * columns : start + (r + 1) * columns] for r in range(rows)]
            y = [ids[start + r * columns + 1 : start + (r + 1) * columns + 1] for r in range(rows)]
            yield x, y, epoch


def evaluate_bpb(model, tokenizer, rows):
    """Bits per byte on the validation shard; the model says what each target costs, in nats."""
    with open(os.path.join(TOKENIZER_DIR, "token_bytes.json")) as file:
        sizes = json.load(file)
    loader = make_dataloader(tokenizer, rows, MAX_SEQ_LEN, "val")
    nats = size = 0
    for _ in range(EVAL_TOKENS // (rows * MAX_SEQ_LEN)):
        x, y, _ = next(loader)
        for costs, targets in zip(model(x, y), y, strict=True):
            nats += sum(cost for cost, target in zip(costs, targets, strict=True) if sizes[target])
            size += sum(sizes[target] for target in targets)
    return nats / math.log(2) / size


def main():
    for folder in (DATA_DIR, TOKENIZER_DIR):
        os.makedirs(folder, exist_ok=True)
    draw = random.Random(5)
    for shard in range(SHARDS):
        with open(os.path.join(DATA_DIR, f"shard_{shard:05d}.txt"), "w") as file:
            for _ in range(3000):
                first = draw.randrange(len(SYLLABLES))
                word = [SYLLABLES[(first + n * n) % len(SYLLABLES)] for n in range(3)]
                file.write("".join(word) + draw.choice(("", "n", "s")) + "\n")
    letters = sorted({*"".join(SYLLABLES), "n", "s"})
    with open(os.path.join(TOKENIZER_DIR, "tokenizer.json"), "w") as file:
        json.dump(letters, file)
    with open(os.path.join(TOKENIZER_DIR, "token_bytes.json"), "w") as file:
        json.dump([0] + [1] * len(letters), file)
    print(f"{SHARDS} shards and a tokenizer of {len(letters) + 1} tokens lie in {CACHE_DIR}")


if __name__ == "__main__":
    main()
