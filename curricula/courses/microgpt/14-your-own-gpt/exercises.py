"""Rebuild it and mend it: a shape puzzle, a forward pass to assemble, a whole model, five faults.

`rebuild` and `five-faults` ask for whole models, so both are graded the same way: part by part,
from the autograd to invented names, against a model put together of gpt.py's own functions.
"""

import json
from collections import defaultdict
from functools import lru_cache

from curricula import subject
from curricula.exercise import Exercise, Mutant

# ---- Predict: how many weights, and what a wrong shape does -------------------------------------
NARROW = ("token", "position")  # too few columns; of the others, too few rows
SHORT = ("query", "value", "mix", "expand", "shrink")


def count_draw(rng):
    heads, size = rng.choice([2, 3, 4, 5]), rng.choice([3, 4, 5, 6, 8])
    return {
        "vocab": rng.randint(11, 60), "heads": heads, "width": heads * size,
        "layers": rng.choice([2, 3, 4, 5]), "context": rng.randint(9, 70),
        "mlp": rng.choice([2, 3, 4, 5]), "tied": rng.random() < 0.5,
        "short": rng.choice(NARROW + SHORT), "by": rng.randint(1, size - 1),
    }  # fmt: skip


def counted(p, *, tied=None, layers=None, bias=0):
    w, tied = p["width"], p["tied"] if tied is None else tied
    rows = [(p["vocab"], w), (p["context"], w)] + ([] if tied else [(p["vocab"], w)])
    block = [(w, w)] * 4 + [(p["mlp"] * w, w), (w, p["mlp"] * w)]
    rows += block * (p["layers"] if layers is None else layers)
    tables = 2  # tables of numbers to look up: they would have no bias
    return sum(r * c for r, c in rows) + bias * sum(r for r, _ in rows[tables:])


def lengths(p):
    """How long each list is in the first block, when one matrix is too small."""
    gpt = subject.load()
    w, short, by = p["width"], p["short"], p["by"]
    rows = dict.fromkeys(("query", "value", "mix", "shrink"), w) | {"expand": p["mlp"] * w}
    rows[short] = rows.get(short, w) - by
    columns = {name: w - by * (name == short) for name in NARROW}

    def matrix(name, inputs):
        return [[0.5] * inputs] * rows[name]

    x = [t + q for t, q in zip([1.0] * columns["token"], [2.0] * columns["position"], strict=False)]
    query, value = gpt.linear(matrix("query", w), x), gpt.linear(matrix("value", w), x)
    size, gathered = w // p["heads"], []
    for start in range(0, w, size):
        gathered += [gpt.dot([1.0], column) for column in zip(value[start : start + size])]
    after = [a + b for a, b in zip(x, gpt.linear(matrix("mix", w), gathered), strict=False)]
    hidden = gpt.linear(matrix("expand", w), after)
    shrunk = gpt.linear(matrix("shrink", p["mlp"] * w), hidden)
    end = [a + b for a, b in zip(after, shrunk, strict=False)]
    return [len(x), len(query), len(gathered), len(after), len(hidden), len(end), p["vocab"]]


def as_planned(p):
    w = p["width"]
    return [w, w, w, w, p["mlp"] * w, w, p["vocab"]]


def only_there(p):
    """The list that the matrix makes is short, and nothing after it."""
    found = as_planned(p)
    place = {"token": 0, "position": 0, "query": 1, "value": 2, "mix": 3, "expand": 4, "shrink": 5}
    found[place[p["short"]]] -= p["by"]
    return found


COUNT_FORMULA = """\
w, m, short = {{ p.width }}, {{ p.mlp * p.width }}, {{ p.by }}
total = {{ p.vocab + p.context }} * w + {{ p.layers }} * (4 * w * w + 2 * w * m)
{% if not p.tied %}
total += {{ p.vocab }} * w
{% endif %}
cut = "{{ p.short }}"
stream = w - short if cut in ("token", "position") else w
query = w - short if cut == "query" else w
gathered = w - short if cut == "value" else w
after = min(stream, w - short if cut == "mix" else w)
hidden = m - short if cut == "expand" else m
end = min(after, w - short if cut == "shrink" else w)
answer = [total, stream, query, gathered, after, hidden, end, {{ p.vocab }}]
"""
COUNT_SHAPES = """\
W, M = {{ p.width }}, {{ p.mlp }} * {{ p.width }}
shapes = {"token": [{{ p.vocab }}, W], "position": [{{ p.context }}, W]}
{% if not p.tied %}
shapes["head"] = [{{ p.vocab }}, W]
{% endif %}
for layer in range({{ p.layers }}):
    for name in ("query", "key", "value", "mix"):
        shapes[name, layer] = [W, W]
    shapes["expand", layer] = [M, W]
    shapes["shrink", layer] = [W, M]
total = sum(rows * columns for rows, columns in shapes.values())
first = {(key if isinstance(key, str) else key[0]): shape for key, shape in shapes.items()}
first["{{ p.short }}"][{{ 1 if p.short in ("token", "position") else 0 }}] -= {{ p.by }}
x = min(first["token"][1], first["position"][1])
after = min(x, first["mix"][0])
answer = (
    [total, x, first["query"][0], first["value"][0], after, first["expand"][0]]
    + [min(after, first["shrink"][0]), {{ p.vocab }}]
)
"""
COUNT_LISTS = """\
size = {"token": {{ p.width }}, "position": {{ p.width }}, "query": {{ p.width }},
        "value": {{ p.width }}, "mix": {{ p.width }}, "expand": {{ p.mlp * p.width }},
        "shrink": {{ p.width }}}
tables = {{ p.vocab }} + {{ p.context }} + {{ 0 if p.tied else p.vocab }}
square = size["mix"] ** 2
total = tables * size["mix"] + ({{ p.layers }} * (4 + 2 * {{ p.mlp }})) * square
size["{{ p.short }}"] -= {{ p.by }}
made = {name: list(range(n)) for name, n in size.items()}
x = list(zip(made["token"], made["position"]))
y = list(zip(x, made["mix"]))
z = list(zip(y, made["shrink"]))
seen = [x, made["query"], made["value"], y, made["expand"], z, range({{ p.vocab }})]
answer = [total] + [len(one) for one in seen]
"""
COUNT = Exercise(
    id="count-and-trace",
    skill="rebuild-a-gpt",
    entry="answer",
    draw=count_draw,
    cases=lambda rng, p: [[]],
    reference=lambda p: [counted(p), *lengths(p)],
    misconceptions={
        "tied-counted-twice": lambda p: [counted(p, tied=not p["tied"]), *lengths(p)],
        "layers-share": lambda p: [counted(p, layers=1), *lengths(p)],
        "biases-too": lambda p: [counted(p, bias=1), *lengths(p)],
        "zip-keeps-all": lambda p: [counted(p), *as_planned(p)],
        "short-only-there": lambda p: [counted(p), *only_there(p)],
    },
    solutions=(COUNT_FORMULA, COUNT_SHAPES, COUNT_LISTS),
    mutants=(
        Mutant(
            name="the head the other way", find="{% if not p.tied %}", replace="{% if p.tied %}",
            stands_for="tied-counted-twice",
        ),
        Mutant(name="one block only", find="{{ p.layers }} * (4", replace="(4",
               stands_for="layers-share"),
        Mutant(name="with biases", find='cut = "', stands_for="biases-too", replace=(
            "total += {{ p.layers }} * (5 * w + m) + {{ 0 if p.tied else p.vocab }}\n" 'cut = "'
        )),
        Mutant(
            name="nothing is short", of=2, find='size["{{ p.short }}"] -= {{ p.by }}',
            replace="pass", stands_for="zip-keeps-all",
        ),
        Mutant(name="no positions", find="{{ p.vocab + p.context }}", replace="{{ p.vocab }}"),
        Mutant(name="three matrices of attention", find="4 * w * w", replace="3 * w * w"),
        Mutant(name="an MLP of one matrix", find="2 * w * m", replace="w * m"),
        Mutant(name="the width as the end", find="end, {{ p.vocab }}]", replace="end, w]"),
        Mutant(name="each head has matrices of its own", find="4 * w * w",
               replace="4 * {{ p.heads }} * w * w"),
        Mutant(name="one stop left out", find="stream, query, gathered", replace="stream, query"),
    ),
)  # fmt: skip


