"""Gradients by hand: nudges, differences, a chain, a broken descent, the ratings of runners."""

import math
import re
from itertools import combinations, pairwise

from curricula import subject
from curricula.exercise import Exercise, Mutant

# ---- Predict: how far does it move? -------------------------------------------------------------
NUDGED = (
    "(a * b + c) * a",
    "(a + b) * (b + c)",
    "a * b * c + a * {n}",
    "(a + {n}) * b + c * b",
    "(a * b + c) ** 2 + a * {n}",
    "(a * c + b) * (b + {n})",
)


def nudge_draw(rng):
    while True:
        a, b, c = (rng.choice([-5, -4, -3, -2, 2, 3, 4, 5, 6]) for _ in range(3))
        text = rng.choice(NUDGED).format(n=rng.randint(2, 9))
        p = {"text": text, "a": a, "b": b, "c": c}
        right = nudge(p)
        far = all(abs(x - y) > 0.1 * abs(x) for x, y in combinations(right, 2))
        wrong = nudge_first_use(p)
        sizes = sorted(map(abs, right))  # small ones would drown in what a single look misses
        if far and sizes[0] >= 4 and sizes[2] >= 15 and math.dist(right, wrong) > 0.1 * sizes[2]:
            return p


def nudge(p):
    """By the taught file's own backward."""
    names = {name: subject.load().Value(float(p[name])) for name in "abc"}
    eval(p["text"], {}, names).backward()
    return [value.grad for value in names.values()]


def nudge_first_use(p):
    text, names = p["text"], {name: subject.load().Value(float(p[name])) for name in "abc"}
    for name in "abc":  # uses after the first become numbers that stay where they are
        first, found, rest = text.partition(name)
        text = first + found + re.sub(name, f"Value({p[name]})", rest.replace("Value", "V@"))
        text = text.replace("V@", "Value")
    eval(text, {"Value": subject.load().Value}, names).backward()
    return [value.grad for value in names.values()]


NUDGE_LOOKING = """\
def f(a, b, c):
    return {{ p.text }}

start, h = [{{ p.a }}, {{ p.b }}, {{ p.c }}], 0.0005
answer = []
for i in range(3):
    up, down = list(start), list(start)
    up[i] += h
    down[i] -= h
    answer.append((f(*up) - f(*down)) / (2 * h))
"""
NUDGE_WHOLE_STEPS = """\
# A parabola's slope is exactly that of the chord from one step left to one step right.
f = lambda a, b, c: {{ p.text }}
a, b, c = {{ p.a }}, {{ p.b }}, {{ p.c }}
answer = (
    (f(a + 1, b, c) - f(a - 1, b, c)) / 2,
    (f(a, b + 1, c) - f(a, b - 1, c)) / 2,
    (f(a, b, c + 1) - f(a, b, c - 1)) / 2,
)
"""
NUDGE_PAIRS = """\
class Moving:
    def __init__(self, at, speed=0):
        self.at, self.speed = at, speed

    def __add__(self, other):
        other = other if isinstance(other, Moving) else Moving(other)
        return Moving(self.at + other.at, self.speed + other.speed)

    def __mul__(self, other):
        other = other if isinstance(other, Moving) else Moving(other)
        return Moving(self.at * other.at, self.speed * other.at + self.at * other.speed)

    def __pow__(self, power):
        return self * self

def speed(da, db, dc):
    a, b, c = Moving({{ p.a }}, da), Moving({{ p.b }}, db), Moving({{ p.c }}, dc)
    return ({{ p.text }}).speed

answer = [speed(1, 0, 0), speed(0, 1, 0), speed(0, 0, 1)]
"""
NUDGE_ONE_USE = """\
text, answer = "{{ p.text }}", []
start = {"a": {{ p.a }}, "b": {{ p.b }}, "c": {{ p.c }}}
for name in "abc":
    once = text.replace(name, "(" + name + " + 0.001)", 1)
    answer.append((eval(once, {}, start) - eval(text, {}, start)) / 0.001)
"""
NUDGE = Exercise(
    id="how-far-does-it-move",
    skill="slopes",
    entry="answer",
    draw=nudge_draw,
    cases=lambda rng, p: [[]],
    reference=nudge,
    tolerance=0.01,
    misconceptions={
        "first-use-only": nudge_first_use,
        "change-not-slope": lambda p: [0.001 * slope for slope in nudge(p)],
    },
    solutions=(NUDGE_LOOKING, NUDGE_WHOLE_STEPS, NUDGE_PAIRS),
    mutants=(
        Mutant(name="only the first use moves", source=NUDGE_ONE_USE, stands_for="first-use-only"),
        Mutant(name="the change itself", stands_for="change-not-slope",
               find="(f(*up) - f(*down)) / (2 * h)", replace="f(*up) - f(*down)"),
        Mutant(name="divided by half the distance", find="(2 * h)", replace="h"),
        Mutant(name="the other way round", find="f(*up) - f(*down)", replace="f(*down) - f(*up)"),
        Mutant(name="all three moved at once", find="up[i] += h\n    down[i] -= h",
               replace="up = [x + h for x in start]\n    down = [x - h for x in start]"),
        Mutant(name="a step of one, one-sided", of=1, find="(f(a + 1, b, c) - f(a - 1, b, c)) / 2",
               replace="f(a, b, c)"),
        Mutant(name="never put back", find="up, down = list(start), list(start)",
               replace="up, down = start, start"),
        Mutant(name="product rule without its second half", of=2,
               find=" + self.at * other.speed", replace=""),
        Mutant(name="the wrong order", of=2, find="[speed(1, 0, 0), speed(0, 1, 0)",
               replace="[speed(0, 1, 0), speed(1, 0, 0)"),
    ),
)  # fmt: skip


