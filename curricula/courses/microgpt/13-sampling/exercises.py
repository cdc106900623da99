"""Sampling: bets at two temperatures, a sampler to complete, one to write, one with a fault, beams.

Drawing is made exact: the uniform random numbers are handed in, one for each position.
"""

import math
from bisect import bisect
from itertools import accumulate
from random import Random
from types import FunctionType

from curricula import subject
from curricula.exercise import Exercise, Mutant

# A model small enough for a grade. Its bets depend on token, position and all that came before.
MODEL = """\
import math

def model_of(table, echo):
    def model(token, position, memory):
        memory.append(token)
        scores = [x + 1.2 * math.sin(position * (i + 2)) for i, x in enumerate(table[token])]
        for old in memory[:-1]:
            scores = [x + y for x, y in zip(scores, echo[old])]
        return scores
    return model
"""
DRIVE = (
    MODEL
    + """
def drive(entry, table, echo, *others):
    return entry(model_of(table, echo), *others)
"""
)
_model = {}
exec(MODEL, _model)  # our own text: reference and mimics ask the same model
NEVER = -1e9  # a score whose chance is 0.0


class Told(Random):
    """Draws with the numbers it was given, the one for each position."""

    def __init__(self, numbers):
        super().__init__(0)
        self.numbers = list(numbers)

    def random(self):
        return self.numbers.pop(0)


def invented(model, letters, numbers, *, context, temperature, limit=lambda name, scores: scores):
    """gpt.py's own `invent`, with this model, this context and these random numbers.

    `limit(name, scores)` changes the scores before they are bets.
    """
    gpt, said = subject.load(), []

    def scores(_weights, token, position, memory):
        said.append(token)
        shown = limit(said[1:], model(token, position, memory["read"]))
        return [gpt.Value(x) for x in shown]

    code = gpt.invent.__code__
    invent = FunctionType(code, {**vars(gpt), "gpt": scores, "CONTEXT": context})
    return invent(None, letters, Told(numbers), temperature)


def shares(scores, temperature=1.0):
    top = max(scores)
    exps = [math.exp((x - top) / temperature) for x in scores]
    return [x / sum(exps) for x in exps]


def square(rng, size, spread):
    return [[rng.uniform(-spread, spread) for _ in range(size)] for _ in range(size)]


def sampling_cases(rng, p):
    """Models that end a name now and then, and numbers for more positions than are needed."""
    cases = []
    for number in (3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7, 7):
        letters = sorted(rng.sample("abcdefghijklmnopqrstuvwxyz", number))
        table, echo = square(rng, number + 1, 1.5), square(rng, number + 1, 0.4)
        for row in table:
            row[-1] -= 1.5 if len(cases) % 2 else 0.0
        numbers = [rng.uniform(0.001, 0.999) for _ in range(12)]
        cases.append([table, echo, letters, numbers])
    return cases


# ---- Predict: bets at two temperatures ----------------------------------------------------------
def bets_draw(rng):
    counts = [1, *rng.sample(range(2, 9), 3)]
    rng.shuffle(counts)
    return {"counts": counts, "letters": sorted(rng.sample("aeilmnorst", 4))}


def bets(p, *, low=0.5, high=2.0):
    gpt, whole = subject.load(), sum(p["counts"])
    logits = [gpt.Value(math.log(count / whole)) for count in p["counts"]]
    shown = []
    for temperature in (low, high):
        shown += [x.data for x in gpt.softmax([x * (1 / temperature) for x in logits])]
    return shown


def bets_of_chances(p):
    chances = [count / sum(p["counts"]) for count in p["counts"]]
    return shares(chances, 0.5) + shares(chances, 2.0)


def bets_unsummed(p):
    chances = [count / sum(p["counts"]) for count in p["counts"]]
    return [x**2 for x in chances] + [x**0.5 for x in chances]