# ---- Faded: the forward pass, out of parts that are given ---------------------------------------
def assemble_draw(rng):
    return {
        "order": rng.choice(["in turn", "side by side"]),
        "norm": rng.choice(["before", "after"]),
        "first": rng.random() < 0.5,
        "last": rng.random() < 0.5,
        "head": rng.choice(["own", "token"]),
        "gain": rng.randint(12, 30) / 10,
    }


def assemble_cases(rng, p):
    cases = []
    for vocab, width, layers, length in (
        (2, 2, 2, 2), (3, 2, 2, 3), (3, 4, 2, 3), (4, 4, 2, 4), (4, 6, 3, 4),
    ):  # fmt: skip

        def matrix(rows, columns):
            return [[rng.randint(-9, 9) / 10 for _ in range(columns)] for _ in range(rows)]

        weights = {"token": matrix(vocab, width), "position": matrix(length, width)}
        weights["head"] = matrix(vocab, width)
        for layer in range(layers):
            for name in ("query", "key", "value", "mix"):
                weights[f"{name}{layer}"] = matrix(width, width)
            weights[f"expand{layer}"] = matrix(2 * width, width)
            weights[f"shrink{layer}"] = matrix(width, 2 * width)
        cases.append([weights, layers, [rng.randrange(vocab) for _ in range(length)]])
    return cases


ASSEMBLE_PARTS = """\
import math


def linear(matrix, x):
    return [sum(a * b for a, b in zip(row, x)) for row in matrix]


def rmsnorm(x):
    scale = (sum(a * a for a in x) / len(x) + 1e-5) ** -0.5
    return [a * scale for a in x]


def attention(weights, layer, x, memory):
    query = linear(weights[f"query{layer}"], x)
    seen = memory.setdefault(layer, [])
    seen.append((linear(weights[f"key{layer}"], x), linear(weights[f"value{layer}"], x)))
    fits = [sum(a * b for a, b in zip(query, key)) * len(x) ** -0.5 for key, value in seen]
    shares = [math.exp(fit - max(fits)) for fit in fits]
    total = sum(shares)
    gathered = [
        sum(s / total * value[i] for s, (key, value) in zip(shares, seen)) for i in range(len(x))
    ]
    return linear(weights[f"mix{layer}"], gathered)


def mlp(weights, layer, x):
    hidden = [max(0.0, a) for a in linear(weights[f"expand{layer}"], x)]
    return linear(weights[f"shrink{layer}"], hidden)
"""
ASSEMBLE_DRIVER = """\
def drive(entry, weights, layers, tokens):
    memory = {}
    return [list(entry(weights, layers, t, i, memory)) for i, t in enumerate(tokens)]
"""
_PARTS = {}
exec(ASSEMBLE_PARTS, _PARTS)


def assembled(p, weights, layers, tokens, memory=None, **other):
    """The logits at each position; `other` overrides what the task says, or breaks a habit."""
    p, memory, found = {**p, **other}, {}, []
    norm = _PARTS["rmsnorm"]

    def branch(part, layer, x):
        inner = norm(x) if p["norm"] == "before" else x
        arguments = (inner, memory) if part == "attention" else (inner,)
        out = _PARTS[part](weights, layer, *arguments)
        return norm(out) if p["norm"] == "after" else out

    for position, token in enumerate(tokens):
        place = weights["position"][position]
        x = [p["gain"] * t + q for t, q in zip(weights["token"][token], place, strict=True)]
        x = norm(x) if p["first"] else x
        for layer in range(layers):
            one = branch("attention", layer, x)
            kept = [0.0] * len(x) if p.get("residuals") is False else x
            middle = [a + b for a, b in zip(kept, one, strict=True)]
            two = branch("mlp", layer, x if p["order"] == "side by side" else middle)
            kept = [0.0] * len(x) if p.get("residuals") is False else middle
            if p["order"] == "side by side" and p.get("residuals") is False:
                kept = one
            x = [a + b for a, b in zip(kept, two, strict=True)]
        x = norm(x) if p["last"] else x
        found.append(subject.load().linear(weights["head" if p["head"] == "own" else "token"], x))
    return found


_ORDERS = ("order", "in turn", "side by side")


def _swap(p, key, one, other):
    return {key: other if p[key] == one else one}


