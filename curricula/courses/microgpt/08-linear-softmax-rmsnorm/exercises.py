"""Rows that ask, shares that sum to 1, sizes that stay: the model's three small tools."""

import math

from curricula import subject
from curricula.exercise import Exercise, Mutant


def values(numbers):
    return [subject.load().Value(number) for number in numbers]


def plain(numbers):
    return [number.data for number in numbers]


def columns(matrix):
    return [list(column) for column in zip(*matrix, strict=True)]


def noise(rng, count, spread=1.5):
    return [round(rng.gauss(0, spread), 2) for _ in range(count)]


# ---- Predict: the three tools on paper ----------------------------------------------------------
def paper_draw(rng):
    while True:
        matrix = [[rng.choice([-1, 0, 1, 1, 2]) for _ in range(3)] for _ in range(3)]
        x = [rng.choice([-3, -2, -1, 1, 2, 3]) for _ in range(3)]
        scores, turned = product(matrix, x), product(columns(matrix), x)
        told = len(set(scores)) > 1 and max(scores) - min(scores) <= 3 and sum(scores) > 0
        if told and sorted(turned) != sorted(scores) and len(set(map(abs, x))) > 1 and sum(x):
            break
    return {"matrix": matrix, "x": x, "base": rng.choice([2, 3, 4]), "push": rng.randint(5, 90)}


def product(matrix, x):
    return [sum(w * n for w, n in zip(row, x, strict=True)) for row in matrix]


def paper(p):
    gpt = subject.load()
    x = values(p["x"])
    scores = gpt.linear([values(row) for row in p["matrix"]], x)
    nats = [score * math.log(p["base"]) for score in scores]
    pushed = [(score + p["push"]) * math.log(p["base"]) for score in scores]
    told = [*scores, *gpt.softmax(nats), *gpt.softmax(pushed), *gpt.rmsnorm(x)]
    return plain(told)


def paper_astray(p, *, matrix=None, base=None, exponential=True, centre=0.0, over=3):
    scores = product(matrix or p["matrix"], p["x"])
    rows = []
    for push in (0, p["push"]):
        parts = [(base or p["base"]) ** s if exponential else s for s in (s + push for s in scores)]
        rows += [part / sum(parts) for part in parts]
    x = [n - centre for n in p["x"]]
    return [*scores, *rows, *(n / math.sqrt(sum(n * n for n in x) / over) for n in x)]


PAPER_LOOPS = """\
matrix = {{ p.matrix }}
x = {{ p.x }}
scores = [sum(w * n for w, n in zip(row, x)) for row in matrix]
parts = [{{ p.base }} ** s for s in scores]
shares = [part / sum(parts) for part in parts]
size = (sum(n * n for n in x) / 3) ** 0.5
answer = scores + shares + shares + [n / size for n in x]
"""
PAPER_RATIOS = """\
import math
a, b, c = {{ p.x }}
scores = [row[0] * a + row[1] * b + row[2] * c for row in {{ p.matrix }}]
answer = list(scores)
for again in range(2):
    for mine in scores:
        answer.append(1 / sum({{ p.base }} ** (other - mine) for other in scores))
for n in (a, b, c):
    answer.append(n * math.sqrt(3) / math.hypot(a, b, c))
"""
PAPER_ROUNDED = """\
from math import exp, log
x = {{ p.x }}
scores = []
for row in {{ p.matrix }}:
    total = 0
    for i in range(3):
        total += row[i] * x[i]
    scores.append(total)
answer = scores[:]
for push in (0, {{ p.push }}):
    weights = [exp(log({{ p.base }}) * (s + push)) for s in scores]
    answer += [round(w / sum(weights), 3) for w in weights]
scale = ((x[0] ** 2 + x[1] ** 2 + x[2] ** 2) / 3) ** -0.5
answer += [round(n * scale, 3) for n in x]
"""
PAPER = Exercise(
    id="three-tools-on-paper",
    skill="linear-and-size",
    entry="answer",
    draw=paper_draw,
    cases=lambda rng, p: [[]],
    reference=paper,
    tolerance=2e-3,
    misconceptions={
        "columns-are-outputs": lambda p: paper_astray(p, matrix=columns(p["matrix"])),
        "shares-of-scores": lambda p: paper_astray(p, exponential=False),
        "other-base": lambda p: paper_astray(p, base=math.e),
        "mean-taken-off": lambda p: paper_astray(p, centre=sum(p["x"]) / 3),
        "sum-for-mean": lambda p: paper_astray(p, over=1),
    },
    solutions=(PAPER_LOOPS, PAPER_RATIOS, PAPER_ROUNDED),
    mutants=(
        Mutant(name="a column for each output", find="for row in matrix]",
               replace="for row in zip(*matrix)]", stands_for="columns-are-outputs"),
        Mutant(name="scores shared out as they are", stands_for="shares-of-scores",
               source=PAPER_ROUNDED.replace("exp(log({{ p.base }}) * (s + push))", "s + push")),
        Mutant(name="base e", of=1, find="{{ p.base }} ** (", replace="math.e ** (",
               stands_for="other-base"),
        Mutant(name="the mean taken off", find="size =",
               replace="x = [n - sum(x) / 3 for n in x]\nsize =", stands_for="mean-taken-off"),
        Mutant(name="the length for the size", of=1, find=" * math.sqrt(3)", replace="",
               stands_for="sum-for-mean"),
        Mutant(name="the norm of the scores", find="[n / size for n in x]",
               replace="[n / size for n in scores]"),
        Mutant(name="the push counts", find="+ shares + [",
               replace="+ [s + {{ p.push }} for s in shares] + ["),
        Mutant(name="the push once more", find="+ shares + [",
               replace="+ [s / (1 + {{ p.push }}) for s in shares] + ["),
        Mutant(name="no root", find="** 0.5", replace=""),
        Mutant(name="shares not shared", find="[part / sum(parts) for part in parts]",
               replace="parts"),
    ),
)  # fmt: skip