BETS_POWERS = """\
counts = {{ p.counts }}
answer = []
for power in (2, 0.5):
    raised = [x ** power for x in counts]
    answer += [x / sum(raised) for x in raised]
"""
BETS_SOFTMAX = """\
from math import exp, log

def bets(temperature):
    exps = [exp(log(x / sum({{ p.counts }})) / temperature) for x in {{ p.counts }}]
    return tuple(x / sum(exps) for x in exps)

answer = bets(0.5) + bets(2.0)
"""
BETS_ODDS = """\
import math
counts = {{ p.counts }}
cold = [1 / sum((y / x) * (y / x) for y in counts) for x in counts]
warm = [1 / sum(math.sqrt(y / x) for y in counts) for x in counts]
answer = [*cold, *warm]
"""
BETS = Exercise(
    id="bets-at-two-temperatures",
    skill="temperature",
    entry="answer",
    draw=bets_draw,
    cases=lambda rng, p: [[]],
    reference=bets,
    tolerance=0.003,
    misconceptions={
        "temperature-turned": lambda p: bets(p, low=2.0, high=0.5),
        "it-knows-something-else": lambda p: bets(p, low=1.0, high=1.0),
        "temperature-on-chances": bets_of_chances,
        "no-longer-bets": bets_unsummed,
    },
    solutions=(BETS_POWERS, BETS_SOFTMAX, BETS_ODDS),
    mutants=(
        Mutant(name="turned round", find="(2, 0.5)", replace="(0.5, 2)",
               stands_for="temperature-turned"),
        Mutant(name="the bets as they were", of=1, find=" / temperature", replace="",
               stands_for="it-knows-something-else"),
        Mutant(name="chances divided by the temperature", of=1, stands_for="temperature-on-chances",
               find="log(x / sum({{ p.counts }}))", replace="(x / sum({{ p.counts }}))"),
        Mutant(name="powers that don't sum to 1", stands_for="no-longer-bets",
               source=BETS_POWERS.replace("x ** power for", "(x / sum(counts)) ** power for")
               .replace("x / sum(raised)", "x")),
        Mutant(name="cold twice", of=1, find="bets(2.0)", replace="bets(0.5)"),
        Mutant(name="all on the favourite", of=2, find="[*cold,",
               replace="[*(float(x == max(counts)) for x in counts),"),
        Mutant(name="all alike when warm", of=2, find="*warm]", replace="0.25, 0.25, 0.25, 0.25]"),
        Mutant(name="only one of them", find="(2, 0.5)", replace="(2,)"),
        Mutant(name="a third power", find="(2, 0.5)", replace="(3, 0.5)"),
    ),
)  # fmt: skip


# ---- Faded: a sampler to complete ---------------------------------------------------------------
def fill_draw(rng):
    return {
        "context": rng.randint(4, 8),
        "temperature": rng.choice([0.3, 0.4, 0.6, 0.7, 0.8, 1.3, 1.5, 1.8, 2.0]),
        "banned": rng.choice(["the first letter", "the last letter", "the second letter"]),
    }


def banned_token(p, letters):
    return {"the first letter": 0, "the second letter": 1}.get(p["banned"], len(letters) - 1)


def fill(p, table, echo, letters, numbers):
    def limit(_name, scores):
        return [NEVER if i == banned_token(p, letters) else x for i, x in enumerate(scores)]

    return invented(_model["model_of"](table, echo), letters, numbers, context=p["context"],
                    temperature=p["temperature"], limit=limit)  # fmt: skip


def walk(model, letters, numbers, context, bets, *, way=""):
    """A sampler in plain Python, with a belief built in: what the mimics are made of."""
    bos, name, memory = len(letters), [], []
    token = bos
    for position in range(context):
        memory = [] if way == "memory-wiped" else memory
        place = 0 if way == "stuck-at-the-start" else position
        chances = bets(name, model(bos if way == "never-reads-on" else token, place, memory))
        if way == "bos-only-starts":
            chances = chances[:bos]
        u = numbers[0 if way == "one-number-for-all" else position] * sum(chances)
        token = min(bisect(list(accumulate(chances)), u), len(chances) - 1)
        if way == "always-the-best":
            token = chances.index(max(chances))
        if token == bos:
            break
        name.append(token)
    return "".join(letters[i] for i in name)