ASSEMBLE_PLAIN = (
    ASSEMBLE_PARTS
    + """

def gpt(weights, layers, token, position, memory):
    row, place = weights["token"][token], weights["position"][position]
    x = [t * {{ p.gain }} + q for t, q in zip(row, place)]
    {% if p.first %}
    x = rmsnorm(x)
    {% endif %}
    for layer in range(layers):
        {% if p.norm == "before" %}
        told = attention(weights, layer, rmsnorm(x), memory)
        {% else %}
        told = rmsnorm(attention(weights, layer, x, memory))
        {% endif %}
        middle = [a + b for a, b in zip(x, told)]
        source = {{ "middle" if p.order == "in turn" else "x" }}
        {% if p.norm == "before" %}
        thought = mlp(weights, layer, rmsnorm(source))
        {% else %}
        thought = rmsnorm(mlp(weights, layer, source))
        {% endif %}
        x = [a + b for a, b in zip(middle, thought)]
    {% if p.last %}
    x = rmsnorm(x)
    {% endif %}
    return linear(weights["{{ "head" if p.head == "own" else "token" }}"], x)
"""
)
ASSEMBLE_SUBLAYERS = (
    ASSEMBLE_PARTS
    + """

def added(*lists):
    return [sum(column) for column in zip(*lists)]

def around(part):
    {% if p.norm == "before" %}
    return lambda x: part(rmsnorm(x))
    {% else %}
    return lambda x: rmsnorm(part(x))
    {% endif %}

def gpt(weights, layers, token, position, memory):
    loud = [{{ p.gain }} * number for number in weights["token"][token]]
    x = added(loud, weights["position"][position])
    x = {{ "rmsnorm(x)" if p.first else "x" }}
    for layer in range(layers):
        look = around(lambda y: attention(weights, layer, y, memory))
        think = around(lambda y: mlp(weights, layer, y))
        {% if p.order == "in turn" %}
        x = added(x, look(x))
        x = added(x, think(x))
        {% else %}
        x = added(x, look(x), think(x))
        {% endif %}
    table = weights["{{ "token" if p.head == "token" else "head" }}"]
    return linear(table, {{ "rmsnorm(x)" if p.last else "x" }})
"""
)
ASSEMBLE_RECURSIVE = (
    ASSEMBLE_PARTS
    + """

BEFORE, AFTER = {{ "rmsnorm, list" if p.norm == "before" else "list, rmsnorm" }}

def block(weights, layer, x, memory):
    if layer < 0:
        return x
    x = block(weights, layer - 1, x, memory)
    one = AFTER(attention(weights, layer, BEFORE(x), memory))
    seen = [x[i] {{ "+ one[i]" if p.order == "in turn" else "" }} for i in range(len(x))]
    two = AFTER(mlp(weights, layer, BEFORE(seen)))
    return [x[i] + one[i] + two[i] for i in range(len(x))]

def gpt(weights, layers, token, position, memory):
    first, last = {{ "rmsnorm" if p.first else "list" }}, {{ "rmsnorm" if p.last else "list" }}
    x = []
    for i, t in enumerate(weights["token"][token]):
        x.append({{ p.gain }} * t + weights["position"][position][i])
    x = last(block(weights, layers - 1, first(x), memory))
    return [sum(a * b for a, b in zip(row, x))
            for row in weights["{{ {"own": "head", "token": "token"}[p.head] }}"]]
"""
)
ASSEMBLE_REPLACING = ASSEMBLE_RECURSIVE.replace(
    "x[i] + one[i] + two[i]", """{{ "one[i] +" if p.order != "in turn" else "" }} two[i]"""
).replace("""x[i] {{ "+ one[i]" if p.order == "in turn" else "" }}""",
          """{{ "one[i]" if p.order == "in turn" else "x[i]" }}""")  # fmt: skip
ASSEMBLE = Exercise(
    id="assemble-the-forward-pass",
    skill="rebuild-a-gpt",
    entry="gpt",
    draw=assemble_draw,
    cases=assemble_cases,
    reference=assembled,
    driver=ASSEMBLE_DRIVER,
    misconceptions={
        "norm-elsewhere": lambda p, *a: assembled(p, *a, **_swap(p, "norm", "before", "after")),
        "other-order": lambda p, *a: assembled(p, *a, **_swap(p, *_ORDERS)),
        "no-residuals": lambda p, *a: assembled(p, *a, residuals=False),
        "other-head": lambda p, *a: assembled(p, *a, **_swap(p, "head", "own", "token")),
        "gain-forgotten": lambda p, *a: assembled(p, *a, gain=1),
        "last-norm-by-habit": lambda p, *a: assembled(p, *a, last=not p["last"]),
    },
    solutions=(ASSEMBLE_PLAIN, ASSEMBLE_SUBLAYERS, ASSEMBLE_RECURSIVE),
    mutants=(
        Mutant(
            name="norms on the other side", of=1, find='{% if p.norm == "before" %}',
            replace='{% if p.norm == "after" %}', stands_for="norm-elsewhere",
        ),
        Mutant(
            name="the other order", of=1, find='{% if p.order == "in turn" %}',
            replace='{% if p.order != "in turn" %}', stands_for="other-order",
        ),
        Mutant(name="nothing is carried on", source=ASSEMBLE_REPLACING, stands_for="no-residuals"),
        Mutant(name="the other table", of=1, find='if p.head == "token"',
               replace='if p.head != "token"', stands_for="other-head"),
        Mutant(name="no gain", find="t * {{ p.gain }} + q", replace="t + q",
               stands_for="gain-forgotten"),
        Mutant(name="the last norm by habit", find="{% if p.last %}",
               replace="{% if not p.last %}", stands_for="last-norm-by-habit"),
        Mutant(name="the first norm by habit", find="{% if p.first %}",
               replace="{% if not p.first %}"),
        Mutant(name="every block is the first", of=2, find="one = AFTER(attention(weights, layer,",
               replace="one = AFTER(attention(weights, 0,"),
        Mutant(name="one block too few", find="in range(layers)", replace="in range(layers - 1)"),
        Mutant(name="always the first place", find='weights["position"][position]',
               replace='weights["position"][0]'),
        Mutant(name="a gain on the place too", find="* {{ p.gain }} + q",
               replace="* {{ p.gain }} + q * {{ p.gain }}"),
        Mutant(name="forgets at once", of=1, find="y, memory)", replace="y, {})"),
    ),
)  # fmt: skip


# ---- Rebuild and five faults: what is asked of a whole model ------------------------------------
def model_draw(rng):
    return {
        "width": rng.choice([4, 4, 6]),
        "heads": 2,
        "layers": rng.choice([1, 1, 2]),
        "context": rng.choice([4, 5]),
        "mlp": rng.choice([2, 3]),
        "act": rng.choice(["tanh", "relu2", "silu", "softplus"]),
        "tied": rng.random() < 0.5,
        "first_norm": rng.random() < 0.5,
        "last_norm": rng.random() < 0.5,
        "smoothing": rng.choice([0.05, 0.1, 0.15, 0.2]),
        "std": rng.randint(35, 55) / 100,
        "rate": rng.randint(5, 30) / 1000,
        "beta1": rng.choice([0.8, 0.82, 0.87, 0.9]),
        "beta2": rng.choice([0.95, 0.97, 0.98, 0.995]),
        "temperature": rng.choice([0.3, 0.4, 0.6, 0.7]),
    }


def faulty_draw(rng):
    return {**model_draw(rng), "faults": sorted(rng.sample(sorted(FAULTS), 5))}