# ---- Faded: nudge every number ------------------------------------------------------------------
RULES = {  # where f is looked at, in steps, with its weight; and by how many steps it is divided
    "central": (((1, 1), (-1, -1)), 2),
    "five": (((-2, 1), (-1, -8), (1, 8), (2, -1)), 12),
    "ahead": (((0, -3), (1, 4), (2, -1)), 2),
}
DIFFERENCE_DRIVER = """\
import math

def drive(entry, terms, x):
    def f(v):
        total = 0.0
        for factor, powers, rate in terms:
            total += factor * math.prod(n ** e for n, e in zip(v, powers)) * math.exp(rate * v[0])
        return total
    return entry(f, x)
"""


def difference_draw(rng):
    return {"rule": rng.choice([*RULES]), "h": rng.randint(5, 60) / 100}


def difference_cases(rng, p):
    cases = [[[[1.0, [3], 0.0], [1.0, [5], 0.0]], [2.0]]]
    for size in (1, 2, 3, 4):
        terms = [
            [round(rng.uniform(0.5, 2), 2), [5 if i == j else 1 for j in range(size)], 0.3]
            for i in range(size)
        ]
        terms += [[round(rng.uniform(-2, 2), 2), [rng.randint(0, 3) for _ in range(size)], 0.0]]
        terms += [[round(rng.uniform(1, 3), 2), [3] * size, 0.0]]
        cases.append([terms, [round(rng.uniform(0.7, 1.8), 2) for _ in range(size)]])
    return cases


def difference_shown(p, terms, x):
    """A call as a learner would type it: f as Python."""
    told = []
    for factor, powers, rate in terms:
        parts = [f"{factor:g}"] if factor != 1 else []
        parts += [f"v[{n}]" + (f"**{e}" if e != 1 else "") for n, e in enumerate(powers) if e]
        told.append(" * ".join([*parts, *([f"exp({rate:g} * v[0])"] if rate else [])]) or "1")
    return f"slopes(lambda v: {' + '.join(told)}, {x})"


def differences(p, terms, x, *, rule=None, divisor=None, kept=True):
    space = {}
    exec(DIFFERENCE_DRIVER, space)
    looks, steps = RULES[rule or p["rule"]] if rule != "plain" else (((1, 1), (0, -1)), 1)

    def slopes(f, x):
        found = []
        for i in range(len(x)):
            total = 0.0
            for at, weight in looks:
                moved = [*x] if kept else x
                moved[i] += at * p["h"]
                total += weight * f(moved)
            found.append(total / ((divisor or steps) * p["h"]))
        return found

    return space["drive"](slopes, terms, [*x])