def fill_as(p, table, echo, letters, numbers, *, turned=False, ban=True, way="", context=0):
    temperature = 1 / p["temperature"] if turned else p["temperature"]

    def weighed(_name, scores):
        chances = shares(scores, temperature)
        if ban:
            chances[banned_token(p, letters)] = 0.0
        return chances

    model = _model["model_of"](table, echo)
    return walk(model, letters, numbers, context or p["context"], weighed, way=way)


FILL_LOOP = """\
import math

def invent(model, letters, numbers):
    name, token, memory = "", len(letters), []
    {% set places = {"the first letter": "0", "the second letter": "1"} %}
    banned = {{ places.get(p.banned, "len(letters) - 1") }}
    for position in range({{ p.context }}):
        scores = model(token, position, memory)
        weights = [math.exp(score / {{ p.temperature }}) for score in scores]
        weights[banned] = 0.0
        left = numbers[position] * sum(weights)
        for token, weight in enumerate(weights):
            left -= weight
            if left < 0:
                break
        if token == len(letters):
            break
        name += letters[token]
    return name
"""
FILL_BISECT = """\
from bisect import bisect
from itertools import accumulate
from math import exp

def invent(model, letters, numbers):
    signs, memory, said = [*letters, ""], [], []
    {% set places = {"the first letter": "0", "the second letter": "1"} %}
    banned = letters[{{ places.get(p.banned, "-1") }}]
    token = len(letters)
    while len(said) < {{ p.context }}:
        scores = model(token, len(said), memory)
        top = max(scores)
        pairs = zip(scores, signs)
        bets = [exp((x - top) / {{ p.temperature }}) * (sign != banned) for x, sign in pairs]
        heaps = list(accumulate(bets))
        token = bisect(heaps, numbers[len(said)] * heaps[-1])
        said.append(signs[token])
        if token == len(letters):
            break
    return "".join(said)
"""
FILL_RECURSIVE = """\
import math

def invent(model, letters, numbers):
    memory = []
    {% set places = {"the first letter": "0", "the second letter": "1"} %}
    banned = {{ places.get(p.banned, "len(letters) - 1") }}

    def rest(token, position):
        if position == {{ p.context }}:
            return ""
        scores = dict(enumerate(model(token, position, memory)))
        del scores[banned]
        powers = {i: math.e ** (x / {{ p.temperature }}) for i, x in scores.items()}
        whole, reached = sum(powers.values()), 0.0
        for i, power in powers.items():
            reached += power / whole
            if numbers[position] < reached:
                return "" if i == len(letters) else letters[i] + rest(i, position + 1)

    return rest(len(letters), 0)
"""
FILL = Exercise(
    id="a-sampler-to-complete",
    skill="temperature",
    entry="invent",
    draw=fill_draw,
    cases=sampling_cases,
    reference=fill,
    driver=DRIVE,
    misconceptions={
        "temperature-turned": lambda p, *a: fill_as(p, *a, turned=True),
        "always-the-best": lambda p, *a: fill_as(p, *a, way="always-the-best"),
        "bos-only-starts": lambda p, *a: fill_as(p, *a, way="bos-only-starts"),
        "never-reads-on": lambda p, *a: fill_as(p, *a, way="never-reads-on"),
        "ban-forgotten": lambda p, *a: fill_as(p, *a, ban=False),
        "no-limit": lambda p, *a: fill_as(p, *a, context=12),
    },
    solutions=(FILL_LOOP, FILL_BISECT, FILL_RECURSIVE),
    mutants=(
        Mutant(name="times the temperature", find="score / {{ p.temperature }}",
               replace="score * {{ p.temperature }}", stands_for="temperature-turned"),
        Mutant(name="the most likely, always", of=1, stands_for="always-the-best",
               find="bisect(heaps, numbers[len(said)] * heaps[-1])",
               replace="bets.index(max(bets))"),
        Mutant(name="never ends", find="in scores]\n", replace="in scores[:-1]]\n",
               stands_for="bos-only-starts"),
        Mutant(name="reads the opening again and again", of=1,
               find="model(token, len(said), memory)",
               replace="model(len(letters), len(said), memory)", stands_for="never-reads-on"),
        Mutant(name="the ban forgotten", find="        weights[banned] = 0.0\n", replace="",
               stands_for="ban-forgotten"),
        Mutant(name="no limit", find="range({{ p.context }})", replace="range(len(numbers))",
               stands_for="no-limit"),
        Mutant(name="banned, though its bet stays in the sum",
               find="left = numbers[position] * sum(weights)",
               replace="left = numbers[position] * sum(map(lambda x: "
                       "math.exp(x / {{ p.temperature }}), scores))"),
        Mutant(name="a score of 0 is no ban", of=2, find="del scores[banned]",
               replace="scores[banned] = 0.0"),
        Mutant(name="one letter too many", of=2, find="position == {{ p.context }}",
               replace="position == {{ p.context }} + 1"),
        Mutant(name="one number for all positions", of=1, find="numbers[len(said)]",
               replace="numbers[0]"),
        Mutant(name="no temperature", of=1, find=" / {{ p.temperature }}", replace=""),
    ),
)  # fmt: skip


