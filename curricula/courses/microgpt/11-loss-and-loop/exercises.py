"""Loss and loop: two loops by hand, a loop to complete, a loss to write, a run with a fault."""

import math
from types import FunctionType

from curricula import subject
from curricula.exercise import Exercise, Mutant


def with_globals(name, **changed):
    """A function of gpt.py, line for line, that sees other globals than the module's."""
    gpt = subject.load()
    return FunctionType(getattr(gpt, name).__code__, {**vars(gpt), **changed})


# ---- Predict: one weight, two loops -------------------------------------------------------------
def loops_draw(rng):
    while True:
        p = {
            "start": rng.randint(-9, 9) * 4,
            "documents": [rng.randint(-12, 12) * 4 for _ in range(3)],
            "rate": rng.choice([0.25, 0.5, 0.75]),
        }
        ways = [loops(p), loops(p, zeroed_twice=True), loops(p, turn=False), loops(p, late=True)]
        if all(far_apart(a, b) for n, a in enumerate(ways) for b in ways[:n]):
            return p


def far_apart(one, other):
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) > 2


def loops(p, *, zeroed_twice=False, turn=True, late=False):
    shown = []
    for zeroed in (True, zeroed_twice):
        weight, grad = float(p["start"]), 0.0
        for step in range(4):
            document = p["documents"][step % 3 if turn else 0]
            grad += (p["start"] if late else weight) - document
            weight -= p["rate"] * grad
            if zeroed:
                grad = 0.0
            shown.append(weight)
    return shown


LOOPS_LOOP = """\
documents = {{ p.documents }}
answer = []
for forgets in (False, True):
    w, grad = {{ p.start }}, 0.0
    for step in range(4):
        grad += w - documents[step % 3]
        w -= {{ p.rate }} * grad
        answer.append(w)
        if not forgets:
            grad = 0.0
"""
LOOPS_BLEND = """\
r = {{ p.rate }}
d = {{ p.documents }}
a = [{{ p.start }}]
for target in d + d[:1]:
    a.append((1 - r) * a[-1] + r * target)
b, slopes = [{{ p.start }}], []
for target in d + d[:1]:
    slopes.append(b[-1] - target)
    b.append(b[-1] - r * sum(slopes))
answer = a[1:] + b[1:]
"""
LOOPS_SPEED = """\
from itertools import accumulate, chain, cycle, islice

def plain(w, target):
    return w + {{ p.rate }} * (target - w)

def heavy(state, target):
    w, speed = state
    speed += {{ p.rate }} * (target - w)
    return w + speed, speed

seen = list(islice(cycle({{ p.documents }}), 4))
first = list(accumulate(chain([{{ p.start }}], seen), plain))[1:]
second = [w for w, _ in accumulate(chain([({{ p.start }}, 0)], seen), heavy)][1:]
answer = (*first, *second)
"""
LOOPS = Exercise(
    id="one-weight-two-loops",
    skill="training-loop",
    entry="answer",
    draw=loops_draw,
    cases=lambda rng, p: [[]],
    reference=loops,
    tolerance=0.001,
    misconceptions={
        "zeroing-is-tidiness": lambda p: loops(p, zeroed_twice=True),
        "one-document-for-ever": lambda p: loops(p, turn=False),
        "slopes-stay": lambda p: loops(p, late=True),
    },
    solutions=(LOOPS_LOOP, LOOPS_BLEND, LOOPS_SPEED),
    mutants=(
        Mutant(name="both loops zero", find="if not forgets:", replace="if True:",
               stands_for="zeroing-is-tidiness"),
        Mutant(name="always the first document", find="documents[step % 3]",
               replace="documents[0]", stands_for="one-document-for-ever"),
        Mutant(name="slopes where it began", find="grad += w -", replace="grad += {{ p.start }} -",
               stands_for="slopes-stay"),
        Mutant(name="neither loop zeroes", find="if not forgets:", replace="if False:"),
        Mutant(name="uphill", find="w -=", replace="w +="),
        Mutant(name="jumps to the document", find="{{ p.rate }} * grad", replace="grad"),
        Mutant(name="the other order", find="(False, True)", replace="(True, False)"),
        Mutant(name="weights before the step", of=1, find="a[1:] + b[1:]",
               replace="a[:-1] + b[:-1]"),
        Mutant(name="the slope of a plain square", find="+= w - documents[step % 3]",
               replace="+= 2 * (w - documents[step % 3])"),
    ),
)  # fmt: skip


