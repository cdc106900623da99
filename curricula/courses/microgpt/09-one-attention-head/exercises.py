"""One head: a query against all keys so far, shares of them, and the values gathered by shares."""

import importlib.util
import math
from collections import defaultdict
from functools import cache

from curricula import subject
from curricula.exercise import Exercise, Mutant


@cache
def model(width):
    """The taught file once more, with a single head of that width; nobody else sees its sizes."""
    spec = importlib.util.spec_from_file_location("one_head", subject.locate("microgpt/gpt.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.WIDTH, module.HEADS = width, 1
    return module


def head(queries, keys, values, *, scale, bonus=lambda i: 0.0, prepare=lambda i, memory: None):
    """What the taught attention gathers at each position, from given queries, keys and values.

    An extra entry, 1 in each query and `bonus(i)` in key i, adds that bonus to the score.
    `prepare` may change the memory before a position is read.
    """
    width = len(queries[0]) + 1
    gpt = model(width)
    rows = [[gpt.Value(float(i == j)) for j in range(3 * width)] for i in range(3 * width)]
    square = [row[:width] for row in rows[:width]]
    weights = {("query", 0): rows[:width], ("key", 0): rows[width : 2 * width]}
    weights |= {("value", 0): rows[2 * width :], ("mix", 0): square}
    memory, told, root = defaultdict(list), [], width**0.5
    for i, (q, k, v) in enumerate(zip(queries, keys, values, strict=True)):
        prepare(i, memory)
        x = [*(n * scale * root for n in q), root, *k, bonus(i), *v, *[0.0] * (width - len(v))]
        gathered = gpt.attention(weights, 0, [gpt.Value(n) for n in x], memory)
        told.append([n.data for n in gathered[: len(v)]])
    return told


def noise(rng, count, spread=1.2):
    return [round(rng.gauss(0, spread), 2) for _ in range(count)]


def by_shares(scores, values):
    """The mean of the values, weighed by a softmax of the scores; None is closed."""
    exps = [0.0 if s is None else math.exp(s) for s in scores]
    return [
        math.fsum(e * n for e, n in zip(exps, column, strict=True)) / sum(exps)
        for column in zip(*values, strict=True)
    ]


def product(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


# ---- Predict: three tokens ----------------------------------------------------------------------
def three_draw(rng):
    while True:
        queries = [[rng.randint(0, 2) for _ in range(4)] for _ in range(3)]
        keys = [[rng.choice([0, 0, 2]) for _ in range(4)] for _ in range(3)]
        values = [[rng.randint(-9, 9) for _ in range(2)] for _ in range(3)]
        dots = [[product(q, k) for k in keys] for q in queries]
        even = all(d <= 6 for row in dots for d in row)
        uneven = dots[1][0] != dots[1][1] and len(set(dots[2])) > 1 and max(dots[0][1:]) > 0
        if even and uneven and values[0] != values[1] != values[2]:
            return {"queries": queries, "keys": keys, "values": values}


def three(p):
    told = head(p["queries"], p["keys"], p["values"], scale=0.5 * math.log(2))
    return [n for row in told for n in row]


def three_astray(p, *, future=False, scale=0.5, itself=True, flat=False):
    told = []
    for i, query in enumerate(p["queries"]):
        seen = range(3) if future else range(i + itself)
        scores = [scale * math.log(2) * product(query, p["keys"][j]) * (not flat) for j in seen]
        told += by_shares(scores, [p["values"][j] for j in seen]) if scores else [0.0, 0.0]
    return told


THREE_LOOPS = """\
queries = {{ p.queries }}
keys = {{ p["keys"] }}
values = {{ p["values"] }}
answer = []
for i in range(3):
    scores = [sum(a * b for a, b in zip(queries[i], keys[j])) / 2 for j in range(i + 1)]
    pieces = [2 ** score for score in scores]
    for column in (0, 1):
        total = sum(piece * values[j][column] for j, piece in enumerate(pieces))
        answer.append(total / sum(pieces))
"""
THREE_RUNNING = """\
answer, kept_keys, kept_values = [], [], []
for q, k, v in zip({{ p.queries }}, {{ p["keys"] }}, {{ p["values"] }}):
    kept_keys.append(k)
    kept_values.append(v)
    cake = left = right = 0
    for key, (a, b) in zip(kept_keys, kept_values):
        piece = 2 ** ((q[0] * key[0] + q[1] * key[1] + q[2] * key[2] + q[3] * key[3]) // 2)
        cake += piece
        left += piece * a
        right += piece * b
    answer += [left / cake, right / cake]
"""
THREE_ROUNDED = """\
import math
Q, K, V = {{ p.queries }}, {{ p["keys"] }}, {{ p["values"] }}
answer = [V[0][0], V[0][1]]
for last in (1, 2):
    logs = [math.log(2) * sum(map(lambda a, b: a * b, Q[last], K[j])) / math.sqrt(4)
            for j in range(last + 1)]
    norm = sum(math.exp(l - logs[0]) for l in logs)
    shares = [math.exp(l - logs[0]) / norm for l in logs]
    for c in (0, 1):
        answer.append(round(sum(s * V[j][c] for j, s in enumerate(shares)), 3))
"""
THREE = Exercise(
    id="what-does-it-gather",
    skill="weigh-and-gather",
    entry="answer",
    draw=three_draw,
    cases=lambda rng, p: [[]],
    reference=three,
    tolerance=5e-3,
    misconceptions={
        "sees-the-future": lambda p: three_astray(p, future=True),
        "scale-forgotten": lambda p: three_astray(p, scale=1),
        "not-itself": lambda p: three_astray(p, itself=False),
        "equal-shares": lambda p: three_astray(p, flat=True),
    },
    solutions=(THREE_LOOPS, THREE_RUNNING, THREE_ROUNDED),
    mutants=(
        Mutant(name="all three, always", find="range(i + 1)", replace="range(3)",
               stands_for="sees-the-future"),
        Mutant(name="no scale", of=1, find=") // 2)", replace="))", stands_for="scale-forgotten"),
        Mutant(name="only those before", stands_for="not-itself", source=THREE_RUNNING
               .replace("    kept_keys.append(k)\n    kept_values.append(v)\n", "")
               .replace("    answer +=", "    kept_keys.append(k)\n    kept_values.append(v)\n"
                        "    cake = cake or 1\n    answer +=")),
        Mutant(name="a plain mean", find="2 ** score", replace="1", stands_for="equal-shares"),
        Mutant(name="never divided", find="total / sum(pieces)", replace="total"),
        Mutant(name="keys and queries swapped", find="zip(queries[i], keys[j])",
               replace="zip(keys[i], queries[j])"),
        Mutant(name="base e", of=2, find="math.log(2) * ", replace=""),
        Mutant(name="half of each share", of=1, find="cake += piece", replace="cake += 2 * piece"),
        Mutant(name="divided by the size", find=" / 2 for j", replace=" / 4 for j"),
    ),
)  # fmt: skip


# ---- Faded: one look back -----------------------------------------------------------------------
def look_draw(rng):
    return {
        "power": rng.choice([0.25, 0.5, 0.75, 1]),
        "slope": rng.randint(4, 60) / 50,
        "distance": rng.choice(["steps", "root", "logarithm"]),
    }


def look_cases(rng, p):
    cases = [[[1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]]
    for size, count in ((3, 1), (2, 3), (3, 5), (4, 2), (5, 6)):
        keys, values = ([noise(rng, size) for _ in range(count)] for _ in "kv")
        cases.append([noise(rng, size), keys, values])
    return cases


def toll(p, distance):
    ways = {"steps": distance, "root": distance**0.5, "logarithm": math.log(1 + distance)}
    return p["slope"] * ways[p["distance"]]


def look(p, query, keys, values):
    last = len(keys) - 1
    told = head(
        [query] * len(keys), keys, values,
        scale=len(query) ** -p["power"],
        bonus=lambda i: -toll(p, last - i),
    )  # fmt: skip
    return told[-1]


def look_astray(p, query, keys, values, *, scale=None, front=False, of_keys=False, early=False,
                free=False):  # fmt: skip
    last = len(keys) - 1
    scale = len(query) ** -p["power"] if scale is None else scale
    scores = []
    for i, key in enumerate(keys):
        cost = 0 if free else toll(p, i if front else last - i)
        dot = product(query, key)
        scores.append((dot - cost) * scale if early else dot * scale - cost)
    return by_shares(scores, keys if of_keys else values)


LOOK_TOLL = """\
    {% if p.distance == "steps" %}
    toll = [{{ p.slope }} * d for d in away]
    {% elif p.distance == "root" %}
    toll = [{{ p.slope }} * d ** 0.5 for d in away]
    {% else %}
    toll = [{{ p.slope }} * math.log(1 + d) for d in away]
    {% endif %}
"""
LOOK_FILLED = (
    """\
import math

def dot(a, b):
    return sum(x * y for x, y in zip(a, b))

def softmax(scores):
    exps = [math.exp(s - max(scores)) for s in scores]
    return [e / sum(exps) for e in exps]

def look(query, keys, values):
    scale = len(query) ** -{{ p.power }}
    fits = [dot(query, key) * scale for key in keys]
    away = [len(keys) - 1 - i for i in range(len(keys))]
"""
    + LOOK_TOLL
    + """\
    shares = softmax([f - t for f, t in zip(fits, toll)])
    return [dot(shares, column) for column in zip(*values)]
"""
)
LOOK_RUNNING = """\
from math import exp, log1p, sqrt

def look(query, keys, values):
    gathered, cake, distance = [0.0] * len(values[0]), 0.0, 0
    for key, value in zip(reversed(keys), reversed(values)):
        score = sum(q * k for q, k in zip(query, key)) / len(query) ** {{ p.power }}
        {% if p.distance == "steps" %}
        score -= {{ p.slope }} * distance
        {% elif p.distance == "root" %}
        score -= {{ p.slope }} * sqrt(distance)
        {% else %}
        score -= {{ p.slope }} * log1p(distance)
        {% endif %}
        for i, n in enumerate(value):
            gathered[i] += exp(score) * n
        cake += exp(score)
        distance += 1
    return [n / cake for n in gathered]
"""
LOOK_PIECES = (
    """\
import math

def look(query, keys, values):
    away = list(range(len(keys)))[::-1]
"""
    + LOOK_TOLL
    + """\
    pieces = []
    for key, cost in zip(keys, toll):
        fit = 0
        for i in range(len(key)):
            fit += query[i] * key[i]
        pieces.append(math.e ** (fit / math.pow(len(key), {{ p.power }})) / math.e ** cost)
    whole = math.fsum(pieces)
    told = []
    for place in range(len(values[0])):
        told.append(math.fsum(p * v[place] for p, v in zip(pieces, values)) / whole)
    return told
"""
)
LOOK = Exercise(
    id="one-look-back",
    skill="weigh-and-gather",
    entry="look",
    draw=look_draw,
    cases=look_cases,
    reference=look,
    misconceptions={
        "scale-forgotten": lambda p, *a: look_astray(p, *a, scale=1),
        "scale-by-how-many": lambda p, query, keys, values: look_astray(
            p, query, keys, values, scale=len(keys) ** -p["power"]
        ),
        "distance-from-the-front": lambda p, *a: look_astray(p, *a, front=True),
        "keys-are-gathered": lambda p, *a: look_astray(p, *a, of_keys=True),
        "toll-inside-the-scale": lambda p, *a: look_astray(p, *a, early=True),
        "distance-ignored": lambda p, *a: look_astray(p, *a, free=True),
    },
    solutions=(LOOK_FILLED, LOOK_RUNNING, LOOK_PIECES),
    mutants=(
        Mutant(name="no scale", find="dot(query, key) * scale", replace="dot(query, key)",
               stands_for="scale-forgotten"),
        Mutant(name="scaled by the number of keys", find="len(query) **", replace="len(keys) **",
               stands_for="scale-by-how-many"),
        Mutant(name="far from the front", of=2, find="[::-1]", replace="",
               stands_for="distance-from-the-front"),
        Mutant(name="keys gathered", find="zip(*values)", replace="zip(*keys)",
               stands_for="keys-are-gathered"),
        Mutant(name="scaled with its toll", stands_for="toll-inside-the-scale",
               source=LOOK_FILLED.replace("dot(query, key) * scale", "dot(query, key)")
               .replace("[f - t for", "[(f - t) * scale for")),
        Mutant(name="no toll", find="[f - t for", replace="[f for", stands_for="distance-ignored"),
        Mutant(name="a reward for distance", find="f - t", replace="f + t"),
        Mutant(name="the newest is left out of the sum", of=1, find="cake += exp(score)",
               replace="cake += exp(score) * (distance > 0 or len(keys) == 1)"),
        Mutant(name="never divided", of=2, find=" / whole)", replace=")"),
        Mutant(name="winner takes all", find="    return [dot(shares",
               replace="    shares = [float(s == max(shares)) for s in shares]\n"
               "    return [dot(shares"),
        Mutant(name="multiplied by the size", of=1, find="/ len(query) **",
               replace="* len(query) **"),
    ),
)  # fmt: skip


# ---- Write: all positions at once ---------------------------------------------------------------
def batch_draw(rng):
    return {
        "window": rng.choice([2, 3, 4]),
        "nobody": rng.choice([-1, 1]) * rng.randint(2, 15) / 10,
        "direction": rng.choice(["before", "after"]),
    }


def batch_cases(rng, p):
    cases = [[[[1.0], [2.0]], [[1.0], [-1.0]], [[1.0], [10.0]], [0, 0]]]
    for size, lengths in ((2, [5]), (3, [2, 3]), (2, [1, 6, 2]), (4, [7, 1]), (3, [3, 6])):
        count = sum(lengths)
        queries, keys = ([noise(rng, size) for _ in range(count)] for _ in "qk")
        values = [noise(rng, size, 5) for _ in range(count)]
        documents = [n for n, length in enumerate(lengths) for _ in range(length)]
        cases.append([queries, keys, values, documents])
    return cases


def batch(p, queries, keys, values, documents):
    """The memory is trimmed, emptied between documents, and always holds nobody."""
    size = len(queries[0])
    if p["direction"] == "after":
        queries, keys, values, documents = (a[::-1] for a in (queries, keys, values, documents))

    def prepare(i, memory):
        value = model(size + 1).Value
        if i == 0 or documents[i] != documents[i - 1]:
            memory["keys", 0] = [[*(value(0.0) for _ in range(size)), value(p["nobody"])]]
            memory["values", 0] = [[value(0.0) for _ in range(size + 1)]]
        while len(memory["keys", 0]) > p["window"]:  # nobody, and room for the newest
            del memory["keys", 0][1], memory["values", 0][1]

    told = head(queries, keys, values, scale=size**-0.5, prepare=prepare)
    return told if p["direction"] == "before" else told[::-1]


def batch_astray(p, queries, keys, values, documents, *, future=False, late=False, scale=None,
                 wide=0, mixed=False, lonely=False, scaled_nobody=False):  # fmt: skip
    size, told = len(queries[0]), []
    scale = size**-0.5 if scale is None else scale
    nobody = None if lonely else p["nobody"] * (scale if scaled_nobody else 1)
    for i, query in enumerate(queries):

        def closed(j, i=i):
            away = i - j if p["direction"] == "before" else j - i
            inside = abs(away) < p["window"] if future else 0 <= away < p["window"] + wide
            return not inside or (documents[i] != documents[j] and not mixed)

        scores = [product(query, key) * scale for key in keys]
        others = [s if late or not closed(j) else None for j, s in enumerate(scores)]
        seen = [[0.0 if late and closed(j) else n for n in v] for j, v in enumerate(values)]
        told.append(by_shares([nobody, *others], [[0.0] * len(values[0]), *seen]))
    return told


BATCH_MASK = """\
import math

def head(queries, keys, values, documents):
    count = len(queries)
    told = []
    for i in range(count):
        scores = []
        for j in range(count):
            away = {{ "i - j" if p.direction == "before" else "j - i" }}
            fits = sum(a * b for a, b in zip(queries[i], keys[j])) / len(queries[i]) ** 0.5
            allowed = 0 <= away < {{ p.window }} and documents[i] == documents[j]
            scores.append(fits if allowed else -math.inf)
        scores.append({{ p.nobody }})
        highest = max(scores)
        exps = [math.exp(s - highest) for s in scores]
        shares = [e / sum(exps) for e in exps]
        told.append([sum(s * v for s, v in zip(shares, column)) for column in zip(*values)])
    return told
"""
BATCH_MEMORY = """\
import math
from collections import deque

def head(queries, keys, values, documents):
    order = list(range(len(queries)))
    {% if p.direction == "after" %}
    order.reverse()
    {% endif %}
    told, memory, last = {}, deque(maxlen={{ p.window }}), None
    for i in order:
        if documents[i] != last:
            memory.clear()
            last = documents[i]
        memory.append((keys[i], values[i]))
        cake, plate = math.exp({{ p.nobody }}), [0.0] * len(values[i])
        for key, value in memory:
            dot = sum(map(lambda q, k: q * k, queries[i], key))
            piece = math.exp(dot / math.sqrt(len(key)))
            cake += piece
            plate = [n + piece * v for n, v in zip(plate, value)]
        told[i] = [n / cake for n in plate]
    return [told[i] for i in range(len(queries))]
"""
BATCH_RANGES = """\
from math import e

def head(queries, keys, values, documents):
    first = {d: documents.index(d) for d in documents}
    end = {d: first[d] + documents.count(d) for d in documents}
    told = []
    for i, d in enumerate(documents):
        {% if p.direction == "before" %}
        seen = range(max(first[d], i - {{ p.window }} + 1), i + 1)
        {% else %}
        seen = range(i, min(end[d], i + {{ p.window }}))
        {% endif %}
        pieces = {}
        for j in seen:
            total = 0
            for a, b in zip(queries[i], keys[j]):
                total += a * b
            pieces[j] = e ** (total * len(keys[j]) ** -0.5)
        cake = e ** {{ p.nobody }} + sum(pieces.values())
        told.append([sum(pieces[j] * values[j][c] for j in seen) / cake
                     for c in range(len(values[i]))])
    return told
"""
BATCH = Exercise(
    id="all-positions-at-once",
    skill="weigh-and-gather",
    entry="head",
    draw=batch_draw,
    cases=batch_cases,
    reference=batch,
    misconceptions={
        "sees-the-future": lambda p, *a: batch_astray(p, *a, future=True),
        "closed-too-late": lambda p, *a: batch_astray(p, *a, late=True),
        "scale-forgotten": lambda p, *a: batch_astray(p, *a, scale=1),
        "window-off-by-one": lambda p, *a: batch_astray(p, *a, wide=1),
        "documents-mixed": lambda p, *a: batch_astray(p, *a, mixed=True),
        "nobody-forgotten": lambda p, *a: batch_astray(p, *a, lonely=True),
        "nobody-scaled": lambda p, *a: batch_astray(p, *a, scaled_nobody=True),
    },
    solutions=(BATCH_MASK, BATCH_MEMORY, BATCH_RANGES),
    mutants=(
        Mutant(name="both ways", find="0 <= away <", replace="abs(away) <",
               stands_for="sees-the-future"),
        Mutant(name="closed after sharing", stands_for="closed-too-late", source=BATCH_MASK
               .replace("fits if allowed else -math.inf", "fits")
               .replace("scores = []\n", "scores, open_ = [], []\n")
               .replace("            scores.append(fits)",
                        "            open_.append(allowed)\n            scores.append(fits)")
               .replace("        told.append(",
                        "        shares = [s * o for s, o in zip(shares, open_)]\n"
                        "        told.append(")),
        Mutant(name="no scale", of=1, find=" / math.sqrt(len(key))", replace="",
               stands_for="scale-forgotten"),
        Mutant(name="one more in the window", of=1, find="maxlen={{ p.window }}",
               replace="maxlen={{ p.window }} + 1", stands_for="window-off-by-one"),
        Mutant(name="documents mixed", find=" and documents[i] == documents[j]", replace="",
               stands_for="documents-mixed"),
        Mutant(name="nobody left out", of=2, find="e ** {{ p.nobody }} +", replace="0 +",
               stands_for="nobody-forgotten"),
        Mutant(name="nobody scaled like the others", find="scores.append({{ p.nobody }})",
               replace="scores.append({{ p.nobody }} / len(keys[0]) ** 0.5)",
               stands_for="nobody-scaled"),
        Mutant(name="the other direction", of=0, find='p.direction == "before"',
               replace='p.direction != "before"'),
        Mutant(name="not itself", find="0 <= away", replace="0 < away"),
        Mutant(name="nobody's piece is its score", of=1, find="math.exp({{ p.nobody }})",
               replace="abs({{ p.nobody }}) + 0.01"),
        Mutant(name="keys of the one who asks", of=2, find="zip(queries[i], keys[j])",
               replace="zip(queries[j], keys[i])"),
    ),
)  # fmt: skip


# ---- Bug: a memory that misbehaves --------------------------------------------------------------
MEMORY_FAULTS = ("documents-mixed", "starts-over", "not-itself", "keys-are-gathered",
                 "scale-by-how-many", "forgets-the-newest")  # fmt: skip


def memory_draw(rng):
    first = rng.choice(["goes", "stays"])
    return {
        "room": rng.choice([2, 3, 4] if first == "goes" else [3, 4, 5]),
        "first": first,
        "stretch": rng.choice([0.5, 1.5, 2, 2.5, 3]),
        "bug": rng.choice(MEMORY_FAULTS),
    }


def memory_cases(rng, p):
    cases = []
    for size, width, lengths in ((2, 2, [2]), (3, 2, [1, 3]), (2, 3, [6, 5]), (4, 4, [7, 2, 6])):
        weights = {
            name: [noise(rng, width, 0.8) for _ in range(size)]
            for name in ("query", "key", "value")
        }
        documents = [[noise(rng, width, 1) for _ in range(length)] for length in lengths]
        cases.append([weights, documents])
    return cases


def remembered(p, weights, documents):
    """With the taught attention; its memory is trimmed from outside."""
    size = len(weights["query"])
    gpt = model(size)
    given = {
        (name, 0): [[gpt.Value(n * (p["stretch"] if name == "query" else 1)) for n in row]
                    for row in matrix]
        for name, matrix in weights.items()
    }  # fmt: skip
    given["mix", 0] = [[gpt.Value(float(i == j)) for j in range(size)] for i in range(size)]
    told = []
    for document in documents:
        memory, out = defaultdict(list), []
        for x in document:
            if len(memory["keys", 0]) == p["room"]:
                place = 1 if p["first"] == "stays" else 0
                del memory["keys", 0][place], memory["values", 0][place]
            gathered = gpt.attention(given, 0, [gpt.Value(n) for n in x], memory)
            out.append([n.data for n in gathered])
        told.append(out)
    return told


def remembered_astray(p, weights, documents, fault):
    keys, values, told = [], [], []
    for document in documents:
        if fault != "documents-mixed":
            keys, values = [], []
        told.append([])
        for x in document:
            query, key, value = (
                [product(row, x) for row in weights[n]] for n in ("query", "key", "value")
            )
            if fault == "starts-over":
                keys, values = [], []
            if len(keys) == p["room"]:
                place = -1 if fault == "forgets-the-newest" else int(p["first"] == "stays")
                keys.pop(place)
                values.pop(place)
            if fault != "not-itself":
                keys.append(key)
                values.append(key if fault == "keys-are-gathered" else value)
            over = len(keys) if fault == "scale-by-how-many" else len(query)
            scores = [p["stretch"] * product(query, k) / math.sqrt(over) for k in keys]
            told[-1].append(by_shares(scores, values) if keys else [0.0] * len(value))
            if fault == "not-itself":
                keys.append(key)
                values.append(value)
    return told


MEMORY_TOOLS = """\
import math

def dot(a, b):
    return sum(x * y for x, y in zip(a, b))

def linear(matrix, x):
    return [dot(row, x) for row in matrix]

def softmax(scores):
    exps = [math.exp(s - max(scores)) for s in scores]
    return [e / sum(exps) for e in exps]

"""
MEMORY_MENDED = (
    MEMORY_TOOLS
    + """\
def remember(weights, documents):
    told = []
    for document in documents:
        keys, values, out = [], [], []
        for x in document:
            if len(keys) == {{ p.room }}:
                del keys[{{ "1" if p.first == "stays" else "0" }}]
                del values[{{ "1" if p.first == "stays" else "0" }}]
            query = linear(weights["query"], x)
            keys.append(linear(weights["key"], x))
            values.append(linear(weights["value"], x))
            scale = {{ p.stretch }} * len(query) ** -0.5
            shares = softmax([dot(query, key) * scale for key in keys])
            out.append([dot(shares, column) for column in zip(*values)])
        told.append(out)
    return told
"""
)
MEMORY_SLICES = (
    MEMORY_TOOLS
    + """\
def one(weights, seen):
    query = linear(weights["query"], seen[-1])
    {% if p.first == "stays" %}
    if len(seen) > {{ p.room }}:
        seen = seen[:1] + seen[-{{ p.room }} + 1:]
    {% else %}
    seen = seen[-{{ p.room }}:]
    {% endif %}
    keys = [linear(weights["key"], x) for x in seen]
    values = [linear(weights["value"], x) for x in seen]
    shares = softmax([{{ p.stretch }} * dot(query, k) / math.sqrt(len(k)) for k in keys])
    return linear(list(zip(*values)), shares)

def remember(weights, documents):
    return [[one(weights, d[:i + 1]) for i in range(len(d))] for d in documents]
"""
)
MEMORY_INDEXED = """\
from math import exp

def remember(weights, documents):
    def ask(name, x):
        return [sum(row[i] * x[i] for i in range(len(x))) for row in weights[name]]

    everything = []
    for document in documents:
        told = []
        for now, x in enumerate(document):
            query, cake = ask("query", x), 0.0
            gathered = [0.0 for _ in query]
            for then in range(now + 1):
                {% if p.first == "stays" %}
                if 0 < then < now - {{ p.room }} + 2:
                {% else %}
                if then <= now - {{ p.room }}:
                {% endif %}
                    continue
                key, value = ask("key", document[then]), ask("value", document[then])
                fit = sum(q * k for q, k in zip(query, key))
                piece = exp(fit / len(key) ** 0.5 * {{ p.stretch }})
                cake += piece
                for i in range(len(value)):
                    gathered[i] += piece * value[i]
            told.append([n / cake for n in gathered])
        everything.append(told)
    return everything
"""
MEMORY = Exercise(
    id="a-memory-that-misbehaves",
    skill="growing-memory",
    entry="remember",
    draw=memory_draw,
    cases=memory_cases,
    reference=remembered,
    misconceptions={
        fault: lambda p, *a, fault=fault: remembered_astray(p, *a, fault) for fault in MEMORY_FAULTS
    },
    solutions=(MEMORY_MENDED, MEMORY_SLICES, MEMORY_INDEXED),
    mutants=(
        Mutant(name="one memory for all", stands_for="documents-mixed", source=MEMORY_MENDED
               .replace("    told = []\n", "    told, keys, values = [], [], []\n")
               .replace("keys, values, out = [], [], []", "out = []")),
        Mutant(name="empty at every token", find="        for x in document:\n",
               replace="        for x in document:\n            keys, values = [], []\n",
               stands_for="starts-over"),
        Mutant(name="remembers too late", stands_for="not-itself", source=MEMORY_MENDED
               .replace('            keys.append(linear(weights["key"], x))\n'
                        '            values.append(linear(weights["value"], x))\n', "")
               .replace("for column in zip(*values)])",
                        "for column in zip(*values)] or [0.0] * len(query))\n"
                        '            keys.append(linear(weights["key"], x))\n'
                        '            values.append(linear(weights["value"], x))')),
        Mutant(name="the key kept twice", find='values.append(linear(weights["value"], x))',
               replace="values.append(keys[-1])", stands_for="keys-are-gathered"),
        Mutant(name="the number of keys", find="len(query) ** -0.5", replace="len(keys) ** -0.5",
               stands_for="scale-by-how-many"),
        Mutant(name="the newest goes", stands_for="forgets-the-newest", source=MEMORY_MENDED
               .replace('keys[{{ "1" if p.first == "stays" else "0" }}]', "keys[-1]")
               .replace('values[{{ "1" if p.first == "stays" else "0" }}]', "values[-1]")),
        Mutant(name="room for one more", of=2, find="{{ p.room }}", replace="({{ p.room }} + 1)"),
        Mutant(name="the other rule for the first", of=1, find='p.first == "stays"',
               replace='p.first != "stays"'),
        Mutant(name="no stretch", of=2, find=" * {{ p.stretch }}", replace=""),
        Mutant(name="keys forgotten, values kept", find=
               '                del values[{{ "1" if p.first == "stays" else "0" }}]\n',
               replace=""),
        Mutant(name="asks with the first token", of=1, find="seen[-1]", replace="seen[0]"),
    ),
)  # fmt: skip


# ---- Transfer: soundings of a lake --------------------------------------------------------------
def lake_draw(rng):
    return {
        "reach": rng.choice([0.5, 0.8, 1.25, 1.5, 2]),
        "fade": rng.randint(5, 60) / 100,
        "guess": rng.randint(5, 40),
        "doubt": rng.choice([-3, -2, -1.5, -1, -0.5]),
    }


def lake_cases(rng, p):
    cases = [[[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [10.0, 20.0, 30.0]]]
    for count in (1, 2, 4, 7, 9):
        depths = [round(rng.uniform(1, 60), 1) for _ in range(count)]
        cases.append([[noise(rng, 2, 1) for _ in range(count)], depths])
    return cases


def lake(p, places, depths):
    """With the taught attention: each guess is a query, and the sounding before it a new key.

    -|q - k|² is 2 q·k - |k|² - |q|²; what is the same for all keys makes no difference, but has to
    be made up for in the score of the first guess, which has no place.
    """
    per = p["reach"] ** -2

    def square(place):
        return per * (place[0] ** 2 + place[1] ** 2)

    def prepare(i, memory):
        value = model(3).Value
        first = p["doubt"] + square(places[i]) + p["fade"] * i
        old_keys, old_values = memory["keys", 0][1:], memory["values", 0][1:]
        memory["keys", 0] = [[value(0.0), value(0.0), value(first)], *old_keys]
        memory["values", 0] = [[value(float(p["guess"])), value(0.0), value(0.0)], *old_values]

    told = head(
        places,
        [[0.0, 0.0], *places[:-1]],
        [[0.0], *([depth] for depth in depths[:-1])],
        scale=2 * per,
        bonus=lambda i: p["fade"] * (i - 1) - square(places[i - 1]) if i else -1e6,
        prepare=prepare,
    )
    return [guess for [guess] in told]


def lake_astray(p, places, depths, *, own=False, later=False, fade=None, sign=-1, first=True,
                nearest=False, flat=False):  # fmt: skip
    told = []
    for i, (x, y) in enumerate(places):
        seen = [j for j in range(len(places)) if j < i or (own and j == i) or (later and j != i)]
        scores, values = (
            ([0.0 if flat else p["doubt"]], [[p["guess"]]]) if first or not seen else ([], [])
        )
        for j in seen:
            far = math.hypot(x - places[j][0], y - places[j][1]) / p["reach"]
            cost = (p["fade"] if fade is None else fade) * abs(i - j)
            score = sign * far**2 - cost
            scores.append(0.0 if flat else score)
            values.append([depths[j]])
        if nearest:
            scores = [0.0 if s == max(scores) else -1000.0 for s in scores]
        told += by_shares(scores, values)
    return told


LAKE_LOOPS = """\
import math

def guesses(places, depths):
    told = []
    for i, (x, y) in enumerate(places):
        pieces, values = [math.exp({{ p.doubt }})], [{{ p.guess }}]
        for j in range(i):
            squared = (x - places[j][0]) ** 2 + (y - places[j][1]) ** 2
            score = -squared / {{ p.reach }} ** 2 - {{ p.fade }} * (i - j)
            pieces.append(math.exp(score))
            values.append(depths[j])
        told.append(sum(a * b for a, b in zip(pieces, values)) / sum(pieces))
    return told
"""
LAKE_FADING = """\
from math import dist, e

def guesses(places, depths):
    known, told = [], []
    for place, depth in zip(places, depths):
        known = [(old, value, age + 1) for old, value, age in known]
        cake = e ** {{ p.doubt }}
        plate = cake * {{ p.guess }}
        for old, value, age in known:
            piece = e ** -((dist(place, old) / {{ p.reach }}) ** 2 + {{ p.fade }} * age)
            cake += piece
            plate += piece * value
        told.append(plate / cake)
        known.append((place, depth, 0))
    return told
"""
LAKE_SOFTMAX = """\
import math

def softmax(scores):
    top = max(scores)
    exps = [math.exp(s - top) for s in scores]
    return [x / math.fsum(exps) for x in exps]

def one(i, places, depths):
    here = complex(*places[i])
    fits = [-abs((complex(*p) - here) / {{ p.reach }}) ** 2 for p in places[:i]]
    fits = [fit - {{ p.fade }} * steps for fit, steps in zip(fits, range(i, 0, -1))]
    shares = softmax(fits + [{{ p.doubt }}])
    return sum(map(lambda share, depth: share * depth, shares, depths[:i] + [{{ p.guess }}]))

def guesses(places, depths):
    return [one(i, places, depths) for i in range(len(places))]
"""
LAKE = Exercise(
    id="soundings-of-a-lake",
    skill="weigh-and-gather",
    entry="guesses",
    draw=lake_draw,
    cases=lake_cases,
    reference=lake,
    misconceptions={
        "looks-at-the-answer": lambda p, *a: lake_astray(p, *a, own=True),
        "sees-the-future": lambda p, *a: lake_astray(p, *a, later=True),
        "distance-ignored": lambda p, *a: lake_astray(p, *a, fade=0),
        "far-is-near": lambda p, *a: lake_astray(p, *a, sign=1),
        "nobody-forgotten": lambda p, *a: lake_astray(p, *a, first=False),
        "winner-takes-all": lambda p, *a: lake_astray(p, *a, nearest=True),
        "equal-shares": lambda p, *a: lake_astray(p, *a, flat=True),
    },
    solutions=(LAKE_LOOPS, LAKE_FADING, LAKE_SOFTMAX),
    mutants=(
        Mutant(name="its own depth too", find="for j in range(i):",
               replace="for j in range(i + 1):", stands_for="looks-at-the-answer"),
        Mutant(name="all the others", stands_for="sees-the-future", source=LAKE_LOOPS
               .replace("for j in range(i):", "for j in set(range(len(places))) - {i}:")
               .replace("(i - j)", "abs(i - j)")),
        Mutant(name="nothing fades", of=1, find=" + {{ p.fade }} * age", replace="",
               stands_for="distance-ignored"),
        Mutant(name="far is near", of=2, find="[-abs(", replace="[abs(", stands_for="far-is-near"),
        Mutant(name="no first guess later on", find="        for j in range(i):",
               replace="        if i:\n            pieces, values = [], []\n"
               "        for j in range(i):", stands_for="nobody-forgotten"),
        Mutant(name="only the best", of=2, stands_for="winner-takes-all",
               find="    exps = [math.exp(s - top) for s in scores]",
               replace="    exps = [float(s == top) for s in scores]"),
        Mutant(name="a plain mean", find="pieces.append(math.exp(score))",
               replace="pieces[0] = 1\n            pieces.append(1)", stands_for="equal-shares"),
        Mutant(name="plain distances", of=1, find=" / {{ p.reach }}) ** 2",
               replace=" / {{ p.reach }})"),
        Mutant(name="a sum, no mean", of=1, find="plate / cake", replace="plate"),
        Mutant(name="one step too old", find="(i - j)", replace="(i - j + 1)"),
        Mutant(name="multiplied by the reach", find="/ {{ p.reach }} ** 2",
               replace="* {{ p.reach }} ** 2"),
    ),
)  # fmt: skip

EXERCISES = [THREE, LOOK, BATCH, MEMORY, LAKE]