# ---- Write: only the likeliest, and a name begun ------------------------------------------------
def cut_draw(rng):
    p = {
        "context": rng.randint(6, 9),
        "temperature": rng.choice([1.6, 1.8, 2.0, 2.2, 2.4, 2.6]),
        "rule": rng.choice(["few", "share", "near"]),
    }
    amounts = {"few": [3, 4], "share": [0.7, 0.75, 0.8], "near": [0.2, 0.25, 0.3]}
    return {**p, "amount": rng.choice(amounts[p["rule"]])}


def cut_cases(rng, p):
    cases = []
    for table, echo, letters, numbers in sampling_cases(rng, p)[2:] + sampling_cases(rng, p)[4:]:
        begun = "".join(rng.choices(letters, k=rng.choice([1, 2, 3])))
        cases.append([table, echo, letters, numbers, begun])
    return cases


def kept(p, chances):
    """The tokens that may be drawn, the likeliest first."""
    order = sorted(range(len(chances)), key=lambda i: -chances[i])
    if p["rule"] == "few":
        return order[: p["amount"]]
    if p["rule"] == "near":
        return [i for i in order if chances[i] >= p["amount"] * chances[order[0]]]
    reached = list(accumulate(chances[i] for i in order))
    return [i for i, sum_ in zip(order, reached, strict=True) if sum_ - chances[i] < p["amount"]]


def cut(p, table, echo, letters, numbers, begun):
    def limit(name, scores):
        if len(name) < len(begun):
            may = [letters.index(begun[len(name)])]
        else:
            may = kept(p, shares(scores, p["temperature"]))
        return [x if i in may else NEVER for i, x in enumerate(scores)]

    return invented(_model["model_of"](table, echo), letters, numbers, context=p["context"],
                    temperature=p["temperature"], limit=limit)  # fmt: skip


def cut_as(p, table, echo, letters, numbers, begun, *, way="", temperature=0.0, late=False):
    used = temperature or p["temperature"]

    def bets(name, scores):
        if len(name) < len(begun) and way != "begun-is-pasted":
            return [float(i == letters.index(begun[len(name)])) for i in range(len(scores))]
        scores = scores[:-1] if way == "bos-only-starts" else scores
        chances = shares(scores, used)
        may = kept(p, shares(scores) if late else chances)
        if way == "one-more-is-left-out":
            may = may[:-1] or may
        if way == "cut-forgotten":
            may = range(len(scores))
        return [x if i in may else 0.0 for i, x in enumerate(chances)]

    model = _model["model_of"](table, echo)
    if way != "begun-is-pasted":
        return walk(model, letters, numbers, p["context"], bets, way=way)
    n = len(begun)  # the model never read it: token and memory begin at BOS, behind it
    aside = lambda token, place, memory: model(token, place + n, memory)
    return begun + walk(aside, letters, numbers[n:], p["context"] - n, bets)