# ---- A model small enough for a grade: two tables, whose loss knows its slopes -------------------
DRIVE_LOOP = """\
import math

class Number:
    def __init__(self, data):
        self.data, self.grad = data, 0.0

class Loss:
    def __init__(self, weights, document):
        self.told, self.slopes = [], []
        for place, (token, target) in enumerate(zip(document, document[1:])):
            letter, where = weights["letter"][token], weights["place"][place]
            exps = [math.exp(x.data + y.data) for x, y in zip(letter, where)]
            self.told.append(-math.log(exps[target] / sum(exps)))
            for i, (x, y) in enumerate(zip(letter, where)):
                slope = exps[i] / sum(exps) - (i == target)
                self.slopes += [(x, slope), (y, slope)]
        self.data = sum(self.told) / len(self.told)

    def backward(self):
        for number, slope in self.slopes:
            number.grad += slope / len(self.told)

def tables(start):
    return {name: [[Number(x) for x in row] for row in rows] for name, rows in start.items()}

def data(weights):
    return [x.data for rows in weights.values() for row in rows for x in row]

def drive(entry, start, *others):
    weights = tables(start)
    told = list(entry(weights, *others, Loss))
    return {"told": told, "weights": data(weights)}
"""
_beside = {}
exec(DRIVE_LOOP, _beside)  # our own text: the mimics use the same small model


def draw_documents(rng, letters, number):
    return [
        [letters, *(rng.randrange(letters) for _ in range(rng.randint(1, 4))), letters]
        for _ in range(number)
    ]


def draw_tables(rng, letters):
    def rows(number):
        return [[rng.uniform(-1, 1) for _ in range(letters + 1)] for _ in range(number)]

    return {"letter": rows(letters + 1), "place": rows(5)}


class Flat(float):
    """A slope whose square is 1, so that Adam's second average does nothing."""

    def __pow__(self, _power):
        return 1.0


def descending(start, batches, steps, rate):
    """gpt.py's own `train` and `document_loss`, with Adam reduced to plain descent.

    Return the weights, and the losses as they come.
    """
    gpt = subject.load()

    class Weight(gpt.Value):
        __slots__ = ("slope",)
        grad = property(
            lambda self: Flat(self.slope), lambda self, slope: setattr(self, "slope", slope)
        )

    def scores(weights, token, place, _memory):
        return [x + y for x, y in zip(weights["letter"][token], weights["place"][place])]  # noqa: B905

    one_loss = with_globals("document_loss", gpt=scores)

    def mean_loss(weights, batch):
        return sum(one_loss(weights, document) for document in batch) * (1 / len(batch))

    train = with_globals("train", document_loss=mean_loss, BETA1=0.0, BETA2=0.5, LEARNING_RATE=rate)
    weights = {name: [[Weight(x) for x in row] for row in rows] for name, rows in start.items()}
    return weights, train(weights, batches, steps), one_loss


# ---- Faded: a loop to complete ------------------------------------------------------------------
def fill_draw(rng):
    return {
        "batch": rng.choice([2, 3, 4]),
        "rate": rng.randint(5, 40) / 10,
        "order": rng.choice(["first to last", "last to first"]),
    }


def fill_cases(rng, p):
    cases = []
    for letters, number, steps in ((1, 2, 2), (2, 3, 4), (3, 5, 4), (3, 7, 5), (4, 5, 6)):
        documents = draw_documents(rng, letters, number)
        documents[0] = [letters, 0, 0, letters]
        documents[-1] = [letters, letters - 1, 0, 0, letters]
        cases.append([draw_tables(rng, letters), documents, steps])
    return cases