def model_cases(rng, p):
    def document(length, letters=3):
        return [letters, *(rng.randrange(letters) for _ in range(length)), letters]

    def seed():
        return rng.randrange(10**6)

    names = ["".join(rng.choices("abcdexyz", k=rng.randint(1, 7))) for _ in range(6)]
    text = "\n\n".join(["  " + names[0], *names[1:], ""])
    numbers = [rng.randint(3, 15) / 10 * rng.choice([1, -1]) for _ in range(2)]
    return [
        ["value", numbers],
        ["documents", text, seed()],
        ["weights", 3, seed()],
        ["logits", 4, seed(), document(2)[:3]],
        ["loss", 4, seed(), document(2)],
        ["loss", 4, seed(), document(p["context"] + 2)],
        ["gradients", 3, seed(), [2, *rng.sample([0, 1], 2), 2]],
        ["train", 3, seed(), [document(2, 2), document(1, 2)], 3],
        ["invent", "abcdefg", seed(), 0.08],
    ]


MODEL_DRIVER = """\
import random
import tempfile
from collections import defaultdict
from pathlib import Path


def drive(entry, part, *rest):
    own = entry.__globals__
    return PARTS[part](own, *rest)


def value(own, numbers):
    a, b = map(own["Value"], numbers)
    c = a * b + a
    d = (c * c + 2) ** -0.5
    e = (d + b + c).exp() * sum([c, a])
    f = (e * e + 1).log() * 3
    for _ in range(1500):
        f = f + a
    f.backward()
    return [f.data, a.grad, b.grad, c.grad, d.grad, e.grad]


def documents(own, text, seed):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.txt"
        path.write_text(text)
        letters, found = own["read_documents"](path, random.Random(seed))
    return [list(letters), [list(document) for document in found]]


def made(own, vocab, seed):
    return own["initial_weights"](vocab, random.Random(seed))


def numbers(weights, what):
    return [[[getattr(n, what) for n in row] for row in matrix] for matrix in weights.values()]


def weights(own, vocab, seed):
    return numbers(made(own, vocab, seed), "data")


def logits(own, vocab, seed, tokens):
    model, memory = made(own, vocab, seed), defaultdict(list)
    return [
        [n.data for n in own["gpt"](model, token, place, memory)]
        for place, token in enumerate(tokens)
    ]


def loss(own, vocab, seed, tokens):
    return own["document_loss"](made(own, vocab, seed), tokens).data


def gradients(own, vocab, seed, tokens):
    model = made(own, vocab, seed)
    own["document_loss"](model, tokens).backward()
    return numbers(model, "grad")


def train(own, vocab, seed, documents, steps):
    model = made(own, vocab, seed)
    losses = list(own["train"](model, documents, steps))
    return [losses, numbers(model, "data")]


def invent(own, letters, seed, temperature):
    model, rng = made(own, len(letters) + 1, seed), random.Random(seed)
    usual = [own["invent"](model, list(letters), rng)]
    return usual + [own["invent"](model, list(letters), rng, temperature) for _ in range(3)]


PARTS = {
    one.__name__: one
    for one in (value, documents, weights, logits, loss, gradients, train, invent)
}
"""


class Model:
    """The model that p describes, out of gpt.py's own functions, with at most one fault in it."""

    def __init__(self, p, fault=""):
        self.p, self.fault, self.gpt = p, fault, subject.load()
        self.space = {
            "Value": self.gpt.Value, "read_documents": self.read_documents,
            "initial_weights": self.initial_weights, "gpt": self.logits,
            "document_loss": self.document_loss, "train": self.train, "invent": self.invent,
        }  # fmt: skip

    def read_documents(self, path, rng):
        letters, documents = self.gpt.read_documents(path, rng)
        return letters, [d[:-1] if self.fault == "no-closing-bos" else d for d in documents]

    def initial_weights(self, vocab, rng):
        p, wide = self.p, self.p["mlp"] * self.p["width"]
        shapes = {"token": (vocab, p["width"]), "position": (p["context"], p["width"])}
        if not p["tied"]:
            shapes["head"] = (vocab, p["width"])
        for layer in range(p["layers"]):
            for name in ("query", "key", "value", "mix"):
                shapes[name, layer] = (p["width"], p["width"])
            shapes["expand", layer] = (wide, p["width"])
            shapes["shrink", layer] = (p["width"], wide)
        return {
            name: [
                [self.gpt.Value(rng.gauss(0, p["std"])) for _ in range(columns)]
                for _ in range(rows)
            ]
            for name, (rows, columns) in shapes.items()
        }

    def norm(self, x):
        if self.fault != "norm-sums":
            return self.gpt.rmsnorm(x)
        scale = (self.gpt.dot(x, x) + 1e-5) ** -0.5
        return [number * scale for number in x]

    def bend(self, x):
        match self.p["act"]:
            case "tanh":
                return ((x * 2).exp() + 1) ** -1 * -2 + 1
            case "relu2":
                return x.relu() ** 2
            case "silu":
                return x * ((x * -1).exp() + 1) ** -1
        return (x.exp() + 1).log()

    def attention(self, weights, layer, x, memory):
        gpt, fault = self.gpt, self.fault
        query = gpt.linear(weights["query", layer], x)
        keys, values = memory["keys", layer], memory["values", layer]
        keys.append(gpt.linear(weights["key", layer], x))
        source = "key" if fault == "value-from-key" else "value"
        values.append(gpt.linear(weights[source, layer], x))
        size, gathered = self.p["width"] // self.p["heads"], []
        scale = (self.p["width"] if fault == "scaled-by-width" else size) ** -0.5
        for head in range(self.p["heads"]):
            start = 0 if fault == "one-head" else head * size
            own = slice(start, start + size)
            shares = gpt.softmax([gpt.dot(query[own], key[own]) * scale for key in keys])
            columns = zip(*(value[own] for value in values), strict=True)
            gathered += [gpt.dot(shares, column) for column in columns]
        return gpt.linear(weights["mix", layer], gathered)

    def logits(self, weights, token, position, memory):
        p, gpt = self.p, self.gpt
        place = 0 if self.fault == "same-place" else position
        pairs = zip(weights["token"][token], weights["position"][place], strict=True)
        x = [t + q for t, q in pairs]
        x = self.norm(x) if p["first_norm"] else x
        for layer in range(p["layers"]):
            told = self.attention(weights, layer, self.norm(x), memory)
            x = [a + b for a, b in zip(x, told, strict=True)]
            seen = x if self.fault == "norm-skipped" else self.norm(x)
            hidden = [self.bend(n) for n in gpt.linear(weights["expand", layer], seen)]
            thought = gpt.linear(weights["shrink", layer], hidden)
            x = [a + b for a, b in zip(x, thought, strict=True)]
            x = thought if self.fault == "no-residual" else x
        x = self.norm(x) if p["last_norm"] else x
        return gpt.linear(weights["token" if p["tied"] else "head"], x)

    def document_loss(self, weights, tokens):
        memory, losses, s = defaultdict(list), [], self.p["smoothing"]
        first = 0 if self.fault == "copies-itself" else 1
        targets = tokens[first : self.p["context"] + first]
        for position, (token, target) in enumerate(zip(tokens, targets, strict=False)):
            shares = self.gpt.softmax(self.logits(weights, token, position, memory))
            logs = [share.log() for share in shares]
            losses.append(logs[target] * (s - 1) + sum(logs) * (-s / len(logs)))
        return sum(losses) * (1 if self.fault == "sum-not-mean" else 1 / len(losses))

    def train(self, weights, documents, steps):
        p, fault = self.p, self.fault
        every = [number for matrix in weights.values() for row in matrix for number in row]
        means, squares = [0.0] * len(every), [0.0] * len(every)
        for step in range(steps):
            loss = self.document_loss(weights, documents[step % len(documents)])
            loss.backward()
            rate = p["rate"] * (1 - (0 if fault == "rate-stays" else step / steps))
            filled1 = 1 - p["beta1"] ** (step + 1)
            filled2 = 1 - (p["beta1"] if fault == "one-filling" else p["beta2"]) ** (step + 1)
            for i, number in enumerate(every):
                means[i] = p["beta1"] * means[i] + (1 - p["beta1"]) * number.grad
                size = abs(number.grad) if fault == "not-squared" else number.grad**2
                squares[i] = p["beta2"] * squares[i] + (1 - p["beta2"]) * size
                root = (squares[i] / filled2) ** 0.5
                number.data -= rate * (means[i] / filled1) / (root + 1e-8)
                if fault != "grads-pile-up":
                    number.grad = 0.0
            yield loss.data

    def invent(self, weights, letters, rng, temperature=None):
        heat = self.p["temperature"] if temperature is None else temperature
        factor = heat if self.fault == "heat-multiplied" else 1 / heat
        name, token, memory = "", len(letters), defaultdict(list)
        for position in range(self.p["context"]):
            logits = self.logits(weights, token, position, memory)
            shares = self.gpt.softmax([logit * factor for logit in logits])
            [token] = rng.choices(range(len(logits)), [share.data for share in shares])
            if token == len(letters):
                break
            name += letters[token]
        return name


