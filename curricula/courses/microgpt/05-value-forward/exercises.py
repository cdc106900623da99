"""Value, forwards: what it remembers, new operations, a class of one's own, readings with doubt."""

import math

from curricula import subject
from curricula.exercise import Exercise, Mutant


# ---- Shared: operations, by the taught file and by hand -----------------------------------------
def composed(op, x, y=None, k=0.0):
    """An operation made of those that the taught file has; x or y may be a plain number."""
    value = subject.load().Value
    x = x if isinstance(x, value) else value(x)
    y = y if isinstance(y, value) or op == "**" else value(0.0 if y is None else y)
    match op:
        case "+":
            return sum([x, y])
        case "-":
            return x + y * -1
        case "*":
            return x * y
        case "/":
            return x * y**-1
        case "**":
            return x**y
        case "exp":
            return x.exp()
        case "log":
            return x.log()
        case "relu":
            return x.relu()
        case "root":
            return x**0.5
        case "tanh":
            return ((x * 2).exp() + 1) ** -1 * -2 + 1
        case "squash":
            return ((x * -1).exp() + 1) ** -1
        case "softplus":
            return (x.exp() + 1).log()
        case "larger":
            return (x + y * -1).relu() + y
        case "leaky":
            return x.relu() + (x * -1).relu() * -k
    raise ValueError(op)


def local(op, x, y, k=0.0):
    """(result, slopes) of one operation on plain numbers, from the book."""
    e = math.exp(-x) if op == "squash" else 0.0
    table = {
        "+": lambda: (x + y, [1, 1]),
        "-": lambda: (x - y, [1, -1]),
        "*": lambda: (x * y, [y, x]),
        "/": lambda: (x / y, [1 / y, -x / y / y]),
        "**": lambda: (x**y, [y * x ** (y - 1)]),
        "exp": lambda: (math.exp(x), [math.exp(x)]),
        "log": lambda: (math.log(x), [1 / x]),
        "relu": lambda: (max(0.0, x), [1.0 * (x > 0)]),
        "root": lambda: (math.sqrt(x), [0.5 / math.sqrt(x)]),
        "tanh": lambda: (math.tanh(x), [math.cosh(x) ** -2]),
        "squash": lambda: (1 / (1 + e), [e / (1 + e) ** 2]),
        "softplus": lambda: (math.log(1 + math.exp(x)), [1 / (1 + math.exp(-x))]),
        "larger": lambda: (max(x, y), [1.0 * (x > y), 1.0 * (x <= y)]),
        "leaky": lambda: (x if x > 0 else k * x, [1 if x > 0 else k]),
    }
    return table[op]()


# Sums over all paths from the end to each start, along what the learner's objects remember.
PATHS = """\
def paths(end, starts, parents, slopes):
    order, seen, stack = [], set(), [(end, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(parent, False) for parent in getattr(node, parents)]
    arrived = {id(node): 0.0 for node in order}
    arrived[id(end)] = 1.0
    for node in reversed(order):
        for parent, slope in zip(getattr(node, parents), getattr(node, slopes)):
            arrived[id(parent)] += slope * arrived[id(node)]
    return [arrived.get(id(start), 0.0) for start in starts]
"""


# ---- Predict: what does it remember? ------------------------------------------------------------
def recall_draw(rng):
    while True:
        a, b = rng.sample([-4, -3, -2, 2, 3, 4, 5, 6], 2)
        lines, names = [["c", "*", "a", "b"]], "abc"
        kinds = rng.sample(["number", "share", rng.choice(["power", "relu"])], 3)
        for name, kind in zip("def", kinds, strict=True):
            before = names[-1]
            other = rng.choice(names[:-1])
            lines.append(
                {
                    "number": [name, rng.choice("+*"), before, rng.randint(2, 9)],
                    "share": [name, rng.choice("+*"), before, other],
                    "power": [name, "**", before, rng.choice([2, 3])],
                    "relu": [name, "relu", before, 0],
                }[kind]
            )
            names += name
        lines.append(["g", "sum", "f", rng.choice("abc")])
        p = {"a": a, "b": b, "lines": [[*line, as_text(*line)] for line in lines]}
        rows = recall(p)[:-1]
        zeros = sum(row[0] == 0 for row in rows)
        twins = any(line[1] == "*" and line[2] == line[3] for line in lines)
        if all(abs(row[0]) < 3000 for row in rows) and zeros < 2 and not twins:
            return p


def as_text(name, op, x, y):
    right = {"sum": f"sum([{x}, {y}])", "relu": f"{x}.relu()"}.get(op, f"{x} {op} {y}")
    return f"{name} = {right}"


def recall(p):
    """With the taught file's own class: a row for each line, and how many objects there are."""
    made = {name: subject.load().Value(float(p[name])) for name in "ab"}
    rows = []
    for name, *_, text in p["lines"]:
        made[name] = eval(text.partition("=")[2].strip(), {}, made)
        rows.append([made[name].data, *made[name].slopes])
    found, stack = set(), [made["g"]]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += node.parents
    return [*rows, [len(found)]]


