"""Stage 4, attention: not three letters, but all that came before, each weighed as it fits.

New: a memory of keys and values and one head that looks back into it, numbers for each position,
a norm before each part, and residuals: a part adds to what is there, and replaces nothing.
"""

import gc
from collections import defaultdict
from importlib import import_module

stage1, stage3 = import_module("1_bigram"), import_module("3_autograd")
Value, dot, linear, softmax = stage3.Value, stage3.dot, stage3.linear, stage3.softmax

WIDTH = 16  # how many numbers stand for one token inside the model
CONTEXT = stage1.CONTEXT  # the most positions that a document can fill
LEARNING_RATE = 0.2  # of the first step; from there it falls in a straight line to 0


# ---- Model: reads a token, recalls those before it, scores every token that could be next -------
def initial_weights(vocab, rng):
    shapes = {"token": (vocab, WIDTH), "position": (CONTEXT, WIDTH), "head": (vocab, WIDTH)}
    shapes |= dict.fromkeys(("query", "key", "value", "mix"), (WIDTH, WIDTH))
    shapes |= {"expand": (4 * WIDTH, WIDTH), "shrink": (WIDTH, 4 * WIDTH)}
    return {  # by name, rows of numbers: a row for each token or position, or for each output
        name: [[Value(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in shapes.items()
    }


def rmsnorm(x):
    scale = (dot(x, x) * (1 / len(x)) + 1e-5) ** -0.5  # 1e-5: an x of zeros must not divide by 0
    return [number * scale for number in x]


def attention(weights, x, memory):
    """Gather from this position and those before it, most from where the key fits the query."""
    query = linear(weights["query"], x)
    memory["keys"].append(linear(weights["key"], x))
    memory["values"].append(linear(weights["value"], x))
    shares = softmax([dot(query, key) * WIDTH**-0.5 for key in memory["keys"]])
    gathered = [dot(shares, column) for column in zip(*memory["values"])]
    return linear(weights["mix"], gathered)


def gpt(weights, token, position, memory):
    """Return the logits: a score for each token that could follow. Memory grows by a position."""
    x = rmsnorm([t + p for t, p in zip(weights["token"][token], weights["position"][position])])
    x = [a + b for a, b in zip(x, attention(weights, rmsnorm(x), memory))]
    hidden = [number.relu() for number in linear(weights["expand"], rmsnorm(x))]
    x = [a + b for a, b in zip(x, linear(weights["shrink"], hidden))]
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
    stage1.program("Train one attention head, then invent 20.", initial_weights, train, invent)