DIFFERENCE_COPY = """\
def slopes(f, x):
    def at(i, distance):
        moved = list(x)
        moved[i] += distance
        return f(moved)

    h = {{ p.h }}
    {% if p.rule == "central" %}
    return [(at(i, h) - at(i, -h)) / (2 * h) for i in range(len(x))]
    {% elif p.rule == "five" %}
    return [
        (at(i, -2 * h) - 8 * at(i, -h) + 8 * at(i, h) - at(i, 2 * h)) / (12 * h)
        for i in range(len(x))
    ]
    {% else %}
    return [(-3 * at(i, 0) + 4 * at(i, h) - at(i, 2 * h)) / (2 * h) for i in range(len(x))]
    {% endif %}
"""
DIFFERENCE_PUT_BACK = """\
LOOKS = {{ {"central": [[1, 0.5], [-1, -0.5]], "ahead": [[0, -1.5], [1, 2], [2, -0.5]],
            "five": [[-2, 1 / 12], [-1, -8 / 12], [1, 8 / 12], [2, -1 / 12]]}[p.rule] }}

def slopes(f, x):
    found = [0.0] * len(x)
    for i, kept in enumerate(list(x)):
        for steps, weight in LOOKS:
            x[i] = kept + steps * {{ p.h }}
            found[i] += weight * f(x) / {{ p.h }}
        x[i] = kept
    return found
"""
DIFFERENCE_RICHARDSON = """\
def slopes(f, x):
    return [slope(lambda t: f(x[:i] + [x[i] + t] + x[i + 1:])) for i in range(len(x))]

def slope(g):
    h = {{ p.h }}
    near, far = (g(h) - g(-h)) / h / 2, (g(2 * h) - g(-2 * h)) / h / 4
    {% if p.rule == "central" %}
    return near
    {% elif p.rule == "five" %}
    return near + (near - far) / 3
    {% else %}
    first, second = (g(h) - g(0)) / h, (g(2 * h) - g(h)) / h
    return first - (second - first) / 2
    {% endif %}
"""
DIFFERENCE = Exercise(
    id="nudge-every-number",
    skill="slopes",
    entry="slopes",
    draw=difference_draw,
    cases=difference_cases,
    reference=differences,
    driver=DIFFERENCE_DRIVER,
    shown=difference_shown,
    misconceptions={
        "plain-forward": lambda p, *a: differences(p, *a, rule="plain"),
        "one-step-divisor": lambda p, *a: differences(p, *a, divisor=1),
        "not-put-back": lambda p, *a: differences(p, *a, kept=False),
    },
    solutions=(DIFFERENCE_COPY, DIFFERENCE_PUT_BACK, DIFFERENCE_RICHARDSON),
    mutants=(
        Mutant(name="one look ahead", of=2, stands_for="plain-forward",
               find="near, far =", replace="return (g(h) - g(0)) / h\n    near, far ="),
        Mutant(name="divided by one step", stands_for="one-step-divisor",
               source=DIFFERENCE_COPY.replace("(2 * h) for", "h for").replace("(12 * h)", "h")),
        Mutant(name="no copy", find="moved = list(x)", replace="moved = x",
               stands_for="not-put-back"),
        Mutant(name="not put back", of=1, find="        x[i] = kept\n", replace=""),
        Mutant(name="not divided", of=1, find=" / {{ p.h }}", replace=""),
        Mutant(name="every number moves", find="moved[i] += distance",
               replace="moved = [n + distance for n in x]"),
        Mutant(name="the last only", find="moved[i] +=", replace="moved[-1] +="),
        Mutant(name="a step scaled by x", find="moved[i] += distance",
               replace="moved[i] *= 1 + distance"),
        Mutant(name="downhill", of=1, find="found[i] +=", replace="found[i] -="),
    ),
)  # fmt: skip


# ---- Write: the chain rule, exactly -------------------------------------------------------------
# Each choice: how it is written, then its slopes as Python text.
INNER = (
    ("a * b", "b", "a"),
    ("a * a * b", "2 * a * b", "a * a"),
    ("(a + {n}) * b", "b", "a + {n}"),
    ("a * b + a * {n}", "b + {n}", "a"),
)
MIDDLE = (
    ("u * {k} + c * c", "{k}", "2 * c"),
    ("u * c", "c", "u"),
    ("u * c + c * {k}", "c", "u + {k}"),
    ("(u + {k}) * c", "c", "u + {k}"),
)
OUTER = (  # none is a polynomial: of those, differences are exact
    ("v ** 0.5", "0.5 * v ** -0.5", lambda v: v**0.5),
    ("v ** 1.5", "1.5 * v ** 0.5", lambda v: v**1.5),
    ("math.log(v)", "1 / v", lambda v: v.log()),
    ("math.log(v) ** 2", "2 * math.log(v) / v", lambda v: v.log() ** 2),
    ("math.exp(-1 / v)", "math.exp(-1 / v) / v ** 2", lambda v: (v**-1 * -1).exp()),
    ("1 / v", "-1 / v ** 2", lambda v: v**-1),
)


