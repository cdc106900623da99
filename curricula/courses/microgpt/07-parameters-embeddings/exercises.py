"""Parameters: counted, looked up, drawn from a seed; which of them can never move."""

import math
import random

from curricula import subject
from curricula.exercise import Exercise, Mutant


# ---- Predict: how many numbers is that? ---------------------------------------------------------
class Zeros:
    """A die for counting: what is drawn does not matter."""

    @staticmethod
    def gauss(_mean, _spread):
        return 0.0


def count_draw(rng):
    width = rng.choice([4, 6, 8, 10, 12])
    return {
        "width": width,
        "heads": rng.choice([n for n in (2, 3, 4, 5) if width % n == 0]),
        "layers": rng.randint(2, 4),
        "context": rng.choice([5, 7, 9, 11, 14, 20]),
        "letters": rng.randint(10, 40),
    }


def sizes(p, **changed):
    """Name -> how many numbers, from the taught file with its constants set anew."""
    gpt, q = subject.load(), {**p, **changed}
    names = {"WIDTH": "width", "HEADS": "heads", "LAYERS": "layers", "CONTEXT": "context"}
    before = {constant: getattr(gpt, constant) for constant in names}
    try:
        for constant, name in names.items():
            setattr(gpt, constant, q[name])
        weights = gpt.initial_weights(q["letters"] + 1, Zeros())
    finally:
        for constant, value in before.items():
            setattr(gpt, constant, value)
    return {name: len(rows) * len(rows[0]) for name, rows in weights.items()}


def count(p):
    found, whole = sizes(p), sum(sizes(p).values())
    return [
        found["token"],
        sum(size for (*_, layer), size in found.items() if layer == 0),
        whole,
        sum(sizes(p, letters=p["letters"] + 1).values()) - whole,
        sum(sizes(p, width=2 * p["width"]).values()),
    ]


def count_astray(p, belief):
    def whole(letters, width):
        vocab = letters + (belief != "bos-has-no-row")
        block = (4 * p["heads"] if belief == "heads-have-their-own" else 4) * width**2
        block += (4 if belief == "one-way-only" else 8) * width**2
        tables = 1 if belief == "one-table-for-both" else 2
        rows = vocab * tables + p["context"]
        return vocab * width, block, rows * width + p["layers"] * block

    token, block, number = whole(p["letters"], p["width"])
    more = whole(p["letters"] + 1, p["width"])[2] - number
    return [token, block, number, more, whole(p["letters"], 2 * p["width"])[2]]


COUNT_FORMULA = """\
V, W, C, L = {{ p.letters }} + 1, {{ p.width }}, {{ p.context }}, {{ p.layers }}

def whole(V, W):
    return 2 * V * W + C * W + L * 12 * W * W

answer = [V * W, 12 * W * W, whole(V, W), 2 * W, whole(V, 2 * W)]
"""
COUNT_SHAPES = """\
def shapes(letters, width):
    found = [("token", letters + 1, width), ("position", {{ p.context }}, width)]
    found.append(("head", letters + 1, width))
    for layer in range({{ p.layers }}):
        for name in ("query", "key", "value", "mix"):
            found.append((layer, width, width))
        found.append((layer, 4 * width, width))
        found.append((layer, width, 4 * width))
    return found

def total(found, *names):
    return sum(rows * columns for name, rows, columns in found if not names or name in names)

now = shapes({{ p.letters }}, {{ p.width }})
answer = [total(now, "token"), total(now, 0), total(now)]
answer.append(total(shapes({{ p.letters }} + 1, {{ p.width }})) - total(now))
answer.append(total(shapes({{ p.letters }}, 2 * {{ p.width }})))
"""
COUNT_LISTS = """\
W, V = {{ p.width }}, {{ p.letters }} + 1

def numbers(rows, columns):
    return len([0 for _ in range(rows) for _ in range(columns)])

def block(W):
    return 4 * numbers(W, W) + numbers(4 * W, W) + numbers(W, 4 * W)

def tables(W):
    return numbers(V, W) + numbers({{ p.context }}, W) + numbers(V, W)

answer = (numbers(V, W), block(W), tables(W) + {{ p.layers }} * block(W), W + W,
          tables(W + W) + block(W + W) * {{ p.layers }})
"""
COUNT_BELIEFS = ("bos-has-no-row", "one-table-for-both", "heads-have-their-own", "one-way-only")
COUNT = Exercise(
    id="how-many-numbers",
    skill="shapes-of-a-model",
    entry="answer",
    draw=count_draw,
    cases=lambda rng, p: [[]],
    reference=count,
    tolerance=1e-9,
    misconceptions={b: lambda p, b=b: count_astray(p, b) for b in COUNT_BELIEFS},
    solutions=(COUNT_FORMULA, COUNT_SHAPES, COUNT_LISTS),
    mutants=(
        Mutant(name="letters only", find="{{ p.letters }} + 1,", replace="{{ p.letters }},",
               stands_for="bos-has-no-row"),
        Mutant(name="no table for the head", of=1, stands_for="one-table-for-both",
               find='    found.append(("head", letters + 1, width))\n', replace=""),
        Mutant(name="four matrices for each head", of=1, stands_for="heads-have-their-own",
               find='("query", "key", "value", "mix"):',
               replace='("query", "key", "value", "mix") * {{ p.heads }}:'),
        Mutant(name="out, and not back", of=1, stands_for="one-way-only",
               find="        found.append((layer, width, 4 * width))\n", replace=""),
        Mutant(name="one layer", find="L * 12", replace="12"),
        Mutant(name="no positions", find=" + C * W", replace=""),
        Mutant(name="twice as wide, twice as many", find="whole(V, 2 * W)]",
               replace="2 * whole(V, W)]"),
        Mutant(name="one row for a new letter", of=2, find="W + W,\n", replace="W,\n"),
        Mutant(name="expand by one", of=2, find="numbers(4 * W, W) + numbers(W, 4 * W)",
               replace="numbers(W, W) + numbers(W, W)"),
        Mutant(name="position for each letter", find="C * W", replace="C * V"),
    ),
)  # fmt: skip