# ---- Faded: measure, divide, gain, ask ----------------------------------------------------------
def layer_draw(rng):
    return {
        "layout": rng.choice(["output", "input"]),
        "size": rng.choice(["rms", "mean", "largest"]),
        "eps": rng.randint(5, 60) / 100,
        "gain": rng.choice(["gain", "1 + gain"]),
    }


def layer_cases(rng, p):
    cases = [[[[2.0, 1.0], [0.5, -3.0]], [0.0, 1.0], [1.0, 0.5], [3.0, -1.0]]]
    for inputs, outputs in ((3, 3), (2, 4), (4, 2), (5, 5), (3, 1)):
        rows, width = (outputs, inputs) if p["layout"] == "output" else (inputs, outputs)
        matrix = [noise(rng, width) for _ in range(rows)]
        x = noise(rng, inputs, 3)
        cases.append([matrix, noise(rng, outputs), noise(rng, inputs), x])
    return cases


def layer(p, matrix, bias, gain, x):
    gpt = subject.load()
    matrix = matrix if p["layout"] == "output" else columns(matrix)
    x = values(x)
    if p["size"] == "rms":
        size = (gpt.dot(x, x) * (1 / len(x))) ** 0.5
    else:
        sizes = [abs(n.data) for n in x]
        size = gpt.Value(max(sizes) if p["size"] == "largest" else sum(sizes) / len(x))
    scale = (size + p["eps"]) ** -1
    extra = 1 if p["gain"] == "1 + gain" else 0
    x = [n * scale * (g + extra) for n, g in zip(x, gain, strict=True)]
    told = gpt.linear([values(row) for row in matrix], x)
    return plain([y + b for y, b in zip(told, bias, strict=True)])


def layer_astray(p, matrix, bias, gain, x, *, turn=False, eps=None, early=False, centre=False,
                 total=False, biased=True):  # fmt: skip
    turn ^= p["layout"] == "input"
    rows = list(zip(*matrix, strict=False)) if turn else matrix
    gain = [g + (p["gain"] == "1 + gain") for g in gain]
    mean = sum(x) / len(x) if centre else 0
    x = [n - mean for n in x]
    if early:
        x = [n * g for n, g in zip(x, gain, strict=True)]
    count = 1 if total else len(x)
    size = {
        "rms": math.sqrt(sum(n * n for n in x) / count),
        "mean": sum(map(abs, x)) / count,
        "largest": max(map(abs, x)),
    }[p["size"]]
    x = [n / (size + (p["eps"] if eps is None else eps)) for n in x]
    if not early:
        x = [n * g for n, g in zip(x, gain, strict=True)]
    told = [sum(w * n for w, n in zip(row, x, strict=False)) for row in rows]
    return [y + b * biased for y, b in zip(told, bias, strict=False)]