def recall_crossed(p):
    data, rows = {"a": p["a"], "b": p["b"]}, recall(p)
    for row, (name, op, x, y, _) in zip(rows, p["lines"], strict=False):
        if op == "*":
            row[1:] = [data[x], data.get(y, y)]
        data[name] = row[0]
    return rows


def recall_miscounted(p, count):
    return [*recall(p)[:-1], [count]]


def uses(p):
    """The objects, if each use of a name were an object of its own."""
    size = {"a": 1, "b": 1}
    for name, op, x, y, _ in p["lines"]:
        second = 0 if op in ("**", "relu") else size.get(y, 1)
        size[name] = 1 + size[x] + second + 2 * (op == "sum")
    return size["g"]


RECALL_CLASS = """\
made = []

class V:
    def __init__(self, data, slopes=()):
        self.data, self.slopes = data, slopes
        made.append(self)

    def __add__(self, other):
        other = other if isinstance(other, V) else V(other)
        return V(self.data + other.data, (1, 1))

    __radd__ = __add__

    def __mul__(self, other):
        other = other if isinstance(other, V) else V(other)
        return V(self.data * other.data, (other.data, self.data))

    def __pow__(self, n):
        return V(self.data ** n, (n * self.data ** (n - 1),))

    def relu(self):
        return V(max(0, self.data), (int(self.data > 0),))

a, b = V({{ p.a }}), V({{ p.b }})
{% for line in p.lines %}
{{ line[4] }}
{% endfor %}
answer = [[x.data, *x.slopes] for x in ({{ p.lines | map("first") | join(", ") }})]
answer.append([len(made)])
"""
RECALL_TABLE = """\
at, answer, objects = {"a": {{ p.a }}, "b": {{ p.b }}}, [], 2
for name, op, x, y, text in {{ p.lines }}:
    u, v = at[x], at.get(y, y)
    if op == "**":
        row = [u ** v, v * u ** (v - 1)]
    elif op == "relu":
        row = [u, 1] if u > 0 else [0, 0]
    elif op == "*":
        row = [u * v, v, u]
    else:
        row = [u + v, 1, 1]
    objects += 1
    if op in "+*" and y not in at:
        objects += 1
    if op == "sum":
        objects += 2
    at[name] = row[0]
    answer.append(row)
answer.append([objects])
"""
RECALL_NUDGED = """\
import re
at, answer = {"a": {{ p.a }}, "b": {{ p.b }}}, []
number = 2
for line in {{ p.lines | map("last") | list }}:
    name, text = line.split(" = ")
    text = re.sub(r"(\\w)\\.relu..", r"max(0, \\1)", text)
    f = lambda **moved: eval(text, {}, {**at, **moved})
    row = [f()]
    for used in re.findall(r"\\b[a-g]\\b", text):
        h = 1e-3
        row.append((f(**{used: at[used] + h}) - f(**{used: at[used] - h})) / (2 * h))
    digits = re.findall(r"[+*] (\\d)", text)
    if digits and "**" not in text:
        row.append(at[text[0]] if "*" in text else 1)
        number += 1
    number += 3 if "sum" in text else 1
    at[name] = row[0]
    answer.append([round(x) for x in row])
answer += [[number]]
"""
RECALL = Exercise(
    id="what-does-it-remember",
    skill="read-a-graph",
    entry="answer",
    draw=recall_draw,
    cases=lambda rng, p: [[]],
    reference=recall,
    misconceptions={
        "slopes-crossed": recall_crossed,
        "numbers-are-no-values": lambda p: recall_miscounted(
            p, 2 + len(p["lines"]) + 1
        ),
        "every-use-is-a-copy": lambda p: recall_miscounted(p, uses(p)),
        "only-what-has-a-name": lambda p: recall_miscounted(p, 2 + len(p["lines"])),
    },
    solutions=(RECALL_CLASS, RECALL_TABLE, RECALL_NUDGED),
    mutants=(
        Mutant(name="slopes crossed", find="(other.data, self.data)",
               replace="(self.data, other.data)", stands_for="slopes-crossed"),
        Mutant(name="plain numbers not counted", stands_for="numbers-are-no-values",
               find="answer.append([len(made)])",
               replace="answer.append([len([v for v in made if v.slopes]) + 2])"),
        Mutant(name="only the names counted", of=1, find="answer.append([objects])",
               replace="answer.append([len(at)])", stands_for="only-what-has-a-name"),
        Mutant(name="every use a copy", stands_for="every-use-is-a-copy", source="\n".join([
            RECALL_CLASS.rpartition("answer.append")[0],
            "t = {'a': 1, 'b': 1, '': 0}",
            "for name, op, x, y, text in {{ p.lines }}:",
            "    y = '' if op in ('**', 'relu') else y",
            "    t[name] = 1 + t[x] + (t[y] if y in t else 1) + (2 if op == 'sum' else 0)",
            "answer.append([t['g']])", ""])),
        Mutant(name="slope of a sum is what came in", find="(1, 1)",
               replace="(self.data, other.data)"),
        Mutant(name="no slopes kept", find="[x.data, *x.slopes]", replace="[x.data]"),
        Mutant(name="the slope of the last line asked", of=1, find="row = [u * v, v, u]",
               replace="row = [u * v, 1, 1]"),
        Mutant(name="one slope for a product", of=1, find="row = [u * v, v, u]",
               replace="row = [u * v, u + v]"),
        Mutant(name="one object too many", of=2, find="[[number]]", replace="[[number + 1]]"),
    ),
)  # fmt: skip