# ---- Faded: a row for the token, a row for the place --------------------------------------------
def rows_draw(rng):
    return {
        "kept": rng.choice(["first", "last"]),
        "zero": rng.choice(["first", "last"]),
        "scale": rng.randint(3, 25) / 2,
    }


def rows_cases(rng, p):
    cases = [[[[1.0], [2.0]], [[10.0], [20.0], [30.0]], [1, 0, 1]]]
    for length, room in ((2, 4), (4, 4), (5, 3), (9, 4), (1, 2), (7, 6)):
        width, vocab = rng.randint(2, 4), rng.randint(3, 6)
        tables = [
            [[round(rng.gauss(0, 1), 2) for _ in range(width)] for _ in range(size)]
            for size in (vocab, room)
        ]
        cases.append([*tables, [rng.randrange(vocab) for _ in range(length)]])
    return cases


def rows_right(p, token, position, tokens):
    gpt = subject.load()
    room = len(position)
    tokens = tokens[:room] if p["kept"] == "first" else tokens[-room:]
    order = range(len(tokens)) if p["zero"] == "first" else range(len(tokens) - 1, -1, -1)
    return [
        [(gpt.Value(t) * p["scale"] + x).data for t, x in zip(token[n], position[i], strict=True)]
        for n, i in zip(tokens, order, strict=True)
    ]


def rows_astray(p, token, position, tokens, belief):
    kept = p["kept"] if belief != "the-other-end-is-cut" else flipped(p["kept"])
    zero = p["zero"] if belief != "counted-from-the-other-end" else flipped(p["zero"])
    tokens = [n for i, n in enumerate(tokens) if cut(i, len(tokens), len(position), kept)]
    out = []
    for i, n in enumerate(tokens):
        place = position[i if zero == "first" else len(tokens) - 1 - i]
        place = [0.0] * len(place) if belief == "place-does-not-matter" else place
        share = p["scale"] if belief == "both-are-scaled" else 1
        out.append([p["scale"] * token[n][j] + share * place[j] for j in range(len(place))])
    return out


def flipped(end):
    return {"first": "last", "last": "first"}[end]


def cut(i, length, room, kept):
    return i < room if kept == "first" else i >= length - room