def chain_draw(rng):
    n, k = rng.sample(range(2, 8), 2)
    inner, middle, outer = (rng.randrange(len(kinds)) for kinds in (INNER, MIDDLE, OUTER))
    again, m = rng.choice("abc"), rng.randint(2, 9)
    return {
        "u": INNER[inner][0].format(n=n),
        "v": MIDDLE[middle][0].format(k=k),
        "loss": f"{OUTER[outer][0]} + {again} * {m}",
        **{"inner": inner, "middle": middle, "outer": outer},
        **{"n": n, "k": k, "again": again, "m": m},
    }


def chain_cases(rng, p):
    """Numbers near 0 too: there the outer parts bend so much that no difference is exact enough."""
    spans = [(0.2, 1.9)] * 5 + [(0.02, 0.2)] * 5
    return [[1.0, 2.0, 0.5]] + [[round(rng.uniform(*s), 3) for _ in range(3)] for s in spans]


def links(p, a, b, c, place=None):
    """The slopes of each link: u for a and b, v for u and c, the outer part for v."""
    value = subject.load().Value
    inputs = {"a": value(a), "b": value(b)}
    u = eval(p["u"], {}, inputs)
    u.backward()
    inputs2 = {"u": value(u.data), "c": value(c)}
    v = eval(p["v"], {}, inputs2)
    v.backward()
    at = value(v.data if place is None else place(u.data, v.data))
    OUTER[p["outer"]][2](at).backward()
    grads = [x.grad for x in (*inputs.values(), *inputs2.values(), at)]
    return dict(zip(("ua", "ub", "vu", "vc", "lv"), grads, strict=True))


def first_use(p, a, b, c):
    """The slopes of links in which an input stands twice, if only its first use moves."""
    u = eval(p["u"], {}, {"a": a, "b": b})
    return {
        **({"ua": a * b} if p["inner"] == 1 else {"ua": b} if p["inner"] == 3 else {}),
        **({"vc": c} if p["middle"] == 0 else {"vc": u} if p["middle"] == 2 else {}),
    }


def chain(p, a, b, c, *, path=None, again=lambda slope, m: slope + m, place=None, once=False):
    s = links(p, a, b, c, place) | (first_use(p, a, b, c) if once else {})
    path = path or (lambda *factors: math.prod(factors))
    slopes = {
        "a": path(s["ua"], s["vu"], s["lv"]),
        "b": path(s["ub"], s["vu"], s["lv"]),
        "c": path(s["vc"], s["lv"]),
    }
    slopes[p["again"]] = again(slopes[p["again"]], p["m"])
    return [slopes["a"], slopes["b"], slopes["c"]]


def _choose(key, kinds, place):
    lines = [
        "{% " + ("if" if i == 0 else "elif") + f" p.{key} == {i} %}}" + kind[place]
        for i, kind in enumerate(kinds)
    ]
    text = "".join(lines) + "{% endif %}{{ '' }}"  # keeps the newline
    return text.replace("{n}", "{{ p.n }}").replace("{k}", "{{ p.k }}")


