"""Stage 1, counting: which letter follows which, and how often.

There is nothing to learn but a table: the letter at hand is all that the next one depends on.
`read_documents` and `program` stay the same in every stage, so the later ones take them from here.
"""

import argparse
import math
import os
import random
from pathlib import Path

CONTEXT = 16  # the most positions of a document that are read; what comes later is cut off


# ---- Data: a document is a line of text, a token is the number of a letter ----------------------
def read_documents(path, rng):
    """Return the alphabet, and the lines of the file in random order, each as a list of tokens."""
    lines = [line for line in map(str.strip, Path(path).read_text("utf-8").split("\n")) if line]
    if not lines:
        raise ValueError("it holds no documents")
    rng.shuffle(lines)
    letters = sorted(set("".join(lines)))
    bos = len(letters)  # the one token that is no letter: it opens a document, and ends it too
    return letters, [[bos, *map(letters.index, line), bos] for line in lines]


# ---- Model: a table, row a, column b: how often b came after a ----------------------------------
def initial_weights(vocab, rng):
    return [[1] * vocab for _ in range(vocab)]  # 1, not 0: what was never seen is not impossible


def probabilities(counts, token):
    total = sum(counts[token])
    return [count / total for count in counts[token]]


def pairs(tokens):
    return list(zip(tokens, tokens[1 : CONTEXT + 1]))


def document_loss(counts, tokens):
    """Return the mean surprise, -log(probability), at each token after the first."""
    losses = [-math.log(probabilities(counts, token)[target]) for token, target in pairs(tokens)]
    return sum(losses) / len(losses)


# ---- Training: count a document a step ----------------------------------------------------------
def train(counts, documents, steps):
    for step in range(steps):
        document = documents[step % len(documents)]
        yield document_loss(counts, document)  # asked before it is counted, as an unseen one
        for token, target in pairs(document):
            counts[token][target] += 1


# ---- Inference: bet on the next letter, take the bet as read, bet again -------------------------
def invent(counts, letters, rng):
    name, token = "", len(letters)
    for _ in range(CONTEXT):
        [token] = rng.choices(range(len(counts)), probabilities(counts, token))
        if token == len(letters):  # BOS
            break
        name += letters[token]
    return name


def program(description, initial_weights, train, invent):
    """Be the program of a stage: train on names, then invent 20."""
    parser = argparse.ArgumentParser(description=description)
    names = Path(__file__).parents[1] / "data" / "first_names.txt"
    parser.add_argument("--data", default=names, help="one document a line (our first names)")
    parser.add_argument("--steps", type=int, default=1000, help="documents to learn from (1000)")
    parser.add_argument("--seed", type=int, default=42, help="decides all that is random (42)")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    try:
        letters, documents = read_documents(args.data, rng)
    except (OSError, ValueError) as error:
        parser.error(f"cannot learn from {args.data}: {error}")
    weights = initial_weights(len(letters) + 1, rng)
    try:
        for step, loss in enumerate(train(weights, documents, args.steps), start=1):
            print(f"step {step} / {args.steps} | loss {loss:.4f}", flush=True)
        for number in range(1, 21):
            print(f"sample {number}: {invent(weights, letters, rng)}", flush=True)
    except (KeyboardInterrupt, BrokenPipeError):  # Ctrl-C, or a reader such as head had enough
        os._exit(130)


if __name__ == "__main__":
    program("Count pairs of letters, then invent 20 names.", initial_weights, train, invent)