def batches(p, documents, steps):
    line = documents if p["order"] == "first to last" else documents[::-1]
    places = [range(step * p["batch"], step * p["batch"] + p["batch"]) for step in range(steps)]
    return [[line[i % len(line)] for i in one] for one in places]


def fill(p, start, documents, steps):
    weights, losses, _ = descending(start, batches(p, documents, steps), steps, p["rate"])
    return {"told": list(losses), "weights": _beside["data"](weights)}


def fill_as(p, start, documents, steps, *, zero=True, divisor=0, falls=True, again=False):
    weights = _beside["tables"](start)
    flat = [x for rows in weights.values() for row in rows for x in row]
    told, each = [], divisor or p["batch"]
    for step in range(steps):
        batch = batches(p, documents, steps)[0 if again else step]
        losses = [_beside["Loss"](weights, document) for document in batch]
        for loss in losses:
            loss.backward()
        rate = p["rate"] * (1 - step / steps if falls else 1)
        for x in flat:
            x.data -= rate * x.grad / each
            x.grad = 0.0 if zero else x.grad
        told.append(sum(loss.data for loss in losses) / each)
    return {"told": told, "weights": _beside["data"](weights)}


FILL_PLAIN = """\
def train(weights, documents, steps, document_loss):
    parameters = [number for matrix in weights.values() for row in matrix for number in row]
    for step in range(steps):
        total = 0.0
        for turn in range({{ p.batch }}):
            place = (step * {{ p.batch }} + turn) % len(documents)
            {% if p.order == "last to first" %}
            place = len(documents) - 1 - place
            {% endif %}
            loss = document_loss(weights, documents[place])
            loss.backward()
            total += loss.data
        rate = {{ p.rate }} * (1 - step / steps)
        for p in parameters:
            p.data -= rate * p.grad / {{ p.batch }}
            p.grad = 0.0
        yield total / {{ p.batch }}
"""
FILL_CYCLE = """\
from itertools import chain, cycle, islice

def train(weights, documents, steps, document_loss):
    parameters = list(chain.from_iterable(chain.from_iterable(weights.values())))
    line = cycle({{ "documents" if p.order == "first to last" else "reversed(documents)" }})
    told = []
    for left in range(steps, 0, -1):
        for number in parameters:
            number.grad = 0.0
        losses = [document_loss(weights, one) for one in islice(line, {{ p.batch }})]
        for loss in losses:
            loss.backward()
        for number in parameters:
            number.data -= {{ p.rate }} * left / steps * number.grad / len(losses)
        told.append(sum(loss.data for loss in losses) / len(losses))
    return told
"""
FILL_COUNTER = """\
def train(weights, documents, steps, document_loss):
    flat = []
    for name in weights:
        for row in weights[name]:
            flat.extend(row)
    told = []
    for n in range(steps * {{ p.batch }}):
        index = n % len(documents)
        {% if p.order == "last to first" %}
        index = -1 - index
        {% endif %}
        loss = document_loss(weights, documents[index])
        loss.backward()
        told.append(loss.data)
        if (n + 1) % {{ p.batch }} == 0:
            step = n // {{ p.batch }}
            for x in flat:
                rate = {{ p.rate }} - {{ p.rate }} * step / steps
                x.data = x.data - rate * x.grad / {{ p.batch }}
                x.grad = 0
            yield sum(told[-{{ p.batch }}:]) / {{ p.batch }}
"""
FILL = Exercise(
    id="several-documents-a-step",
    skill="training-loop",
    entry="train",
    draw=fill_draw,
    cases=fill_cases,
    reference=fill,
    driver=DRIVE_LOOP,
    misconceptions={
        "zeroing-is-tidiness": lambda p, *a: fill_as(p, *a, zero=False),
        "sum-not-mean": lambda p, *a: fill_as(p, *a, divisor=1),
        "rate-stays": lambda p, *a: fill_as(p, *a, falls=False),
        "one-document-for-ever": lambda p, *a: fill_as(p, *a, again=True),
    },
    solutions=(FILL_PLAIN, FILL_CYCLE, FILL_COUNTER),
    mutants=(
        Mutant(name="never zeroed", find="            p.grad = 0.0\n", replace="",
               stands_for="zeroing-is-tidiness"),
        Mutant(name="a sum, no mean", stands_for="sum-not-mean",
               source=FILL_PLAIN.replace(" / {{ p.batch }}\n", "\n")),
        Mutant(name="the rate stays", of=1, find=" * left / steps", replace="",
               stands_for="rate-stays"),
        Mutant(name="the same documents at every step", find="(step * {{ p.batch }} + turn)",
               replace="turn", stands_for="one-document-for-ever"),
        Mutant(name="backward for the last one only", of=1,
               find="for loss in losses:\n            loss.backward()",
               replace="losses[-1].backward()"),
        Mutant(name="moves on by one document", find="step * {{ p.batch }} + turn",
               replace="step + turn"),
        Mutant(name="uphill", find="p.data -=", replace="p.data +="),
        Mutant(name="the other order", of=2, find='p.order == "last to first"',
               replace='p.order != "last to first"'),
        Mutant(name="one table only", find="for matrix in weights.values()",
               replace='for matrix in [weights["letter"]]'),
        Mutant(name="a step for each document", find="            total += loss.data\n",
               replace="            total += loss.data\n            for p in parameters:\n"
                       "                p.data -= {{ p.rate }} * (1 - step / steps) * p.grad / "
                       "{{ p.batch }}\n                p.grad = 0.0\n"),
    ),
)  # fmt: skip