CHAIN_HAND = f"""\
import math

def slopes(a, b, c):
    u = {{{{ p.u }}}}
    v = {{{{ p.v }}}}
    outer = {_choose("outer", OUTER, 1)}
    v_u, v_c = {_choose("middle", MIDDLE, 1)}, {_choose("middle", MIDDLE, 2)}
    u_a, u_b = {_choose("inner", INNER, 1)}, {_choose("inner", INNER, 2)}
    found = {{"a": outer * v_u * u_a, "b": outer * v_u * u_b, "c": outer * v_c}}
    found["{{{{ p.again }}}}"] += {{{{ p.m }}}}
    return [found["a"], found["b"], found["c"]]
"""
CHAIN_PAIRS = """\
import math as real

class D:
    def __init__(self, x, d=0.0):
        self.x, self.d = x, d
    def __add__(self, o):
        o = o if isinstance(o, D) else D(o)
        return D(self.x + o.x, self.d + o.d)
    def __mul__(self, o):
        o = o if isinstance(o, D) else D(o)
        return D(self.x * o.x, self.d * o.x + self.x * o.d)
    def __neg__(self):
        return D(-self.x, -self.d)
    def __pow__(self, n):
        return D(self.x ** n, n * self.x ** (n - 1) * self.d)
    def __rtruediv__(self, n):
        return D(n / self.x, -n / self.x ** 2 * self.d)

class math:
    log = staticmethod(lambda v: D(real.log(v.x), v.d / v.x))
    exp = staticmethod(lambda v: D(real.exp(v.x), real.exp(v.x) * v.d))

def slopes(*point):
    found = []
    for moving in range(3):
        a, b, c = [D(x, 1.0 if i == moving else 0.0) for i, x in enumerate(point)]
        u = {{ p.u }}
        v = {{ p.v }}
        loss = {{ p.loss }}
        found.append(loss.d)
    return found
"""
CHAIN_SIDEWAYS = """\
# A nudge in an imaginary direction: no difference is taken, so nothing is lost to rounding.
import cmath as math

def loss(a, b, c):
    u = {{ p.u }}
    v = {{ p.v }}
    return {{ p.loss }}

def slopes(a, b, c):
    h = 1e-40
    return [
        loss(a + h * 1j, b, c).imag / h,
        loss(a, b + h * 1j, c).imag / h,
        loss(a, b, c + h * 1j).imag / h,
    ]
"""
CHAIN = Exercise(
    id="one-link-after-another",
    skill="slopes",
    entry="slopes",
    draw=chain_draw,
    cases=chain_cases,
    reference=chain,
    tolerance=1e-12,
    misconceptions={
        "overwrites": lambda p, *x: chain(p, *x, again=lambda slope, m: m),
        "second-use-forgotten": lambda p, *x: chain(p, *x, again=lambda slope, m: slope),
        "first-use-only": lambda p, *x: chain(p, *x, once=True),
        "outer-forgotten": lambda p, *x: chain(
            p, *x, path=lambda *factors: math.prod(factors[:-1])
        ),
        "middle-forgotten": lambda p, *x: chain(
            p, *x, path=lambda *factors: math.prod(factors) / (factors[1] if factors[2:] else 1)
        ),
        "links-added": lambda p, *x: chain(p, *x, path=lambda *factors: sum(factors)),
        "slope-at-the-wrong-place": lambda p, *x: chain(p, *x, place=lambda u, v: u),
    },
    solutions=(CHAIN_HAND, CHAIN_PAIRS, CHAIN_SIDEWAYS),
    mutants=(
        Mutant(name="= for +=", find='] += {{ p.m }}', replace='] = {{ p.m }}',
               stands_for="overwrites"),
        Mutant(name="used once", find='] += {{ p.m }}', replace='] += 0',
               stands_for="second-use-forgotten"),
        Mutant(name="no outer factor", find='"a": outer * v_u * u_a, "b": outer * v_u * u_b, '
               '"c": outer * v_c', replace='"a": v_u * u_a, "b": v_u * u_b, "c": v_c',
               stands_for="outer-forgotten"),
        Mutant(name="no middle factor", find='outer * v_u * u_a, "b": outer * v_u * u_b',
               replace='outer * u_a, "b": outer * u_b', stands_for="middle-forgotten"),
        Mutant(name="links added up", find='"a": outer * v_u * u_a, "b": outer * v_u * u_b, '
               '"c": outer * v_c',
               replace='"a": outer + v_u + u_a, "b": outer + v_u + u_b, "c": outer + v_c',
               stands_for="links-added"),
        Mutant(name="the outer slope at u", find="    outer =",
               replace="    inside, v = v, u\n    outer =",
               stands_for="slope-at-the-wrong-place"),
        Mutant(name="a minus in the outer link", find="    v_u, v_c",
               replace="    outer = -outer\n    v_u, v_c"),
        Mutant(name="the inner slopes swapped", find="u_a, u_b =", replace="u_b, u_a ="),
        Mutant(name="the second use multiplied", find="] += {{ p.m }}", replace="] *= {{ p.m }}"),
        Mutant(name="a small step instead", source=CHAIN_SIDEWAYS
               .replace("import cmath", "import math").replace("1e-40", "1e-6")
               .replace(" + h * 1j", " + h").replace(").imag / h", ") / h - loss(a, b, c) / h")),
    ),
)  # fmt: skip


# ---- Bug: a descent that goes astray ------------------------------------------------------------
def descent_draw(rng):
    return {
        "sharp": rng.choice([0.5, 1.5, 2.0, 2.5, 3.0]),
        "rate": rng.randint(2, 20) / 20,
        "steps": rng.choice([2, 3, 4]),
        "over": rng.choice(["mean", "sum"]),
        "bug": rng.choice(DESCENT_FAULTS),
    }


DESCENT_FAULTS = ("overwrites", "uphill", "no-one-hot", "never-emptied", "sharpness-forgotten")