CUT_LOOP = """\
import math

def invent(model, letters, numbers, begun):
    name, token, memory = "", len(letters), []
    for position in range({{ p.context }}):
        scores = model(token, position, memory)
        if position < len(begun):
            token = letters.index(begun[position])
            name += begun[position]
            continue
        weights = [math.exp(x / {{ p.temperature }}) for x in scores]
        order = sorted(weights, reverse=True)
        {% if p.rule == "few" %}
        floor = order[{{ p.amount }} - 1]
        {% elif p.rule == "near" %}
        floor = {{ p.amount }} * order[0]
        {% else %}
        reached = 0.0
        for floor in order:
            reached += floor
            if reached >= {{ p.amount }} * sum(weights):
                break
        {% endif %}
        weights = [x if x >= floor else 0.0 for x in weights]
        left = numbers[position] * sum(weights)
        for token, weight in enumerate(weights):
            left -= weight
            if left < 0:
                break
        if token == len(letters):
            break
        name += letters[token]
    return name
"""
CUT_SORTED = """\
from bisect import bisect
from itertools import accumulate
from math import exp

def allowed(bets):
    whole = sum(bets)
    ranked = sorted(((x / whole, i) for i, x in enumerate(bets)), reverse=True)
    {% if p.rule == "few" %}
    return {i for _, i in ranked[:{{ p.amount }}]}
    {% elif p.rule == "near" %}
    return {i for x, i in ranked if x / ranked[0][0] >= {{ p.amount }}}
    {% else %}
    chosen = set()
    before = 0.0
    for x, i in ranked:
        if before < {{ p.amount }}:
            chosen.add(i)
        before += x
    return chosen
    {% endif %}

def invent(model, letters, numbers, begun):
    memory, read, bos = [], [len(letters)], len(letters)
    forced = [letters.index(x) for x in begun]
    for position in range({{ p.context }}):
        scores = model(read[-1], position, memory)
        if position < len(forced):
            read.append(forced[position])
            continue
        bets = [exp((x - max(scores)) / {{ p.temperature }}) for x in scores]
        may = allowed(bets)
        heaps = list(accumulate(x * (i in may) for i, x in enumerate(bets)))
        token = bisect(heaps, numbers[position] * heaps[-1])
        if token == bos:
            break
        read.append(token)
    return "".join(letters[i] for i in read[1:])
"""
CUT_RECURSIVE = """\
import math

def draw(scores, u):
    raised = {i: math.exp(x / {{ p.temperature }}) for i, x in enumerate(scores)}
    whole = sum(raised.values())
    {% if p.rule == "few" %}
    while len(raised) > {{ p.amount }}:
        del raised[min(raised, key=raised.get)]
    {% elif p.rule == "near" %}
    best = max(raised.values())
    raised = {i: x for i, x in raised.items() if not x < best * {{ p.amount }}}
    {% else %}
    while True:
        least = min(raised, key=raised.get)
        if sum(raised.values()) - raised[least] < {{ p.amount }} * whole:
            break
        del raised[least]
    {% endif %}
    u *= sum(raised.values())
    for i, x in raised.items():
        if u < x:
            return i
        u -= x

def invent(model, letters, numbers, begun):
    memory = []
    def rest(token, position):
        if position == {{ p.context }}:
            return ""
        scores = model(token, position, memory)
        forced = begun[position:position + 1]
        after = letters.index(forced) if forced else draw(scores, numbers[position])
        return "" if after == len(letters) else letters[after] + rest(after, position + 1)
    return rest(len(letters), 0)
"""
CUT = Exercise(
    id="only-the-likeliest",
    skill="sampling",
    entry="invent",
    draw=cut_draw,
    cases=cut_cases,
    reference=cut,
    driver=DRIVE,
    misconceptions={
        "temperature-turned": lambda p, *a: cut_as(p, *a, temperature=1 / p["temperature"]),
        "always-the-best": lambda p, *a: cut_as(p, *a, way="always-the-best"),
        "begun-is-pasted": lambda p, *a: cut_as(p, *a, way="begun-is-pasted"),
        "cut-forgotten": lambda p, *a: cut_as(p, *a, way="cut-forgotten"),
        "one-more-is-left-out": lambda p, *a: cut_as(p, *a, way="one-more-is-left-out"),
        "bos-only-starts": lambda p, *a: cut_as(p, *a, way="bos-only-starts"),
    },
    solutions=(CUT_LOOP, CUT_SORTED, CUT_RECURSIVE),
    mutants=(
        Mutant(name="times the temperature", find="x / {{ p.temperature }}",
               replace="x * {{ p.temperature }}", stands_for="temperature-turned"),
        Mutant(name="always the best", of=1, find="bisect(heaps, numbers[position] * heaps[-1])",
               replace="bets.index(max(bets))", stands_for="always-the-best"),
        Mutant(name="the beginning is not read", stands_for="begun-is-pasted",
               source=CUT_RECURSIVE.replace("return rest(len(letters), 0)",
                                            "return begun + rest(len(letters), len(begun))")),
        Mutant(name="everything may be drawn", of=1, find="may = allowed(bets)",
               replace="may = range(len(bets))", stands_for="cut-forgotten"),
        Mutant(name="one fewer may be drawn", of=2, stands_for="one-more-is-left-out",
               find="    u *= sum", replace="    if len(raised) > 1:\n"
               "        del raised[min(raised, key=raised.get)]\n    u *= sum"),
        Mutant(name="never ends", find="for x in scores]", replace="for x in scores[:-1]]",
               stands_for="bos-only-starts"),
        Mutant(name="bets not made whole again", of=2, find="    u *= sum(raised.values())",
               replace="    u *= whole"),
        Mutant(name="no limit", of=2, find="position == {{ p.context }}", replace="position == 12"),
        Mutant(name="draws in the order of likelihood", of=2,
               find="in raised.items():\n        if u",
               replace="in sorted(raised.items(), key=lambda x: -x[1]):\n        if u"),
        Mutant(name="the beginning is read and not said", of=0,
               find="            name += begun[position]\n", replace=""),
        Mutant(name="numbers begin behind the beginning", of=1, find="numbers[position]",
               replace="numbers[position - len(forced)]"),
    ),
)  # fmt: skip