# ---- Write: the loss of a document --------------------------------------------------------------
DRIVE_MODEL = """\
import math

def model_of(table, echo):
    def model(token, position, memory):
        memory.append(token)
        scores = [x + 0.4 * math.sin(position * (i + 2)) for i, x in enumerate(table[token])]
        for old in memory[:-1]:
            scores = [x + y for x, y in zip(scores, echo[old])]
        return scores
    return model

def drive(entry, table, echo, tokens):
    return entry(model_of(table, echo), tokens)
"""
_model = {}
exec(DRIVE_MODEL, _model)  # our own text: the reference asks the same model


def loss_draw(rng):
    return {
        "context": rng.randint(5, 9),
        "ahead": rng.choice([2, 3]),
        "free": rng.choice([1, 2, 3]),
        "unit": rng.choice(["nats", "bits"]),
    }


def loss_cases(rng, p):
    cases = []
    for letters, length in ((2, 6), (2, 9), (3, 12), (3, 15), (4, 20), (5, 4), (2, 2)):

        def square(letters=letters):
            return [[rng.uniform(-2, 2) for _ in range(letters + 1)] for _ in range(letters + 1)]

        tokens = [letters, *(rng.randrange(letters) for _ in range(length - 2)), letters]
        cases.append([square(), square(), tokens])
    return cases


class Shifted(list):
    """Tokens whose slice from 1 gives the targets, so many places ahead."""

    ahead, context = 1, 0

    def __getitem__(self, index):
        if isinstance(index, slice):
            return list(self)[self.ahead : self.ahead + self.context]
        return super().__getitem__(index)


def written_loss(p, table, echo, tokens):
    gpt, model = subject.load(), _model["model_of"](table, echo)

    def scores(_weights, token, position, memory):
        return [gpt.Value(x) for x in model(token, position, memory["read"])]

    def total(bets):
        """The first so many surprises: gpt.py's mean, times how many there are."""
        if not bets:
            return 0.0
        shifted = Shifted(tokens)
        shifted.ahead, shifted.context = p["ahead"], bets
        return with_globals("document_loss", gpt=scores)(None, shifted).data * bets

    bets = min(p["context"], len(tokens) - p["ahead"])
    counted = bets - p["free"]
    if counted <= 0:
        return 0.0
    return (total(bets) - total(p["free"])) / counted / (math.log(2) if p["unit"] == "bits" else 1)