_DRIVING = {}
exec(MODEL_DRIVER, _DRIVING)


_TRAINING = ("loss", "gradients", "train")
_TOUCHED = {  # the parts that a fault can show in; the others are as they should be
    "copies-itself": _TRAINING,
    "sum-not-mean": _TRAINING,
    **dict.fromkeys(("grads-pile-up", "one-filling", "not-squared", "rate-stays"), ("train",)),
    "heat-multiplied": ("invent",),
    "no-closing-bos": ("documents",),
}


def modelled(p, *args, fault=""):
    if args[0] not in _TOUCHED.get(fault, ("logits", *_TRAINING, "invent")):
        fault = ""
    kept = {key: p[key] for key in p if key != "faults"}
    return json.loads(_modelled(json.dumps(kept, sort_keys=True), json.dumps(args), fault))


@lru_cache(maxsize=2048)
def _modelled(p, args, fault):
    part, *rest = json.loads(args)
    return json.dumps(_DRIVING["PARTS"][part](Model(json.loads(p), fault).space, *rest))


def holding(fault):
    """What a model gives that is right but for this fault."""
    return lambda p, *args: modelled(p, *args, fault=fault)


# ---- Three whole models that are right ----------------------------------------------------------
CONSTANTS = """\
WIDTH = {{ p.width }}
HEADS = {{ p.heads }}
LAYERS = {{ p.layers }}
CONTEXT = {{ p.context }}
MLP_WIDTH = {{ p.mlp }} * WIDTH
SMOOTHING = {{ p.smoothing }}
INIT_STD = {{ p.std }}
LEARNING_RATE = {{ p.rate }}
BETA1 = {{ p.beta1 }}
BETA2 = {{ p.beta2 }}
TEMPERATURE = {{ p.temperature }}
"""
SLOPES = """

class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad = data, 0.0
        self.parents, self.slopes = parents, slopes

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, power):
        return Value(self.data**power, (self,), (power * self.data ** (power - 1),))

    def exp(self):
        grown = math.exp(self.data)
        return Value(grown, (self,), (grown,))

    def log(self):
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def bend(self):
        {% if p.act == "tanh" %}
        flat = math.tanh(self.data)
        return Value(flat, (self,), (1 - flat * flat,))
        {% elif p.act == "relu2" %}
        return Value(max(0.0, self.data) ** 2, (self,), (2 * max(0.0, self.data),))
        {% elif p.act == "silu" %}
        gate = 1 / (1 + math.exp(-self.data))
        return Value(self.data * gate, (self,), (gate * (1 + self.data * (1 - gate)),))
        {% else %}
        return Value(math.log1p(math.exp(self.data)), (self,), (1 / (1 + math.exp(-self.data)),))
        {% endif %}

    def backward(self):
        left, stack, seen = {}, [self], {self}
        while stack:
            for parent in stack.pop().parents:
                left[parent] = left.get(parent, 0) + 1
                if parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        self.grad, ready = 1.0, [self]
        while ready:
            node = ready.pop()
            for parent, slope in zip(node.parents, node.slopes):
                parent.grad += slope * node.grad
                left[parent] -= 1
                if not left[parent]:
                    ready.append(parent)
"""
NUMBERED = """

class Value:
    made = 0

    def __init__(self, data, pull=None, parents=()):
        self.data, self.grad, self.pull, self.parents = data, 0.0, pull, parents
        Value.made += 1
        self.number = Value.made

    @staticmethod
    def of(number):
        return number if isinstance(number, Value) else Value(number)

    def __add__(self, other):
        other = Value.of(other)

        def pull(grad):
            self.grad += grad
            other.grad += grad

        return Value(self.data + other.data, pull, (self, other))

    def __radd__(self, other):
        return self + other

    def __mul__(self, other):
        other = Value.of(other)

        def pull(grad):
            self.grad += grad * other.data
            other.grad += grad * self.data

        return Value(self.data * other.data, pull, (self, other))

    def _one(self, data, slope):
        def pull(grad):
            self.grad += grad * slope

        return Value(data, pull, (self,))

    def __pow__(self, power):
        return self._one(self.data**power, power * self.data ** (power - 1))

    def exp(self):
        return self._one(math.exp(self.data), math.exp(self.data))

    def log(self):
        return self._one(math.log(self.data), 1 / self.data)

    def relu(self):
        return self._one(max(self.data, 0.0), 1.0 if self.data > 0 else 0.0)

    def backward(self):
        waiting, todo = {self}, [self]
        while todo:
            for parent in todo.pop().parents:
                if parent not in waiting:
                    waiting.add(parent)
                    todo.append(parent)
        self.grad = 1.0
        for node in sorted(waiting, key=lambda one: -one.number):
            if node.pull is not None:
                node.pull(node.grad)
"""
MODEL_A = (
    """
import math
from collections import defaultdict
from pathlib import Path

"""
    + CONSTANTS
    + """

def read_documents(path, rng):
    lines = [line for line in map(str.strip, Path(path).read_text("utf-8").split("\\n")) if line]
    rng.shuffle(lines)
    letters = sorted(set("".join(lines)))
    bos = len(letters)
    return letters, [[bos] + [letters.index(x) for x in line] + [bos] for line in lines]
"""
    + SLOPES
    + """

def initial_weights(vocab, rng):
    shapes = [("token", vocab, WIDTH), ("position", CONTEXT, WIDTH)]
    {% if not p.tied %}
    shapes.append(("head", vocab, WIDTH))
    {% endif %}
    for layer in range(LAYERS):
        shapes += [((name, layer), WIDTH, WIDTH) for name in ("query", "key", "value", "mix")]
        shapes += [(("expand", layer), MLP_WIDTH, WIDTH), (("shrink", layer), WIDTH, MLP_WIDTH)]
    return {
        name: [[Value(rng.gauss(0, INIT_STD)) for _ in range(columns)] for _ in range(rows)]
        for name, rows, columns in shapes
    }

def linear(matrix, x):
    return [sum(a * b for a, b in zip(row, x)) for row in matrix]

def rmsnorm(x):
    scale = (sum(a * a for a in x) * (1 / len(x)) + 1e-5) ** -0.5
    return [a * scale for a in x]

def softmax(scores):
    top = max(score.data for score in scores)
    grown = [(score + -top).exp() for score in scores]
    whole = sum(grown) ** -1
    return [one * whole for one in grown]

def attention(weights, layer, x, memory):
    query = linear(weights["query", layer], x)
    memory[layer].append((linear(weights["key", layer], x), linear(weights["value", layer], x)))
    size, out = WIDTH // HEADS, []
    for start in range(0, WIDTH, size):
        end = start + size
        fits = [
            sum(a * b for a, b in zip(query[start:end], key[start:end])) * size**-0.5
            for key, value in memory[layer]
        ]
        shares = softmax(fits)
        for i in range(start, end):
            out.append(sum(share * value[i] for share, (key, value) in zip(shares, memory[layer])))
    return linear(weights["mix", layer], out)

def gpt(weights, token, position, memory):
    x = [a + b for a, b in zip(weights["token"][token], weights["position"][position])]
    {% if p.first_norm %}
    x = rmsnorm(x)
    {% endif %}
    for layer in range(LAYERS):
        x = [a + b for a, b in zip(x, attention(weights, layer, rmsnorm(x), memory))]
        hidden = [h.bend() for h in linear(weights["expand", layer], rmsnorm(x))]
        x = [a + b for a, b in zip(x, linear(weights["shrink", layer], hidden))]
    {% if p.last_norm %}
    x = rmsnorm(x)
    {% endif %}
    return linear(weights["{{ "token" if p.tied else "head" }}"], x)

def document_loss(weights, tokens):
    losses, memory = [], defaultdict(list)
    for position, (token, target) in enumerate(zip(tokens[:CONTEXT], tokens[1:])):
        logs = [share.log() for share in softmax(gpt(weights, token, position, memory))]
        losses.append(logs[target] * (SMOOTHING - 1) + sum(logs) * (-SMOOTHING / len(logs)))
    return sum(losses) * (1 / len(losses))

def train(weights, documents, steps):
    every = [n for matrix in weights.values() for row in matrix for n in row]
    m, v = [0.0 for _ in every], [0.0 for _ in every]
    for step in range(steps):
        loss = document_loss(weights, documents[step % len(documents)])
        loss.backward()
        rate = LEARNING_RATE * (steps - step) / steps
        for i, n in enumerate(every):
            m[i] += (1 - BETA1) * (n.grad - m[i])
            v[i] += (1 - BETA2) * (n.grad * n.grad - v[i])
            mean, square = m[i] / (1 - BETA1 ** (step + 1)), v[i] / (1 - BETA2 ** (step + 1))
            n.data -= rate * mean / (square**0.5 + 1e-8)
            n.grad = 0.0
        yield loss.data

def invent(weights, letters, rng, temperature=TEMPERATURE):
    name, token, memory = "", len(letters), defaultdict(list)
    for position in range(CONTEXT):
        logits = gpt(weights, token, position, memory)
        shares = softmax([logit * (1 / temperature) for logit in logits])
        token = rng.choices(range(len(shares)), [share.data for share in shares])[0]
        if token == len(letters):
            return name
        name += letters[token]
    return name
"""
)
PROGRAM = (
    """
import math
from collections import defaultdict

"""
    + CONSTANTS
    + """

def read_documents(path, rng):
    with open(path, encoding="utf-8") as file:
        words = [word for word in file.read().split("\\n") if word.strip()]
    words = [word.strip() for word in words]
    rng.shuffle(words)
    letters = sorted(set("".join(words)))
    number = {letter: i for i, letter in enumerate(letters)}
    bos = len(letters)
    documents = []
    for word in words:
        documents.append([bos, *[number[letter] for letter in word], bos])
    return letters, documents


class Value:
    def __init__(self, data, links=()):
        self.data = data
        self.grad = 0.0
        self.links = links  # pairs: a number that this was made from, and the slope to it

    def __add__(self, other):
        if not isinstance(other, Value):
            return Value(self.data + other, [(self, 1.0)])
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        if not isinstance(other, Value):
            return Value(self.data * other, [(self, other)])
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])

    __radd__ = __add__

    def __pow__(self, power):
        slope = power * self.data ** (power - 1)
        return Value(self.data**power, [(self, slope)])

    def exp(self):
        out = math.exp(self.data)
        return Value(out, [(self, out)])

    def log(self):
        return Value(math.log(self.data), [(self, 1 / self.data)])

    def relu(self):
        return Value(max(0.0, self.data), [(self, 1.0 if self.data > 0 else 0.0)])

    def backward(self):
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, whole = stack.pop()
            if whole:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((parent, False) for parent, _ in node.links)
        self.grad = 1.0
        while order:
            node = order.pop()
            for parent, slope in node.links:
                parent.grad += slope * node.grad


def matrix(rows, columns, rng):
    return [[Value(rng.gauss(0, INIT_STD)) for _ in range(columns)] for _ in range(rows)]


def initial_weights(vocab, rng):
    weights = {"token": matrix(vocab, WIDTH, rng), "position": matrix(CONTEXT, WIDTH, rng)}
    {% if not p.tied %}
    weights["head"] = matrix(vocab, WIDTH, rng)
    {% endif %}
    for layer in range(LAYERS):
        for name in ("query", "key", "value", "mix"):
            weights[name, layer] = matrix(WIDTH, WIDTH, rng)
        weights["expand", layer] = matrix(MLP_WIDTH, WIDTH, rng)
        weights["shrink", layer] = matrix(WIDTH, MLP_WIDTH, rng)
    return weights


def inner(a, b):
    total = a[0] * b[0]
    for i in range(1, len(a)):
        total = total + a[i] * b[i]
    return total


def times(rows, x):
    return [inner(row, x) for row in rows]


def plus(a, b):
    return [a[i] + b[i] for i in range(len(a))]


def norm(x):
    square = inner(x, x) * (1 / len(x))
    scale = (square + 1e-5) ** -0.5
    return [n * scale for n in x]


def softmax(scores):
    top = max(score.data for score in scores)
    grown = [(score + -top).exp() for score in scores]
    share = sum(grown) ** -1
    return [one * share for one in grown]


def bend(n):
    {% if p.act == "tanh" %}
    return ((n * 2).exp() + 1) ** -1 * -2 + 1
    {% elif p.act == "relu2" %}
    return n.relu() * n.relu()
    {% elif p.act == "silu" %}
    return n * ((n * -1).exp() + 1) ** -1
    {% else %}
    return (n.exp() + 1).log()
    {% endif %}


def look_back(weights, layer, x, memory):
    keys, values = memory["keys", layer], memory["values", layer]
    query = times(weights["query", layer], x)
    keys.append(times(weights["key", layer], x))
    values.append(times(weights["value", layer], x))
    size = WIDTH // HEADS
    found = []
    for head in range(HEADS):
        part = slice(head * size, head * size + size)
        scores = [inner(query[part], key[part]) * size**-0.5 for key in keys]
        shares = softmax(scores)
        for i in range(part.start, part.stop):
            found.append(inner(shares, [value[i] for value in values]))
    return times(weights["mix", layer], found)


def gpt(weights, token, position, memory):
    x = plus(weights["token"][token], weights["position"][position])
    {% if p.first_norm %}
    x = norm(x)
    {% endif %}
    for layer in range(LAYERS):
        x = plus(x, look_back(weights, layer, norm(x), memory))
        hidden = [bend(n) for n in times(weights["expand", layer], norm(x))]
        x = plus(x, times(weights["shrink", layer], hidden))
    {% if p.last_norm %}
    x = norm(x)
    {% endif %}
    {% if p.tied %}
    return times(weights["token"], x)
    {% else %}
    return times(weights["head"], x)
    {% endif %}


def document_loss(weights, tokens):
    losses = []
    memory = defaultdict(list)
    targets = tokens[1 : CONTEXT + 1]
    for position in range(len(targets)):
        shares = softmax(gpt(weights, tokens[position], position, memory))
        logs = [share.log() for share in shares]
        right = logs[targets[position]] * -(1 - SMOOTHING)
        losses.append(right + sum(logs) * (-SMOOTHING / len(logs)))
    return sum(losses) * (1 / len(losses))


def train(weights, documents, steps):
    numbers = [n for rows in weights.values() for row in rows for n in row]
    mean = [0.0] * len(numbers)
    square = [0.0] * len(numbers)
    for step in range(steps):
        loss = document_loss(weights, documents[step % len(documents)])
        loss.backward()
        rate = LEARNING_RATE * (1 - step / steps)
        full1 = 1 - BETA1 ** (step + 1)
        full2 = 1 - BETA2 ** (step + 1)
        for i, n in enumerate(numbers):
            grad = n.grad
            mean[i] = BETA1 * mean[i] + (1 - BETA1) * grad
            square[i] = BETA2 * square[i] + (1 - BETA2) * grad**2
            n.data -= rate * (mean[i] / full1) / (math.sqrt(square[i] / full2) + 1e-8)
            n.grad = 0.0
        yield loss.data


def invent(weights, letters, rng, temperature=TEMPERATURE):
    bos = len(letters)
    name, token, memory = [], bos, defaultdict(list)
    while len(name) < CONTEXT:
        logits = gpt(weights, token, len(name), memory)
        shares = softmax([logit * (1 / temperature) for logit in logits])
        [token] = rng.choices(range(bos + 1), weights=[share.data for share in shares])
        if token == bos:
            break
        name.append(letters[token])
    return "".join(name)
"""
)
# Faults of one line each: what stands in PROGRAM, and what is planted instead.
FAULTS = {
    "grad-overwritten": ("parent.grad += slope * node.grad", "parent.grad = slope * node.grad"),
    "slope-of-power": ("power * self.data ** (power - 1)", "power * self.data ** power"),
    "norm-sums": ("inner(x, x) * (1 / len(x))", "inner(x, x)"),
    "scaled-by-width": ("key[part]) * size**-0.5", "key[part]) * WIDTH**-0.5"),
    "one-head": ("slice(head * size, head * size + size)", "slice(0, size)"),
    "value-from-key": ('times(weights["value", layer], x)', 'times(weights["key", layer], x)'),
    "no-residual": (
        'plus(x, times(weights["shrink", layer], hidden))',
        'times(weights["shrink", layer], hidden)',
    ),
    "norm-skipped": ('times(weights["expand", layer], norm(x))',
                     'times(weights["expand", layer], x)'),
    "same-place": ('weights["position"][position]', 'weights["position"][0]'),
    "copies-itself": ("tokens[1 : CONTEXT + 1]", "tokens[:CONTEXT]"),
    "sum-not-mean": ("return sum(losses) * (1 / len(losses))", "return sum(losses)"),
    "grads-pile-up": ("n.grad = 0.0", "grad = 0.0"),
    "one-filling": ("1 - BETA2 ** (step + 1)", "1 - BETA1 ** (step + 1)"),
    "not-squared": ("(1 - BETA2) * grad**2", "(1 - BETA2) * abs(grad)"),
    "rate-stays": ("(1 - step / steps)", "(1 - step // steps)"),
    "heat-multiplied": ("logit * (1 / temperature)", "logit * temperature"),
    "no-closing-bos": ("for letter in word], bos]", "for letter in word]]"),
}  # fmt: skip
MODEL_C = (
    """
import math
import itertools
from collections import defaultdict
from pathlib import Path

"""
    + CONSTANTS
    + """

def read_documents(path, rng):
    lines = []
    for line in Path(path).read_text(encoding="utf-8").split("\\n"):
        if line.strip():
            lines.append(line.strip())
    rng.shuffle(lines)
    letters = sorted({letter for line in lines for letter in line})
    ids = dict(zip(letters, itertools.count()))
    edge = [len(letters)]
    return letters, [edge + [ids[letter] for letter in line] + edge for line in lines]
"""
    + NUMBERED
    + """

def total(numbers):
    return sum(numbers, Value(0.0))

def bend(x):
    {% if p.act == "tanh" %}
    a, b = x.exp(), (x * -1).exp()
    return (a + b * -1) * (a + b) ** -1
    {% elif p.act == "relu2" %}
    return x.relu() ** 2
    {% elif p.act == "silu" %}
    return x * (x.exp() * (x.exp() + 1) ** -1)
    {% else %}
    return x + ((x * -1).exp() + 1).log()
    {% endif %}

class Layer:
    def __init__(self, weights, layer):
        self.query, self.key, self.value, self.mix, self.up, self.down = (
            weights[f"{name}.{layer}"]
            for name in ("query", "key", "value", "mix", "up", "down")
        )

    def attend(self, x, past):
        past.append((apply(self.key, x), apply(self.value, x)))
        query, out = apply(self.query, x), [None] * WIDTH
        size = WIDTH // HEADS
        for head in range(HEADS):
            places = range(head * size, head * size + size)
            fits = [
                total(query[i] * key[i] for i in places) * (1 / math.sqrt(size))
                for key, _ in past
            ]
            logs = log_softmax(fits)
            for i in places:
                out[i] = total(log.exp() * value[i] for log, (_, value) in zip(logs, past))
        return apply(self.mix, out)

    def think(self, x):
        return apply(self.down, [bend(n) for n in apply(self.up, x)])

def apply(matrix, x):
    return [total(map(Value.__mul__, row, x)) for row in matrix]

def normed(x):
    return [n * (total(m * m for m in x) * (1 / len(x)) + 1e-5) ** -0.5 for n in x]

def log_softmax(scores):
    top = max(score.data for score in scores)
    whole = total((score + -top).exp() for score in scores).log() + top
    return [score + whole * -1 for score in scores]

def initial_weights(vocab, rng):
    def matrix(rows, columns):
        return [[Value(rng.gauss(0, INIT_STD)) for _ in range(columns)] for _ in range(rows)]

    weights = {"token": matrix(vocab, WIDTH)}
    weights["position"] = matrix(CONTEXT, WIDTH)
    {% if not p.tied %}
    weights["head"] = matrix(vocab, WIDTH)
    {% endif %}
    for layer in range(LAYERS):
        for name in ("query", "key", "value", "mix"):
            weights[f"{name}.{layer}"] = matrix(WIDTH, WIDTH)
        weights[f"up.{layer}"] = matrix(MLP_WIDTH, WIDTH)
        weights[f"down.{layer}"] = matrix(WIDTH, MLP_WIDTH)
    return weights

def gpt(weights, token, position, memory):
    x = [weights["token"][token][i] + weights["position"][position][i] for i in range(WIDTH)]
    x = {{ "normed(x)" if p.first_norm else "x" }}
    for number in range(LAYERS):
        layer = Layer(weights, number)
        told = layer.attend(normed(x), memory[number])
        x = [n + told[i] for i, n in enumerate(x)]
        thought = layer.think(normed(x))
        x = [n + thought[i] for i, n in enumerate(x)]
    x = {{ "normed(x)" if p.last_norm else "x" }}
    return apply(weights["{{ "token" if p.tied else "head" }}"], x)

def document_loss(weights, tokens):
    memory, cost, count = defaultdict(list), Value(0.0), 0
    for token, target in itertools.islice(itertools.pairwise(tokens), CONTEXT):
        logs = log_softmax(gpt(weights, token, count, memory))
        for i, log in enumerate(logs):
            wanted = SMOOTHING / len(logs) + (1 - SMOOTHING) * (i == target)
            cost = cost + log * -wanted
        count += 1
    return cost * (1 / count)

def train(weights, documents, steps):
    state = [[n, 0.0, 0.0] for rows in weights.values() for row in rows for n in row]
    for step, document in zip(range(steps), itertools.cycle(documents)):
        loss = document_loss(weights, document)
        loss.backward()
        for one in state:
            number, mean, square = one
            mean = BETA1 * mean + (1 - BETA1) * number.grad
            square = BETA2 * square + (1 - BETA2) * number.grad**2
            one[1:] = mean, square
            move = mean / (1 - BETA1 ** (step + 1))
            size = (square / (1 - BETA2 ** (step + 1))) ** 0.5
            number.data -= LEARNING_RATE * (1 - step / steps) * move / (size + 1e-8)
            number.grad = 0.0
        yield loss.data

def invent(weights, letters, rng, temperature=TEMPERATURE):
    said, memory = [len(letters)], defaultdict(list)
    for position in range(CONTEXT):
        heat = [n.data / temperature for n in gpt(weights, said[-1], position, memory)]
        chances = [math.exp(h - max(heat)) for h in heat]
        chances = [chance / sum(chances) for chance in chances]
        said += rng.choices(range(len(chances)), chances)
        if said[-1] == said[0]:
            said.pop()
            break
    return "".join(letters[token] for token in said[1:])
"""
)
_NAMED = (
    "norm-sums", "scaled-by-width", "one-head", "value-from-key",
    "no-residual", "norm-skipped", "same-place", "copies-itself", "sum-not-mean", "grads-pile-up",
    "one-filling", "not-squared", "rate-stays", "heat-multiplied", "no-closing-bos",
)  # fmt: skip


