"""Adam: four weights, a step to complete, Adam with three extras to write, an Adam with a fault."""

import math
from types import FunctionType

from curricula import subject
from curricula.exercise import Exercise, Mutant


# ---- Shared: gpt.py's own `train`, fed with slopes ----------------------------------------------
def stepping(start, slopes_of, rates, *, betas, eps=1e-8, decay=0.0):
    """Run the subject's Adam on such slopes; return the weights after every step.

    Adam with a larger eps is Adam with gpt.py's 1e-8 on slopes smaller in the same proportion, and
    its rate is read afresh at every step: so the file's own lines answer for every variant.
    """
    gpt, steps = subject.load(), len(rates)
    weights = {"all": [[gpt.Value(x) for x in start]]}
    flat = weights["all"][0]

    class Loss(gpt.Value):
        __slots__ = ()

        def backward(self):
            for x, slope in zip(flat, slopes_of([x.data for x in flat], self.data), strict=True):
                x.grad += slope * 1e-8 / eps

    settings = {"BETA1": betas[0], "BETA2": betas[1]}
    settings["document_loss"] = lambda _weights, document: Loss(document)
    train = FunctionType(gpt.train.__code__, {**vars(gpt), **settings})
    run, told = train(weights, range(steps), steps), []
    for step, rate in enumerate(rates):
        train.__globals__["LEARNING_RATE"] = rate / (1 - step / steps)  # where it falls to 0
        for x in flat:
            x.data -= rate * decay * x.data
        next(run)
        told.append([x.data for x in flat])
    return told


def straight(rate, steps):
    return [rate * (1 - step / steps) for step in range(steps)]


def by_hand(start, slopes_of, rates, *, betas, eps=1e-8, way=""):
    """Adam in plain numbers, with a belief built in: what the mimics are made of."""
    weights, told = list(start), []
    means, squares = [0.0] * len(start), [0.0] * len(start)
    for step, rate in enumerate(rates):
        count = 0 if way == "correction-stuck" else step
        filled1, filled2 = 1 - betas[0] ** (count + 1), 1 - betas[1] ** (count + 1)
        if way == "no-correction":
            filled1 = filled2 = 1.0
        if way == "averages-forgotten":
            means, squares = [0.0] * len(start), [0.0] * len(start)
        grads = slopes_of(list(weights), step)
        for i, grad in enumerate(grads):
            own = 0 if way == "one-average-for-all" else i
            means[own] = betas[0] * means[own] + (1 - betas[0]) * grad
            seen = means[own] if way == "square-of-the-mean" else grad
            squares[own] = betas[1] * squares[own] + (1 - betas[1]) * seen**2
            mean, square = means[own] / filled1, squares[own] / filled2
            if way == "corrected-and-kept":
                means[own], squares[own] = mean, square
            scale = math.sqrt(square) + eps
            if way == "eps-under-the-root":
                scale = math.sqrt(square + eps)
            if way == "no-second-average":
                scale = 1.0
            if way == "only-the-latest":
                mean, scale = grad, abs(grad) + eps
            weights[i] -= rate * mean / scale
        told.append(list(weights))
    return told


# ---- Predict: four weights, three steps ---------------------------------------------------------
def four_draw(rng):
    return {
        "rate": rng.randint(2, 9),
        "steps": rng.choice([4, 5, 8, 10, 20]),
        "beta1": rng.choice([0.5, 0.6, 0.7, 0.8, 0.9]),
        "beta2": rng.choice([0.9, 0.95, 0.99]),
        "large": rng.choice([200, 300, 500, 800]),
        "small": rng.choice([0.002, 0.003, 0.005]),
        "sign": rng.choice([1, -1]),
    }


def four_slopes(p, *, fourth=True):
    large, small = p["sign"] * p["large"], p["sign"] * p["small"]
    rows = [[large, -small, large, small], [large, -small, 0, -small], [large, -small, 0, small]]
    return rows if fourth else [row[:3] for row in rows]