def loss_as(p, table, echo, tokens, *, ahead=0, keep=True, cut=0, skip=False, way="mean"):
    """The same with a belief built in; plain numbers all the way."""
    model, memory, told = _model["model_of"](table, echo), [], []
    ahead, read = ahead or p["ahead"], tokens[:cut] if cut else tokens
    for position in range(min(p["context"], len(read) - ahead)):
        if skip and position < p["free"]:
            continue
        exps = [math.exp(x) for x in model(read[position], position, memory if keep else [])]
        told.append(-math.log(exps[read[position + ahead]] / sum(exps)))
    bets, told = len(told), told if skip else told[p["free"] :]
    unit = math.log(2) if (p["unit"] == "bits") != (way == "other unit") else 1
    if not told:
        return 0.0
    if way == "log of mean":
        return -math.log(sum(math.exp(-x) for x in told) / len(told)) / unit
    return sum(told) / {"sum": 1, "all": bets}.get(way, len(told)) / unit


LOSS_LOOP = """\
import math

def document_loss(model, tokens):
    memory, told = [], []
    targets = tokens[{{ p.ahead }}:]
    for position, (token, target) in enumerate(zip(tokens[:{{ p.context }}], targets)):
        scores = model(token, position, memory)
        exps = [math.exp(x) for x in scores]
        if position >= {{ p.free }}:
            told.append(-math.log(exps[target] / sum(exps)))
    if not told:
        return 0.0
    return sum(told) / len(told){{ " / math.log(2)" if p.unit == "bits" else "" }}
"""
LOSS_INDEX = """\
from math import exp, log, log2
from statistics import fmean

def document_loss(model, tokens):
    memory = []
    last = min({{ p.context }}, len(tokens) - {{ p.ahead }})
    rows = [model(tokens[i], i, memory) for i in range(last)]
    def surprise(i):
        top = max(rows[i])
        share = exp(rows[i][tokens[i + {{ p.ahead }}]] - top) / sum(exp(x - top) for x in rows[i])
        return -{{ "log2" if p.unit == "bits" else "log" }}(share)
    counted = range({{ p.free }}, last)
    return fmean(map(surprise, counted)) if counted else 0
"""
LOSS_WHILE = """\
import math

def document_loss(model, tokens):
    memory, position, total, number = list(), 0, 0.0, 0
    while position < {{ p.context }} and position + {{ p.ahead }} < len(tokens):
        scores = model(tokens[position], position, memory)
        came = scores[tokens[position + {{ p.ahead }}]]
        if position + 1 > {{ p.free }}:
            odds = sum(math.exp(x - came) for x in scores)
            total += math.log(odds{{ ", 2" if p.unit == "bits" else "" }})
            number += 1
        position += 1
    return total / max(1, number)
"""
LOSS = Exercise(
    id="the-loss-of-a-document",
    skill="document-loss",
    entry="document_loss",
    draw=loss_draw,
    cases=loss_cases,
    reference=written_loss,
    driver=DRIVE_MODEL,
    misconceptions={
        "off-by-one": lambda p, *a: loss_as(p, *a, ahead=p["ahead"] - 1),
        "memory-wiped": lambda p, *a: loss_as(p, *a, keep=False),
        "cut-before-pairing": lambda p, *a: loss_as(p, *a, cut=p["context"]),
        "not-counted-not-read": lambda p, *a: loss_as(p, *a, skip=True),
        "sum-not-mean": lambda p, *a: loss_as(p, *a, way="sum"),
        "gifts-in-the-divisor": lambda p, *a: loss_as(p, *a, way="all"),
        "log-of-mean": lambda p, *a: loss_as(p, *a, way="log of mean"),
        "other-unit": lambda p, *a: loss_as(p, *a, way="other unit"),
    },
    solutions=(LOSS_LOOP, LOSS_INDEX, LOSS_WHILE),
    mutants=(
        Mutant(name="one place too near", find="tokens[{{ p.ahead }}:]",
               replace="tokens[{{ p.ahead - 1 }}:]", stands_for="off-by-one"),
        Mutant(name="a new memory at each place", find="position, memory)",
               replace="position, [])", stands_for="memory-wiped"),
        Mutant(name="cut before pairing", of=2, find="    while",
               replace="    tokens = tokens[:{{ p.context }}]\n    while",
               stands_for="cut-before-pairing"),
        Mutant(name="the gifts are not read", of=1, find="for i in range(last)]",
               replace="if i >= {{ p.free }} else [] for i in range(last)]",
               stands_for="not-counted-not-read"),
        Mutant(name="a sum", of=2, find="/ max(1, number)", replace="", stands_for="sum-not-mean"),
        Mutant(name="the gifts in the divisor", of=2, find="max(1, number)",
               replace="max(1, position)", stands_for="gifts-in-the-divisor"),
        Mutant(name="the mean of the chances first", stands_for="log-of-mean",
               source=LOSS_LOOP.replace("-math.log(exps[target] / sum(exps))",
                                        "exps[target] / sum(exps)")
               .replace("sum(told) / len(told)", "-math.log(sum(told) / len(told))")),
        Mutant(name="the other unit", of=1, find='"log2" if p.unit == "bits" else "log"',
               replace='"log" if p.unit == "bits" else "log2"', stands_for="other-unit"),
        Mutant(name="no limit of context", find="tokens[:{{ p.context }}]", replace="tokens"),
        Mutant(name="every bet counts", find="position >= {{ p.free }}", replace="True"),
        Mutant(name="always at position 0", of=2, find="model(tokens[position], position, memory)",
               replace="model(tokens[position], 0, memory)"),
        Mutant(name="no minus", find="-math.log", replace="math.log"),
    ),
)  # fmt: skip