LAYER_SIZE = """\
    {% if p.size == "rms" %}
    size = (sum(n * n for n in x) / len(x)) ** 0.5
    {% elif p.size == "mean" %}
    size = sum(abs(n) for n in x) / len(x)
    {% else %}
    size = max(abs(n) for n in x)
    {% endif %}
"""
LAYER_FILLED = (
    "def layer(matrix, bias, gain, x):\n"
    + LAYER_SIZE
    + """\
    x = [n / (size + {{ p.eps }}) for n in x]
    x = [n * ({{ p.gain.replace("gain", "g") }}) for n, g in zip(x, gain)]
    {% if p.layout == "output" %}
    rows = matrix
    {% else %}
    rows = list(zip(*matrix))
    {% endif %}
    asked = [sum(w * n for w, n in zip(row, x)) for row in rows]
    return [y + b for y, b in zip(asked, bias)]
"""
)
LAYER_POURED = """\
import math

def layer(matrix, bias, gain, x):
    magnitudes = [abs(n) for n in x]
    {% if p.size == "rms" %}
    size = math.hypot(*x) / math.sqrt(len(x))
    {% elif p.size == "mean" %}
    size = math.fsum(magnitudes) / len(x)
    {% else %}
    size = sorted(magnitudes)[-1]
    {% endif %}
    told = list(bias)
    for i, n in enumerate(x):
        gain_of_i = {{ p.gain.replace("gain", "gain[i]") }}
        for o in range(len(bias)):
            weight = matrix{{ "[o][i]" if p.layout == "output" else "[i][o]" }}
            told[o] += weight * gain_of_i * n / (size + {{ p.eps }})
    return told
"""
LAYER_FOLDED = (
    "def layer(matrix, bias, gain, x):\n"
    + LAYER_SIZE
    + """\
    gain = [{{ p.gain.replace("gain", "g") }} for g in gain]
    told = []
    for o, shift in enumerate(bias):
        {% if p.layout == "output" %}
        question = matrix[o]
        {% else %}
        question = [row[o] for row in matrix]
        {% endif %}
        total = 0.0
        for weight, g, n in zip(question, gain, x):
            total += weight * g * n
        told.append(total / (size + {{ p.eps }}) + shift)
    return told
"""
)
LAYER = Exercise(
    id="a-layer-with-gain-and-bias",
    skill="linear-and-size",
    entry="layer",
    draw=layer_draw,
    cases=layer_cases,
    reference=layer,
    misconceptions={
        "columns-are-outputs": lambda p, *a: layer_astray(p, *a, turn=True),
        "eps-forgotten": lambda p, *a: layer_astray(p, *a, eps=0),
        "gain-before-size": lambda p, *a: layer_astray(p, *a, early=True),
        "mean-taken-off": lambda p, *a: layer_astray(p, *a, centre=True),
        "sum-for-mean": lambda p, *a: layer_astray(p, *a, total=True),
        "bias-forgotten": lambda p, *a: layer_astray(p, *a, biased=False),
    },
    solutions=(LAYER_FILLED, LAYER_POURED, LAYER_FOLDED),
    mutants=(
        Mutant(name="the other layout", find='p.layout == "output"', replace='p.layout == "input"',
               stands_for="columns-are-outputs"),
        Mutant(name="no eps", find="(size + {{ p.eps }})", replace="size",
               stands_for="eps-forgotten"),
        Mutant(name="measured after the gain", stands_for="gain-before-size",
               source=LAYER_FILLED.replace("    x = [n * ({{ p.gain.replace(\"gain\", \"g\") }}) "
                                           "for n, g in zip(x, gain)]\n", "")
               .replace("x):\n", "x):\n    x = [n * ({{ p.gain.replace(\"gain\", \"g\") }}) "
                        "for n, g in zip(x, gain)]\n")),
        Mutant(name="the mean taken off", stands_for="mean-taken-off",
               source=LAYER_FILLED.replace("x):\n",
                                           "x):\n    x = [n - sum(x) / len(x) for n in x]\n")),
        Mutant(name="no bias", find="[y + b for y, b in zip(asked, bias)]", replace="asked",
               stands_for="bias-forgotten"),
        Mutant(name="eps in the wrong place", find="n / (size + {{ p.eps }})",
               replace="n / size + {{ p.eps }}"),
        Mutant(name="the other gain", find='p.gain.replace("gain", "g")',
               replace='"g" if "1" in p.gain else "1 + g"'),
        Mutant(name="no size", of=2, find="total / (size + {{ p.eps }}) + shift",
               replace="total / (1 + {{ p.eps }}) + shift"),
        Mutant(name="the bias is divided too", of=2, find="total / (size + {{ p.eps }}) + shift",
               replace="(total + shift) / (size + {{ p.eps }})"),
        Mutant(name="signs lost", of=1, find="gain_of_i * n /", replace="gain_of_i * abs(n) /"),
        Mutant(name="one gain for all", find="zip(x, gain)]", replace="zip(x, gain[:1] * len(x))]"),
    ),
)  # fmt: skip