# ---- Faded: three operations it lacks -----------------------------------------------------------
TWO = ("minus", "over", "larger")
OF = {"minus": "-", "over": "/"}  # the names of this exercise for what `local` calls by a sign
LACKING_DRIVER = (
    PATHS
    + """
def drive(entry, op, x, y):
    a, b = entry(x), entry(y)
    out = getattr(a, op)(b) if op in ("minus", "over", "larger") else getattr(a, op)()
    return [out.data, *paths(out, [a, b], "parents", "slopes")]
"""
)


def lacking_draw(rng):
    ops = [rng.choice(TWO), *rng.sample(["tanh", "squash", "root", "leaky", "softplus"], 2)]
    return {"ops": ops, "k": rng.randint(1, 40) / 100}


def lacking_cases(rng, p):
    cases = []
    for op in p["ops"]:
        pairs = [[0.5, 2.0], [2.0, 0.5]]
        pairs += [[rng.uniform(-2.5, 2.5), rng.uniform(-2.5, 2.5)] for _ in range(4)]
        for x, y in pairs:
            x = abs(x) + 0.05 if op == "root" else x
            cases.append([op, round(x, 3), round(y, 3) or 1.0])
    return cases


def lacking(p, op, x, y):
    value = subject.load().Value
    a, b = value(x), value(y)
    out = composed(OF.get(op, op), a, b, p["k"])
    out.backward()
    return [out.data, a.grad, b.grad]


def lacking_astray(p, op, x, y, belief):
    out, slopes = local(OF.get(op, op), x, y, p["k"])
    slopes = [*slopes, 0.0][:2]
    if belief == "second-like-the-first" and op in TWO:
        slopes[1] = {"minus": 1, "over": 1 / y, "larger": 1 * (x > y)}[op]
    if belief == "slope-is-the-result" and op not in TWO:
        slopes = [out, 0.0]
    if belief == "no-slopes":
        slopes = [0.0, 0.0]
    return [out, *slopes]


LACKING_HEAD = """\
import math

class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data, self.parents, self.slopes = data, parents, slopes

"""
LACKING_BOOK = (
    LACKING_HEAD
    + """\
    def minus(self, other):
        return Value(self.data - other.data, (self, other), (1.0, -1.0))

    def over(self, other):
        a, b = self.data, other.data
        return Value(a / b, (self, other), (1 / b, -a / b ** 2))

    def larger(self, other):
        first = float(self.data > other.data)
        return Value(max(self.data, other.data), (self, other), (first, 1 - first))

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, (self,), (1 - t ** 2,))

    def squash(self):
        s = 1 / (1 + math.exp(-self.data))
        return Value(s, (self,), (s * (1 - s),))

    def root(self):
        r = math.sqrt(self.data)
        return Value(r, (self,), (1 / (2 * r),))

    def leaky(self):
        rate = 1.0 if self.data > 0 else {{ p.k }}
        return Value(rate * self.data, (self,), (rate,))

    def softplus(self):
        return Value(math.log1p(math.exp(self.data)), (self,), (1 / (1 + math.exp(-self.data)),))
"""
)
LACKING_COMPOSED = (
    LACKING_HEAD
    + """\
    def plus(self, other):
        return Value(self.data + other.data, (self, other), (1, 1))

    def times(self, other):
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def power(self, n):
        return Value(self.data ** n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        e = math.exp(self.data)
        return Value(e, (self,), (e,))

    def minus(self, other):
        return self.plus(other.times(Value(-1)))

    def over(self, other):
        return self.times(other.power(-1))

    def larger(self, other):
        gap = self.minus(other)
        return other.plus(gap.times(Value(int(gap.data > 0))))

    def root(self):
        return self.power(0.5)

    def squash(self):
        return self.times(Value(-1)).exp().plus(Value(1)).power(-1)

    def tanh(self):
        return self.plus(self).squash().times(Value(2)).plus(Value(-1))

    def leaky(self):
        return self.times(Value(1 if self.data > 0 else {{ p.k }}))

    def softplus(self):
        inner = self.exp().plus(Value(1))
        return Value(math.log(inner.data), [inner], [1 / inner.data])
"""
)
LACKING_NUDGED = (
    LACKING_HEAD
    + """\
    def made(self, f, *others):
        at, slopes, h = [v.data for v in (self, *others)], [], 1e-6
        for i in range(len(at)):
            up, down = list(at), list(at)
            up[i] += h
            down[i] -= h
            slopes.append((f(*up) - f(*down)) / (2 * h))
        return Value(f(*at), (self, *others), slopes)

    def minus(self, other):
        return self.made(lambda a, b: a - b, other)

    def over(self, other):
        return self.made(lambda a, b: a / b, other)

    def larger(self, other):
        return self.made(max, other)

    def tanh(self):
        return self.made(math.tanh)

    def squash(self):
        return self.made(lambda a: 1 / (1 + math.exp(-a)))

    def root(self):
        return self.made(math.sqrt)

    def leaky(self):
        return self.made(lambda a: max(a, {{ p.k }} * a))

    def softplus(self):
        return self.made(lambda a: math.log(1 + math.exp(a)))
"""
)