# ---- Bug: a run with a fault --------------------------------------------------------------------
FAULTS = (
    "zeroing-is-tidiness", "zeroed-before-use", "last-never-seen", "kept-aside-teaches",
    "tested-on-its-lessons",
)  # fmt: skip


def run_draw(rng):
    return {
        "every": rng.choice([2, 3]),
        "rate": rng.randint(8, 40) / 10,
        "falls": rng.choice([True, False]),
        "bug": rng.choice(FAULTS),
    }


def run_cases(rng, p):
    cases = []
    for letters, number, steps in ((1, 2, 4), (2, 3, 7), (3, 4, 8), (3, 3, 9), (4, 5, 12)):
        documents = draw_documents(rng, letters, number)
        documents[-1] = [letters, letters - 1, 0, 0, 0, letters]
        aside = [[letters, 0, letters - 1, letters], *draw_documents(rng, letters, 2)]
        cases.append([draw_tables(rng, letters), documents, aside, steps])
    return cases


def watched_run(p, start, documents, aside, steps):
    visits = [[documents[step % len(documents)]] for step in range(steps)]
    if p["falls"]:
        weights, losses, one_loss = descending(start, visits, steps, p["rate"])
    else:  # gpt.py's rate falls to 0; over so many steps more, what we look at does not notice
        weights, losses, one_loss = descending(start, visits, 10**12, p["rate"])
    told = []
    for step in range(steps):
        told.append(next(losses))
        if (step + 1) % p["every"] == 0:
            told.append(sum(one_loss(weights, one).data for one in aside) / len(aside))
    return {"told": told, "weights": _beside["data"](weights)}


def run_as(p, start, documents, aside, steps, fault):
    loss_of, weights, told = _beside["Loss"], _beside["tables"](start), []
    flat = [x for rows in weights.values() for row in rows for x in row]
    for step in range(steps):
        number = len(documents) - (fault == "last-never-seen")
        loss = loss_of(weights, documents[step % number])
        loss.backward()
        for x in flat:
            grad = 0.0 if fault == "zeroed-before-use" else x.grad
            x.data -= p["rate"] * (1 - step / steps if p["falls"] else 1) * grad
            x.grad = x.grad if fault == "zeroing-is-tidiness" else 0.0
        told.append(loss.data)
        if (step + 1) % p["every"] == 0:
            measured = documents if fault == "tested-on-its-lessons" else aside
            losses = [loss_of(weights, one) for one in measured]
            for one in losses if fault == "kept-aside-teaches" else []:
                one.backward()
            told.append(sum(one.data for one in losses) / len(losses))
    return {"told": told, "weights": _beside["data"](weights)}