ROWS_LOOP = """\
def embed(token_table, position_table, tokens):
    room = len(position_table)
    {% if p.kept == "first" %}
    tokens = tokens[:room]
    {% else %}
    tokens = tokens[-room:]
    {% endif %}
    xs = []
    for i, token in enumerate(tokens):
        {% if p.zero == "first" %}
        place = position_table[i]
        {% else %}
        place = position_table[len(tokens) - 1 - i]
        {% endif %}
        xs.append([{{ p.scale }} * t + q for t, q in zip(token_table[token], place)])
    return xs
"""
ROWS_ZIP = """\
from operator import add

def embed(token_table, position_table, tokens):
    table = [[number * {{ p.scale }} for number in row] for row in token_table]
    spare = max(0, len(tokens) - len(position_table))
    tokens = {{ "tokens[:len(tokens) - spare]" if p.kept == "first" else "tokens[spare:]" }}
    places = position_table[:len(tokens)]
    {% if p.zero == "last" %}
    places.reverse()
    {% endif %}
    return [list(map(add, table[n], place)) for n, place in zip(tokens, places)]
"""
ROWS_ONE_HOT = """\
def dot(a, b):
    return sum(x * y for x, y in zip(a, b))

def pick(table, n):
    hot = [1.0 if i == n else 0.0 for i in range(len(table))]
    return [dot(hot, column) for column in zip(*table)]

def embed(token_table, position_table, tokens):
    tokens = list(tokens)
    while len(tokens) > len(position_table):
        tokens.pop({{ "" if p.kept == "first" else "0" }})
    found = []
    for n in {{ "tokens" if p.zero == "first" else "reversed(tokens)" }}:
        here = pick(position_table, len(found))
        found.append([q + t * {{ p.scale }} for q, t in zip(here, pick(token_table, n))])
    return found{{ "" if p.zero == "first" else "[::-1]" }}
"""
ROWS_BELIEFS = (
    *("the-other-end-is-cut", "counted-from-the-other-end", "place-does-not-matter"),
    "both-are-scaled",
)
ROWS = Exercise(
    id="a-row-for-each",
    skill="shapes-of-a-model",
    entry="embed",
    draw=rows_draw,
    cases=rows_cases,
    reference=rows_right,
    misconceptions={b: lambda p, *a, b=b: rows_astray(p, *a, b) for b in ROWS_BELIEFS},
    solutions=(ROWS_LOOP, ROWS_ZIP, ROWS_ONE_HOT),
    mutants=(
        Mutant(name="cut at the other end", find='p.kept == "first"', replace='p.kept == "last"',
               stands_for="the-other-end-is-cut"),
        Mutant(name="counted from the other end", find='p.zero == "first"',
               replace='p.zero == "last"', stands_for="counted-from-the-other-end"),
        Mutant(name="token rows alone", find="{{ p.scale }} * t + q", replace="{{ p.scale }} * t",
               stands_for="place-does-not-matter"),
        Mutant(name="everything scaled", find="{{ p.scale }} * t + q",
               replace="{{ p.scale }} * (t + q)", stands_for="both-are-scaled"),
        Mutant(name="not scaled", of=1, find="number * {{ p.scale }}", replace="number"),
        Mutant(name="the two joined end to end", of=1, find="list(map(add, table[n], place))",
               replace="table[n] + place"),
        Mutant(name="not cut", source=ROWS_LOOP.replace(
            "tokens = tokens[:room]", "pass").replace("tokens = tokens[-room:]", "pass")),
        Mutant(name="the row of the number that the place has",
               find="zip(token_table[token], place)",
               replace="zip(token_table[i % len(token_table)], place)"),
        Mutant(name="columns for rows", of=2, find="for column in zip(*table)]",
               replace="for column in table]"),
        Mutant(name="multiplied", find="* t + q", replace="* t * q"),
    ),
)  # fmt: skip


# ---- Write: drawn from a seed -------------------------------------------------------------------
def drawn_draw(rng):
    order = rng.sample(["token", "position", "head"], 3)
    inner = rng.sample(["gate", "up", "down"], 3)
    return {
        "tables": order,
        "inner": inner,
        "zero": rng.choice(inner[:2]),  # something is drawn after it
        "width": rng.choice([2, 3, 4]),
        "factor": rng.choice([2, 3]),
        "context": rng.choice([5, 6, 7]),
        "layers": rng.choice([2, 3]),
        "spread": rng.randint(3, 60) / 100,
        "rule": rng.choice(["as it is", "by inputs"]),
    }


def drawn_cases(rng, p):
    return [[vocab, rng.randrange(10**6)] for vocab in (1, 2, 3, 5, 8)]


