"""The MicroGPT of gpt.py on tensor.py: the same weights, the same losses, far sooner.

Where gpt.py reads one token at a time and remembers, this reads whole documents at once, many in a
batch, and a mask hides from each position what comes after it. Data, initial weights and constants
are gpt.py's own. Run by path, like gpt.py.
"""

import argparse
import os
import random
from pathlib import Path

import gpt
import numpy as np
from tensor import (
    Tensor,
    attention,
    causal_mask,
    cross_entropy,
    embedding,
    no_grad,
    rmsnorm,
    softmax,
)


def initial_weights(vocab, rng, dtype=np.float64):
    """Return gpt.py's matrices by name: tables as they are, the others as (inputs, outputs)."""

    def tensor(name, matrix):
        array = np.array([[value.data for value in row] for row in matrix])
        array = array if name in ("token", "position") else array.T.copy()
        return Tensor(array, requires_grad=True, dtype=dtype)

    return {name: tensor(name, m) for name, m in gpt.initial_weights(vocab, rng).items()}


def forward(weights, tokens):
    """Return logits (B, T, vocab) for tokens (B, T), T at most CONTEXT."""
    batch, length = tokens.shape
    mask = causal_mask(length)

    def heads(x):  # (B, T, WIDTH) -> (B, HEADS, T, WIDTH / HEADS)
        return x.reshape(batch, length, gpt.HEADS, -1).transpose(0, 2, 1, 3)

    x = rmsnorm(embedding(weights["token"], tokens) + weights["position"][:length])
    for layer in range(gpt.LAYERS):
        h = rmsnorm(x)
        query, key, value = (heads(h @ weights[name, layer]) for name in ("query", "key", "value"))
        gathered = attention(query, key, value, mask)  # (B, HEADS, T, WIDTH / HEADS)
        x = x + gathered.transpose(0, 2, 1, 3).reshape(x.shape) @ weights["mix", layer]
        hidden = (rmsnorm(x) @ weights["expand", layer]).relu()
        x = x + hidden @ weights["shrink", layer]
    return x @ weights["head"]


def pad(documents):
    """Return tokens, targets and weights, each (B, T): every document counts the same, padding 0."""
    lengths = [min(gpt.CONTEXT, len(document) - 1) for document in documents]
    tokens = np.zeros((len(documents), max(lengths)), np.int64)
    targets, weights = np.zeros_like(tokens), np.zeros(tokens.shape)
    for row, (document, length) in enumerate(zip(documents, lengths, strict=True)):
        tokens[row, :length] = document[:length]
        targets[row, :length] = document[1 : length + 1]
        weights[row, :length] = 1 / length
    return tokens, targets, weights


def batch_loss(weights, documents):
    """Return the mean over documents of gpt.py's loss of each."""
    tokens, targets, shares = pad(documents)
    return cross_entropy(forward(weights, tokens), targets, shares)


def train(weights, documents, steps, batch=1):
    """Take Adam's steps, and yield the loss that each step found."""
    parameters = list(weights.values())
    means = [np.zeros_like(p.data) for p in parameters]
    squares = [np.zeros_like(p.data) for p in parameters]
    for step in range(steps):
        chosen = range(step * batch, (step + 1) * batch)
        loss = batch_loss(weights, [documents[i % len(documents)] for i in chosen])
        loss.backward()
        rate = gpt.LEARNING_RATE * (1 - step / steps)
        filled1, filled2 = 1 - gpt.BETA1 ** (step + 1), 1 - gpt.BETA2 ** (step + 1)
        for p, mean, square in zip(parameters, means, squares, strict=True):
            mean += (1 - gpt.BETA1) * (p.grad - mean)
            square += (1 - gpt.BETA2) * (p.grad * p.grad - square)
            p.data -= rate / filled1 * mean / (np.sqrt(square / filled2) + 1e-8)
            p.grad = None
        yield loss.item()


def invent(weights, letters, rng, temperature=0.5):
    """Return a new document, drawn letter by letter with gpt.py's own random choices."""
    tokens = [len(letters)]
    while len(tokens) <= gpt.CONTEXT:
        with no_grad():
            logits = forward(weights, np.array([tokens]))[0, -1]
            probabilities = softmax(logits * (1 / temperature)).data
        [token] = rng.choices(range(len(probabilities)), probabilities.tolist())
        if token == len(letters):
            break
        tokens.append(token)
    return "".join(letters[token] for token in tokens[1:])


def main():
    parser = argparse.ArgumentParser(description="What gpt.py does, on NumPy, in batches if asked.")
    names = Path(__file__).parent / "data" / "first_names.txt"
    parser.add_argument("--data", default=names, help="one document a line (our first names)")
    parser.add_argument("--steps", type=int, default=1000, help="steps of training (1000)")
    parser.add_argument("--seed", type=int, default=42, help="decides all that is random (42)")
    parser.add_argument("--batch", type=int, default=1, help="documents in a step (1)")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    if args.batch < 1:
        parser.error(f"--batch {args.batch}: a step needs at least 1 document")
    try:
        letters, documents = gpt.read_documents(args.data, rng)
    except (OSError, ValueError) as error:
        parser.error(f"cannot learn from {args.data}: {error}")
    weights = initial_weights(len(letters) + 1, rng)
    losses = train(weights, documents, args.steps, args.batch)
    for step, loss in enumerate(losses, start=1):
        print(f"step {step} / {args.steps} | loss {loss:.4f}", flush=True)
    for number in range(1, 21):
        print(f"sample {number}: {invent(weights, letters, rng)}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):  # Ctrl-C, or a reader such as head had enough
        os._exit(130)