def _without(source, *changes):
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


LACKING = Exercise(
    id="three-it-lacks",
    skill="give-it-an-operation",
    entry="Value",
    draw=lacking_draw,
    cases=lacking_cases,
    reference=lacking,
    driver=LACKING_DRIVER,
    tolerance=1e-6,
    misconceptions={
        belief: lambda p, *a, belief=belief: lacking_astray(p, *a, belief)
        for belief in ("second-like-the-first", "slope-is-the-result", "no-slopes")
    },
    solutions=(LACKING_BOOK, LACKING_COMPOSED, LACKING_NUDGED),
    mutants=(
        Mutant(name="the second like the first", stands_for="second-like-the-first",
               source=_without(LACKING_BOOK, ("(1.0, -1.0)", "(1.0, 1.0)"),
                               ("-a / b ** 2", "1 / b"), ("1 - first", "first"))),
        Mutant(name="the result as its own slope", stands_for="slope-is-the-result",
               source=_without(LACKING_BOOK, ("(1 - t ** 2,)", "(t,)"), ("(s * (1 - s),)", "(s,)"),
                               ("(1 / (2 * r),)", "(r,)"), ("(rate,)", "(rate * self.data,)"),
                               ("(1 / (1 + math.exp(-self.data)),)",
                                "(math.log1p(math.exp(self.data)),)"))),
        Mutant(name="no slopes", stands_for="no-slopes",
               source=LACKING_BOOK.replace("data, parents, slopes\n", "data, parents, ()\n")),
        Mutant(name="no parents", find="= data, parents, slopes", replace="= data, (), slopes"),
        Mutant(name="every slope is one", of=2, find="slopes.append((f(*up) - f(*down)) / (2 * h))",
               replace="slopes.append(1.0)"),
        Mutant(name="both moved at once", of=2, find="up[i] += h\n            down[i] -= h",
               replace="up = [x + h for x in at]\n            down = [x - h for x in at]"),
        Mutant(name="divided by half the distance", of=2, find="/ (2 * h)", replace="/ h"),
        Mutant(name="downhill", of=2, find="(f(*up) - f(*down))", replace="(f(*down) - f(*up))"),
        Mutant(name="parents the wrong way round", source=LACKING_BOOK.replace(
            "(self, other), ", "(other, self), ").replace("(self,), ", "(Value(0.0), self), ")),
    ),
)  # fmt: skip


# ---- Write: a number with a memory --------------------------------------------------------------
NUMBER_DRIVER = (
    "import operator\n\n"
    + PATHS
    + """
OPS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
       "**": operator.pow}

def drive(entry, parents, slopes, starts, steps):
    made = [entry(x) for x in starts]
    for op, *operands in steps:
        given = [made[n] if isinstance(n, int) else n[0] for n in operands]
        made.append(OPS[op](*given) if op in OPS else getattr(given[0], op)())
    return [made[-1].data, *paths(made[-1], made[: len(starts)], parents, slopes)]
"""
)


def number_draw(rng):
    return {
        "parents": rng.choice(["made_from", "inputs", "sources", "origins"]),
        "slopes": rng.choice(["rates", "local", "ratios", "gears"]),
        "sign": rng.choice("-/"),
        "functions": sorted(["log", *rng.sample(["exp", "relu", "tanh"], 2)]),
    }


def grown(rng, ops, functions, starts, length):
    """Steps that stay in range: each uses what was made, often twice; a plain number is a list."""
    data, steps = [*starts], []
    while len(steps) < length:
        i = rng.choice([len(data) - 1, rng.randrange(len(data))])
        op = rng.choice([*ops, *functions])
        if op in functions:
            operands = [i]
        elif op == "**":
            operands = [i, [rng.choice([2, 3, -1, -2])]]
        else:
            plain = [rng.choice([-3.0, -0.5, 0.5, 2.0, 3.0])]
            other = rng.choice([i, rng.randrange(len(data)), rng.randrange(len(data)), plain])
            operands = [i, other] if rng.random() < 0.6 else [other, i]
        x, y = [data[n] if isinstance(n, int) else n[0] for n in [*operands, [0.0]]][:2]
        if (op == "log" and x < 0.1) or (op == "exp" and x > 2) or (op == "/" and abs(y) < 0.1):
            continue
        if (op == "**" and abs(x) < 0.2) or (op == "relu" and x < 0.01 and rng.random() < 0.8):
            continue
        out = local(op, x, y)[0]
        if 0.01 < abs(out) < 30 or (op == "relu" and x < -0.01):
            data.append(out)
            steps.append([op, *operands])
    return steps