def descent_cases(rng, p):
    cases = [[[[0.0, 0.0], [0.0, 0.0]], [[1, 0, 1, 1]]]]
    for size in (2, 3, 4, 5):
        logits = [[round(rng.gauss(0, 1), 2) for _ in range(size)] for _ in range(size)]
        end = size - 1
        documents = [
            [end, *(rng.randrange(end) for _ in range(rng.randint(1, 4))), end] for _ in range(3)
        ]
        cases.append([logits, documents])
    return cases


def descent(p, logits, documents):
    """With the taught file's own softmax, logarithm and backward."""
    gpt = subject.load()
    pairs = [pair for d in documents for pair in pairwise(d)]
    for _ in range(p["steps"]):
        table = [[gpt.Value(x) for x in row] for row in logits]
        told = [gpt.softmax([x * p["sharp"] for x in table[a]])[b].log() * -1 for a, b in pairs]
        loss = sum(told) * (1 / len(told) if p["over"] == "mean" else 1)
        loss.backward()
        logits = [[x.data - p["rate"] * x.grad for x in row] for row in table]
    return logits


def descent_astray(p, logits, documents, fault):
    """The same by hand, with a fault."""
    pairs = [pair for d in documents for pair in pairwise(d)]
    size, table = len(logits), [[*row] for row in logits]
    slopes = {}
    inner = 1 if fault == "sharpness-forgotten" else p["sharp"]
    share = inner / (len(pairs) if p["over"] == "mean" else 1)
    for _ in range(p["steps"]):
        slopes = slopes if fault == "never-emptied" else {}
        for a, b in pairs:
            exps = [math.exp(p["sharp"] * x) for x in table[a]]
            for i in range(size):
                hit = i == b and fault != "no-one-hot"
                before = 0 if fault == "overwrites" else slopes.get((a, i), 0)
                slopes[a, i] = before + share * (exps[i] / sum(exps) - hit)
        for (a, i), slope in slopes.items():
            table[a][i] += (1 if fault == "uphill" else -1) * p["rate"] * slope
    return table


DESCENT_MENDED = """\
import math

def softmax(row):
    exps = [math.exp(x - max(row)) for x in row]
    return [x / sum(exps) for x in exps]

def descend(logits, documents):
    table = [list(row) for row in logits]
    size = len(table)
    pairs = [pair for document in documents for pair in zip(document, document[1:])]
    number = {{ "len(pairs)" if p.over == "mean" else "1" }}
    for step in range({{ p.steps }}):
        slopes = [[0.0] * size for _ in range(size)]
        for before, after in pairs:
            chances = softmax([{{ p.sharp }} * x for x in table[before]])
            for i in range(size):
                miss = chances[i] - (1 if i == after else 0)
                slopes[before][i] += {{ p.sharp }} * miss / number
        for row, slope in zip(table, slopes):
            for i in range(size):
                row[i] -= {{ p.rate }} * slope[i]
    return table
"""
DESCENT_COUNTS = """\
from math import exp

def descend(logits, documents):
    size = len(logits)
    counts = [[0] * size for _ in logits]
    for d in documents:
        for a, b in zip(d, d[1:]):
            counts[a][b] += 1
    {% if p.over == "mean" %}
    whole = sum(map(sum, counts))
    {% else %}
    whole = 1
    {% endif %}
    for _ in range({{ p.steps }}):
        moved = []
        for row, seen in zip(logits, counts):
            exps = [exp({{ p.sharp }} * x) for x in row]
            expected = [sum(seen) * e / sum(exps) for e in exps]
            push = {{ p.rate }} * {{ p.sharp }} / whole
            moved.append([x + push * (n - m) for x, n, m in zip(row, seen, expected)])
        logits = moved
    return logits
"""
DESCENT_FOLLOWERS = """\
import math

def descend(logits, documents):
    followers = {a: [] for a in range(len(logits))}
    for d in documents:
        for place in range(1, len(d)):
            followers[d[place - 1]].append(d[place])
    number = {{ "sum(map(len, followers.values()))" if p.over == "mean" else "1" }}
    return [walk(list(row), followers[a], number) for a, row in enumerate(logits)]

def walk(row, followers, number):
    for _ in range({{ p.steps }}):
        norm = math.log(math.fsum(math.exp({{ p.sharp }} * x) for x in row))
        push = [0.0] * len(row)
        for token in followers:
            push[token] += 1
            push = [q - math.exp({{ p.sharp }} * x - norm) for q, x in zip(push, row)]
        row = [x + {{ p.rate }} / number * {{ p.sharp }} * q for x, q in zip(row, push)]
    return row
"""
DESCENT = Exercise(
    id="a-descent-gone-astray",
    skill="surprise-gradient",
    entry="descend",
    draw=descent_draw,
    cases=descent_cases,
    reference=descent,
    misconceptions={
        fault: lambda p, *a, fault=fault: descent_astray(p, *a, fault) for fault in DESCENT_FAULTS
    },
    solutions=(DESCENT_MENDED, DESCENT_COUNTS, DESCENT_FOLLOWERS),
    mutants=(
        Mutant(name="= for +=", find="slopes[before][i] += ", replace="slopes[before][i] = ",
               stands_for="overwrites"),
        Mutant(name="climbs", find="row[i] -=", replace="row[i] +=", stands_for="uphill"),
        Mutant(name="nothing for the hit", find="(1 if i == after else 0)", replace="0",
               stands_for="no-one-hot"),
        Mutant(name="never emptied", stands_for="never-emptied", source=DESCENT_MENDED.replace(
            "        slopes = [[0.0] * size for _ in range(size)]\n", "").replace(
            "    for step", "    slopes = [[0.0] * size for _ in range(size)]\n    for step")),
        Mutant(name="no inner slope", find="{{ p.sharp }} * miss", replace="miss",
               stands_for="sharpness-forgotten"),
        Mutant(name="mean for sum, sum for mean", find='p.over == "mean"',
               replace='p.over != "mean"'),
        Mutant(name="one step too few", of=1, find="range({{ p.steps }})",
               replace="range({{ p.steps }} - 1)"),
        Mutant(name="only the hit moves", find="miss = chances[i] - (1 if i == after else 0)",
               replace="miss = chances[i] - 1 if i == after else 0"),
        Mutant(name="the hit in the wrong column", find="i == after", replace="i == before"),
        Mutant(name="moves after every pair", find="slopes[before][i] += ",
               replace="table[before][i] -= {{ p.rate }} * "),
    ),
)  # fmt: skip