# ---- Bug: a sampler with a fault ----------------------------------------------------------------
FAULTS = (
    "temperature-turned", "never-reads-on", "memory-wiped", "stuck-at-the-start",
    "bos-only-starts", "one-number-for-all", "temperature-on-chances",
)  # fmt: skip


def fault_draw(rng):
    return {
        "context": rng.randint(5, 8),
        "temperature": rng.choice([0.3, 0.4, 0.5, 1.6, 1.8, 2.0]),
        "falls": rng.choice([0.7, 0.8, 1.2, 1.3]),
        "bug": rng.choice(FAULTS),
    }


def heat(p, position):
    return p["temperature"] * p["falls"] ** position


def fault(p, table, echo, letters, numbers):
    def limit(name, scores):  # what invent divides by is fixed, so the scores are scaled
        return [x / p["falls"] ** len(name) for x in scores]

    return invented(_model["model_of"](table, echo), letters, numbers, context=p["context"],
                    temperature=p["temperature"], limit=limit)  # fmt: skip


def fault_as(p, table, echo, letters, numbers, *, way):
    def bets(name, scores):
        hot = heat(p, len(name))
        if way == "temperature-turned":
            return shares(scores, 1 / hot)
        if way == "temperature-on-chances":
            return [x / hot for x in shares(scores)]
        return shares(scores, hot)

    return walk(_model["model_of"](table, echo), letters, numbers, p["context"], bets, way=way)