def number_cases(rng, p):
    named = [p["parents"], p["slopes"]]
    ops = ["+", "*", "**", p["sign"]]
    cases = [[*named, [3.0, 2.0], [["*", 0, 1]]], [*named, [3.0], [["*", 0, 0]]]]
    cases += [[*named, [4.0, 0.5], [[op, 0, 1]]] for op in ("+", p["sign"])]
    cases += [[*named, [2.0], [[op, [3.0], 0]]] for op in ("+", "*", p["sign"])]
    cases += [[*named, [1.5], [["**", 0, [n]]]] for n in (3, -2)]
    cases += [[*named, [x], [[f, 0]]] for f in p["functions"] for x in (0.7, 2.0)]
    for size in (3, 5, 8, 12, 12):
        starts = [round(rng.uniform(0.5, 2.0), 2) for _ in range(3)]
        cases.append([*named, starts, grown(rng, ops, p["functions"], starts, size)])
    return cases


def number(p, parents, slopes, starts, steps):
    value = subject.load().Value
    made = [value(x) for x in starts]
    for op, *operands in steps:
        made.append(composed(op, *(made[n] if isinstance(n, int) else n[0] for n in operands)))
    made[-1].backward()
    return [made[-1].data, *(x.grad for x in made[: len(starts)])]


def carried(starts, steps, belief):
    """Forwards, each number with its slopes for all starts; a belief changes an operation's."""
    made = [(x, [float(i == j) for j in range(len(starts))]) for i, x in enumerate(starts)]
    for op, *operands in steps:
        if belief == "left-is-always-a-value" and not isinstance(operands[0], int):
            raise TypeError
        used = [made[n] if isinstance(n, int) else (n[0], [0.0] * len(starts)) for n in operands]
        x, y = used[0][0], used[-1][0]
        out, slopes = local(op, x, y)
        if belief == "slopes-crossed" and op == "*":
            slopes = [x, y]
        if belief == "second-like-the-first" and op in "-/":
            slopes = [slopes[0], slopes[0]]
        if belief == "power-stays" and op == "**":
            slopes = [y * x**y]
        if belief == "twins-are-one" and op != "**" and operands[1:] == operands[:1]:
            slopes = slopes[:1]
        pairs = list(zip(slopes, used, strict=False))
        made.append((out, [sum(s * u[1][j] for s, u in pairs) for j in range(len(starts))]))
    return [made[-1][0], *made[-1][1]]


