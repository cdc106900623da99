"""Stage 3, autograd: the same network, and the derivatives find themselves.

Every number remembers what it was made from, so the way back need not be written. From the same
seed the losses are stage 2's, digit for digit.
"""

import gc
import math
from importlib import import_module

stage1, stage2 = import_module("1_bigram"), import_module("2_mlp")

CONTEXT, READS, LEARNING_RATE = stage2.CONTEXT, stage2.READS, stage2.LEARNING_RATE
examples = stage2.examples


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


# ---- Model: stage 2's, on Values ----------------------------------------------------------------
def initial_weights(vocab, rng):
    plain = stage2.initial_weights(vocab, rng)
    return {name: [[Value(w) for w in row] for row in matrix] for name, matrix in plain.items()}


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def linear(matrix, x):
    return [dot(row, x) for row in matrix]


def softmax(scores):
    highest = max(score.data for score in scores)  # taken off all, it only keeps exp in range
    exps = [(score + -highest).exp() for score in scores]
    scale = sum(exps) ** -1
    return [number * scale for number in exps]


def logits(weights, before):
    x = [number for token in before for number in weights["token"][token]]
    hidden = [number.relu() for number in linear(weights["expand"], x)]
    return linear(weights["head"], hidden)


def document_loss(weights, tokens):
    """Return the mean surprise, -log(probability), at each token after the first."""
    losses = [softmax(logits(weights, b))[target].log() * -1 for b, target in examples(tokens)]
    return sum(losses) * (1 / len(losses))


# ---- Training and inference ---------------------------------------------------------------------
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


def invent(weights, letters, rng, temperature=0.5):  # the lower, the more it plays safe
    plain = {name: [[w.data for w in row] for row in matrix] for name, matrix in weights.items()}
    return stage2.invent(plain, letters, rng, temperature)


if __name__ == "__main__":
    gc.disable()  # its search for reference cycles would take two thirds of the time and find none
    stage1.program("Train an MLP by autograd, then invent 20.", initial_weights, train, invent)