def shaped(p, vocab):
    """Name -> (rows, columns), in the order in which they are drawn."""
    w, wide = p["width"], p["width"] * p["factor"]
    shape = {"token": (vocab, w), "position": (p["context"], w), "head": (vocab, w)}
    shape |= {"gate": (w, w), "up": (wide, w), "down": (w, wide)}
    found = {name: shape[name] for name in p["tables"]}
    for layer in range(p["layers"]):
        found |= {f"{name}{layer}": shape[name] for name in p["inner"]}
    return found


def drawn(p, vocab, seed, belief=""):
    rng, weights = random.Random(seed), {}
    for name, (rows, columns) in shaped(p, vocab).items():
        spread = p["spread"] / (math.sqrt(columns) if p["rule"] == "by inputs" else 1)
        spread = math.sqrt(spread) if belief == "spread-is-variance" else spread
        still = name.startswith(p["zero"])
        if belief == "rows-for-columns":
            rows, columns = columns, rows
        if still and belief != "zeros-use-the-die":
            weights[name] = [[0.0] * columns for _ in range(rows)]
        elif belief == "one-row-for-all":
            weights[name] = [[rng.gauss(0, spread) for _ in range(columns)]] * rows
        elif belief == "column-by-column":
            flat = [[rng.gauss(0, spread) for _ in range(rows)] for _ in range(columns)]
            weights[name] = [list(row) for row in zip(*flat, strict=True)]
        else:
            table = [[rng.gauss(0, spread) for _ in range(columns)] for _ in range(rows)]
            weights[name] = [[0.0 if still else x for x in row] for row in table]
    return weights