NUMBER_PLAIN = """\
import math

class Number:
    def __init__(self, data, parents=(), slopes=()):
        self.data = data
        self.{{ p.parents }} = parents
        self.{{ p.slopes }} = slopes

    def __add__(self, other):
        other = wrapped(other)
        return Number(self.data + other.data, (self, other), (1.0, 1.0))

    def __radd__(self, other):
        return self + other

    def __mul__(self, other):
        other = wrapped(other)
        return Number(self.data * other.data, (self, other), (other.data, self.data))

    def __rmul__(self, other):
        return self * other

    {% if p.sign == "-" %}
    def __sub__(self, other):
        other = wrapped(other)
        return Number(self.data - other.data, (self, other), (1.0, -1.0))

    def __rsub__(self, other):
        return wrapped(other) - self
    {% else %}
    def __truediv__(self, other):
        other = wrapped(other)
        a, b = self.data, other.data
        return Number(a / b, (self, other), (1 / b, -a / b ** 2))

    def __rtruediv__(self, other):
        return wrapped(other) / self
    {% endif %}

    def __pow__(self, n):
        return Number(self.data ** n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        return Number(math.exp(self.data), (self,), (math.exp(self.data),))

    def log(self):
        return Number(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):
        return Number(max(0.0, self.data), (self,), (1.0 if self.data > 0 else 0.0,))

    def tanh(self):
        t = math.tanh(self.data)
        return Number(t, (self,), (1 - t * t,))

def wrapped(x):
    return x if isinstance(x, Number) else Number(x)
"""
NUMBER_FEW = """\
from math import exp, log, tanh

def number(x):
    return x if type(x) is Number else Number(x)

class Number:
    __slots__ = "data", "{{ p.parents }}", "{{ p.slopes }}"

    def __init__(self, data, *links):
        self.data = data
        self.{{ p.parents }} = [parent for parent, slope in links]
        self.{{ p.slopes }} = [slope for parent, slope in links]

    def __add__(self, other):
        other = number(other)
        return Number(self.data + other.data, (self, 1), (other, 1))

    def __mul__(self, other):
        other = number(other)
        return Number(self.data * other.data, (self, other.data), (other, self.data))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, n):
        return Number(self.data ** n, (self, n * self.data ** n / self.data))

    def __sub__(self, other):
        return self + -1 * number(other)

    def __rsub__(self, other):
        return other + self * -1

    def __truediv__(self, other):
        return self * number(other) ** -1

    def __rtruediv__(self, other):
        return other * self ** -1

    def exp(self):
        e = exp(self.data)
        return Number(e, (self, e))

    def log(self):
        return Number(log(self.data), (self, 1 / self.data))

    def relu(self):
        return self * (self.data > 0)

    def tanh(self):
        return Number(tanh(self.data), (self, 1 - tanh(self.data) ** 2))
"""
NUMBER_TABLE = """\
import cmath

class Number:
    def __init__(self, data):
        self.data, self.{{ p.parents }}, self.{{ p.slopes }} = data, [], []

def operation(f):
    def do(*operands):
        operands = [x if isinstance(x, Number) else Number(x) for x in operands]
        at = [x.data for x in operands]
        out = Number(f(*at).real)
        for i, x in enumerate(operands):
            moved = [complex(y, 1e-30 if i == j else 0) for j, y in enumerate(at)]
            out.{{ p.parents }}.append(x)
            out.{{ p.slopes }}.append(f(*moved).imag / 1e-30)
        return out
    return do

def power(x, n):
    def f(z):
        out = 1
        for _ in range(abs(n)):
            out = out * z
        return out if n > 0 else 1 / out
    return operation(f)(x)

for name, f in {
    "add": lambda a, b: a + b, "mul": lambda a, b: a * b,
    {% if p.sign == "-" %}
    "sub": lambda a, b: a - b,
    {% else %}
    "truediv": lambda a, b: a / b,
    {% endif %}
}.items():
    op = operation(f)
    setattr(Number, "__" + name + "__", op)
    setattr(Number, "__r" + name + "__", lambda a, b, op=op: op(b, a))
Number.__pow__ = power
Number.exp, Number.log, Number.tanh = map(operation, (cmath.exp, cmath.log, cmath.tanh))
Number.relu = operation(lambda z: z if z.real > 0 else 0 * z)
"""
NUMBER_BELIEFS = (
    *("slopes-crossed", "left-is-always-a-value", "second-like-the-first", "power-stays"),
    "twins-are-one",
)
NUMBER = Exercise(
    id="a-number-with-a-memory",
    skill="give-it-an-operation",
    entry="Number",
    draw=number_draw,
    cases=number_cases,
    reference=number,
    driver=NUMBER_DRIVER,
    tolerance=1e-8,
    misconceptions={
        belief: lambda p, _, __, starts, steps, belief=belief: carried(starts, steps, belief)
        for belief in NUMBER_BELIEFS
    },
    solutions=(NUMBER_PLAIN, NUMBER_FEW, NUMBER_TABLE),
    mutants=(
        Mutant(name="slopes crossed", find="(other.data, self.data)",
               replace="(self.data, other.data)", stands_for="slopes-crossed"),
        Mutant(name="no plain number on the left", stands_for="left-is-always-a-value",
               source=NUMBER_PLAIN.replace("__radd__", "radd").replace("__rmul__", "rmul")
               .replace("__rsub__", "rsub").replace("__rtruediv__", "rtruediv")),
        Mutant(name="the second like the first", stands_for="second-like-the-first",
               source=_without(NUMBER_PLAIN, ("(1.0, -1.0)", "(1.0, 1.0)"),
                               ("-a / b ** 2", "1 / b"))),
        Mutant(name="the power not lowered", find="** (n - 1)", replace="** n",
               stands_for="power-stays"),
        Mutant(name="each parent once", stands_for="twins-are-one",
               find="self.{{ p.parents }} = parents",
               replace="self.{{ p.parents }} = list(dict.fromkeys(parents))"),
        Mutant(name="left and right exchanged",
               source=_without(NUMBER_PLAIN, ("wrapped(other) - self", "self - other"),
                               ("wrapped(other) / self", "self / other"))),
        Mutant(name="the power's factor forgotten", find="(n * self.data", replace="(self.data"),
        Mutant(name="plain numbers not wrapped", find="return x if isinstance(x, Number) else "
               "Number(x)", replace="return x"),
        Mutant(name="data as parents", find="self.{{ p.parents }} = parents",
               replace="self.{{ p.parents }} = [x.data for x in parents]"),
        Mutant(name="the taught names", source=NUMBER_PLAIN.replace("{{ p.parents }}", "parents")
               .replace("{{ p.slopes }}", "slopes")),
        Mutant(name="a sum keeps no parents", of=1, find="(self, 1), (other, 1))",
               replace="(self, 0), (other, 1))"),
    ),
)  # fmt: skip


# ---- Transfer: readings with doubt --------------------------------------------------------------
DOUBT_DRIVER = """\
import operator

OPS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}

def drive(entry, name, starts, steps):
    made = [entry(value, doubt) for value, doubt in starts]
    for op, *operands in steps:
        made.append(OPS[op](*(made[n] if isinstance(n, int) else n[0] for n in operands)))
    return [made[-1].value, getattr(made[-1], name)]
"""


def doubt_draw(rng):
    return {
        "name": rng.choice(["doubt", "margin", "error", "spread"]),
        "rule": rng.choice(["worst", "root"]),
        "given": rng.choice(["half", "whole", "percent"]),
    }


def doubt_cases(rng, p):
    cases = [[[[2.0, 0.1]], [["-", 0, 0]]], [[[2.0, 0.1]], [["*", 0, 0]]]]
    cases += [[[[2.0, 0.1], [5.0, 0.3]], [[op, 0, 1]]] for op in "+-*/"]
    cases += [[[[4.0, 0.2]], [[op, [3.0], 0]]] for op in "+-*/"]
    for size in (3, 5, 7, 7):
        starts = [round(rng.uniform(0.5, 3.0), 2) for _ in range(3)]
        steps = grown(rng, "+-*/", [], starts, size - 1)
        steps = [["-", 0, 1], ["*", 3, 0], *shifted(steps)]
        cases.append([[[x, round(rng.uniform(0.05, 0.6), 2)] for x in starts], steps])
    return [[p["name"], *case] for case in cases]