FAULT_MENDED = """\
import math

def invent(model, letters, numbers):
    name, token, memory = "", len(letters), []
    for position in range({{ p.context }}):
        temperature = {{ p.temperature }} * {{ p.falls }} ** position
        scores = model(token, position, memory)
        weights = [math.exp(score / temperature) for score in scores]
        left = numbers[position] * sum(weights)
        for token, weight in enumerate(weights):
            left -= weight
            if left < 0:
                break
        if token == len(letters):
            break
        name += letters[token]
    return name
"""
FAULT_BISECT = """\
from bisect import bisect
from itertools import accumulate
from math import exp

def invent(model, letters, numbers):
    memory, said, temperature = [], [len(letters)], {{ p.temperature }}
    for position, u in zip(range({{ p.context }}), numbers):
        scores = model(said[position], position, memory)
        heaps = list(accumulate(exp((x - max(scores)) / temperature) for x in scores))
        said.append(bisect(heaps, u * heaps[-1]))
        temperature *= {{ p.falls }}
        if said[-1] == len(letters):
            said.pop()
            break
    return "".join(letters[i] for i in said[1:])
"""
FAULT_RECURSIVE = """\
import math

def invent(model, letters, numbers):
    memory = []
    def rest(token, position, temperature):
        if position == {{ p.context }}:
            return ""
        scores = model(token, position, memory)
        top = max(scores)
        bets = [math.exp((x - top) / temperature) for x in scores]
        reached, whole = 0.0, math.fsum(bets)
        for i, bet in enumerate(bets):
            reached += bet / whole
            if reached > numbers[position]:
                if i == len(letters):
                    return ""
                return letters[i] + rest(i, position + 1, temperature * {{ p.falls }})
    return rest(len(letters), 0, {{ p.temperature }})
"""
FAULT = Exercise(
    id="a-sampler-with-a-fault",
    skill="temperature",
    entry="invent",
    draw=fault_draw,
    cases=sampling_cases,
    reference=fault,
    driver=DRIVE,
    misconceptions={
        one: lambda p, *a, one=one: fault_as(p, *a, way=one) for one in FAULTS
    },
    solutions=(FAULT_MENDED, FAULT_BISECT, FAULT_RECURSIVE),
    mutants=(
        Mutant(name="times the temperature", find="score / temperature",
               replace="score * temperature", stands_for="temperature-turned"),
        Mutant(name="reads the opening again and again", find="model(token, position",
               replace="model(len(letters), position", stands_for="never-reads-on"),
        Mutant(name="a new memory at each place", of=1, find="position, memory)",
               replace="position, [])", stands_for="memory-wiped"),
        Mutant(name="always position 0", of=1, find="model(said[position], position,",
               replace="model(said[position], 0,", stands_for="stuck-at-the-start"),
        Mutant(name="never ends", find="for score in scores]", replace="for score in scores[:-1]]",
               stands_for="bos-only-starts"),
        Mutant(name="one number for all", of=2, find="numbers[position]", replace="numbers[0]",
               stands_for="one-number-for-all"),
        Mutant(name="chances divided by the temperature", of=2, stands_for="temperature-on-chances",
               find="math.exp((x - top) / temperature)", replace="math.exp(x) / temperature"),
        Mutant(name="always the best", find="        if token == len(letters)",
               replace="        token = weights.index(max(weights))\n"
                       "        if token == len(letters)"),
        Mutant(name="the same temperature throughout", of=1,
               find="        temperature *= {{ p.falls }}\n", replace=""),
        Mutant(name="no limit", of=2, find="position == {{ p.context }}", replace="position == 12"),
        Mutant(name="BOS goes on with the next name", find="            break\n        name +=",
               replace="            continue\n        name +="),
    ),
)  # fmt: skip

EXERCISES = [BETS, FILL, CUT, FAULT]