def four(p, *, way="", falls=True, plain=False):
    rows = four_slopes(p)
    rates = straight(p["rate"], p["steps"]) if falls else [p["rate"]] * 3
    if plain:
        return [-sum(rates[n] * rows[n][i] for n in range(3)) for i in range(4)]
    betas, zeros = (p["beta1"], p["beta2"]), [0.0] * 4
    if way:
        return by_hand(zeros, lambda _, n: rows[n], rates[:3], betas=betas, way=way)[2]
    if not falls:
        return by_hand(zeros, lambda _, n: rows[n], rates[:3], betas=betas)[2]
    fed = lambda _, n: rows[n] if n < 3 else rows[0]
    return stepping(zeros, fed, rates, betas=betas)[2]


FOUR_LOOP = """\
{% set sign = "-" if p.sign < 0 else "" %}
a, b = {{ sign }}{{ p.large }}, {{ sign }}{{ p.small }}
answer = []
for slopes in ([a, a, a], [-b, -b, -b], [a, 0, 0], [b, -b, b]):
    mean = square = moved = 0.0
    for step, g in enumerate(slopes):
        mean = {{ p.beta1 }} * mean + (1 - {{ p.beta1 }}) * g
        square = {{ p.beta2 }} * square + (1 - {{ p.beta2 }}) * g * g
        rate = {{ p.rate }} * (1 - step / {{ p.steps }})
        m, s = mean / (1 - {{ p.beta1 }} ** (step + 1)), square / (1 - {{ p.beta2 }} ** (step + 1))
        moved -= rate * m / (s ** 0.5 + 1e-8)
    answer.append(moved)
"""
FOUR_WEIGHED = """\
{% set sign = "-" if p.sign < 0 else "" %}
sign = {{ sign }}1
def weighed(numbers, beta):
    shares = [beta ** age for age in range(len(numbers))]
    return sum(x * share for x, share in zip(reversed(numbers), shares)) / sum(shares)

def far(*told):
    total = 0
    for n in (1, 2, 3):
        rate = {{ p.rate }} - {{ p.rate }} * (n - 1) / {{ p.steps }}
        loud = weighed([x * x for x in told[:n]], {{ p.beta2 }}) ** 0.5
        total -= rate * weighed(told[:n], {{ p.beta1 }}) / loud
    return total
answer = [sign * far(1, 1, 1), -sign * far(1, 1, 1), sign * far(1, 0, 0), sign * far(1, -1, 1)]
"""
FOUR_FORMULA = """\
from math import sqrt
{% set sign = "-" if p.sign < 0 else "" %}
b, c = {{ p.beta1 }}, {{ p.beta2 }}
r = [{{ p.rate }} * (1 - n / {{ p.steps }}) for n in range(3)]
two, three = 1 + b, 1 + b + b * b
last = r[2] * b * b / three / sqrt(c * c / (1 + c + c * c))
once = r[0] + r[1] * b / two / sqrt(c / (1 + c)) + last
flips = r[0] + r[1] * (b - 1) / two + r[2] * (b * b - b + 1) / three
sign = {{ sign }}1.0
answer = (-sign * sum(r), sign * sum(r), -sign * once, -sign * flips)
"""
FOUR = Exercise(
    id="four-weights",
    skill="adam-step",
    entry="answer",
    draw=four_draw,
    cases=lambda rng, p: [[]],
    reference=four,
    tolerance=0.002,
    misconceptions={
        "larger-slope-longer-step": lambda p: four(p, plain=True),
        "rate-stays": lambda p: four(p, falls=False),
        "no-correction": lambda p: four(p, way="no-correction"),
        "only-the-latest": lambda p: four(p, way="only-the-latest"),
    },
    solutions=(FOUR_LOOP, FOUR_WEIGHED, FOUR_FORMULA),
    mutants=(
        Mutant(name="plain descent", find="m / (s ** 0.5 + 1e-8)", replace="g",
               stands_for="larger-slope-longer-step"),
        Mutant(name="the rate stays", of=1, find=" - {{ p.rate }} * (n - 1) / {{ p.steps }}",
               replace="", stands_for="rate-stays"),
        Mutant(name="averages as they are", stands_for="no-correction",
               find="m, s = mean / (1 - {{ p.beta1 }} ** (step + 1)), "
                    "square / (1 - {{ p.beta2 }} ** (step + 1))", replace="m, s = mean, square"),
        Mutant(name="only this step's sign", find="m / (s ** 0.5 + 1e-8)",
               replace="((g > 0) - (g < 0))", stands_for="only-the-latest"),
        Mutant(name="uphill", find="moved -= rate", replace="moved += rate"),
        Mutant(name="the betas exchanged", of=2, find="b, c = {{ p.beta1 }}, {{ p.beta2 }}",
               replace="b, c = {{ p.beta2 }}, {{ p.beta1 }}"),
        Mutant(name="no root", find="s ** 0.5", replace="s"),
        Mutant(name="two steps only", of=1, find="(1, 2, 3)", replace="(1, 2)"),
        Mutant(name="momentum, no second average", find="(s ** 0.5 + 1e-8)", replace="1"),
        Mutant(name="the third rests after its one slope", of=2, find="once = r[0] + r[1]",
               replace="last = 0\nonce = r[0] + 0 * r[1]"),
    ),
)  # fmt: skip


