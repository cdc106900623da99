"""Stage 5, heads and layers: several looks back at once, and blocks on top of one another.

The model is gpt.py's own from here on. What gpt.py adds is how it learns: Adam instead of plain
steps downhill.
"""

import gc
from collections import defaultdict
from importlib import import_module

stage1, stage3, stage4 = map(import_module, ("1_bigram", "3_autograd", "4_attention"))
Value, dot, linear, softmax = stage3.Value, stage3.dot, stage3.linear, stage3.softmax
rmsnorm = stage4.rmsnorm

WIDTH = 16  # how many numbers stand for one token inside the model
HEADS = 4  # attention heads; each looks back with its own WIDTH / HEADS of those numbers
LAYERS = 1  # blocks of attention and MLP, one on top of the other; try 2
CONTEXT = stage1.CONTEXT  # the most positions that a document can fill
LEARNING_RATE = 0.2  # of the first step; from there it falls in a straight line to 0


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


def attention(weights, layer, x, memory):
    """Gather from this position and those before it, each head from where its own key fits."""
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


# ---- Training: a document a step, every weight a little downhill --------------------------------
def document_loss(weights, tokens):
    """Return the mean surprise, -log(probability), at each token after the first."""
    losses, memory = [], defaultdict(list)
    for position, (token, target) in enumerate(zip(tokens, tokens[1 : CONTEXT + 1])):
        probability = softmax(gpt(weights, token, position, memory))[target]
        losses.append(probability.log() * -1)
    return sum(losses) * (1 / len(losses))


def train(weights, documents, steps):
    parameters = [number for matrix in weights.values() for row in matrix for number in row]
    for step in range(steps):
        loss = document_loss(weights, documents[step % len(documents)])
        loss.backward()
        rate = LEARNING_RATE * (1 - step / steps)
        for p in parameters:
            p.data -= rate * p.grad
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


if __name__ == "__main__":
    gc.disable()  # its search for reference cycles would take two thirds of the time and find none
    stage1.program("Train heads and layers, then invent 20.", initial_weights, train, invent)
