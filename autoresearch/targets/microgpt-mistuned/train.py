"""Train a small GPT on surnames: model, optimiser and loop. The one file of this target to edit.

The lab serves the training tokens, each document between two BOS, and holds the names it scores
on. Here is only what makes the model: it reads the stream once, and leaves a checkpoint that
`load` can bring back. `tensor` beside it is the autograd, so no change here needs a backward pass.
"""

import json
import os
from pathlib import Path

import numpy as np
from tensor import Tensor, attention, causal_mask, cross_entropy, embedding, no_grad, rmsnorm

WIDTH = 16  # numbers that stand for one token inside the model
LAYERS = 1  # blocks of attention and MLP
HEADS = 4  # attention heads; WIDTH must be a multiple
CONTEXT = 16  # positions the model can tell apart; of a longer document it sees the last ones
MLP_WIDTH = 4 * WIDTH  # numbers inside the MLP
TABLE_STD = 0.08  # spread of the weights of a table at the start
MATRIX_STD = 1.0  # the same for the matrices inside the blocks
BATCH = 64  # documents a step
LEARNING_RATE = 0.01  # Adam's, at its highest
WARMUP = 0.0  # share of the budget over which the rate climbs to its highest
FINAL_RATE = 1.0  # share of the rate that is left when the budget is spent
BETA1 = 0.5  # what Adam keeps of its mean of gradients, a step
BETA2 = 0.99  # what Adam keeps of its mean of squared gradients, a step
EPSILON = 1e-8  # keeps Adam from dividing by 0
LONGEST_GRADIENT = 50.0  # over all weights together; a longer one is shortened to it
DECAY_TABLES = 5.0  # share of each weight of a table, times the rate, that is taken off a step
DECAY_MATRICES = 0.0  # the same for the matrices inside the blocks

TABLES = ("token", "position", "head")  # the weights that stand for letters and places
CURVE_LINES = 80  # points of the loss curve in a run
CHECKPOINT_EVERY = 8  # lines of the curve from one saving of the weights to the next


# ---- Model --------------------------------------------------------------------------------------
def initial_weights(vocab, rng):
    """Return the weights by name: tables, and matrices as (inputs, outputs)."""
    shapes = {"token": (vocab, WIDTH), "head": (WIDTH, vocab)}
    for layer in range(LAYERS):
        for name in ("query", "key", "value", "mix"):
            shapes[f"{layer}.{name}"] = (WIDTH, WIDTH)
        shapes[f"{layer}.expand"] = (WIDTH, MLP_WIDTH)
        shapes[f"{layer}.shrink"] = (MLP_WIDTH, WIDTH)
    shapes["position"] = (CONTEXT, WIDTH)
    spreads = {name: TABLE_STD if name in TABLES else MATRIX_STD for name in shapes}
    return {name: parameter(rng.normal(0, spreads[name], shapes[name])) for name in shapes}


def parameter(array):
    return Tensor(array, requires_grad=True, dtype=np.float32)


def forward(weights, tokens):
    """Return the logits (B, T, vocab) of what follows each of the tokens (B, T)."""
    length = tokens.shape[1]
    mask = causal_mask(length)
    x = rmsnorm(embedding(weights["token"], tokens) + weights["position"][:length])
    for layer in range(LAYERS):
        h = rmsnorm(x)
        query = split_heads(h @ weights[f"{layer}.query"])
        key = split_heads(h @ weights[f"{layer}.key"])
        value = split_heads(h @ weights[f"{layer}.value"])
        x = x + join_heads(attention(query, key, value, mask)) @ weights[f"{layer}.mix"]
        hidden = (rmsnorm(x) @ weights[f"{layer}.expand"]).relu()
        x = x + hidden @ weights[f"{layer}.shrink"]
    return x @ weights["head"]