RUN_MENDED = """\
def train(weights, documents, aside, steps, document_loss):
    parameters = [number for matrix in weights.values() for row in matrix for number in row]
    told = []
    for step in range(steps):
        loss = document_loss(weights, documents[step % len(documents)])
        loss.backward()
        rate = {{ p.rate }}{{ " * (1 - step / steps)" if p.falls else "" }}
        for number in parameters:
            number.data -= rate * number.grad
            number.grad = 0.0
        told.append(loss.data)
        if (step + 1) % {{ p.every }} == 0:
            losses = [document_loss(weights, document) for document in aside]
            told.append(sum(loss.data for loss in losses) / len(losses))
    return told
"""
RUN_FIRST = """\
from itertools import cycle
from statistics import mean

def train(weights, documents, aside, steps, document_loss):
    flat = sum((row for matrix in weights.values() for row in matrix), [])
    line = cycle(documents)
    for step in range(1, steps + 1):
        for x in flat:
            x.grad = 0.0
        loss = document_loss(weights, next(line))
        loss.backward()
        for x in flat:
            x.data -= {{ p.rate }}{{ " * (steps + 1 - step) / steps" if p.falls else "" }} * x.grad
        yield loss.data
        if not step % {{ p.every }}:
            yield mean(document_loss(weights, document).data for document in aside)
"""
RUN_PARTS = """\
def numbers(weights):
    for matrix in weights.values():
        for row in matrix:
            yield from row

def step_down(weights, loss, rate):
    for x in numbers(weights):
        x.grad = 0
    loss.backward()
    for x in numbers(weights):
        x.data += -rate * x.grad
    return loss.data

def train(weights, documents, aside, steps, document_loss):
    told, waiting = [], []
    for step in range(steps):
        waiting = waiting or list(documents)
        loss = document_loss(weights, waiting.pop(0))
        rate = {{ p.rate }}{{ " - " ~ p.rate ~ " / steps * step" if p.falls else "" }}
        told += [step_down(weights, loss, rate)]
        if step % {{ p.every }} == {{ p.every }} - 1:
            total = 0.0
            for document in aside:
                total += document_loss(weights, document).data
            told += [total / len(aside)]
    return told
"""
RUN = Exercise(
    id="a-run-with-a-fault",
    skill="training-loop",
    entry="train",
    draw=run_draw,
    cases=run_cases,
    reference=watched_run,
    driver=DRIVE_LOOP,
    misconceptions={
        fault: lambda p, *a, fault=fault: run_as(p, *a, fault=fault) for fault in FAULTS
    },
    solutions=(RUN_MENDED, RUN_FIRST, RUN_PARTS),
    mutants=(
        Mutant(name="never zeroed", find="            number.grad = 0.0\n", replace="",
               stands_for="zeroing-is-tidiness"),
        Mutant(name="zeroed before it is used", find="        rate =",
               replace="        for number in parameters:\n            number.grad = 0.0\n"
                       "        rate =", stands_for="zeroed-before-use"),
        Mutant(name="the last is never seen", find="documents[step % len(documents)]",
               replace="documents[step % (len(documents) - 1)]", stands_for="last-never-seen"),
        Mutant(name="what is kept aside teaches", find="            told.append(sum",
               replace="            for loss in losses:\n                loss.backward()\n"
                       "            told.append(sum", stands_for="kept-aside-teaches"),
        Mutant(name="measured on the lessons", of=1, find="for document in aside",
               replace="for document in documents", stands_for="tested-on-its-lessons"),
        Mutant(name="uphill", of=2, find="-rate * x.grad", replace="rate * x.grad"),
        Mutant(name="the sum over what is kept aside", of=2, find="total / len(aside)",
               replace="total"),
        Mutant(name="measured a step too early", find="(step + 1) % {{ p.every }}",
               replace="step % {{ p.every }}"),
        Mutant(name="no backward", of=1, find="        loss.backward()\n", replace=""),
        Mutant(name="the loss told is of after the step", find="told.append(loss.data)",
               replace="told.append(document_loss(weights, "
                       "documents[step % len(documents)]).data)"),
        Mutant(name="the other rate", find="if p.falls", replace="if not p.falls"),
    ),
)  # fmt: skip

EXERCISES = [LOOPS, FILL, LOSS, RUN]