DRAWN_TABLE = """\
import random

def initial(vocab, seed):
    rng = random.Random(seed)
    W, F = {{ p.width }}, {{ p.width * p.factor }}
    kinds = {"token": (vocab, W), "position": ({{ p.context }}, W), "head": (vocab, W)}
    kinds |= {"gate": (W, W), "up": (F, W), "down": (W, F)}
    weights = {}
    names = [(kind, kind) for kind in {{ p.tables }}]
    for layer in range({{ p.layers }}):
        names += [(kind, kind + str(layer)) for kind in {{ p.inner }}]
    for kind, name in names:
        rows, columns = kinds[kind]
        spread = {{ p.spread }}{{ " / columns ** 0.5" if p.rule == "by inputs" else "" }}
        if kind == "{{ p.zero }}":
            weights[name] = [[0.0] * columns for _ in range(rows)]
        else:
            weights[name] = [[rng.gauss(0, spread) for _ in range(columns)] for _ in range(rows)]
    return weights
"""
DRAWN_STEPS = """\
from math import sqrt
from random import Random

def initial(vocab, seed):
    die = Random(seed)

    def matrix(rows, columns):
        out = []
        for _ in range(rows):
            row = []
            for _ in range(columns):
                row.append(die.gauss(0, {{ p.spread }}{{ " / sqrt(columns)" if p.rule == "by inputs" else "" }}))
            out.append(row)
        return out

    found = {}
    {% for name in p.tables %}
    found["{{ name }}"] = matrix({{ p.context if name == "position" else "vocab" }}, {{ p.width }})
    {% endfor %}
    for layer in map(str, range({{ p.layers }})):
        {% for name in p.inner %}
        size = {{ {"gate": (p.width, p.width), "up": (p.width * p.factor, p.width), "down": (p.width, p.width * p.factor)}[name] }}
        {% if name == p.zero %}
        found["{{ name }}" + layer] = [[0] * size[1] for _ in range(size[0])]
        {% else %}
        found["{{ name }}" + layer] = matrix(*size)
        {% endif %}
        {% endfor %}
    return found
"""
DRAWN_STREAM = """\
import itertools
import random

W, F, LAYERS = {{ p.width }}, {{ p.factor }} * {{ p.width }}, {{ p.layers }}
INNER = {"gate": (W, W), "up": (F, W), "down": (W, F)}

def stream(seed):
    rng = random.Random(seed)
    while True:
        yield rng.normalvariate(0, 1) if False else rng.gauss(0, 1)

def initial(vocab, seed):
    numbers = stream(seed)
    plan = [(name, {{ p.context }} if name == "position" else vocab, W) for name in {{ p.tables }}]
    plan += [(n + str(k), *INNER[n]) for k in range(LAYERS) for n in {{ p.inner }}]
    weights = {}
    for name, rows, columns in plan:
        if name[:-1] == "{{ p.zero }}":
            flat = [0.0] * (rows * columns)
        else:
            flat = list(itertools.islice(numbers, rows * columns))
        size = {{ p.spread }} * columns ** {{ "-0.5" if p.rule == "by inputs" else "0" }}
        scaled = [x * size for x in flat]
        weights[name] = [scaled[i:i + columns] for i in range(0, rows * columns, columns)]
    return weights
""".replace("rng.normalvariate(0, 1) if False else ", "")
DRAWN_BELIEFS = (
    *("rows-for-columns", "spread-is-variance", "zeros-use-the-die", "one-row-for-all"),
    "column-by-column",
)
DRAWN = Exercise(
    id="draw-the-weights",
    skill="shapes-of-a-model",
    entry="initial",
    draw=drawn_draw,
    cases=drawn_cases,
    reference=drawn,
    tolerance=1e-9,
    misconceptions={b: lambda p, *a, b=b: drawn(p, *a, b) for b in DRAWN_BELIEFS},
    solutions=(DRAWN_TABLE, DRAWN_STEPS, DRAWN_STREAM),
    mutants=(
        Mutant(name="rows and columns exchanged", stands_for="rows-for-columns",
               source=DRAWN_STEPS.replace("def matrix(rows, columns):",
               "def matrix(columns, rows):").replace("size[1] for _ in range(size[0])",
               "size[0] for _ in range(size[1])").replace("sqrt(columns)", "sqrt(rows)")),
        Mutant(name="the root of the spread", of=2, find="size = {{ p.spread }} * columns ** "
               '{{ "-0.5" if p.rule == "by inputs" else "0" }}',
               replace="size = ({{ p.spread }} * columns ** "
               '{{ "-0.5" if p.rule == "by inputs" else "0" }}) ** 0.5',
               stands_for="spread-is-variance"),
        Mutant(name="zeros after drawing", stands_for="zeros-use-the-die",
               find="[[0.0] * columns for _ in range(rows)]",
               replace="[[0 * rng.gauss(0, 1) for _ in range(columns)] for _ in range(rows)]"),
        Mutant(name="one row, repeated", stands_for="one-row-for-all",
               find="[[rng.gauss(0, spread) for _ in range(columns)] for _ in range(rows)]",
               replace="[[rng.gauss(0, spread) for _ in range(columns)]] * rows"),
        Mutant(name="drawn down the columns", of=2, stands_for="column-by-column",
               find="[scaled[i:i + columns] for i in range(0, rows * columns, columns)]",
               replace="[scaled[i::rows] for i in range(rows)]"),
        Mutant(name="the die thrown anew for each", find="        rows, columns = kinds[kind]\n",
               replace="        rows, columns = kinds[kind]\n        rng = random.Random(seed)\n"),
        Mutant(name="uniform", find="rng.gauss(0, spread)", replace="rng.uniform(-spread, spread)"),
        Mutant(name="all zeros", find="rng.gauss(0, spread)", replace="0.0"),
        Mutant(name="alphabetical", find="in names:", replace="in sorted(names):"),
        Mutant(name="the other spread", find='p.rule == "by inputs"',
               replace='p.rule != "by inputs"'),
    ),
)  # fmt: skip


# ---- Transfer: what can never move --------------------------------------------------------------
SHAPES = {  # what a unit does with its sum: whether the result, and its slope, are 0 at 0
    "the sum itself": (True, False, lambda x: x),
    "relu": (True, True, lambda x: x.relu()),
    "the square": (True, True, lambda x: x**2),
    "exp": (False, False, lambda x: x.exp()),
    "one plus the square": (False, True, lambda x: x**2 + 1),
    "one plus the sum": (False, False, lambda x: x + 1),
}


def stuck_draw(rng):
    kind = rng.choice([*SHAPES])
    asks = "weights" if kind == "the sum itself" else rng.choice(["weights", "units"])
    return {"kind": kind, "layout": rng.choice(["unit", "output"]), "asks": asks}