# ---- Transfer: the ratings of runners -----------------------------------------------------------
def race_draw(rng):
    return {
        "scale": rng.choice([2, 4, 5, 10, 20]),
        "rate": rng.randint(3, 40) / 2,
        "over": rng.choice(["mean", "sum"]),
        "winner": rng.choice(["first", "last"]),
        "pull": rng.randint(1, 30) / 1000,
    }


def race_cases(rng, p):
    cases = [[[3.0, 1.0], [[0, 1]]]]
    for size in (3, 4, 5, 7):
        ratings = [round(rng.gauss(0, 2 * p["scale"]), 2) for _ in range(size)]
        races = [rng.sample(range(size), rng.randint(2, size - 1)) for _ in range(size + 1)]
        cases.append([ratings, races])
    return cases


def race(p, ratings, races):
    gpt = subject.load()
    runners, told = [gpt.Value(r) for r in ratings], []
    for entrants in races:
        chances = gpt.softmax([runners[i] * (1 / p["scale"]) for i in entrants])
        told.append(chances[0 if p["winner"] == "first" else -1].log() * -1)
    loss = sum(told) * (1 / len(told) if p["over"] == "mean" else 1)
    loss += sum(r**2 for r in runners) * p["pull"]
    loss.backward()
    return [r.data - p["rate"] * r.grad for r in runners]


def race_astray(p, ratings, races, *, all_run=False, scaled=True, loser=True, sign=-1, twice=2):
    slopes = [twice * p["pull"] * r for r in ratings]
    for entrants in races:
        field = range(len(ratings)) if all_run else entrants
        exps = {i: math.exp(ratings[i] / p["scale"]) for i in field}
        best = entrants[0] if p["winner"] == "first" else entrants[-1]
        for i in field:
            push = exps[i] / sum(exps.values()) - (i == best)
            push /= len(races) if p["over"] == "mean" else 1
            slopes[i] += push / (p["scale"] if scaled else 1) if loser or i == best else 0
    return [r + sign * p["rate"] * s for r, s in zip(ratings, slopes, strict=True)]


