"""MicroGPT: a whole GPT that learns to invent names, in plain Python and nothing else.

It reads the letters so far and bets on the next one. What a large GPT adds is speed and scale."""

import argparse
import gc
import math
import os
import random
from collections import defaultdict
from pathlib import Path

WIDTH = 16  # how many numbers stand for one token inside the model
HEADS = 4  # attention heads; each looks back with its own WIDTH / HEADS of those numbers
LAYERS = 1  # blocks of attention and MLP, one on top of the other
CONTEXT = 16  # the most positions a document can fill; what comes later is cut off
LEARNING_RATE = 0.01  # of the first step; from there it falls in a straight line to 0
BETA1, BETA2 = 0.85, 0.99  # how much Adam keeps, at each step, of its two running averages


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


# ---- Autograd: numbers that remember what they were made from -----------------------------------
class Value:
    __slots__ = ("data", "grad", "parents", "slopes")  # none leads to a child: no cycles

    def __init__(self, data, parents=(), slopes=()):
        self.data = data
        self.grad = 0.0  # d(loss) / d(self), once backward has run
        self.parents = parents
        self.slopes = slopes  # d(self) / d(parent), for each parent

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    __radd__ = __add__  # sum() starts with a plain 0

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, power):
        return Value(self.data**power, (self,), (power * self.data ** (power - 1),))

    def exp(self):
        return Value(math.exp(self.data), (self,), (math.exp(self.data),))

    def log(self):
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):
        return Value(max(0.0, self.data), (self,), (float(self.data > 0),))

    def backward(self):
        """The chain rule, from self back to the weights. No grad is passed on before it is whole."""
        order, seen, stack = [], set(), [self]
        while stack:
            node = stack.pop()
            if node is None:  # a mark: the parents of the node below it are all in order
                order.append(stack.pop())
            elif node not in seen:
                seen.add(node)
                stack += (node, None, *node.parents)
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes):
                parent.grad += slope * node.grad  # += because a parent can have other children


# ---- Model: reads a token, recalls those before it, scores every token that could be next -------
def initial_weights(vocab, rng):
    shapes = {"token": (vocab, WIDTH), "position": (CONTEXT, WIDTH), "head": (vocab, WIDTH)}
    for layer in range(LAYERS):
        shapes |= {(name, layer): (WIDTH, WIDTH) for name in ("query", "key", "value", "mix")}
        shapes |= {("expand", layer): (4 * WIDTH, WIDTH), ("shrink", layer): (WIDTH, 4 * WIDTH)}
    return {  # by name, rows of numbers: a row for each token or position, or for each output
        name: [[Value(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in shapes.items()
    }


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def linear(matrix, x):
    return [dot(row, x) for row in matrix]


def rmsnorm(x):
    scale = (dot(x, x) * (1 / len(x)) + 1e-5) ** -0.5  # 1e-5: an x of zeros must not divide by 0
    return [number * scale for number in x]


def softmax(scores):
    highest = max(score.data for score in scores)  # taken off all, it only keeps exp in range
    exps = [(score + -highest).exp() for score in scores]
    scale = sum(exps) ** -1
    return [number * scale for number in exps]


def attention(weights, layer, x, memory):
    """Gather from this position and those before it, most from where the key fits the query."""
    query = linear(weights["query", layer], x)
    keys, values = memory["keys", layer], memory["values", layer]
    keys.append(linear(weights["key", layer], x))
    values.append(linear(weights["value", layer], x))
    gathered, size = [], WIDTH // HEADS
    for start in range(0, WIDTH, size):
        own = slice(start, start + size)  # the part of every vector that belongs to this head
        shares = softmax([dot(query[own], key[own]) * size**-0.5 for key in keys])
        gathered += [dot(shares, column) for column in zip(*(value[own] for value in values))]
    return linear(weights["mix", layer], gathered)


def gpt(weights, token, position, memory):
    """Return the logits: a score for each token that could follow. Memory grows by a position."""
    x = rmsnorm([t + p for t, p in zip(weights["token"][token], weights["position"][position])])
    for layer in range(LAYERS):
        x = [a + b for a, b in zip(x, attention(weights, layer, rmsnorm(x), memory))]
        hidden = [number.relu() for number in linear(weights["expand", layer], rmsnorm(x))]
        x = [a + b for a, b in zip(x, linear(weights["shrink", layer], hidden))]
    return linear(weights["head"], x)


# ---- Training: a document a step, and every weight moves a little to make it less surprising ----
def document_loss(weights, tokens):
    """Return the mean surprise, -log(probability), at each token after the first."""
    losses, memory = [], defaultdict(list)
    for position, (token, target) in enumerate(zip(tokens, tokens[1 : CONTEXT + 1])):
        probability = softmax(gpt(weights, token, position, memory))[target]
        losses.append(probability.log() * -1)
    return sum(losses) * (1 / len(losses))


def train(weights, documents, steps):
    parameters = [number for matrix in weights.values() for row in matrix for number in row]
    means, squares = [0.0] * len(parameters), [0.0] * len(parameters)
    for step in range(steps):
        loss = document_loss(weights, documents[step % len(documents)])
        loss.backward()
        rate = LEARNING_RATE * (1 - step / steps)
        filled1, filled2 = 1 - BETA1 ** (step + 1), 1 - BETA2 ** (step + 1)  # averages start at 0
        for i, p in enumerate(parameters):
            means[i] = BETA1 * means[i] + (1 - BETA1) * p.grad
            squares[i] = BETA2 * squares[i] + (1 - BETA2) * p.grad**2
            p.data -= rate * (means[i] / filled1) / ((squares[i] / filled2) ** 0.5 + 1e-8)
            p.grad = 0.0
        yield loss.data


# ---- Inference: bet on the next letter, take the bet as read, bet again -------------------------
def invent(weights, letters, rng, temperature=0.5):  # the lower, the more it plays safe
    name, token, memory = "", len(letters), defaultdict(list)
    for position in range(CONTEXT):
        logits = gpt(weights, token, position, memory)
        probabilities = softmax([logit * (1 / temperature) for logit in logits])
        [token] = rng.choices(range(len(logits)), [p.data for p in probabilities])
        if token == len(letters):  # BOS
            break
        name += letters[token]
    return name


def main():
    parser = argparse.ArgumentParser(description="Train a GPT on names, then have it invent 20.")
    names = Path(__file__).parent / "data" / "first_names.txt"
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
    gc.disable()  # its search for reference cycles would take two thirds of the time and find none
    for step, loss in enumerate(train(weights, documents, args.steps), start=1):
        print(f"step {step} / {args.steps} | loss {loss:.4f}", flush=True)
    for number in range(1, 21):
        print(f"sample {number}: {invent(weights, letters, rng)}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):  # Ctrl-C, or a reader such as head had enough
        os._exit(130)