def stuck_cases(rng, p):
    """Starts with zeros and twins in all places, then random ones made of few different numbers."""
    zero, row, column = [0.0, 0.0], [0.3, -0.2], [0.1, 0.4]
    starts = [
        [[zero], [zero]],
        [[row, row], [column, column]],
        [[zero, row, row], [column, zero, zero]],
        [[zero, zero, row], [column, zero, column]],
        [[row, row, row, zero], [column, [0.1, 0.0], column, zero]],
        [[row, [0.0, 0.5]], [column, column]],
    ]
    for units in (3, 4, 5, 6):
        firsts, seconds = [zero, row, [0.0, 0.5]], [zero, column, [0.0, -0.3]]
        starts.append([[rng.choice(pool) for _ in range(units)] for pool in (firsts, seconds)])
    return [
        [
            first,
            columns if p["layout"] == "unit" else [list(row) for row in zip(*columns, strict=True)],
        ]
        for first, columns in starts
    ]


def units_of(p, first, second):
    """(what leads in, what leads out) of each unit."""
    out = second if p["layout"] == "unit" else list(zip(*second, strict=True))
    return [(tuple(a), tuple(b)) for a, b in zip(first, out, strict=True)]


def stuck(p, first, second):
    """Trains it with the taught file's own class, and looks who has moved."""
    gpt, rng = subject.load(), random.Random(1)
    start = units_of(p, first, second)
    now, act = start, SHAPES[p["kind"]][2]
    points = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(4)]
    points += [[-x, -y] for x, y in points]
    for _ in range(4):
        units = [[[gpt.Value(x) for x in part] for part in unit] for unit in now]
        losses = []
        for place, point in enumerate(points):
            hidden = [act(gpt.dot(into, point)) for into, _ in units]
            for n in range(2):
                told = gpt.dot([out[n] for _, out in units], hidden)
                losses.append((told + (place - 2.5 + n)) ** 2)
        sum(losses).backward()
        now = [
            tuple(tuple(x.data - 0.003 * x.grad for x in part) for part in unit) for unit in units
        ]
    still = [
        sum(a == b for old, new in zip(x, y, strict=True) for a, b in zip(old, new, strict=True))
        for x, y in zip(start, now, strict=True)
    ]
    alive = {unit for unit, n in zip(now, still, strict=True) if n < 4}
    return [sum(still) if p["asks"] == "weights" else still.count(4), len(alive)]


def stuck_believed(p, first, second, belief):
    flat, level, _ = SHAPES[p["kind"]]
    units, still = units_of(p, first, second), []
    for into, out in units:
        out_moves = any(into) or not flat or (not level and any(out))
        into_moves = any(into) or (not level and (any(out) or not flat))
        still.append(2 * (not into_moves) + 2 * (not out_moves))
    if belief == "zero-is-neutral":
        still = [0] * len(units)
    if belief == "every-zero-is-stuck":
        still = [into.count(0) + out.count(0) for into, out in units]
    alive = [unit for unit, n in zip(units, still, strict=True) if n < 4]
    worth = len(alive) if belief == "twins-part" else len(set(alive))
    return [sum(still) if p["asks"] == "weights" else still.count(4), worth]