RACE_LOOPS = """\
import math

def updated(ratings, races):
    slopes = [2 * {{ p.pull }} * rating for rating in ratings]
    for race in races:
        exps = [math.exp(ratings[runner] / {{ p.scale }}) for runner in race]
        winner = race[{{ "0" if p.winner == "first" else "-1" }}]
        for runner, e in zip(race, exps):
            miss = e / sum(exps)
            if runner == winner:
                miss -= 1
            slopes[runner] += miss / {{ p.scale }}{{ " / len(races)" if p.over == "mean" else "" }}
    return [rating - {{ p.rate }} * slope for rating, slope in zip(ratings, slopes)]
"""
RACE_EXPECTED = """\
from math import exp

def updated(ratings, races):
    wins, expected = [0] * len(ratings), [0.0] * len(ratings)
    for race in races:
        {% if p.winner == "last" %}
        race = race[::-1]
        {% endif %}
        wins[race[0]] += 1
        for i in race:
            expected[i] += 1 / sum(exp((ratings[j] - ratings[i]) / {{ p.scale }}) for j in race)
    k = {{ p.rate }} / {{ p.scale }}{{ " / len(races)" if p.over == "mean" else "" }}
    fade = 1 - 2 * {{ p.rate }} * {{ p.pull }}
    return [fade * r + k * (w - e) for r, w, e in zip(ratings, wins, expected)]
"""
RACE_NUDGED = """\
import math

def loss(ratings, races):
    told = []
    for race in races:
        best = ratings[race[{{ "0" if p.winner == "first" else "-1" }}]]
        told.append(math.log(sum(math.exp((ratings[i] - best) / {{ p.scale }}) for i in race)))
    share = {{ "len(told)" if p.over == "mean" else "1" }}
    return sum(told) / share + {{ p.pull }} * sum(r * r for r in ratings)

def updated(ratings, races):
    moved, h = [], 1e-4
    for i, r in enumerate(ratings):
        up, down = ratings[:i] + [r + h] + ratings[i + 1:], ratings[:i] + [r - h] + ratings[i + 1:]
        moved.append(r - {{ p.rate }} * (loss(up, races) - loss(down, races)) / 2 / h)
    return moved
"""
RACE = Exercise(
    id="the-ratings-of-runners",
    skill="surprise-gradient",
    entry="updated",
    draw=race_draw,
    cases=race_cases,
    reference=race,
    misconceptions={
        "everyone-in-every-race": lambda p, *a: race_astray(p, *a, all_run=True),
        "sharpness-forgotten": lambda p, *a: race_astray(p, *a, scaled=False),
        "only-the-hit-moves": lambda p, *a: race_astray(p, *a, loser=False),
        "uphill": lambda p, *a: race_astray(p, *a, sign=1),
        "square-without-its-two": lambda p, *a: race_astray(p, *a, twice=1),
    },
    solutions=(RACE_LOOPS, RACE_EXPECTED, RACE_NUDGED),
    mutants=(
        Mutant(name="everybody runs", stands_for="everyone-in-every-race", source=RACE_LOOPS
               .replace("for runner in race]", "for runner in range(len(ratings))]")
               .replace("zip(race, exps)", "zip(range(len(ratings)), exps)")),
        Mutant(name="the scale forgotten", find="miss / {{ p.scale }}", replace="miss",
               stands_for="sharpness-forgotten"),
        Mutant(name="losers keep their rating", find="                miss -= 1\n",
               replace="                miss -= 1\n            else:\n                miss = 0\n",
               stands_for="only-the-hit-moves"),
        Mutant(name="climbs", find="rating - {{ p.rate }}", replace="rating + {{ p.rate }}",
               stands_for="uphill"),
        Mutant(name="half a pull", of=1, find="1 - 2 * {{ p.rate }}", replace="1 - {{ p.rate }}",
               stands_for="square-without-its-two"),
        Mutant(name="no pull", find="2 * {{ p.pull }} * rating for", replace="0.0 for"),
        Mutant(name="the other end wins", of=1, find='p.winner == "last"',
               replace='p.winner == "first"'),
        Mutant(name="mean for sum, sum for mean", find='p.over == "mean"',
               replace='p.over != "mean"'),
        Mutant(name="ratings move during the races", source=RACE_LOOPS.replace(
            "slopes[runner] += miss / {{ p.scale }}",
            "ratings[runner] -= {{ p.rate }} * miss / {{ p.scale }}")),
        Mutant(name="the loser is rewarded", find="if runner == winner:",
               replace="if runner != winner:"),
        Mutant(name="= for +=", find="slopes[runner] +=", replace="slopes[runner] ="),
    ),
)  # fmt: skip

EXERCISES = [NUDGE, DIFFERENCE, CHAIN, DESCENT, RACE]
