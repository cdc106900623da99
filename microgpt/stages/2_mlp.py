"""Stage 2, gradients by hand: a small network reads three letters, and learns from its errors.

Every derivative of the loss is written out; `--check` compares them with what small nudges do."""

import math
import random
import sys
from importlib import import_module

stage1 = import_module("1_bigram")  # a name that starts with a number can only be imported so

READS = 3  # how many tokens the next one depends on
WIDTH, HIDDEN = 8, 48  # how many numbers stand for a token, and for what was read
CONTEXT, LEARNING_RATE = stage1.CONTEXT, 0.5  # the rate falls in a straight line to 0


# ---- Model: look up the letters' numbers, mix them, drop what is negative, score every letter ---
def initial_weights(vocab, rng):
    shapes = {"token": (vocab, WIDTH), "expand": (HIDDEN, READS * WIDTH), "head": (vocab, HIDDEN)}
    return {
        name: [[rng.gauss(0, columns**-0.5) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in shapes.items()
    }


def examples(tokens):
    """Return (the READS tokens before, the token to guess) for each position; BOS fills up."""
    padded = tokens[:1] * (READS - 1) + tokens
    return [(padded[i : i + READS], t) for i, t in enumerate(tokens[1 : CONTEXT + 1])]


def linear(matrix, x):
    return [sum(w * number for w, number in zip(row, x)) for row in matrix]


def softmax(scores):
    exps = [math.exp(score - max(scores)) for score in scores]
    return [number / sum(exps) for number in exps]


def forward(weights, before):
    """Return what the network holds on its way: inputs, hidden numbers, probabilities."""
    x = [number for token in before for number in weights["token"][token]]
    hidden = [max(0.0, number) for number in linear(weights["expand"], x)]
    return x, hidden, softmax(linear(weights["head"], hidden))


def document_loss(weights, tokens):
    """Return the mean surprise, -log(probability), at each token after the first."""
    losses = [-math.log(forward(weights, before)[2][t]) for before, t in examples(tokens)]
    return sum(losses) / len(losses)


# ---- Gradients: the same way back ---------------------------------------------------------------
def linear_backward(matrix, x, d_out, d_matrix):
    """From d(loss)/d(output), add to d(loss)/d(matrix) and return d(loss)/d(input)."""
    for d, d_row in zip(d_out, d_matrix):
        for i, number in enumerate(x):
            d_row[i] += d * number
    return [sum(d * w for d, w in zip(d_out, column)) for column in zip(*matrix)]


def gradients(weights, tokens):
    """Return d(document_loss) / d(weight), in the weights' own shapes."""
    grads = {name: [[0.0] * len(row) for row in matrix] for name, matrix in weights.items()}
    chosen = examples(tokens)
    for before, target in chosen:
        x, hidden, probabilities = forward(weights, before)
        probabilities[target] -= 1  # softmax and log in one: what was said, minus what was so
        d_logits = [p / len(chosen) for p in probabilities]
        d_hidden = linear_backward(weights["head"], hidden, d_logits, grads["head"])
        d_hidden = [d if number > 0 else 0.0 for d, number in zip(d_hidden, hidden)]
        d_x = linear_backward(weights["expand"], x, d_hidden, grads["expand"])
        for i, d in enumerate(d_x):  # += because a letter can stand in two of the places
            grads["token"][before[i // WIDTH]][i % WIDTH] += d
    return grads


def largest_error(weights, tokens, nudge=1e-5):
    """Return how far a gradient is from (loss after a nudge up - after one down) / (2 nudges)."""
    worst, grads = 0.0, gradients(weights, tokens)
    for name, matrix in weights.items():
        for row, d_row in zip(matrix, grads[name]):
            i, losses = random.randrange(len(row)), []  # one weight of each row
            middle = row[i]
            for row[i] in (middle + nudge, middle - nudge):
                losses.append(document_loss(weights, tokens))
            row[i] = middle
            worst = max(worst, abs((losses[0] - losses[1]) / (2 * nudge) - d_row[i]))
    return worst


# ---- Training and inference ---------------------------------------------------------------------
def train(weights, documents, steps):
    for step in range(steps):
        document = documents[step % len(documents)]
        yield document_loss(weights, document)
        rate = LEARNING_RATE * (1 - step / steps)
        for name, grads in gradients(weights, document).items():
            for row, d_row in zip(weights[name], grads):
                row[:] = [w - rate * d for w, d in zip(row, d_row)]


def invent(weights, letters, rng, temperature=0.5):  # the lower, the more it plays safe
    tokens = [len(letters)] * READS
    while len(tokens) < READS + CONTEXT:
        chances = [p ** (1 / temperature) for p in forward(weights, tokens[-READS:])[2]]
        [token] = rng.choices(range(len(chances)), chances)
        if token == len(letters):  # BOS
            break
        tokens.append(token)
    return "".join(letters[token] for token in tokens[READS:])


if __name__ == "__main__":
    if "--check" in sys.argv:
        error = largest_error(initial_weights(6, random.Random(1)), [5, 0, 1, 1, 4, 5])
        print(f"largest difference from finite differences: {error:.1e}")
        sys.exit(error > 1e-6)
    stage1.program("Train an MLP by hand, then invent 20.", initial_weights, train, invent)