# ---- Write: shares among those who are open -----------------------------------------------------
def shares_draw(rng):
    return {
        "base": rng.choice([2, 3, 5, 10]),
        "temperature": rng.choice([0.2, 0.25, 0.4, 0.5, 2, 2.5, 4, 5]),
        "form": rng.choice(["shares", "logarithms"]),
        "closed": rng.choice(["False", "True"]),  # the mark of those that are closed
    }


def shares_cases(rng, p):
    closed, cases = p["closed"] == "True", [[[1.0, 2.0], [not closed_mark(p), not closed_mark(p)]]]
    for count, spread, far in (
        (3, 1, 0), (4, 1, 0), (3, 1, 9000), (3, 1, -9000), (5, 2, 0), (5, 3000, 0), (6, 1, 0),
    ):  # fmt: skip
        scores = [far + n for n in noise(rng, count, spread)]
        marks = [rng.random() < 0.4 for _ in scores]
        marks[0], marks[-1] = closed, not closed
        if spread == 2:
            scores[0] = 8000.0  # a closed one that stands far above the others
        both = list(zip(scores, marks, strict=True))
        rng.shuffle(both)
        cases.append([[s for s, _ in both], [m for _, m in both]])
    return cases


def closed_mark(p):
    return p["closed"] == "True"


def shares(p, scores, marks):
    gpt = subject.load()
    places = [i for i, mark in enumerate(marks) if mark != closed_mark(p)]
    nats = [scores[i] * math.log(p["base"]) / p["temperature"] for i in places]
    told = plain(gpt.softmax(values(nats)))
    if p["form"] == "logarithms":  # relative to the largest share, which is never too small
        top = nats.index(max(nats))
        logs = [n - nats[top] + math.log(told[top]) for n in nats]
        told = [log / math.log(p["base"]) for log in logs]
    found = dict(zip(places, told, strict=True))
    return [found.get(i, 0.0 if p["form"] == "shares" else None) for i in range(len(scores))]


def shares_astray(p, scores, marks, *, base=None, heat=None, shift=True, late=False, zeroed=False,
                  highest_of_all=False, power=True):  # fmt: skip
    base = base or p["base"]
    per = math.log(base) / (heat or p["temperature"])
    is_open = [mark != closed_mark(p) for mark in marks]
    if zeroed:
        scores = [s if o else 0.0 for s, o in zip(scores, is_open, strict=True)]
    counted = is_open if not (late or zeroed) else [True] * len(scores)
    seen = [s for s, c in zip(scores, counted, strict=True) if c or highest_of_all]
    highest = max(seen) if shift else 0.0
    exps = [
        (math.exp(per * (s - highest)) if power else s) if c else 0.0
        for s, c in zip(scores, counted, strict=True)
    ]
    shown = [True] * len(scores) if zeroed else is_open
    if p["form"] == "shares":
        total = sum(exps)
        return [e / total if o else 0.0 for e, o in zip(exps, shown, strict=True)]
    norm = math.log(sum(exps)) / math.log(base)
    units = [(s - highest) * per / math.log(base) for s in scores]
    return [u - norm if o else None for u, o in zip(units, shown, strict=True)]