def split_heads(x):
    """(B, T, WIDTH) -> (B, HEADS, T, WIDTH / HEADS)."""
    batch, length, width = x.shape
    return x.reshape(batch, length, HEADS, width // HEADS).transpose(0, 2, 1, 3)


def join_heads(x):
    """(B, HEADS, T, WIDTH / HEADS) -> (B, T, WIDTH)."""
    batch, heads, length, size = x.shape
    return x.transpose(0, 2, 1, 3).reshape(batch, length, heads * size)


def load(path):
    """Return the trained model: tokens (B, t) that start with BOS -> next logits (B, vocab)."""
    with np.load(path) as arrays:
        weights = {name: Tensor(arrays[name]) for name in arrays.files}

    def model(tokens):
        with no_grad():
            return forward(weights, tokens[:, -CONTEXT:])[:, -1].data.astype(np.float64)

    return model


# ---- Optimiser ----------------------------------------------------------------------------------
class Adam:
    """Moves each weight against its mean gradient, over the root of its mean squared gradient."""

    def __init__(self, weights):
        self.parameters = list(weights.values())
        self.decays = [DECAY_TABLES if name in TABLES else DECAY_MATRICES for name in weights]
        self.means = [np.zeros_like(p.data) for p in self.parameters]
        self.squares = [np.zeros_like(p.data) for p in self.parameters]
        self.steps = 0

    def step(self, rate):
        self.steps += 1
        filled1, filled2 = 1 - BETA1**self.steps, 1 - BETA2**self.steps
        self.shorten_gradient()
        rows = zip(self.parameters, self.means, self.squares, self.decays, strict=True)
        for p, mean, square, decay in rows:
            mean += (1 - BETA1) * (p.grad - mean)
            square += (1 - BETA2) * (p.grad * p.grad - square)
            p.data *= 1 - rate * decay
            p.data -= rate / filled1 * mean / (np.sqrt(square / filled2) + EPSILON)
            p.grad = None

    def shorten_gradient(self):
        length = np.sqrt(sum(np.sum(p.grad * p.grad) for p in self.parameters))
        if length > LONGEST_GRADIENT:
            for p in self.parameters:
                p.grad = p.grad * (LONGEST_GRADIENT / length)


def learning_rate(done):
    """Return the rate when this share of the budget is done: up over WARMUP, then straight down."""
    if done < WARMUP:
        return LEARNING_RATE * done / WARMUP
    left = (1 - done) / (1 - WARMUP)
    return LEARNING_RATE * (FINAL_RATE + (1 - FINAL_RATE) * left)


# ---- Data ---------------------------------------------------------------------------------------
def documents(stream, bos):
    """Yield the documents of a stream of uint16 tokens, each with BOS on both sides."""
    document = []
    while chunk := stream.read(1 << 14):  # bytes
        for token in np.frombuffer(chunk, "<u2").tolist():
            document.append(token)
            if token == bos and len(document) > 1:
                yield document
                document = [bos]


def batches(stream, bos):
    """Yield tokens, targets and weights, each (B, T); the weight is 0 where a row is padded."""
    batch = []
    for document in documents(stream, bos):
        batch.append(document[: CONTEXT + 1])
        if len(batch) == BATCH:  # the last names fill no batch, and a step on few of them is wild
            yield pad(batch)
            batch = []


def pad(batch):
    rows = np.zeros((len(batch), max(map(len, batch))), np.int64)
    weights = np.zeros(rows.shape, np.float32)
    for i, document in enumerate(batch):
        rows[i, : len(document)] = document
        weights[i, : len(document)] = 1
    return rows[:, :-1], rows[:, 1:], weights[:, 1:]


# ---- Training -----------------------------------------------------------------------------------
def save(weights, out):
    """Put the checkpoint in place at once, so that a run that is killed leaves a whole one."""
    np.savez(out / "saving.npz", **{name: weight.data for name, weight in weights.items()})
    os.replace(out / "saving.npz", out / "model.npz")


def main():
    rng = np.random.default_rng(int(os.environ["AUTORESEARCH_SEED"]))
    budget = int(os.environ["AUTORESEARCH_BUDGET"])  # tokens
    vocab = int(os.environ["AUTORESEARCH_VOCAB"])
    out = Path(os.environ["AUTORESEARCH_OUT"])
    weights = initial_weights(vocab, rng)
    optimiser = Adam(weights)
    print(f"{sum(w.size for w in weights.values())} weights, {budget} tokens", flush=True)

    seen = points = 0  # tokens trained on, lines of the curve written
    losses, counts = 0.0, 0.0  # nats and tokens since the last line
    with (
        open(os.environ["AUTORESEARCH_DATA"], "rb") as stream,
        open(out / "curve.jsonl", "w", encoding="utf-8") as curve,
    ):
        for tokens, targets, shares in batches(stream, bos=vocab - 1):
            loss = cross_entropy(forward(weights, tokens), targets, shares)
            loss.backward()
            if not np.isfinite(loss.item()):
                raise FloatingPointError(f"the loss is {loss.item()} after {seen} tokens")
            optimiser.step(learning_rate(min(1.0, seen / budget)))
            count = int(shares.sum())
            seen, losses, counts = seen + count, losses + loss.item() * count, counts + count
            if seen * CURVE_LINES >= (points + 1) * budget:
                curve.write(json.dumps({"tokens": seen, "loss": losses / counts}) + "\n")
                curve.flush()
                points, losses, counts = points + 1, 0.0, 0.0
                if points % CHECKPOINT_EVERY == 0:
                    save(weights, out)
                    print(f"{seen} tokens, loss {loss.item():.4f}", flush=True)
    save(weights, out)


if __name__ == "__main__":
    main()