def shifted(steps):
    """The same steps after two others, the last of which is added in at the end."""
    moved = [
        [op, *(n + 2 if isinstance(n, int) and n > 2 else n for n in rest)] for op, *rest in steps
    ]
    return [*moved, ["+", 4 + len(steps), 4]]


def half_widths(p, starts):
    share = {
        "half": lambda v, d: d,
        "whole": lambda v, d: d / 2,
        "percent": lambda v, d: v * d / 100,
    }
    return [abs(share[p["given"]](v, d)) for v, d in starts]


def doubt(p, name, starts, steps, combine=None):
    value = subject.load().Value
    made = [value(v) for v, _ in starts]
    for op, *operands in steps:
        made.append(composed(op, *(made[n] if isinstance(n, int) else n[0] for n in operands)))
    made[-1].backward()
    moves = [x.grad * w for x, w in zip(made, half_widths(p, starts), strict=False)]
    return [made[-1].data, (combine or combined)(p, moves)]


def combined(p, moves):
    return math.hypot(*moves) if p["rule"] == "root" else sum(map(abs, moves))


def other_rule(p, moves):
    return sum(map(abs, moves)) if p["rule"] == "root" else math.hypot(*moves)


def doubt_by_step(p, name, starts, steps, sloped=True):
    """Every operation takes its operands' doubts as those of readings of their own."""
    made = list(zip([v for v, _ in starts], half_widths(p, starts), strict=True))
    for op, *operands in steps:
        (x, dx), (y, dy) = (made[n] if isinstance(n, int) else (n[0], 0.0) for n in operands)
        out, slopes = local(op, x, y)
        slopes = slopes if sloped else [1, 1]
        made.append((out, combined(p, [slopes[0] * dx, slopes[1] * dy])))
    return list(made[-1])