SHARES_LOOPS = """\
import math

def shares(scores, marks):
    highest = max(s for s, mark in zip(scores, marks) if mark is not {{ p.closed }})
    units = [(s - highest) / {{ p.temperature }} for s in scores]
    total = 0.0
    for unit, mark in zip(units, marks):
        if mark is not {{ p.closed }}:
            total += math.exp(unit * math.log({{ p.base }}))
    {% if p.form == "logarithms" %}
    norm = math.log(total) / math.log({{ p.base }})
    {% endif %}
    told = []
    for unit, mark in zip(units, marks):
        if mark is {{ p.closed }}:
            told.append({{ "0.0" if p.form == "shares" else "None" }})
        else:
            {% if p.form == "shares" %}
            told.append(math.exp(unit * math.log({{ p.base }})) / total)
            {% else %}
            told.append(unit - norm)
            {% endif %}
    return told
"""
SHARES_RIVALS = """\
import math

def shares(scores, marks):
    rivals = [s for s, mark in zip(scores, marks) if mark != {{ p.closed }}]

    def log_share(mine):
        best = max(rivals)
        crowd = sum({{ p.base }} ** ((s - best) / {{ p.temperature }}) for s in rivals)
        return (mine - best) / {{ p.temperature }} - math.log(crowd, {{ p.base }})

    {% if p.form == "shares" %}
    return [0 if m == {{ p.closed }} else {{ p.base }} ** log_share(s)
            for s, m in zip(scores, marks)]
    {% else %}
    return [None if m == {{ p.closed }} else log_share(s) for s, m in zip(scores, marks)]
    {% endif %}
"""
SHARES_MINUS_INFINITY = """\
from math import exp, inf, log

def softmax(nats):
    top = max(nats)
    exps = [exp(n - top) for n in nats]
    return top + log(sum(exps)), [e / sum(exps) for e in exps]

def shares(scores, marks):
    per = log({{ p.base }}) / {{ p.temperature }}
    nats = [-inf if mark == {{ p.closed }} else s * per for s, mark in zip(scores, marks)]
    norm, told = softmax(nats)
    {% if p.form == "shares" %}
    return told
    {% else %}
    return [None if n == -inf else (n - norm) / log({{ p.base }}) for n in nats]
    {% endif %}
"""
SHARES = Exercise(
    id="shares-among-the-open",
    skill="softmax-in-range",
    entry="shares",
    draw=shares_draw,
    cases=shares_cases,
    reference=shares,
    misconceptions={
        "shift-forgotten": lambda p, *a: shares_astray(p, *a, shift=False),
        "shift-by-the-closed": lambda p, *a: shares_astray(p, *a, highest_of_all=True),
        "closed-at-zero": lambda p, *a: shares_astray(p, *a, zeroed=True),
        "closed-too-late": lambda p, *a: shares_astray(p, *a, late=True),
        "temperature-upside-down": lambda p, *a: shares_astray(p, *a, heat=1 / p["temperature"]),
        "other-base": lambda p, *a: shares_astray(p, *a, base=math.e),
    },
    solutions=(SHARES_LOOPS, SHARES_RIVALS, SHARES_MINUS_INFINITY),
    mutants=(
        Mutant(name="no shift", stands_for="shift-forgotten", find="(s - highest)", replace="s"),
        Mutant(name="shifted by the highest of all", stands_for="shift-by-the-closed",
               find="max(s for s, mark in zip(scores, marks) if mark is not {{ p.closed }})",
               replace="max(scores)"),
        Mutant(name="closed ones score 0", of=2, find="-inf if mark", replace="0.0 if mark",
               stands_for="closed-at-zero"),
        Mutant(name="closed after sharing", stands_for="closed-too-late", of=1,
               find="zip(scores, marks) if mark != {{ p.closed }}]",
               replace="zip(scores, marks)]"),
        Mutant(name="times the temperature", of=2, stands_for="temperature-upside-down",
               find="/ {{ p.temperature }}", replace="* {{ p.temperature }}"),
        Mutant(name="base e", of=0, find="math.log({{ p.base }})", replace="1",
               stands_for="other-base"),
        Mutant(name="the open ones are closed", source=SHARES_RIVALS.replace(
            "mark != {{ p.closed }}", "mark == {{ p.closed }}").replace(
            "m == {{ p.closed }}", "m != {{ p.closed }}")),
        Mutant(name="logarithms for shares, shares for logarithms", of=1,
               find='p.form == "shares"', replace='p.form != "shares"'),
        Mutant(name="the closed ones left out of the list", source=SHARES_LOOPS.replace(
            'told.append({{ "0.0" if p.form == "shares" else "None" }})', "pass")),
        Mutant(name="never divided", source=SHARES_LOOPS
               .replace(" / total)", ")").replace("unit - norm", "unit")),
        Mutant(name="the winner takes all", of=2, find="    return top + log",
               replace="    exps = [float(n == top) for n in nats]\n"
               "    nats[:] = [n * 2 for n in nats]\n    return top + log"),
    ),
)  # fmt: skip


