"""Several heads side by side, blocks that add to a stream, and the whole model from end to end."""

import importlib.util
import math
from collections import defaultdict
from functools import cache
from itertools import combinations

from curricula import subject
from curricula.exercise import Exercise, Mutant


@cache
def model(width, heads, layers=1, bend="relu", amount=0.0):
    """The taught file once more, with these sizes and this bend; nobody else sees them."""
    spec = importlib.util.spec_from_file_location("small_model", subject.locate("microgpt/gpt.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.WIDTH, module.HEADS, module.LAYERS = width, heads, layers
    relu = module.Value.relu
    module.Value.relu = {
        "relu": relu,
        "leaky": lambda x: relu(x) + (x + relu(x) * -1) * amount,
        "squared": lambda x: relu(x) ** 2,
        "capped": lambda x: relu(x) + relu(x + -amount) * -1,
    }[bend]
    return module


def values(numbers):
    return [subject.load().Value(n) for n in numbers]


def table(gpt, matrix):
    return [[gpt.Value(n) for n in row] for row in matrix]


def plain(numbers):
    return [n.data for n in numbers]


def noise(rng, rows, columns, spread=0.8):
    return [[round(rng.gauss(0, spread), 2) for _ in range(columns)] for _ in range(rows)]


# Plain floats, for what code that holds a misconception would return.
def product(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def rows_of(matrix, x):
    return [product(row, x) for row in matrix]


def normed(x):
    return [n / math.sqrt(product(x, x) / len(x) + 1e-5) for n in x]


def plus(a, b):
    return [x + y for x, y in zip(a, b, strict=True)]


def mixed_by(scores, lists):
    exps = [math.exp(s) for s in scores]
    return [product(exps, column) / sum(exps) for column in zip(*lists, strict=True)]


def bent(p, n):
    return {
        "relu": max(n, 0.0),
        "leaky": n if n > 0 else n * p.get("amount", 0),
        "squared": n * max(n, 0.0),
        "capped": sorted([0.0, n, p.get("amount", 0)])[1],
    }[p.get("bend", "relu")]


# ---- Predict: a block on paper ------------------------------------------------------------------
def paper_draw(rng):
    while True:
        first = rng.choice([0.25, 0.5, 0.75])
        second = rng.choice([share for share in (0, 0.25, 0.75, 1) if share != first])
        p = {
            "shares": [[first, 1 - first], [second, 1 - second]],
            "values": [[4 * rng.randint(-2, 2) for _ in range(4)] for _ in range(2)],
            "order": rng.sample(range(4), 4),
            "x": [rng.randint(-4, 5) for _ in range(4)],
            "expand": [[rng.choice([-1, 0, 0, 1]) for _ in range(4)] for _ in range(3)],
            "shrink": [[rng.choice([-1, 0, 1, 2]) for _ in range(3)] for _ in range(4)],
        }
        right = block_on_paper(p)
        wrong = [block_on_paper(p, **fault) for fault in PAPER_FAULTS.values()]
        hidden = rows_of(p["expand"], right[1])
        apart = all(abs(a - b) > 1 for a, b in zip(*p["values"], strict=True))
        apart = apart and all(map(any, p["expand"]))
        both = min(hidden) < -1 and max(hidden) > 1 and right[1] != right[2]
        turns = any(p["order"][place] != i for i, place in enumerate(p["order"]))  # and not back
        if apart and both and turns and all(a != b for a, b in combinations([right, *wrong], 2)):
            return p


PAPER_FAULTS = {
    "same-slice": {"slices": ((0, 2), (0, 2))},
    "one-share-for-all": {"own": False},
    "residual-forgotten": {"keep": False},
    "relu-forgotten": {"relu": ""},
    "relu-too-late": {"relu": "end"},
    "mix-forgotten": {"mix": False},
}


def mix_of(p):
    return [[float(column == place) for column in range(4)] for place in p["order"]]


def block_on_paper(p, *, slices=((0, 2), (2, 4)), own=True, keep=True, relu="middle", mix=True):
    gathered = []
    for head, (start, end) in enumerate(slices):
        shares = p["shares"][head if own else 0]
        gathered += [product(shares, c) for c in list(zip(*p["values"], strict=True))[start:end]]
    middle = [gathered[place] for place in p["order"]] if mix else gathered
    middle = plus(p["x"], middle) if keep else middle
    hidden = rows_of(p["expand"], middle)
    hidden = [max(0, n) for n in hidden] if relu == "middle" else hidden
    out = rows_of(p["shrink"], hidden)
    out = [max(0, n) for n in out] if relu == "end" else out
    return gathered, middle, plus(middle, out) if keep else out


def paper(p):
    gpt, gathered = subject.load(), []
    columns = [values(column) for column in zip(*p["values"], strict=True)]
    for head, shares in enumerate(p["shares"]):
        own = columns[2 * head : 2 * head + 2]
        gathered += [gpt.dot(values(shares), column) for column in own]
    told = gpt.linear(table(gpt, mix_of(p)), gathered)
    middle = [a + b for a, b in zip(values(p["x"]), told, strict=True)]
    hidden = [n.relu() for n in gpt.linear(table(gpt, p["expand"]), middle)]
    out = gpt.linear(table(gpt, p["shrink"]), hidden)
    return plain([*gathered, *middle, *(a + b for a, b in zip(middle, out, strict=True))])


def flat(lists):
    return [n for numbers in lists for n in numbers]


PAPER_LOOPS = """\
shares = {{ p.shares }}
values = {{ p["values"] }}
x = {{ p.x }}
gathered = []
for i in range(4):
    s = shares[i // 2]
    gathered.append(s[0] * values[0][i] + s[1] * values[1][i])
mixed = [gathered[place] for place in {{ p.order }}]
middle = [a + b for a, b in zip(x, mixed)]
hidden = [max(0, sum(w * n for w, n in zip(row, middle))) for row in {{ p.expand }}]
out = [sum(w * n for w, n in zip(row, hidden)) for row in {{ p.shrink }}]
answer = gathered + middle + [a + b for a, b in zip(middle, out)]
"""
PAPER_UNPACKED = """\
(a, b), (c, d) = {{ p.shares }}
old, new = {{ p["values"] }}
g = [a * old[0] + b * new[0], a * old[1] + b * new[1],
     c * old[2] + d * new[2], c * old[3] + d * new[3]]
middle = []
for i, place in enumerate({{ p.order }}):
    middle.append({{ p.x }}[i] + g[place])
end = list(middle)
for h, question in enumerate({{ p.expand }}):
    verdict = sum(question[i] * middle[i] for i in range(4))
    if verdict > 0:
        for i in range(4):
            end[i] += {{ p.shrink }}[i][h] * verdict
answer = [*g, *middle, *end]
"""
PAPER_MATRICES = """\
def linear(m, x):
    return list(map(lambda row: sum(map(lambda w, n: w * n, row, x)), m))

columns = list(zip(*{{ p["values"] }}))
gathered = linear(columns[:2], {{ p.shares }}[0]) + linear(columns[2:], {{ p.shares }}[1])
mix = [[1 if i == place else 0 for i in range(4)] for place in {{ p.order }}]
stream = {{ p.x }}
answer = gathered[:]
stream = [sum(pair) for pair in zip(stream, linear(mix, gathered))]
answer += stream
hidden = [n if n > 0 else 0 for n in linear({{ p.expand }}, stream)]
stream = [sum(pair) for pair in zip(stream, linear({{ p.shrink }}, hidden))]
answer += stream
"""
PAPER = Exercise(
    id="a-block-on-paper",
    skill="heads-and-blocks",
    entry="answer",
    draw=paper_draw,
    cases=lambda rng, p: [[]],
    reference=paper,
    tolerance=1e-3,
    misconceptions={
        name: lambda p, fault=fault: flat(block_on_paper(p, **fault))
        for name, fault in PAPER_FAULTS.items()
    },
    solutions=(PAPER_LOOPS, PAPER_UNPACKED, PAPER_MATRICES),
    mutants=(
        Mutant(name="the first two, twice", of=2, find="columns[2:]", replace="columns[:2]",
               stands_for="same-slice"),
        Mutant(name="the first head's shares", find="shares[i // 2]", replace="shares[0]",
               stands_for="one-share-for-all"),
        Mutant(name="nothing kept", stands_for="residual-forgotten", source=PAPER_LOOPS
               .replace("[a + b for a, b in zip(x, mixed)]", "mixed")
               .replace("[a + b for a, b in zip(middle, out)]", "out")),
        Mutant(name="no relu", of=1, find="if verdict > 0", replace="if True",
               stands_for="relu-forgotten"),
        Mutant(name="relu at the end", stands_for="relu-too-late", source=PAPER_LOOPS
               .replace("[max(0, sum(w * n for w, n in zip(row, middle)))",
                        "[sum(w * n for w, n in zip(row, middle))")
               .replace("zip(middle, out)]", "zip(middle, [max(0, n) for n in out])]")),
        Mutant(name="no mix", find="mixed = [", replace="mixed = gathered or [",
               stands_for="mix-forgotten"),
        Mutant(name="shares swapped", of=1, find="(a, b), (c, d)", replace="(b, a), (d, c)"),
        Mutant(name="both hidden signs", source=PAPER_UNPACKED.replace("if verdict > 0", "if True")
               .replace("* verdict", "* abs(verdict)")),
        Mutant(name="only the changes", find="answer = gathered + middle",
               replace="answer = gathered + mixed"),
        Mutant(name="the mix the other way", of=2, find="if i == place else 0",
               replace="if {{ p.order }}[i] == place else 0"),
    ),
)  # fmt: skip


# ---- Faded: a thought added to the stream -------------------------------------------------------
def bend_draw(rng, caps):
    bend = rng.choice(["leaky", "squared", "capped"])
    return {"bend": bend, "amount": rng.choice(caps if bend == "capped" else [0.1, 0.2, 0.3, 0.4])}


def think_draw(rng):
    return {
        **bend_draw(rng, [1, 1.5, 2, 2.5]),
        "norm": rng.choice(["before", "after", "branch"]),
        "strength": rng.choice([0.25, 0.4, 0.5, 1.5, 2]),
    }


def think_cases(rng, p):
    cases = [[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], [3.0, -1.0]]]
    for width, hidden in ((2, 3), (3, 6), (4, 16), (5, 2), (3, 12)):
        sizes = noise(rng, hidden, width), noise(rng, width, hidden)
        cases.append([*sizes, *noise(rng, 1, width, 2)])
    return cases


def think(p, expand, shrink, x):
    gpt = model(4, 1, bend=p["bend"], amount=p["amount"])
    x = [gpt.Value(n) for n in x]
    inside = gpt.rmsnorm(x) if p["norm"] == "before" else x
    hidden = [n.relu() for n in gpt.linear(table(gpt, expand), inside)]
    branch = gpt.linear(table(gpt, shrink), hidden)
    if p["norm"] == "branch":
        branch = gpt.rmsnorm(branch)
    told = [a + b * p["strength"] for a, b in zip(x, branch, strict=True)]
    return plain(gpt.rmsnorm(told) if p["norm"] == "after" else told)


def think_astray(p, expand, shrink, x, *, keep=1, stream=False, when="middle", whole=False,
                 norm=True):  # fmt: skip
    place = p["norm"] if norm else ""
    hidden = rows_of(expand, normed(x) if place == "before" else x)
    hidden = [bent(p, n) for n in hidden] if when == "middle" else hidden
    out = rows_of(shrink, hidden)
    out = [bent(p, n) for n in out] if when == "end" else out
    out = normed(out) if place == "branch" else out
    base = normed(x) if stream else x
    factor = p["strength"] if whole else 1
    told = [keep * factor * a + p["strength"] * b for a, b in zip(base, out, strict=True)]
    return normed(told) if place == "after" else told


TOOLS = """\
import math

def dot(a, b):
    return sum(x * y for x, y in zip(a, b))

def linear(matrix, x):
    return [dot(row, x) for row in matrix]

def rmsnorm(x):
    return [n / math.sqrt(dot(x, x) / len(x) + 1e-5) for n in x]

def softmax(scores):
    exps = [math.exp(s - max(scores)) for s in scores]
    return [e / sum(exps) for e in exps]

"""
BEND = """\
def bend(n):
    {% if p.bend == "leaky" %}
    return n if n > 0 else {{ p.amount }} * n
    {% elif p.bend == "squared" %}
    return max(0.0, n) ** 2
    {% else %}
    return min(max(0.0, n), {{ p.amount }})
    {% endif %}

"""
THINK_FILLED = (
    TOOLS
    + BEND
    + """\
def think(expand, shrink, x):
    inside = {{ "rmsnorm(x)" if p.norm == "before" else "x" }}
    hidden = [bend(n) for n in linear(expand, inside)]
    branch = linear(shrink, hidden)
    {% if p.norm == "branch" %}
    branch = rmsnorm(branch)
    {% endif %}
    total = [a + {{ p.strength }} * b for a, b in zip(x, branch)]
    return {{ "rmsnorm(total)" if p.norm == "after" else "total" }}
"""
)
THINK_POURED = (
    """\
import math

def louder(x):
    return 1 / math.sqrt(math.fsum(n ** 2 for n in x) / len(x) + 0.00001)

"""
    + BEND
    + """\
def think(expand, shrink, x):
    knob = {{ "louder(x)" if p.norm == "before" else "1" }}
    branch = [0.0] * len(x)
    for h, question in enumerate(expand):
        verdict = bend(sum(w * n * knob for w, n in zip(question, x)))
        for i in range(len(x)):
            branch[i] += shrink[i][h] * verdict
    strength = {{ p.strength }}{{ " * louder(branch)" if p.norm == "branch" else "" }}
    stream = [n + strength * b for n, b in zip(x, branch)]
    {% if p.norm == "after" %}
    knob = louder(stream)
    stream = [n * knob for n in stream]
    {% endif %}
    return stream
"""
)
THINK_SPLIT = """\
def norm(x):
    size = (sum(n * n for n in x) / len(x) + 1e-5) ** 0.5
    return [n / size for n in x]

def same(x):
    return list(x)

def think(expand, shrink, x):
    before = {{ "norm" if p.norm == "before" else "same" }}
    branch = {{ "norm" if p.norm == "branch" else "same" }}
    after = {{ "norm" if p.norm == "after" else "same" }}
    read, hidden = before(x), []
    for row in expand:
        n = sum(row[i] * read[i] for i in range(len(row)))
        {% if p.bend == "leaky" %}
        hidden.append(max(n, {{ p.amount }} * n))
        {% elif p.bend == "squared" %}
        hidden.append(n * n * (n > 0))
        {% else %}
        hidden.append(sorted([0, n, {{ p.amount }}])[1])
        {% endif %}
    out = branch([sum(a * b for a, b in zip(row, hidden)) for row in shrink])
    return after([n + {{ p.strength }} * o for n, o in zip(x, out)])
"""
THINK = Exercise(
    id="a-thought-added",
    skill="heads-and-blocks",
    entry="think",
    draw=think_draw,
    cases=think_cases,
    reference=think,
    misconceptions={
        "residual-forgotten": lambda p, *a: think_astray(p, *a, keep=0),
        "stream-normed": lambda p, *a: think_astray(p, *a, stream=True),
        "relu-forgotten": lambda p, *a: think_astray(p, *a, when=""),
        "relu-too-late": lambda p, *a: think_astray(p, *a, when="end"),
        "norm-forgotten": lambda p, *a: think_astray(p, *a, norm=False),
        "strength-on-everything": lambda p, *a: think_astray(p, *a, whole=True),
    },
    solutions=(THINK_FILLED, THINK_POURED, THINK_SPLIT),
    mutants=(
        Mutant(name="the branch alone", find="[a + {{ p.strength }} * b", replace="["
               "{{ p.strength }} * b", stands_for="residual-forgotten"),
        Mutant(name="the stream normed", of=2, find="for n, o in zip(x, out)",
               replace="for n, o in zip(norm(x), out)", stands_for="stream-normed"),
        Mutant(name="no bend", of=1, find="bend(sum(w * n * knob for w, n in zip(question, x)))",
               replace="sum(w * n * knob for w, n in zip(question, x))",
               stands_for="relu-forgotten"),
        Mutant(name="bent at the end", stands_for="relu-too-late", source=THINK_FILLED
               .replace("[bend(n) for n in linear(expand, inside)]", "linear(expand, inside)")
               .replace("= linear(shrink, hidden)",
                        "= [bend(n) for n in linear(shrink, hidden)]")),
        Mutant(name="no norm", stands_for="norm-forgotten", source=THINK_SPLIT
               .replace("    return [n / size for n in x]", "    return list(x)")),
        Mutant(name="all of it times the strength", find="[a + {{ p.strength }} * b",
               replace="[{{ p.strength }} * (a + b)", stands_for="strength-on-everything"),
        Mutant(name="no strength", of=2, find="{{ p.strength }} * o", replace="o"),
        Mutant(name="bent at the wrong side", of=1, find="bend(sum(", replace="bend(-sum("),
        Mutant(name="norm in another place", find='p.norm == "branch"',
               replace='p.norm != "branch"'),
        Mutant(name="a plain relu", of=2, find="    out = branch(",
               replace="    hidden = [max(0, sum(a * b for a, b in zip(row, read))) "
               "for row in expand]\n    out = branch("),
        Mutant(name="subtracted", find="a + {{ p.strength }}", replace="a - {{ p.strength }}"),
    ),
)  # fmt: skip


# ---- Write: the whole model ---------------------------------------------------------------------
def whole_draw(rng):
    heads, groups = rng.choice([(2, 1), (2, 2), (3, 1), (3, 3), (4, 1), (4, 2)])
    return {
        "heads": heads,
        "groups": groups,
        **bend_draw(rng, [0.5, 0.8, 1, 1.2]),
        "tied": rng.choice([True, False]),
        "final": rng.choice([True, False]),
    }


def whole_cases(rng, p):
    cases = []
    for size, layers, vocab, length in ((1, 1, 2, 1), (2, 1, 3, 3), (2, 2, 4, 5), (1, 3, 3, 4)):
        width = size * p["heads"]
        slim = size * p["groups"]
        weights = {
            "token": noise(rng, vocab, width),
            "position": noise(rng, 6, width),
            "blocks": [
                {
                    "query": noise(rng, width, width),
                    "key": noise(rng, slim, width),
                    "value": noise(rng, slim, width),
                    "mix": noise(rng, width, width),
                    "expand": noise(rng, 2 * width, width),
                    "shrink": noise(rng, width, 2 * width),
                }
                for _ in range(layers)
            ],
        }
        if not p["tied"]:
            weights["head"] = noise(rng, vocab, width)
        cases.append([weights, [rng.randrange(vocab) for _ in range(length)]])
    return cases


def whole(p, weights, tokens):
    """The taught `gpt`; shared keys are written out for each head, its head tells the stream."""
    blocks, width = weights["blocks"], len(weights["token"][0])
    gpt = model(width, p["heads"], len(blocks), p["bend"], p["amount"])
    size, share = width // p["heads"], p["heads"] // p["groups"]
    given = {name: table(gpt, weights[name]) for name in ("token", "position")}
    for layer, block in enumerate(blocks):
        for name, matrix in block.items():
            if name in ("key", "value"):
                starts = [head // share * size for head in range(p["heads"])]
                matrix = [row for start in starts for row in matrix[start : start + size]]
            given[name, layer] = table(gpt, matrix)
    given["head"] = table(gpt, [[float(i == j) for j in range(width)] for i in range(width)])
    head, memory, told = table(gpt, weights.get("head", weights["token"])), defaultdict(list), []
    for position, token in enumerate(tokens):
        x = gpt.gpt(given, token, position, memory)
        told.append(plain(gpt.linear(head, gpt.rmsnorm(x) if p["final"] else x)))
    return told


def whole_astray(p, weights, tokens, *, places=True, opening=True, stream=False, keep=True,
                 bend=True, scale="size", final=None, future=False):  # fmt: skip
    """All positions at once, block after block."""
    xs = []
    for i, token in enumerate(tokens):
        x = plus(weights["token"][token], [n * places for n in weights["position"][i]])
        xs.append(normed(x) if opening else x)
    width = len(xs[0])
    size, share = width // p["heads"], p["heads"] // p["groups"]
    root = math.sqrt(size if scale == "size" else width)
    for block in weights["blocks"]:
        inner = [normed(x) for x in xs]
        q, k, v = ([rows_of(block[n], x) for x in inner] for n in ("query", "key", "value"))
        for i in range(len(xs)):
            gathered = []
            for head in range(p["heads"]):
                a, b = head * size, head // share * size
                seen = range(len(xs) if future else i + 1)
                scores = [product(q[i][a : a + size], k[j][b : b + size]) / root for j in seen]
                gathered += mixed_by(scores, [v[j][b : b + size] for j in seen])
            base = inner[i] if stream else [n * keep for n in xs[i]]
            x = plus(base, rows_of(block["mix"], gathered))
            read = normed(x)
            hidden = [bent(p, n) if bend else n for n in rows_of(block["expand"], read)]
            base = read if stream else [n * keep for n in x]
            xs[i] = plus(base, rows_of(block["shrink"], hidden))
    last = p["final"] if final is None else final
    head = weights["token"] if p["tied"] else weights["head"]
    return [rows_of(head, normed(x) if last else x) for x in xs]


WHOLE_MEMORY = (
    TOOLS
    + BEND
    + """\
def attend(block, x, keys, values):
    query = linear(block["query"], x)
    keys.append(linear(block["key"], x))
    values.append(linear(block["value"], x))
    size, gathered = len(x) // {{ p.heads }}, []
    for head in range({{ p.heads }}):
        own = query[head * size:(head + 1) * size]
        start = head // {{ p.heads // p.groups }} * size
        part = slice(start, start + size)
        shares = softmax([dot(own, key[part]) / size**0.5 for key in keys])
        gathered += [dot(shares, column) for column in zip(*(value[part] for value in values))]
    return linear(block["mix"], gathered)

def scores(weights, tokens):
    memory = [([], []) for _ in weights["blocks"]]
    told = []
    for position, token in enumerate(tokens):
        x = [t + n for t, n in zip(weights["token"][token], weights["position"][position])]
        x = rmsnorm(x)
        for block, (keys, values) in zip(weights["blocks"], memory):
            x = [a + b for a, b in zip(x, attend(block, rmsnorm(x), keys, values))]
            hidden = [bend(n) for n in linear(block["expand"], rmsnorm(x))]
            x = [a + b for a, b in zip(x, linear(block["shrink"], hidden))]
        {% if p.final %}
        x = rmsnorm(x)
        {% endif %}
        told.append(linear(weights["{{ "token" if p.tied else "head" }}"], x))
    return told
"""
)
WHOLE_LAYERS = (
    """\
from math import exp, sqrt

def times(matrix, xs):
    return [[sum(w * n for w, n in zip(row, x)) for row in matrix] for x in xs]

def norm(xs):
    return [[n / sqrt(sum(m * m for m in x) / len(x) + 1e-5) for n in x] for x in xs]

def add(xs, ys):
    return [[a + b for a, b in zip(x, y)] for x, y in zip(xs, ys)]

"""
    + BEND
    + """\
def mixed(q, k, v, i, size):
    plate = []
    for head in range({{ p.heads }}):
        group = head * {{ p.groups }} // {{ p.heads }}
        pieces = []
        for j in range(i + 1):
            fit = sum(q[i][head * size + n] * k[j][group * size + n] for n in range(size))
            pieces.append(exp(fit / sqrt(size)))
        for n in range(group * size, group * size + size):
            plate.append(sum(piece * v[j][n] for j, piece in enumerate(pieces)) / sum(pieces))
    return plate

def scores(weights, tokens):
    xs = add([weights["token"][t] for t in tokens], weights["position"])
    xs = norm(xs)
    size = len(xs[0]) // {{ p.heads }}
    for b in weights["blocks"]:
        seen = norm(xs)
        q, k, v = times(b["query"], seen), times(b["key"], seen), times(b["value"], seen)
        plates = [mixed(q, k, v, i, size) for i in range(len(tokens))]
        xs = add(xs, times(b["mix"], plates))
        hidden = [[bend(n) for n in x] for x in times(b["expand"], norm(xs))]
        xs = add(xs, times(b["shrink"], hidden))
    xs = {{ "norm(xs)" if p.final else "xs" }}
    return times(weights["{{ "token" if p.tied else "head" }}"], xs)
"""
)
WHOLE_RECURSIVE = (
    TOOLS
    + BEND
    + """\
class Model:
    def __init__(self, weights, tokens):
        self.weights, self.tokens, self.known = weights, tokens, {}

    def stream(self, depth, i):
        if (depth, i) not in self.known:
            self.known[depth, i] = self.after(depth, i) if depth else self.opening(i)
        return self.known[depth, i]

    def opening(self, i):
        rows = self.weights["token"][self.tokens[i]], self.weights["position"][i]
        return rmsnorm(list(map(sum, zip(*rows))))

    def after(self, depth, i):
        block, x = self.weights["blocks"][depth - 1], list(self.stream(depth - 1, i))
        seen = [rmsnorm(self.stream(depth - 1, j)) for j in range(i + 1)]
        plate, size = [], len(x) // {{ p.heads }}
        for head in range({{ p.heads }}):
            place = head // ({{ p.heads }} // {{ p.groups }}) * size
            query = linear(block["query"][head * size:head * size + size], seen[-1])
            keys = [linear(block["key"][place:place + size], y) for y in seen]
            values = [linear(block["value"][place:place + size], y) for y in seen]
            shares = softmax([dot(query, key) * size ** -0.5 for key in keys])
            plate += linear(list(zip(*values)), shares)
        for n, row in enumerate(block["mix"]):
            x[n] += dot(row, plate)
        hidden = list(map(bend, linear(block["expand"], rmsnorm(x))))
        return [n + dot(row, hidden) for n, row in zip(x, block["shrink"])]

def scores(weights, tokens):
    model, depth = Model(weights, tokens), len(weights["blocks"])
    ends = [model.stream(depth, i) for i in range(len(tokens))]
    {% if p.final %}
    ends = [rmsnorm(x) for x in ends]
    {% endif %}
    return [linear(weights["{{ "token" if p.tied else "head" }}"], x) for x in ends]
"""
)
WHOLE = Exercise(
    id="the-whole-model",
    skill="whole-model",
    entry="scores",
    draw=whole_draw,
    cases=whole_cases,
    reference=whole,
    misconceptions={
        "positions-forgotten": lambda p, *a: whole_astray(p, *a, places=False),
        "opening-norm-forgotten": lambda p, *a: whole_astray(p, *a, opening=False),
        "stream-normed": lambda p, *a: whole_astray(p, *a, stream=True),
        "residual-forgotten": lambda p, *a: whole_astray(p, *a, keep=False),
        "relu-forgotten": lambda p, *a: whole_astray(p, *a, bend=False),
        "scale-by-the-width": lambda p, *a: whole_astray(p, *a, scale="width"),
        "last-norm-mistaken": lambda p, *a: whole_astray(p, *a, final=not p["final"]),
        "sees-the-future": lambda p, *a: whole_astray(p, *a, future=True),
    },
    solutions=(WHOLE_MEMORY, WHOLE_LAYERS, WHOLE_RECURSIVE),
    mutants=(
        Mutant(name="tokens only", find="[t + n for t, n", replace="[t for t, n",
               stands_for="positions-forgotten"),
        Mutant(name="no opening norm", of=1, find="    xs = norm(xs)\n", replace="",
               stands_for="opening-norm-forgotten"),
        Mutant(name="the stream is normed", stands_for="stream-normed", source=WHOLE_MEMORY
               .replace("            x = [a + b for a, b in zip(x, attend(",
                        "            x = rmsnorm(x)\n"
                        "            x = [a + b for a, b in zip(x, attend(")
               .replace("attend(block, rmsnorm(x), keys", "attend(block, x, keys")
               .replace("            hidden =", "            x = rmsnorm(x)\n            hidden =")
               .replace('linear(block["expand"], rmsnorm(x))', 'linear(block["expand"], x)')),
        Mutant(name="nothing kept", stands_for="residual-forgotten", source=WHOLE_LAYERS
               .replace('add(xs, times(b["mix"], plates))', 'times(b["mix"], plates)')
               .replace('add(xs, times(b["shrink"], hidden))', 'times(b["shrink"], hidden)')),
        Mutant(name="no bend", of=2, find="list(map(bend, linear(block[\"expand\"], rmsnorm(x))))",
               replace="linear(block[\"expand\"], rmsnorm(x))", stands_for="relu-forgotten"),
        Mutant(name="the root of the width", find="size**0.5", replace="len(x)**0.5",
               stands_for="scale-by-the-width"),
        Mutant(name="the other end", of=1, find="if p.final", replace="if not p.final",
               stands_for="last-norm-mistaken"),
        Mutant(name="everyone sees everyone", of=1, find="range(i + 1)", replace="range(len(k))",
               stands_for="sees-the-future"),
        Mutant(name="one memory for all blocks", find="[([], []) for _ in weights[\"blocks\"]]",
               replace="[([], [])] * len(weights[\"blocks\"])"),
        Mutant(name="heads read the first slice", find="own = query[head * size:(head + 1) * size]",
               replace="own = query[:size]"),
        Mutant(name="attention reads the bare stream", find="attend(block, rmsnorm(x)",
               replace="attend(block, x"),
        Mutant(name="every block is the first", of=2, find='["blocks"][depth - 1]',
               replace='["blocks"][0]'),
        Mutant(name="shares, no scores", find="    return told\n",
               replace="    return [softmax(s) for s in told]\n"),
    ),
)  # fmt: skip


# ---- Bug: a block with a fault ------------------------------------------------------------------
BLOCK_FAULTS = ("same-slice", "one-share-for-all", "residual-forgotten", "stream-normed",
                "scale-by-the-width", "relu-too-late", "mix-forgotten")  # fmt: skip


def block_draw(rng):
    return {
        "heads": rng.choice([2, 3, 4]),
        "layout": rng.choice(["before", "after", "parallel"]),
        "strength": rng.choice([0.25, 0.5, 0.75, 1.5, 2]),
        "bug": rng.choice(BLOCK_FAULTS),
    }


def block_cases(rng, p):
    cases = []
    for size, length in ((2, 1), (2, 2), (1, 5), (3, 4)):
        width = size * p["heads"]
        shapes = dict.fromkeys(("query", "key", "value", "mix"), (width, width))
        shapes |= {"expand": (2 * width, width), "shrink": (width, 2 * width)}
        block = {name: noise(rng, *shape) for name, shape in shapes.items()}
        cases.append([block, noise(rng, length, width, 2)])
    return cases


def block(p, weights, xs):
    width = len(xs[0])
    gpt = model(width, p["heads"])
    given = {(name, 0): table(gpt, matrix) for name, matrix in weights.items()}
    memory, told = defaultdict(list), []

    def added(x, branch):
        return [a + b * p["strength"] for a, b in zip(x, branch, strict=True)]

    def mlp(x):
        return gpt.linear(given["shrink", 0], [n.relu() for n in gpt.linear(given["expand", 0], x)])

    for numbers in xs:
        x = [gpt.Value(n) for n in numbers]
        if p["layout"] == "after":
            x = gpt.rmsnorm(added(x, gpt.attention(given, 0, x, memory)))
            x = gpt.rmsnorm(added(x, mlp(x)))
        else:
            read = gpt.rmsnorm(x)
            x = added(x, gpt.attention(given, 0, read, memory))
            x = added(x, mlp(gpt.rmsnorm(x) if p["layout"] == "before" else read))
        told.append(plain(x))
    return told


def block_astray(p, weights, xs, fault):
    size, told = len(xs[0]) // p["heads"], []
    opened = [x if p["layout"] == "after" else normed(x) for x in xs]
    q, k, v = ([rows_of(weights[n], x) for x in opened] for n in ("query", "key", "value"))
    root = math.sqrt(len(xs[0]) if fault == "scale-by-the-width" else size)
    for i, x in enumerate(xs):
        plate = []
        for head in range(p["heads"]):
            at = 0 if fault == "same-slice" else head * size
            by = 0 if fault == "one-share-for-all" else at
            fits = [product(q[i][by : by + size], k[j][by : by + size]) for j in range(i + 1)]
            plate += mixed_by(
                [f / root for f in fits], [v[j][at : at + size] for j in range(i + 1)]
            )
        told_by_heads = plate if fault == "mix-forgotten" else rows_of(weights["mix"], plate)
        base = normed(x) if fault == "stream-normed" else x
        keep = 0 if fault == "residual-forgotten" else 1
        middle = [keep * a + p["strength"] * b for a, b in zip(base, told_by_heads, strict=True)]
        if p["layout"] == "after":
            middle = normed(middle)
        read = {"after": middle, "before": normed(middle), "parallel": opened[i]}[p["layout"]]
        hidden = rows_of(weights["expand"], read)
        late = fault == "relu-too-late"
        out = rows_of(weights["shrink"], hidden if late else [max(0, n) for n in hidden])
        out = [max(0, n) for n in out] if late else out
        end = [a + p["strength"] * b for a, b in zip(middle, out, strict=True)]
        told.append(normed(end) if p["layout"] == "after" else end)
    return told


BLOCK_MENDED = (
    TOOLS
    + """\
def add(x, branch):
    return [a + {{ p.strength }} * b for a, b in zip(x, branch)]

def attention(weights, x, keys, values):
    query = linear(weights["query"], x)
    keys.append(linear(weights["key"], x))
    values.append(linear(weights["value"], x))
    gathered, size = [], len(x) // {{ p.heads }}
    for start in range(0, len(x), size):
        own = slice(start, start + size)
        shares = softmax([dot(query[own], key[own]) / size ** 0.5 for key in keys])
        gathered += [dot(shares, column) for column in zip(*(v[own] for v in values))]
    return linear(weights["mix"], gathered)

def mlp(weights, x):
    return linear(weights["shrink"], [max(0.0, n) for n in linear(weights["expand"], x)])

def stream(weights, xs):
    keys, values, told = [], [], []
    for x in xs:
        {% if p.layout == "before" %}
        x = add(x, attention(weights, rmsnorm(x), keys, values))
        x = add(x, mlp(weights, rmsnorm(x)))
        {% elif p.layout == "after" %}
        x = rmsnorm(add(x, attention(weights, x, keys, values)))
        x = rmsnorm(add(x, mlp(weights, x)))
        {% else %}
        read = rmsnorm(x)
        x = add(x, attention(weights, read, keys, values))
        x = add(x, mlp(weights, read))
        {% endif %}
        told.append(x)
    return told
"""
)
BLOCK_AT_ONCE = (
    TOOLS
    + """\
def heads(weights, seen, i):
    width, plate = len(seen[0]), []
    size = width // {{ p.heads }}
    for h in range({{ p.heads }}):
        ask, answer, give = (
            [linear(weights[name][h * size:h * size + size], x) for x in seen[:i + 1]]
            for name in ("query", "key", "value")
        )
        shares = softmax([dot(ask[i], a) / math.sqrt(size) for a in answer])
        for n in range(size):
            plate.append(sum(s * g[n] for s, g in zip(shares, give)))
    return linear(weights["mix"], plate)

def stream(weights, xs):
    seen = {{ "xs" if p.layout == "after" else "[rmsnorm(x) for x in xs]" }}
    told = []
    for i, x in enumerate(xs):
        told_by_heads = heads(weights, seen, i)
        x = [n + {{ p.strength }} * t for n, t in zip(x, told_by_heads)]
        {% if p.layout == "after" %}
        x = read = rmsnorm(x)
        {% elif p.layout == "before" %}
        read = rmsnorm(x)
        {% else %}
        read = seen[i]
        {% endif %}
        hidden = [n if n > 0 else 0.0 for n in linear(weights["expand"], read)]
        x = [n + {{ p.strength }} * t for n, t in zip(x, linear(weights["shrink"], hidden))]
        told.append({{ "rmsnorm(x)" if p.layout == "after" else "x" }})
    return told
"""
)
BLOCK_POURED = """\
from math import exp, sqrt

def sized(x):
    size = sqrt(sum(n * n for n in x) / len(x) + 1e-5)
    return [n / size for n in x]

def pour(matrix, x, into, strength=1):
    for i, row in enumerate(matrix):
        into[i] += strength * sum(row[j] * x[j] for j in range(len(x)))
    return into

def stream(weights, xs):
    width, past, told = len(xs[0]), [], []
    size = width // {{ p.heads }}
    for x in xs:
        x = x[:]
        read = {{ "x[:]" if p.layout == "after" else "sized(x)" }}
        query, key, value = (
            pour(weights[n], read, [0.0] * width) for n in ("query", "key", "value")
        )
        past.append((key, value))
        plate = [0.0] * width
        for start in range(0, width, size):
            cake = 0.0
            for k, v in past:
                fit = sum(query[i] * k[i] for i in range(start, start + size))
                piece = exp(fit / sqrt(size))
                cake += piece
                for i in range(start, start + size):
                    plate[i] += piece * v[i]
            for i in range(start, start + size):
                plate[i] /= cake
        pour(weights["mix"], plate, x, {{ p.strength }})
        {% if p.layout == "after" %}
        x = sized(x)
        read = x
        {% elif p.layout == "before" %}
        read = sized(x)
        {% endif %}
        hidden = pour(weights["expand"], read, [0.0] * 2 * width)
        pour(weights["shrink"], [max(n, 0) for n in hidden], x, {{ p.strength }})
        told.append({{ "sized(x)" if p.layout == "after" else "x" }})
    return told
"""
BLOCK = Exercise(
    id="a-block-with-a-fault",
    skill="heads-and-blocks",
    entry="stream",
    draw=block_draw,
    cases=block_cases,
    reference=block,
    misconceptions={
        fault: lambda p, *a, fault=fault: block_astray(p, *a, fault) for fault in BLOCK_FAULTS
    },
    solutions=(BLOCK_MENDED, BLOCK_AT_ONCE, BLOCK_POURED),
    mutants=(
        Mutant(name="the same slice for all", find="slice(start, start + size)",
               replace="slice(0, size)", stands_for="same-slice"),
        Mutant(name="the first head's shares for all", stands_for="one-share-for-all",
               find="dot(query[own], key[own])", replace="dot(query[:size], key[:size])"),
        Mutant(name="nothing kept past the heads", of=1, stands_for="residual-forgotten",
               find="[n + {{ p.strength }} * t for n, t in zip(x, told_by_heads)]",
               replace="[{{ p.strength }} * t for n, t in zip(x, told_by_heads)]"),
        Mutant(name="the stream itself is normed", of=1, stands_for="stream-normed",
               find="zip(x, told_by_heads)", replace="zip(rmsnorm(x), told_by_heads)"),
        Mutant(name="the root of the width", of=2, find="exp(fit / sqrt(size))",
               replace="exp(fit / sqrt(width))", stands_for="scale-by-the-width"),
        Mutant(name="relu after shrinking", stands_for="relu-too-late", source=BLOCK_MENDED.replace(
            'linear(weights["shrink"], [max(0.0, n) for n in linear(weights["expand"], x)])',
            '[max(0.0, n) for n in linear(weights["shrink"], linear(weights["expand"], x))]')),
        Mutant(name="no mix", of=2, find='pour(weights["mix"], plate, x, {{ p.strength }})',
               replace="x = [n + {{ p.strength }} * t for n, t in zip(x, plate)]",
               stands_for="mix-forgotten"),
        Mutant(name="no strength", find="{{ p.strength }} * b", replace="b"),
        Mutant(name="no relu", of=2, find="[max(n, 0) for n in hidden]", replace="hidden"),
        Mutant(name="another layout", source="{% set turned = {'before': 'after', 'after': "
               "'parallel', 'parallel': 'before'}[p.layout] %}\n"
               + BLOCK_AT_ONCE.replace("p.layout", "turned")),
        Mutant(name="sees the future", of=1, find="seen[:i + 1]", replace="seen"),
    ),
)  # fmt: skip

EXERCISES = [PAPER, THINK, WHOLE, BLOCK]