DOUBT_CARRIED = """\
import math

class Measured:
    def __init__(self, value, given=0.0, slopes=None):
        self.value = value
        {% if p.given == "percent" %}
        given = abs(value) * given / 100
        {% elif p.given == "whole" %}
        given = given / 2
        {% endif %}
        self.slopes = {self: (1.0, given)} if slopes is None else slopes

    @property
    def {{ p.name }}(self):
        moves = [slope * width for slope, width in self.slopes.values()]
        {% if p.rule == "worst" %}
        return sum(abs(move) for move in moves)
        {% else %}
        return math.sqrt(sum(move ** 2 for move in moves))
        {% endif %}

    def made(self, value, other, mine, its):
        slopes = {}
        for source, rate in ((self, mine), (other, its)):
            for reading, (slope, width) in source.slopes.items():
                before = slopes.get(reading, (0.0, width))[0]
                slopes[reading] = (before + rate * slope, width)
        return Measured(value, 0.0, slopes)

    def __add__(self, other):
        other = measured(other)
        return self.made(self.value + other.value, other, 1.0, 1.0)

    def __sub__(self, other):
        other = measured(other)
        return self.made(self.value - other.value, other, 1.0, -1.0)

    def __mul__(self, other):
        other = measured(other)
        return self.made(self.value * other.value, other, other.value, self.value)

    def __truediv__(self, other):
        other = measured(other)
        a, b = self.value, other.value
        return self.made(a / b, other, 1 / b, -a / b ** 2)

    def __radd__(self, other):
        return measured(other) + self

    def __rsub__(self, other):
        return measured(other) - self

    def __rmul__(self, other):
        return measured(other) * self

    def __rtruediv__(self, other):
        return measured(other) / self

def measured(x):
    return x if isinstance(x, Measured) else Measured(x)
"""
DOUBT_WALKED = """\
class Measured:
    def __init__(self, value, width=0, links=()):
        self.value, self.links = value, links
        share = {"half": 1, "whole": 1 / 2, "percent": abs(value) / 100}
        self.width = width * share["{{ p.given }}"]
        self.{{ p.name }} = self.look_back()

    def look_back(self):
        order, seen = [], set()
        def visit(node):
            if id(node) not in seen:
                seen.add(id(node))
                for parent, _ in node.links:
                    visit(parent)
                order.append(node)
        visit(self)
        arrived = {id(self): 1.0}
        total = 0.0
        for node in reversed(order):
            here = arrived[id(node)]
            for parent, slope in node.links:
                arrived[id(parent)] = arrived.get(id(parent), 0.0) + slope * here
            if not node.links:
                total += abs(here * node.width){{ "" if p.rule == "worst" else " ** 2" }}
        return total{{ "" if p.rule == "worst" else " ** 0.5" }}

    def __add__(self, other):
        other = read(other)
        return Measured(self.value + other.value, 0, [(self, 1), (other, 1)])

    def __mul__(self, other):
        other = read(other)
        return Measured(self.value * other.value, 0, [(self, other.value), (other, self.value)])

    __radd__, __rmul__ = __add__, __mul__

    def turned(self):
        return Measured(1 / self.value, 0, [(self, -1 / self.value ** 2)])

    def __sub__(self, other):
        return self + read(other) * -1

    def __rsub__(self, other):
        return self * -1 + other

    def __truediv__(self, other):
        return self * read(other).turned()

    def __rtruediv__(self, other):
        return self.turned() * other

def read(x):
    return x if isinstance(x, Measured) else Measured(x)
"""
DOUBT_REPLAYED = """\
import math
import operator as o

class Measured:
    def __init__(self, value, given=0.0, how=None, readings=None):
        self.value, self.how = value, how
        width = given * {"half": 1, "whole": 0.5, "percent": value / 100}["{{ p.given }}"]
        self.readings = {id(self): (self, width)} if readings is None else readings

    def at(self, moved, h, known):
        if id(self) not in known:
            if self.how is None:
                known[id(self)] = self.value + (h * 1j if self is moved else 0)
            else:
                f, a, b = self.how
                known[id(self)] = f(a.at(moved, h, known), b.at(moved, h, known))
        return known[id(self)]

    @property
    def {{ p.name }}(self):
        moves = []
        for reading, width in self.readings.values():
            moves.append(complex(self.at(reading, 1e-30, {})).imag / 1e-30 * width)
        return {{ "math.fsum(map(abs, moves))" if p.rule == "worst" else "math.hypot(*moves)" }}

def operation(f, turned):
    def do(a, b):
        b = b if isinstance(b, Measured) else Measured(b)
        a, b = (b, a) if turned else (a, b)
        return Measured(f(a.value, b.value), 0.0, (f, a, b), {**a.readings, **b.readings})
    return do

for name in ("add", "sub", "mul", "truediv"):
    for turned in (0, 1):
        setattr(Measured, "__" + "r" * turned + name + "__", operation(getattr(o, name), turned))
"""
DOUBT_STEPWISE = """\
import math

class Measured:
    def __init__(self, value, given=0.0):
        self.value = value
        {% if p.given == "percent" %}
        given = abs(value) * given / 100
        {% elif p.given == "whole" %}
        given = given / 2
        {% endif %}
        self.{{ p.name }} = given

    def made(self, value, other, mine, its):
        a, b = abs(mine) * self.{{ p.name }}, abs(its) * other.{{ p.name }}
        out = Measured(value)
        out.{{ p.name }} = {{ "a + b" if p.rule == "worst" else "math.hypot(a, b)" }}
        return out
""" + DOUBT_CARRIED[DOUBT_CARRIED.index("\n    def __add__"):]  # fmt: skip
DOUBT = Exercise(
    id="readings-with-doubt",
    skill="read-a-graph",
    entry="Measured",
    draw=doubt_draw,
    cases=doubt_cases,
    reference=doubt,
    driver=DOUBT_DRIVER,
    misconceptions={
        "every-use-is-a-copy": doubt_by_step,
        "doubts-simply-add": lambda p, *a: doubt_by_step(p, *a, sloped=False),
        "all-err-the-same-way": lambda p, *a: doubt(p, *a, combine=lambda p, m: abs(sum(m))),
        "the-other-rule": lambda p, *a: doubt(p, *a, combine=other_rule),
    },
    solutions=(DOUBT_CARRIED, DOUBT_WALKED, DOUBT_REPLAYED),
    mutants=(
        Mutant(name="operation by operation", source=DOUBT_STEPWISE,
               stands_for="every-use-is-a-copy"),
        Mutant(name="doubts of operands added", stands_for="doubts-simply-add",
               source=DOUBT_STEPWISE.replace("abs(mine) * ", "").replace("abs(its) * ", "")),
        Mutant(name="moves added with their signs", stands_for="all-err-the-same-way",
               source=_without(DOUBT_CARRIED,
                               ("sum(abs(move) for move in moves)", "abs(sum(moves))"),
                               ("math.sqrt(sum(move ** 2 for move in moves))", "abs(sum(moves))"))),
        Mutant(name="the other rule", find='p.rule == "worst"', replace='p.rule != "worst"',
               stands_for="the-other-rule"),
        Mutant(name="the last use wins", find="before + rate * slope", replace="rate * slope"),
        Mutant(name="no slope of the operation", find="before + rate * slope",
               replace="before + slope"),
        Mutant(name="no minus", find="other, 1.0, -1.0)", replace="other, 1.0, 1.0)"),
        Mutant(name="the given number as it is",
               source=DOUBT_CARRIED.replace("abs(value) * given / 100", "given * 2").replace(
                   "given = given / 2", "given = given").replace(
                   "        self.slopes = {",
                   '        {% if p.given == "half" %}\n        given /= 2\n'
                   "        {% endif %}\n        self.slopes = {")),
        Mutant(name="left and right exchanged", source=DOUBT_CARRIED.replace(
            "measured(other) - self", "self - other").replace(
            "measured(other) / self", "self / other")),
        Mutant(name="each reading has a doubt of one", of=1, find="node.width", replace="1"),
    ),
)  # fmt: skip

EXERCISES = [RECALL, LACKING, NUMBER, DOUBT]