STUCK_RULES = """\
RESULT_AT_0, SLOPE_AT_0 = {
    "the sum itself": (0, 1), "relu": (0, 0), "the square": (0, 0), "exp": (1, 1),
    "one plus the square": (1, 0), "one plus the sum": (1, 1),
}["{{ p.kind }}"]

def start(first, second):
    {% if p.layout == "output" %}
    second = list(zip(*second))
    {% endif %}
    weights, units, alive = 0, 0, set()
    for into, out in zip(first, second):
        if any(into):
            lost = 0
        elif RESULT_AT_0:
            lost = 0 if SLOPE_AT_0 else len(into)
        else:
            lost = 0 if SLOPE_AT_0 and any(out) else len(into) + len(out)
        weights += lost
        if lost == len(into) + len(out):
            units += 1
        else:
            alive.add((tuple(into), tuple(out)))
    return [{{ p.asks }}, len(alive)]
"""
STUCK_TRAINED = """\
import math
import random

act, slope = {
    "the sum itself": (lambda s: s, lambda s: 1),
    "relu": (lambda s: max(0, s), lambda s: int(s > 0)),
    "the square": (lambda s: s * s, lambda s: 2 * s),
    "exp": (math.exp, math.exp),
    "one plus the square": (lambda s: 1 + s * s, lambda s: 2 * s),
    "one plus the sum": (lambda s: 1 + s, lambda s: 1),
}["{{ p.kind }}"]

def start(first, second):
    a = [list(row) for row in first]
    b = [list(row) for row in {{ "second" if p.layout == "unit" else "zip(*second)" }}]
    old = [x + y for x, y in zip(a, b)]
    rng = random.Random(7)
    moved = [[False] * len(x) for x in old]
    for _ in range(60):
        x = [rng.gauss(0, 1) for _ in a[0]]
        sums = [sum(w * v for w, v in zip(row, x)) for row in a]
        errors = [sum(out[n] * act(s) for out, s in zip(b, sums)) - rng.gauss(0, 1)
                  for n in range(len(b[0]))]
        for i, s in enumerate(sums):
            pull = sum(e * v for e, v in zip(errors, b[i])) * slope(s)
            push = [e * act(s) for e in errors]
            a[i] = [w - 0.01 * pull * v for w, v in zip(a[i], x)]
            b[i] = [v - 0.01 * q for v, q in zip(b[i], push)]
            moved[i] = [m or u != v for m, u, v in zip(moved[i], old[i], a[i] + b[i])]
    weights = sum(row.count(False) for row in moved)
    units = sum(not any(row) for row in moved)
    return [{{ p.asks }}, len({tuple(x + y) for x, y, m in zip(a, b, moved) if any(m)})]
"""
STUCK_SPREADING = """\
FLAT = "{{ p.kind }}" in ("relu", "the square", "one plus the square")  # no slope at 0
EMPTY = "{{ p.kind }}" in ("the sum itself", "relu", "the square")  # no result at 0

def start(first, second):
    units = []
    for i, into in enumerate(first):
        out = {{ "second[i]" if p.layout == "unit" else "[row[i] for row in second]" }}
        units.append((list(into), list(out)))
    still, kept, dead = 0, [], 0
    for into, out in units:
        a, b = any(into), any(out)  # not zero, now or later
        a_moves = b_moves = False
        for _ in range(3):
            b_moves = b_moves or a or not EMPTY
            b = b or b_moves
            a_moves = a_moves or (b and (a or not FLAT))
            a = a or a_moves
        still += len(into) * (not a_moves) + len(out) * (not b_moves)
        dead += not (a_moves or b_moves)
        if (a_moves or b_moves) and (into, out) not in kept:
            kept.append((into, out))
    return [{{ "still" if p.asks == "weights" else "dead" }}, len(kept)]
"""
STUCK_BELIEFS = ("twins-part", "every-zero-is-stuck", "zero-is-neutral")
STUCK = Exercise(
    id="what-can-never-move",
    skill="why-not-zero",
    entry="start",
    draw=stuck_draw,
    cases=stuck_cases,
    reference=stuck,
    misconceptions={b: lambda p, *a, b=b: stuck_believed(p, *a, b) for b in STUCK_BELIEFS},
    solutions=(STUCK_RULES, STUCK_TRAINED, STUCK_SPREADING),
    mutants=(
        Mutant(name="twins count twice", stands_for="twins-part",
               find="(tuple(into), tuple(out))", replace="(tuple(into), tuple(out), len(alive))"),
        Mutant(name="zeros counted", stands_for="every-zero-is-stuck",
               source=STUCK_SPREADING[: STUCK_SPREADING.index("    still, kept")] + """\
    zeros = [into.count(0) + out.count(0) for into, out in units]
    kept = [unit for unit, n in zip(units, zeros) if n < 4]
    different = [unit for i, unit in enumerate(kept) if unit not in kept[:i]]
    return [{{ "sum(zeros)" if p.asks == "weights" else "zeros.count(4)" }}, len(different)]
"""),
        Mutant(name="same rows are twins", find="(tuple(into), tuple(out))", replace="tuple(into)"),
        Mutant(name="same columns are twins", find="(tuple(into), tuple(out))",
               replace="tuple(out)"),
        Mutant(name="the other layout", of=2, find='p.layout == "unit"',
               replace='p.layout != "unit"'),
        Mutant(name="the wrong answer first", find="[{{ p.asks }}, len(alive)]",
               replace="[len(alive), {{ p.asks }}]"),
        Mutant(name="all units are worth something", of=2, find="len(kept)]",
               replace="len(units)]"),
        Mutant(name="worth something only with both ends", find="            alive.add(",
               replace="            if any(into) and any(out):\n                alive.add("),
        Mutant(name="one step of training from zero", of=1, find="for _ in range(60):",
               replace="for _ in range(0):"),
    ),
)  # fmt: skip

EXERCISES = [COUNT, ROWS, DRAWN, STUCK]