# ---- Bug: a norm gone astray --------------------------------------------------------------------
NORM_FAULTS = ("one-size-for-all", "sum-for-mean", "root-forgotten", "gain-before-size")


def norm_draw(rng):
    centre = rng.choice([True, False])
    own = "mean-left-in" if centre else "mean-taken-off"
    return {
        "centre": centre,
        "eps": rng.randint(1, 50) / 100,
        "power": rng.choice([2, 2, 4]),
        "target": rng.choice([2, 3, 4, 5]),
        "bug": rng.choice([*NORM_FAULTS, own, own]),
    }


def norm_cases(rng, p):
    cases = [[[[1.0, 2.0, 4.0]], [1.0, 1.0, 1.0]], [[[0.0, 0.0], [0.0, 3.0]], [2.0, -1.0]]]
    for width, count in ((2, 2), (3, 3), (4, 2), (5, 4)):
        rows = [noise(rng, width, rng.choice([0.5, 2, 6])) for _ in range(count)]
        cases.append([[*rows, [1.5] * width], noise(rng, width)])
    return cases


def norm(p, rows, gain):
    gpt, told = subject.load(), []
    for row in rows:
        mean = sum(row) / len(row) if p["centre"] else 0.0
        x = values([n - mean for n in row])
        raised = [n ** (p["power"] // 2) for n in x]
        scale = (gpt.dot(raised, raised) * (1 / len(x)) + p["eps"]) ** (-1 / p["power"])
        told.append([(n * scale * g * p["target"]).data for n, g in zip(x, gain, strict=True)])
    return told


def norm_astray(p, rows, gain, fault):
    centre = {"mean-left-in": False, "mean-taken-off": True}.get(fault, p["centre"])
    power, sizes, kept = p["power"], [], []
    for row in rows:
        x = [n - math.fsum(row) / len(row) if centre else n for n in row]
        if fault == "gain-before-size":
            x = [n * g for n, g in zip(x, gain, strict=True)]
        mean = math.fsum(n**power for n in x) / (1 if fault == "sum-for-mean" else len(x))
        sizes.append((mean + p["eps"]) ** (1 if fault == "root-forgotten" else 1 / power))
        kept.append(x)
    if fault == "one-size-for-all":
        sizes = sizes[:1] * len(rows)
    if fault == "gain-before-size":
        gain = [1] * len(gain)
    return [
        [p["target"] * n * g / size for n, g in zip(x, gain, strict=True)]
        for x, size in zip(kept, sizes, strict=True)
    ]


NORM_MENDED = """\
def normalised(rows, gain):
    told = []
    for row in rows:
        {% if p.centre %}
        mean = sum(row) / len(row)
        x = [n - mean for n in row]
        {% else %}
        x = list(row)
        {% endif %}
        power = sum(n ** {{ p.power }} for n in x) / len(x)
        size = (power + {{ p.eps }}) ** (1 / {{ p.power }})
        told.append([{{ p.target }} * g * n / size for n, g in zip(x, gain)])
    return told
"""
NORM_ONE_ROW = """\
from statistics import fmean

def of(row):
    return fmean(row) if {{ p.centre }} else 0

def normal(row, gain):
    away = [n - of(row) for n in row]
    strength = fmean([abs(n) ** {{ p.power }} for n in away]) + {{ p.eps }}
    scale = {{ p.target }} * strength ** (-1 / {{ p.power }})
    return [scale * g * n for g, n in zip(gain, away)]

def normalised(rows, gain):
    return [normal(row, gain) for row in rows]
"""
NORM_IN_PLACE = """\
import math

def normalised(rows, gain):
    width = len(gain)
    rows = [row[:] for row in rows]
    for row in rows:
        total = math.fsum(row)
        for i in range(width):
            row[i] -= total / width * {{ 1 if p.centre else 0 }}
        raised = 0.0
        for n in row:
            raised += n * n{{ " * n * n" if p.power == 4 else "" }}
        size = math.sqrt(raised / width + {{ p.eps }})
        {% if p.power == 4 %}
        size = math.sqrt(size)
        {% endif %}
        for i in range(width):
            row[i] *= {{ p.target }} * gain[i] / size
    return rows
"""
NORM = Exercise(
    id="a-norm-with-a-fault",
    skill="linear-and-size",
    entry="normalised",
    draw=norm_draw,
    cases=norm_cases,
    reference=norm,
    misconceptions={
        fault: lambda p, *a, fault=fault: norm_astray(p, *a, fault)
        for fault in (*NORM_FAULTS, "mean-left-in", "mean-taken-off")
    },
    solutions=(NORM_MENDED, NORM_ONE_ROW, NORM_IN_PLACE),
    mutants=(
        Mutant(name="the first row's size", find="        size =",
               replace="        size = size if told else", stands_for="one-size-for-all"),
        Mutant(name="a sum of powers", find="for n in x) / len(x)", replace="for n in x)",
               stands_for="sum-for-mean"),
        Mutant(name="no root", of=1, find="(-1 / {{ p.power }})", replace="-1",
               stands_for="root-forgotten"),
        Mutant(name="gained, then measured", stands_for="gain-before-size",
               source=NORM_MENDED.replace("        power =", "        x = [n * g for n, g in "
                                          "zip(x, gain)]\n        power =")
               .replace("* g * n / size", "* n / size")),
        Mutant(name="centred or not", of=1, find="{{ p.centre }}", replace="{{ not p.centre }}"),
        Mutant(name="no eps", of=2, find=" + {{ p.eps }}", replace=""),
        Mutant(name="eps outside the root", find="(power + {{ p.eps }}) ** (1 / {{ p.power }})",
               replace="power ** (1 / {{ p.power }}) + {{ p.eps }}"),
        Mutant(name="no target", find="{{ p.target }} * g", replace="g"),
        Mutant(name="no gain", find="* g * n", replace="* n"),
        Mutant(name="multiplied by the size", find="* n / size", replace="* n * size"),
        Mutant(name="the size of the last row", of=2, find="return rows",
               replace="return [[n / size for n in row] for row in rows]"),
    ),
)  # fmt: skip


# ---- Transfer: who buys where -------------------------------------------------------------------
def market_draw(rng):
    return {
        "pull": rng.randint(4, 30) / 20,
        "habit": rng.randint(4, 24) / 10,
        "closed": rng.choice(["True", "False"]),
    }


def market_cases(rng, p):
    closed = closed_mark(p)
    cases = [[[[3.0, 4.0]], [0], [[not closed, not closed]]]]
    for customers, shops, around in ((1, 3, 5), (3, 2, 20), (2, 5, 9), (4, 4, 9000), (5, 3, 20000)):
        prices, usual, marks = [], [], []
        for _ in range(customers):
            prices.append([round(around + n, 2) for n in noise(rng, shops, 2)])
            usual.append(rng.randrange(shops))
            row = [closed if rng.random() < 0.4 else not closed for _ in range(shops)]
            row[rng.randrange(shops)] = not closed
            marks.append(row)
        if shops == 5:
            marks[0] = [not closed, not closed, closed, not closed, not closed]
        cases.append([prices, usual, marks])
    return cases


def market(p, prices, usual, marks):
    gpt = subject.load()
    crowds = [0.0] * len(prices[0])
    for costs, habit, shut in zip(prices, usual, marks, strict=True):
        shops = [s for s, mark in enumerate(shut) if mark != closed_mark(p)]
        scores = [p["habit"] * (s == habit) - p["pull"] * costs[s] for s in shops]
        for shop, share in zip(shops, plain(gpt.softmax(values(scores))), strict=True):
            crowds[shop] += share
    return crowds


def market_astray(p, prices, usual, marks, *, shift=True, zeroed=False, late=False, sign=-1,
                  best=False, habit=True):  # fmt: skip
    rows = []
    for c, costs in enumerate(prices):
        is_open = [mark != closed_mark(p) for mark in marks[c]]
        scores = [sign * p["pull"] * cost for cost in costs]
        scores[usual[c]] += p["habit"] * habit
        if zeroed:
            scores = [s if o else 0.0 for s, o in zip(scores, is_open, strict=True)]
        counted = [o or late or zeroed for o in is_open]
        top = max(s for s, k in zip(scores, counted, strict=True) if k)
        if best:
            exps = [float(k and s == top) for s, k in zip(scores, counted, strict=True)]
        else:
            low = top if shift else 0.0
            exps = [math.exp(s - low) * k for s, k in zip(scores, counted, strict=True)]
        total = sum(exps)
        shown = [True] * len(costs) if zeroed else is_open
        rows.append([e / total * o for e, o in zip(exps, shown, strict=True)])
    return [math.fsum(column) for column in zip(*rows, strict=True)]


MARKET_LOOPS = """\
import math

def crowds(prices, usual, marks):
    told = [0.0] * len(prices[0])
    for costs, habit, row in zip(prices, usual, marks):
        scores = [-{{ p.pull }} * cost for cost in costs]
        scores[habit] += {{ p.habit }}
        open_ = [i for i, mark in enumerate(row) if mark is not {{ p.closed }}]
        top = max(scores[i] for i in open_)
        pieces = {i: math.exp(scores[i] - top) for i in open_}
        for i in open_:
            told[i] += pieces[i] / sum(pieces.values())
    return told
"""
MARKET_RIVALS = """\
from math import exp

def crowds(prices, usual, marks):
    def share(c, shop):
        def worth(s):
            return (s == usual[c]) * {{ p.habit }} - {{ p.pull }} * prices[c][s]

        if marks[c][shop] == {{ p.closed }}:
            return 0
        total = 0.0
        for rival, mark in enumerate(marks[c]):
            if mark != {{ p.closed }}:
                ahead = worth(rival) - worth(shop)
                total += exp(min(ahead, 700.0))
        return 1 / total

    return [sum(share(c, s) for c in range(len(prices))) for s in range(len(prices[0]))]
"""
MARKET_TABLE = """\
import math

def softmax(scores):
    highest = max(scores)
    exps = [math.exp(s - highest) for s in scores]
    return [e / sum(exps) for e in exps]

def crowds(prices, usual, marks):
    table = []
    for c in range(len(prices)):
        row = []
        for s in range(len(prices[c])):
            score = -prices[c][s] * {{ p.pull }}
            if s == usual[c]:
                score = score + {{ p.habit }}
            row.append(-math.inf if marks[c][s] == {{ p.closed }} else score)
        table.append(softmax(row))
    return [math.fsum(column) for column in zip(*table)]
"""
MARKET = Exercise(
    id="who-buys-where",
    skill="softmax-in-range",
    entry="crowds",
    draw=market_draw,
    cases=market_cases,
    reference=market,
    misconceptions={
        "shift-forgotten": lambda p, *a: market_astray(p, *a, shift=False),
        "closed-at-zero": lambda p, *a: market_astray(p, *a, zeroed=True),
        "closed-too-late": lambda p, *a: market_astray(p, *a, late=True),
        "dear-is-good": lambda p, *a: market_astray(p, *a, sign=1),
        "all-to-the-best": lambda p, *a: market_astray(p, *a, best=True),
    },
    solutions=(MARKET_LOOPS, MARKET_RIVALS, MARKET_TABLE),
    mutants=(
        Mutant(name="no shift", find="scores[i] - top", replace="scores[i]",
               stands_for="shift-forgotten"),
        Mutant(name="closed shops score 0", of=2, find="-math.inf if", replace="0.0 if",
               stands_for="closed-at-zero"),
        Mutant(name="closed after sharing", of=1, find="            if mark != {{ p.closed }}:",
               replace="            if True:", stands_for="closed-too-late"),
        Mutant(name="the dearest is best", of=2, find="score = -prices", replace="score = prices",
               stands_for="dear-is-good"),
        Mutant(name="all to the best", of=2, find="[math.exp(s - highest) for s in scores]",
               replace="[float(s == highest) for s in scores]", stands_for="all-to-the-best"),
        Mutant(name="no habit", find="        scores[habit] += {{ p.habit }}\n", replace=""),
        Mutant(name="a habit for the wrong shop", find="scores[habit]", replace="scores[habit - 1]"),
        Mutant(name="pieces, no shares", find=" / sum(pieces.values())", replace=""),
        Mutant(name="the open shops are closed", of=1, find="{{ p.closed }}",
               replace='{{ "True" if p.closed == "False" else "False" }}'),
        Mutant(name="a sum for each customer", of=2, find="for column in zip(*table)",
               replace="for column in table"),
        Mutant(name="a mean, no count", of=2, find="[math.fsum(column) for",
               replace="[math.fsum(column) / len(column) for"),
    ),
)  # fmt: skip

EXERCISES = [PAPER, LAYER, SHARES, NORM, MARKET]