# ---- Faded: a step to complete ------------------------------------------------------------------
def step_draw(rng):
    return {
        "rate": rng.randint(1, 50) / 100,
        "beta1": rng.choice([0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9]),
        "beta2": rng.choice([0.8, 0.9, 0.95, 0.98, 0.99]),
        "eps": rng.choice([0.05, 0.1, 0.2, 0.5]),
        "schedule": rng.choice(["cosine", "root", "stairs"]),
    }


def slopes_cases(rng, p):
    cases = [[[1.0], [[2.0], [-1.0]]]]
    for size, steps in ((1, 4), (2, 5), (3, 7), (5, 12), (2, 9)):
        scales = [10.0 ** rng.uniform(-2, 1.5) for _ in range(size)]
        slopes = [[scale * rng.gauss(0.5, 1) for scale in scales] for _ in range(steps)]
        cases.append([[rng.uniform(-9, 9) for _ in range(size)], slopes])
    return cases


def step_rates(p, steps):
    told = []
    for step in range(steps):
        if p["schedule"] == "cosine":
            share = (1 + math.cos(math.pi * step / steps)) / 2
        elif p["schedule"] == "root":
            share = 1 / math.sqrt(step + 1)
        else:
            share = 0.5 ** (step // 3)
        told.append(p["rate"] * share)
    return told


def step_reference(p, start, slopes):
    rates = step_rates(p, len(slopes))
    betas = (p["beta1"], p["beta2"])
    return stepping(start, lambda _, n: slopes[n], rates, betas=betas, eps=p["eps"])


def step_as(p, start, slopes, *, way="", falls=True):
    rates = step_rates(p, len(slopes)) if falls else [p["rate"]] * len(slopes)
    betas = (p["beta1"], p["beta2"])
    return by_hand(start, lambda _, n: slopes[n], rates, betas=betas, eps=p["eps"], way=way)


STEP_PLAIN = """\
import math

def adam(start, slopes):
    weights, told = list(start), []
    means, squares = [0.0] * len(start), [0.0] * len(start)
    for step, grads in enumerate(slopes):
        {% if p.schedule == "cosine" %}
        rate = {{ p.rate }} * (1 + math.cos(math.pi * step / len(slopes))) / 2
        {% elif p.schedule == "root" %}
        rate = {{ p.rate }} / (step + 1) ** 0.5
        {% else %}
        rate = {{ p.rate }} * 0.5 ** (step // 3)
        {% endif %}
        filled1, filled2 = 1 - {{ p.beta1 }} ** (step + 1), 1 - {{ p.beta2 }} ** (step + 1)
        for i, grad in enumerate(grads):
            means[i] = {{ p.beta1 }} * means[i] + (1 - {{ p.beta1 }}) * grad
            squares[i] = {{ p.beta2 }} * squares[i] + (1 - {{ p.beta2 }}) * grad ** 2
            mean, square = means[i] / filled1, squares[i] / filled2
            weights[i] -= rate * mean / (square ** 0.5 + {{ p.eps }})
        told.append(list(weights))
    return told
"""
STEP_SUMS = """\
from math import cos, pi, sqrt

def average(numbers, beta):
    top = bottom = 0.0
    for x in numbers:
        top, bottom = beta * top + x, beta * bottom + 1
    return top / bottom

def rate(step, steps):
    {% if p.schedule == "cosine" %}
    return {{ p.rate }} * cos(pi * step / steps / 2) ** 2
    {% elif p.schedule == "root" %}
    return {{ p.rate }} * sqrt(1 / (1 + step))
    {% else %}
    return {{ p.rate }} / 2 ** int(step / 3)
    {% endif %}

def adam(start, slopes):
    rows = [start]
    for step in range(len(slopes)):
        row = []
        for i, weight in enumerate(rows[-1]):
            seen = [one[i] for one in slopes[: step + 1]]
            speed = average(seen, {{ p.beta1 }})
            noise = sqrt(average([x * x for x in seen], {{ p.beta2 }}))
            row.append(weight - rate(step, len(slopes)) * speed / (noise + {{ p.eps }}))
        rows.append(row)
    return rows[1:]
"""
STEP_OBJECTS = """\
import math

class Weight:
    def __init__(self, data):
        self.data, self.mean, self.square = data, 0, 0
        self.left1 = self.left2 = 1

    def step(self, grad, rate):
        self.left1 *= {{ p.beta1 }}
        self.left2 *= {{ p.beta2 }}
        self.mean += (1 - {{ p.beta1 }}) * (grad - self.mean)
        self.square += (1 - {{ p.beta2 }}) * (grad * grad - self.square)
        root = math.sqrt(self.square / (1 - self.left2))
        self.data -= rate / (1 - self.left1) * self.mean / (root + {{ p.eps }})
        return self.data

def adam(start, slopes):
    line, told, n = list(map(Weight, start)), [], len(slopes)
    {% if p.schedule == "cosine" %}
    rates = [{{ p.rate }} * (0.5 + 0.5 * math.cos(s / n * math.pi)) for s in range(n)]
    {% elif p.schedule == "root" %}
    rates = [{{ p.rate }} * (s + 1) ** -0.5 for s in range(n)]
    {% else %}
    rates = [{{ p.rate }} * 2.0 ** -(s // 3) for s in range(n)]
    {% endif %}
    for rate, grads in zip(rates, slopes):
        told.append([w.step(grad, rate) for w, grad in zip(line, grads)])
    return told
"""
STEP = Exercise(
    id="a-step-to-complete",
    skill="adam-step",
    entry="adam",
    draw=step_draw,
    cases=slopes_cases,
    reference=step_reference,
    misconceptions={
        "no-correction": lambda p, *a: step_as(p, *a, way="no-correction"),
        "eps-under-the-root": lambda p, *a: step_as(p, *a, way="eps-under-the-root"),
        "square-of-the-mean": lambda p, *a: step_as(p, *a, way="square-of-the-mean"),
        "no-second-average": lambda p, *a: step_as(p, *a, way="no-second-average"),
        "rate-stays": lambda p, *a: step_as(p, *a, falls=False),
    },
    solutions=(STEP_PLAIN, STEP_SUMS, STEP_OBJECTS),
    mutants=(
        Mutant(name="averages as they are", find="means[i] / filled1, squares[i] / filled2",
               replace="means[i], squares[i]", stands_for="no-correction"),
        Mutant(name="eps under the root", of=2, stands_for="eps-under-the-root",
               source=STEP_OBJECTS.replace("(1 - self.left2))", "(1 - self.left2) + {{ p.eps }})")
               .replace("(root + {{ p.eps }})", "root")),
        Mutant(name="the square of the mean", find="* grad ** 2", replace="* means[i] ** 2",
               stands_for="square-of-the-mean"),
        Mutant(name="momentum only", of=1, find="speed / (noise + {{ p.eps }})", replace="speed",
               stands_for="no-second-average"),
        Mutant(name="the rate stays", of=1, stands_for="rate-stays",
               find="weight - rate(step, len(slopes))", replace="weight - {{ p.rate }}"),
        Mutant(name="one correction for both", find="squares[i] / filled2",
               replace="squares[i] / filled1"),
        Mutant(name="no eps", find=" + {{ p.eps }}", replace=""),
        Mutant(name="the betas exchanged", of=1, stands_for="",
               source=STEP_SUMS.replace("beta1", "x").replace("beta2", "beta1")
               .replace("p.x", "p.beta2")),
        Mutant(name="no root", find="square ** 0.5", replace="square"),
        Mutant(name="one list, many times", find="told.append(list(weights))",
               replace="told.append(weights)"),
        Mutant(name="no first average", of=2, find="* self.mean / (root", replace="* grad / (root"),
    ),
)  # fmt: skip


# ---- Write: Adam with decay, clipping and warm-up -----------------------------------------------
def extras_draw(rng):
    return {
        "rate": rng.randint(5, 50) / 100,
        "beta1": rng.choice([0.5, 0.6, 0.7, 0.8, 0.85, 0.9]),
        "beta2": rng.choice([0.8, 0.9, 0.95, 0.98, 0.99]),
        "decay": rng.randint(5, 40) / 100,
        "warm": rng.choice([2, 3]),
        "clip": rng.randint(5, 30) / 10,
        "by": rng.choice(["length", "each"]),
    }


def extras_cases(rng, p):
    cases = []
    for size, steps in ((1, 4), (2, 4), (2, 6), (3, 8), (4, 12)):
        slopes = []
        for step in range(steps):  # some are within the limit, some beyond it
            largest = p["clip"] * (0.4 if step % 2 else 4) * rng.uniform(0.8, 1.2)
            raw = [rng.gauss(0.3, 1) for _ in range(size)]
            slopes.append([x * largest / max(map(abs, raw)) for x in raw])
        cases.append([[rng.uniform(-9, 9) for _ in range(size)], slopes])
    return cases


def clipped(p, grads, *, by="", up=False):
    limit = p["clip"]
    if (by or p["by"]) == "each":
        return [min(limit, max(-limit, x)) for x in grads]
    length = math.hypot(*grads)
    return [x * limit / length for x in grads] if length > limit or up else list(grads)


def extras_rates(p, steps, *, early=0, warm=True):
    told = []
    for step in range(steps):
        if step < p["warm"] and warm:
            told.append(p["rate"] * (step + 1 - early) / p["warm"])
        else:
            told.append(p["rate"] * (steps - step) / (steps - p["warm"]))
    return told if warm else straight(p["rate"], steps)


def extras(p, start, slopes):
    rates, betas = extras_rates(p, len(slopes)), (p["beta1"], p["beta2"])
    fed = lambda _, n: clipped(p, slopes[n])
    return stepping(start, fed, rates, betas=betas, decay=p["decay"])


def extras_as(p, start, slopes, *, decay="apart", early=0, warm=True, way="", **clip):
    rates, betas = extras_rates(p, len(slopes), early=early, warm=warm), (p["beta1"], p["beta2"])

    def fed(weights, n):
        grads = clipped(p, slopes[n], **clip)
        if decay == "slope":
            grads = [g + p["decay"] * w for g, w in zip(grads, weights, strict=True)]
        return grads

    if decay == "slope":
        return by_hand(start, fed, rates, betas=betas, way=way)
    # Without closed loop, weights = shrunk by each step's factor, plus Adam's moves.
    moves = by_hand([0.0] * len(start), fed, rates, betas=betas, way=way)
    told, weights, before = [], list(start), [0.0] * len(start)
    for rate, after in zip(rates, moves, strict=True):
        share = {"apart": rate * p["decay"], "no rate": p["decay"]}[decay]
        weights = [w - share * w + a - b for w, a, b in zip(weights, after, before, strict=True)]
        told, before = [*told, weights], after
    return told


EXTRAS_PLAIN = """\
def adam(start, slopes):
    weights, told, steps = list(start), [], len(slopes)
    means, squares = [0.0] * len(start), [0.0] * len(start)
    for step, grads in enumerate(slopes):
        {% if p.by == "length" %}
        length = sum(g * g for g in grads) ** 0.5
        if length > {{ p.clip }}:
            grads = [g * {{ p.clip }} / length for g in grads]
        {% else %}
        grads = [max(-{{ p.clip }}, min({{ p.clip }}, g)) for g in grads]
        {% endif %}
        if step < {{ p.warm }}:
            rate = {{ p.rate }} * (step + 1) / {{ p.warm }}
        else:
            rate = {{ p.rate }} * (steps - step) / (steps - {{ p.warm }})
        filled1, filled2 = 1 - {{ p.beta1 }} ** (step + 1), 1 - {{ p.beta2 }} ** (step + 1)
        for i, g in enumerate(grads):
            means[i] = {{ p.beta1 }} * means[i] + (1 - {{ p.beta1 }}) * g
            squares[i] = {{ p.beta2 }} * squares[i] + (1 - {{ p.beta2 }}) * g * g
            pull = rate * {{ p.decay }} * weights[i]
            weights[i] -= pull + rate * means[i] / filled1 / ((squares[i] / filled2) ** 0.5 + 1e-8)
        told.append(weights[:])
    return told
"""
EXTRAS_SUMS = """\
from math import hypot, sqrt

def average(numbers, beta):
    shares = [beta ** age for age in range(len(numbers))][::-1]
    return sum(x * s for x, s in zip(numbers, shares)) / sum(shares)

def shortened(grads):
    {% if p.by == "length" %}
    factor = min(1, {{ p.clip }} / (hypot(*grads) or 1))
    return [factor * g for g in grads]
    {% else %}
    return [sorted((-{{ p.clip }}, g, {{ p.clip }}))[1] for g in grads]
    {% endif %}

def adam(start, slopes):
    history, told = [], []
    for step in range(len(slopes)):
        history.append(shortened(slopes[step]))
        rise = (step + 1) / {{ p.warm }}
        fall = (len(slopes) - step) / (len(slopes) - {{ p.warm }})
        rate = {{ p.rate }} * (rise if step < {{ p.warm }} else fall)
        row = []
        for i, weight in enumerate(told[-1] if told else start):
            seen = [grads[i] for grads in history]
            scale = sqrt(average([g * g for g in seen], {{ p.beta2 }})) + 1e-8
            move = rate * average(seen, {{ p.beta1 }}) / scale
            row.append((1 - rate * {{ p.decay }}) * weight - move)
        told.append(row)
    return told
"""
EXTRAS_EACH = """\
import math

def rates(steps):
    up = [{{ p.rate }} / {{ p.warm }} * n for n in range(1, {{ p.warm }} + 1)]
    left = steps - {{ p.warm }}
    return up + [{{ p.rate }} * n / left for n in range(left, 0, -1)]

def path(weight, seen, steps):
    mean = square = 0.0
    n = 0
    for g, rate in zip(seen, rates(steps)):
        n += 1
        mean += (1 - {{ p.beta1 }}) * (g - mean)
        square += (1 - {{ p.beta2 }}) * (g ** 2 - square)
        weight *= 1 - {{ p.decay }} * rate
        top = mean / (1 - {{ p.beta1 }} ** n)
        bottom = math.sqrt(square / (1 - {{ p.beta2 }} ** n))
        weight -= rate * top / (bottom + 1e-8)
        yield weight

def adam(start, slopes):
    rows = []
    for grads in slopes:
        {% if p.by == "length" %}
        over = max(1.0, math.dist(grads, [0] * len(grads)) / {{ p.clip }})
        rows.append([g / over for g in grads])
        {% else %}
        rows.append([math.copysign(min(abs(g), {{ p.clip }}), g) for g in grads])
        {% endif %}
    paths = [path(w, seen, len(slopes)) for w, seen in zip(start, zip(*rows))]
    return [list(row) for row in zip(*paths)]
"""
EXTRAS = Exercise(
    id="adam-with-three-extras",
    skill="adam-variants",
    entry="adam",
    draw=extras_draw,
    cases=extras_cases,
    reference=extras,
    misconceptions={
        "decay-through-the-averages": lambda p, *a: extras_as(p, *a, decay="slope"),
        "decay-without-the-rate": lambda p, *a: extras_as(p, *a, decay="no rate"),
        "other-clip": lambda p, *a: extras_as(
            p, *a, by={"length": "each", "each": "length"}[p["by"]]
        ),
        "warm-up-from-nothing": lambda p, *a: extras_as(p, *a, early=1),
        "no-warm-up": lambda p, *a: extras_as(p, *a, warm=False),
        "no-correction": lambda p, *a: extras_as(p, *a, way="no-correction"),
    },
    solutions=(EXTRAS_PLAIN, EXTRAS_SUMS, EXTRAS_EACH),
    mutants=(
        Mutant(name="decay in the slope", stands_for="decay-through-the-averages",
               source=EXTRAS_PLAIN.replace("for i, g in enumerate(grads):",
                                           "for i, g in enumerate(grads):\n"
                                           "            g += {{ p.decay }} * weights[i]")
               .replace("pull + ", "")),
        Mutant(name="decay without the rate", of=2, find="1 - {{ p.decay }} * rate",
               replace="1 - {{ p.decay }}", stands_for="decay-without-the-rate"),
        Mutant(name="the other clip", find='p.by == "length"', replace='p.by != "length"',
               stands_for="other-clip"),
        Mutant(name="the first step does nothing", of=1, find="rise = (step + 1)",
               replace="rise = step", stands_for="warm-up-from-nothing"),
        Mutant(name="no warm-up", of=1, stands_for="no-warm-up",
               find="{{ p.rate }} * (rise if step < {{ p.warm }} else fall)",
               replace="{{ p.rate }} * (1 - step / len(slopes))"),
        Mutant(name="averages as they are", stands_for="no-correction",
               find="means[i] / filled1 / ((squares[i] / filled2) ** 0.5 + 1e-8)",
               replace="means[i] / (squares[i] ** 0.5 + 1e-8)"),
        Mutant(name="no decay", find="pull + ", replace=""),
        Mutant(name="decay the wrong way", of=2, find="1 - {{ p.decay }} * rate",
               replace="1 + {{ p.decay }} * rate"),
        Mutant(name="no clip", source=EXTRAS_SUMS.replace("append(shortened(slopes[step]))",
                                                          "append(slopes[step])")),
        Mutant(name="never falls again", of=1, find="else fall", replace="else 1"),
        Mutant(name="clipped from above only", of=2, stands_for="",
               source=EXTRAS_EACH.replace("math.copysign(min(abs(g), {{ p.clip }}), g)",
                                          "min(g, {{ p.clip }})")
               .replace("max(1.0, math.dist(grads, [0] * len(grads)) / {{ p.clip }})",
                        "math.dist(grads, [0] * len(grads)) / {{ p.clip }}")),
    ),
)  # fmt: skip


# ---- Bug: an Adam with a fault ------------------------------------------------------------------
FAULTS = (
    "no-correction", "one-average-for-all", "averages-forgotten", "corrected-and-kept",
    "correction-stuck", "square-of-the-mean",
)  # fmt: skip
DRIVE_BOWL = """\
import math

def slopes_at(weights, bowl):
    mean = sum(weights) / len(weights)
    return [
        steep * (x - middle) + 0.3 * math.sin(mean + i)
        for i, (x, (steep, middle)) in enumerate(zip(weights, bowl))
    ]

def drive(entry, start, bowl, steps):
    return entry(start, lambda weights: slopes_at(list(weights), bowl), steps)
"""
_bowl = {}
exec(DRIVE_BOWL, _bowl)  # our own text: the reference walks in the same bowl


def fault_draw(rng):
    return {
        "rate": rng.randint(5, 80) / 100,
        "beta1": rng.choice([0.5, 0.6, 0.7, 0.8, 0.85, 0.9]),
        "beta2": rng.choice([0.8, 0.9, 0.95, 0.98, 0.99]),
        "eps": rng.choice([0.01, 0.02, 0.05]),
        "bug": rng.choice(FAULTS),
    }


def fault_cases(rng, p):
    cases = []
    for size, steps in ((2, 2), (2, 4), (3, 6), (4, 10), (3, 15)):
        bowl = [[10.0 ** rng.uniform(-1, 1.5), rng.uniform(-4, 4)] for _ in range(size)]
        cases.append([[rng.uniform(-6, 6) for _ in range(size)], bowl, steps])
    return cases


def in_the_bowl(p, start, bowl, steps, *, way="right"):
    rates, betas = straight(p["rate"], steps), (p["beta1"], p["beta2"])
    fed = lambda weights, _: _bowl["slopes_at"](weights, bowl)
    if way == "right":
        return stepping(start, fed, rates, betas=betas, eps=p["eps"])
    return by_hand(start, fed, rates, betas=betas, eps=p["eps"], way=way)


FAULT_MENDED = """\
def descend(start, slopes_at, steps):
    weights, told = list(start), []
    means, squares = [0.0] * len(start), [0.0] * len(start)
    for step in range(steps):
        grads = slopes_at(weights)
        rate = {{ p.rate }} * (1 - step / steps)
        filled1, filled2 = 1 - {{ p.beta1 }} ** (step + 1), 1 - {{ p.beta2 }} ** (step + 1)
        for i, grad in enumerate(grads):
            means[i] = {{ p.beta1 }} * means[i] + (1 - {{ p.beta1 }}) * grad
            squares[i] = {{ p.beta2 }} * squares[i] + (1 - {{ p.beta2 }}) * grad ** 2
            mean, square = means[i] / filled1, squares[i] / filled2
            weights[i] -= rate * mean / (square ** 0.5 + {{ p.eps }})
        told.append(list(weights))
    return told
"""
FAULT_SUMS = """\
from math import sqrt

def average(numbers, beta):
    top = bottom = 0.0
    for x in numbers:
        top, bottom = beta * top + x, beta * bottom + 1
    return top / bottom

def descend(start, slopes_at, steps):
    rows, history = [list(start)], []
    for left in range(steps, 0, -1):
        history.append(slopes_at(rows[-1]))
        row = []
        for weight, seen in zip(rows[-1], zip(*history)):
            scale = {{ p.eps }} + sqrt(average([g * g for g in seen], {{ p.beta2 }}))
            row.append(weight - {{ p.rate }} * left / steps * average(seen, {{ p.beta1 }}) / scale)
        rows.append(row)
    return rows[1:]
"""
FAULT_STATE = """\
def descend(start, slopes_at, steps):
    state = [(w, 0.0, 0.0) for w in start]
    empty1 = empty2 = 1.0
    told = []
    for step in range(steps):
        empty1, empty2 = empty1 * {{ p.beta1 }}, empty2 * {{ p.beta2 }}
        rate = {{ p.rate }} - {{ p.rate }} * step / steps
        fresh = []
        for (w, m, s), g in zip(state, slopes_at([w for w, _, _ in state])):
            m = m + (1 - {{ p.beta1 }}) * (g - m)
            s = s + (1 - {{ p.beta2 }}) * (g * g - s)
            w = w - rate * (m / (1 - empty1)) / ((s / (1 - empty2)) ** 0.5 + {{ p.eps }})
            fresh.append((w, m, s))
        state = fresh
        told.append([w for w, _, _ in state])
    return told
"""
FAULT = Exercise(
    id="an-adam-with-a-fault",
    skill="adam-step",
    entry="descend",
    draw=fault_draw,
    cases=fault_cases,
    reference=in_the_bowl,
    driver=DRIVE_BOWL,
    misconceptions={
        fault: lambda p, *a, fault=fault: in_the_bowl(p, *a, way=fault) for fault in FAULTS
    },
    solutions=(FAULT_MENDED, FAULT_SUMS, FAULT_STATE),
    mutants=(
        Mutant(name="averages as they are", find="means[i] / filled1, squares[i] / filled2",
               replace="means[i], squares[i]", stands_for="no-correction"),
        Mutant(name="one pair of averages", stands_for="one-average-for-all",
               source=FAULT_MENDED.replace("means[i]", "means[0]")
               .replace("squares[i]", "squares[0]")),
        Mutant(name="averages begin anew", find="    for step in range(steps):\n",
               replace="    for step in range(steps):\n"
                       "        means, squares = [0.0] * len(start), [0.0] * len(start)\n",
               stands_for="averages-forgotten"),
        Mutant(name="the correction is kept", of=2, stands_for="corrected-and-kept",
               find="fresh.append((w, m, s))",
               replace="fresh.append((w, m / (1 - empty1), s / (1 - empty2)))"),
        Mutant(name="the correction never changes", find="** (step + 1), 1 - {{ p.beta2 }} ** "
               "(step + 1)", replace=", 1 - {{ p.beta2 }}", stands_for="correction-stuck"),
        Mutant(name="the square of the mean", of=2, find="(g * g - s)", replace="(m * m - s)",
               stands_for="square-of-the-mean"),
        Mutant(name="the rate stays", of=1, find=" * left / steps", replace=""),
        Mutant(name="slopes from the start only", of=1, find="slopes_at(rows[-1])",
               replace="slopes_at(rows[0])"),
        Mutant(name="uphill", find="weights[i] -=", replace="weights[i] +="),
        Mutant(name="no eps", of=2, find=" + {{ p.eps }}", replace=""),
        Mutant(name="the correction lags by one", of=1, find="return top / bottom",
               replace="return top / (bottom + 1)"),
    ),
)  # fmt: skip

EXERCISES = [FOUR, STEP, EXTRAS, FAULT]