def _left_in(name, of):
    find, replace = FAULTS[name]
    return Mutant(
        name=f"left in: {name}", find=find, replace=replace, of=of,
        stands_for=name if name in _NAMED else "",
    )  # fmt: skip


_MISCONCEPTIONS = {name: holding(name) for name in _NAMED}
REBUILD = Exercise(
    id="rebuild",
    skill="rebuild-a-gpt",
    entry="gpt",
    draw=model_draw,
    cases=model_cases,
    reference=modelled,
    driver=MODEL_DRIVER,
    misconceptions=_MISCONCEPTIONS,
    solutions=(MODEL_A, PROGRAM, MODEL_C),
    mutants=(
        *(
            _left_in(name, 1)
            for name in (
                "norm-sums", "scaled-by-width", "value-from-key",
                "no-residual", "copies-itself", "rate-stays", "heat-multiplied",
            )
        ),
        Mutant(name="a plain ReLU", of=2, find="def bend(x):",
               replace="def bend(x):\n    return x.relu()\n\ndef unused(x):"),
        Mutant(name="no smoothing", find="SMOOTHING = {{ p.smoothing }}", replace="SMOOTHING = 0"),
        Mutant(name="the other head", of=0, find='"token" if p.tied else "head"',
               replace='"token" if not p.tied else "position"'),
        Mutant(name="the last norm by habit", find="{% if p.last_norm %}",
               replace="{% if not p.last_norm %}"),
        Mutant(name="no first norm, or one too many", find="{% if p.first_norm %}",
               replace="{% if not p.first_norm %}"),
        Mutant(name="in the order of making", of=2, find="-one.number", replace="one.number"),
        Mutant(name="one position too few", find="tokens[:CONTEXT]",
               replace="tokens[:CONTEXT - 1]"),
    ),
)  # fmt: skip
FIVE = Exercise(
    id="five-faults",
    skill="find-planted-faults",
    entry="gpt",
    draw=faulty_draw,
    cases=model_cases,
    reference=modelled,
    driver=MODEL_DRIVER,
    misconceptions=_MISCONCEPTIONS,
    solutions=(PROGRAM, MODEL_A, MODEL_C),
    mutants=tuple(_left_in(name, 0) for name in FAULTS),
)

EXERCISES = [COUNT, ASSEMBLE, REBUILD, FIVE]
