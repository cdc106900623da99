"""Bigram counts: chips, rows of bets, mean surprise, a table with a fault, whose song it is."""

import math
from collections import Counter
from itertools import pairwise

from curricula import subject
from curricula.exercise import Exercise, Mutant


# ---- Shared: surprise as gpt.py computes it, from the logarithms of smoothed counts -------------
def surprises(counts):
    """Nats of surprise for each token, given (smoothed, so positive) counts of what followed."""
    gpt = subject.load()
    scores = [gpt.Value(math.log(count)) for count in counts]
    return [(share.log() * -1).data for share in gpt.softmax(scores)]


def draw_document(rng, letters, shortest=1, longest=6):
    """A document of tokens; the last token of the vocabulary opens and ends it, as in gpt.py."""
    inner = [rng.randrange(letters) for _ in range(rng.randint(shortest, longest))]
    return [letters, *inner, letters]


# ---- Predict: put your chips down ---------------------------------------------------------------
def chips_draw(rng):
    while True:
        letters = sorted(rng.sample("aeilmnorst", 3))
        names = ["".join(rng.choices(letters, k=rng.randint(2, 5))) for _ in range(6)]
        first, second = rng.sample(letters, 2)
        p = {"letters": letters, "names": names, "first": first, "second": second}
        p["chips"] = rng.choice([10, 12, 20, 30, 60, 100])
        rows = [[sum(p["names"][i].count(x) for i in range(6)) for x in (first, second)]]
        if min(rows[0]) < 4 or len(set(names)) < 6:
            continue
        ways = [chips(p), chips(p, end=False), chips(p, turn=True), overall(p)]
        if all(abs(a - b) > 0.1 for w in ways[1:] for a, b in [biggest_gap(ways[0], w)]):
            return p


def biggest_gap(one, other):
    return max(zip(one, other, strict=True), key=lambda pair: abs(pair[0] - pair[1]))


def chips(p, *, end=True, turn=False):
    bets = []
    for letter in (p["first"], p["second"]):
        seen = Counter()
        for name in p["names"]:
            marked = "." + name + "."
            pairs = pairwise(marked[::-1] if turn else marked)
            seen.update(after for before, after in pairs if before == letter)
        row = [seen[x] for x in p["letters"]] + [seen["."] if end else 0]
        bets += [p["chips"] * count / max(1, sum(row)) for count in row]
    return bets


def overall(p):
    joined = "".join(name + "." for name in p["names"])
    row = [p["chips"] * joined.count(x) / len(joined) for x in [*p["letters"], "."]]
    return row + row


CHIPS_LOOPS = """\
names = {{ p.names }}
answer = []
for letter in "{{ p.first }}{{ p.second }}":
    counts = {x: 0 for x in "{{ p.letters | join }}."}
    for name in names:
        marked = name + "."
        for i in range(len(name)):
            if marked[i] == letter:
                counts[marked[i + 1]] += 1
    total = sum(counts.values())
    answer += [{{ p.chips }} * n / total for n in counts.values()]
"""
CHIPS_COUNTER = """\
from collections import Counter
from itertools import pairwise
text = "." + ".".join({{ p.names }}) + "."
pairs = Counter(pairwise(text))
starts = Counter(text[:-1])
answer = [
    {{ p.chips }} * pairs[a, b] / starts[a]
    for a in "{{ p.first }}{{ p.second }}" for b in "{{ p.letters | join }}."
]
"""
CHIPS_FOLLOWERS = """\
def after(letter):
    marked = [name + "|" for name in {{ p.names }}]
    return "".join(m[i + 1] for m in marked for i, x in enumerate(m) if x == letter)

def row(letter):
    heard = after(letter)
    return tuple({{ p.chips }} / len(heard) * heard.count(x) for x in "{{ p.letters | join }}|")

answer = row("{{ p.first }}") + row("{{ p.second }}")
"""
CHIPS = Exercise(
    id="put-your-chips-down",
    skill="count-bigrams",
    entry="answer",
    draw=chips_draw,
    cases=lambda rng, p: [[]],
    reference=chips,
    tolerance=0.01,
    misconceptions={
        "end-is-no-letter": lambda p: chips(p, end=False),
        "before-for-after": lambda p: chips(p, turn=True),
        "how-common": overall,
    },
    solutions=(CHIPS_LOOPS, CHIPS_COUNTER, CHIPS_FOLLOWERS),
    mutants=(
        Mutant(
            name="no chips on the end", find='counts[marked[i + 1]] += 1',
            replace='counts[marked[i + 1]] += marked[i + 1] != "."', stands_for="end-is-no-letter",
        ),
        Mutant(
            name="what came before", of=1, find="pairs[a, b]", replace="pairs[b, a]",
            stands_for="before-for-after",
        ),
        Mutant(
            name="how common each letter is", of=1,
            find="pairs[a, b] / starts[a]", replace="starts[b] / len(text[:-1])",
            stands_for="how-common",
        ),
        Mutant(name="shares, no chips", find="{{ p.chips }} * n / total", replace="n / total"),
        Mutant(name="counts, no chips", find="{{ p.chips }} * n / total", replace="n"),
        Mutant(
            name="rows the wrong way round", of=2,
            find='row("{{ p.first }}") + row("{{ p.second }}")',
            replace='row("{{ p.second }}") + row("{{ p.first }}")',
        ),
        Mutant(name="the same bet on all", find="* n / total", replace="/ 4"),
        Mutant(name="one row only", of=2, find=' + row("{{ p.second }}")', replace=""),
        Mutant(name="all on the favourite", find="* n / total",
               replace="* (n == max(counts.values()))"),
    ),
)  # fmt: skip


# ---- Faded: a row of counts becomes a row of bets -----------------------------------------------
def bets_draw(rng):
    rule = rng.choice(["add", "mix", "tax"])
    amounts = {"add": (5, 300), "mix": (2, 40), "tax": (10, 90)}  # hundredths
    return {"rule": rule, "amount": rng.randint(*amounts[rule]) / 100}


def bets_cases(rng, p):
    rows = [[3, 1], [0, 0], [1, 0, 0]]
    for size in (3, 4, 5, 6, 8, 12):
        row = [rng.choice([0, 0, 1, 2, rng.randint(3, 40)]) for _ in range(size)]
        row[0], row[1] = 0, rng.randint(1, 9)
        rows.append(rng.sample(row, size))
    return [[row] for row in rows]


def bets(p, counts):
    total, size, amount = sum(counts), len(counts), p["amount"]
    if not total:
        return [1 / size] * size
    if p["rule"] == "add":
        counts = [count + amount for count in counts]
    elif p["rule"] == "mix":
        counts = [(1 - amount) * count + amount * total / size for count in counts]
    else:
        taken = amount * sum(count > 0 for count in counts)
        counts = [max(0, count - amount) + taken / size for count in counts]
    return [math.exp(-s) for s in surprises(counts)]


def bets_total_stays(p, counts):
    total, size, amount = sum(counts), len(counts), p["amount"]
    if not total:
        return [1 / size] * size
    if p["rule"] == "add":
        return [(count + amount) / total for count in counts]
    if p["rule"] == "mix":
        return [count / total + amount / size for count in counts]
    return [count / total + amount * sum(map(bool, counts)) / total / size for count in counts]


def bets_gift_to_each(p, counts):
    total, size, amount = sum(counts), len(counts), p["amount"]
    if not total:
        return [1 / size] * size
    if p["rule"] == "add":
        return [(count + amount) / (total + amount) for count in counts]
    if p["rule"] == "mix":
        return [(1 - amount) * count / total + amount for count in counts]
    pot = amount * sum(map(bool, counts))
    return [(max(0, count - amount) + pot) / total for count in counts]


def bets_raw(p, counts):
    total, size = sum(counts), len(counts)
    return [count / total for count in counts] if total else [1 / size] * size


BETS_PLAIN = """\
def bets(counts):
    total, size = sum(counts), len(counts)
    if total == 0:
        return [1 / size for count in counts]
    {% if p.rule == "add" %}
    return [(count + {{ p.amount }}) / (total + {{ p.amount }} * size) for count in counts]
    {% elif p.rule == "mix" %}
    return [(1 - {{ p.amount }}) * count / total + {{ p.amount }} / size for count in counts]
    {% else %}
    pot = {{ p.amount }} * sum(1 for count in counts if count > 0)
    return [(max(0, count - {{ p.amount }}) + pot / size) / total for count in counts]
    {% endif %}
"""
BETS_NORMALISE = """\
def bets(counts):
    total, size = sum(counts), len(counts)
    if not any(counts):
        return [1.0 / size] * size
    {% if p.rule == "add" %}
    weights = [count + {{ p.amount }} for count in counts]
    {% elif p.rule == "mix" %}
    weights = [size * (1 - {{ p.amount }}) * count + {{ p.amount }} * total for count in counts]
    {% else %}
    taxed = [count - {{ p.amount }} if count else 0 for count in counts]
    weights = [x + (total - sum(taxed)) / size for x in taxed]
    {% endif %}
    whole = sum(weights)
    return [weight / whole for weight in weights]
"""
BETS_FRACTIONS = """\
from fractions import Fraction

def bets(counts):
    amount, size = Fraction("{{ p.amount }}"), len(counts)
    total = sum(counts)
    if total == 0:
        return [float(Fraction(1, size))] * size
    out = []
    positive = len([count for count in counts if count])
    for count in counts:
        {% if p.rule == "add" %}
        share = Fraction(count + amount) / (total + size * amount)
        {% elif p.rule == "mix" %}
        share = Fraction(count, total) - amount * (Fraction(count, total) - Fraction(1, size))
        {% else %}
        share = (count - (amount if count else 0)) / total + positive * amount / (total * size)
        {% endif %}
        out.append(float(share))
    return out
"""


def _bets_mutant(name, add, mix, tax, stands_for=""):
    source = (
        "def bets(counts):\n    k, total, size = {{ p.amount }}, sum(counts), len(counts)\n"
        "    if not total:\n        return [1 / size] * size\n"
        "    kinds = sum(1 for c in counts if c)\n"
        '    {% if p.rule == "add" %}\n    return [' + add + " for c in counts]\n"
        '    {% elif p.rule == "mix" %}\n    return [' + mix + " for c in counts]\n"
        "    {% else %}\n    return [" + tax + " for c in counts]\n    {% endif %}\n"
    )
    return Mutant(name=name, source=source, stands_for=stands_for)


BETS = Exercise(
    id="a-row-of-bets",
    skill="count-bigrams",
    entry="bets",
    draw=bets_draw,
    cases=bets_cases,
    reference=bets,
    misconceptions={
        "total-stays": bets_total_stays,
        "gift-to-each": bets_gift_to_each,
        "zero-stays-zero": bets_raw,
    },
    solutions=(BETS_PLAIN, BETS_NORMALISE, BETS_FRACTIONS),
    mutants=(
        _bets_mutant(
            "the old total", "(c + k) / total", "c / total + k / size",
            "(c + k * kinds / size) / total", "total-stays",
        ),
        _bets_mutant(
            "the whole gift to each", "(c + k) / (total + k)", "(1 - k) * c / total + k",
            "(max(0, c - k) + k * kinds) / total", "gift-to-each",
        ),
        _bets_mutant("no smoothing", *["c / total"] * 3, "zero-stays-zero"),
        _bets_mutant(
            "only the unseen get some", "(c or k) / (total + k * (size - kinds))",
            "(1 - k) * c / total if c else k / size", "max(c - k, k * kinds / size) / total",
        ),
        _bets_mutant("always the uniform bet", *["1 / size"] * 3),
        _bets_mutant(
            "the wrong sign", "(c - k) / (total - k * size)", "(1 + k) * c / total - k / size",
            "(c + k * (c > 0) - k * kinds / size) / total",
        ),
        _bets_mutant("winner takes all", *["1.0 * (c == max(counts))"] * 3),
        _bets_mutant("counts, no shares", "c + k", "(1 - k) * c + k * total / size",
                     "max(0, c - k) + k * kinds / size"),
        Mutant(name="an unseen row is refused", find="[1 / size for count in counts]",
               replace="[0.0 for count in counts]"),
    ),
)  # fmt: skip


# ---- Write: the mean surprise of names never seen -----------------------------------------------
def surprise_draw(rng):
    return {
        "k": rng.randint(1, 30) / 10,
        "unit": rng.choice(["nats", "bits"]),
        "over": rng.choice(["predictions", "documents"]),
        "gap": rng.choice([3, 4, 5]),
    }


def surprise_cases(rng, p):
    cases = [[[[1, 0, 1]], [[1, 0, 1]], 2], [[[2, 0, 1, 2]], [[2, 1, 0, 0, 2], [2, 0, 2]], 3]]
    for letters in (2, 3, 4, 6, 9):
        short = 1 if letters < 4 else 2  # no index falls off a document of two letters
        seen = [draw_document(rng, letters, short) for _ in range(rng.randint(2, 8))]
        unseen = [draw_document(rng, letters, short, n) for n in (2, 7, 4)]
        cases.append([seen, [*unseen, [letters, 0, 0, 1, letters]], letters + 1])
    return cases


def mean_surprise(p, seen, unseen, vocab, average=None, look=None):
    look = look or (lambda document, i: document[max(0, i - p["gap"])])
    table = [[p["k"]] * vocab for _ in range(vocab)]
    for document in seen:
        for i in range(1, len(document)):
            table[look(document, i)][document[i]] += 1
    rows = [surprises(row) for row in table]
    told = [[rows[look(d, i)][d[i]] for i in range(1, len(d))] for d in unseen]
    scale = 1 / math.log(2) if p["unit"] == "bits" else 1
    return scale * (average or averaged)(p, told)


def averaged(p, told):
    if p["over"] == "documents":
        return sum(sum(one) / len(one) for one in told) / len(told)
    return sum(map(sum, told)) / sum(map(len, told))


def summed(p, told):
    return sum(map(sum, told)) / (len(told) if p["over"] == "documents" else 1)


def of_mean_share(p, told):
    return -math.log(averaged(p, [[math.exp(-s) for s in one] for one in told]))


def swapped(p, key, pair):
    return {**p, key: pair[1 - pair.index(p[key])]}


SURPRISE_TABLE = """\
import math

def mean_surprise(seen, unseen, vocab):
    counts = [[{{ p.k }}] * vocab for _ in range(vocab)]
    for document in seen:
        for before, after in pairs(document):
            counts[before][after] += 1
    means, every = [], []
    for document in unseen:
        told = []
        for before, after in pairs(document):
            share = counts[before][after] / sum(counts[before])
            told.append(-math.log(share) / {{ "math.log(2)" if p.unit == "bits" else "1" }})
        means.append(sum(told) / len(told))
        every += told
    {% if p.over == "documents" %}
    return sum(means) / len(unseen)
    {% else %}
    return sum(every) / len(every)
    {% endif %}

def pairs(document):
    return [(document[max(0, i - {{ p.gap }})], document[i]) for i in range(1, len(document))]
"""
SURPRISE_COUNTER = """\
from collections import Counter
from itertools import chain
from math import log, log2
from statistics import fmean

def pairs(document):
    opening = [document[0]] * ({{ p.gap }} - 1)
    return list(zip(opening + document, document[1:]))

def mean_surprise(seen, unseen, vocab):
    met = Counter(chain.from_iterable(map(pairs, seen)))
    row = Counter(a for a, b in met.elements())
    def told(a, b):
        ratio = (row[a] + {{ p.k }} * vocab) / (met[a, b] + {{ p.k }})
        return {{ "log2" if p.unit == "bits" else "log" }}(ratio)
    lists = [[told(a, b) for a, b in pairs(d)] for d in unseen]
    {% if p.over == "predictions" %}
    lists = [list(chain.from_iterable(lists))]
    {% endif %}
    return fmean(map(fmean, lists))
"""
SURPRISE_PRODUCT = """\
import math

def context(document, i):
    return document[i - {{ p.gap }}] if i > {{ p.gap }} else document[0]

def follows(documents, a, b):
    return sum(
        context(d, i) == a and d[i] == b for d in documents for i in range(1, len(d))
    )

def mean_surprise(seen, unseen, vocab):
    total = weight = 0
    for d in unseen:
        chance = 1.0
        for i in range(1, len(d)):
            a = context(d, i)
            row = sum(follows(seen, a, x) + {{ p.k }} for x in range(vocab))
            chance *= (follows(seen, a, d[i]) + {{ p.k }}) / row
        length = {{ "len(d) - 1" if p.over == "documents" else "1" }}
        total -= math.log(chance{{ ", 2" if p.unit == "bits" else "" }}) / length
        weight += {{ "1" if p.over == "documents" else "len(d) - 1" }}
    return total / weight
"""
SURPRISE = Exercise(
    id="mean-surprise-of-the-unseen",
    skill="mean-surprise",
    entry="mean_surprise",
    draw=surprise_draw,
    cases=surprise_cases,
    reference=mean_surprise,
    misconceptions={
        "other-unit": lambda p, *a: mean_surprise(swapped(p, "unit", ["nats", "bits"]), *a),
        "one-back": lambda p, *a: mean_surprise({**p, "gap": 1}, *a),
        "reads-past-the-opening": lambda p, *a: mean_surprise(
            p, *a, look=lambda document, i: document[i - p["gap"]]
        ),
        "other-average": lambda p, *a: mean_surprise(
            swapped(p, "over", ["predictions", "documents"]), *a
        ),
        "sum-not-mean": lambda p, *a: mean_surprise(p, *a, average=summed),
        "log-of-mean": lambda p, *a: mean_surprise({**p, "unit": "nats"}, *a, average=of_mean_share)
        * (1 / math.log(2) if p["unit"] == "bits" else 1),
        "tested-on-its-lessons": lambda p, seen, unseen, vocab: mean_surprise(
            p, seen + unseen, unseen, vocab
        ),
    },
    solutions=(SURPRISE_TABLE, SURPRISE_COUNTER, SURPRISE_PRODUCT),
    mutants=(
        Mutant(name="the other unit", of=1, find='"log2" if p.unit == "bits" else "log"',
               replace='"log" if p.unit == "bits" else "log2"', stands_for="other-unit"),
        Mutant(name="one token back", find="max(0, i - {{ p.gap }})",
               replace="i - 1", stands_for="one-back"),
        Mutant(name="an index below zero", find="max(0, i - {{ p.gap }})",
               replace="i - {{ p.gap }}", stands_for="reads-past-the-opening"),
        Mutant(name="the other average", find='p.over == "documents"',
               replace='p.over == "predictions"', stands_for="other-average"),
        Mutant(name="never divides", of=0, stands_for="sum-not-mean",
               source=SURPRISE_TABLE.replace("/ len(told)", "").replace("/ len(every)", "")),
        Mutant(name="the mean of the shares first", stands_for="log-of-mean",
               source=SURPRISE_TABLE.replace("-math.log(share)", "share").replace(
                   'told.append(share / {{ "math.log(2)" if p.unit == "bits" else "1" }})',
                   "told.append(share)",
               ).replace("return sum(means) / len(unseen)",
                         "answer = -math.log(sum(means) / len(means))")
               .replace("return sum(every) / len(every)",
                        "answer = -math.log(sum(every) / len(every))")
               .replace("    {% endif %}\n\ndef", "    {% endif %}\n"
                        '    return answer / {{ "math.log(2)" if p.unit == "bits" else "1" }}\n'
                        "\ndef")),
        Mutant(name="counts the unseen too", find="for document in seen",
               replace="for document in seen + unseen", stands_for="tested-on-its-lessons"),
        Mutant(name="k only on top", of=1, find="(row[a] + {{ p.k }} * vocab)",
               replace="(row[a] + {{ p.k }})"),
        Mutant(name="vocabulary without its end", of=1, find="* vocab)", replace="* (vocab - 1))"),
        Mutant(name="the end is not predicted", find="range(1, len(document))",
               replace="range(1, len(document) - 1)"),
        Mutant(name="no minus", find="-math.log", replace="math.log"),
    ),
)  # fmt: skip


# ---- Bug: a table in which one line is wrong ----------------------------------------------------
def table_draw(rng):
    return {
        "k": rng.randint(1, 30) / 10,
        "gap": rng.choice([1, 2, 3]),
        "whole": rng.choice(["row", "column", "table"]),
        "bug": rng.choice(["one-row-for-all", "last-left-out", "seen-or-not", "other-corner"]),
    }


def table_cases(rng, p):
    cases = [[[[2, 0, 1, 0, 1, 2]], 3]]
    for letters in (2, 3, 4, 5, 7):
        documents = [[letters, *([1, 0, 1, 0, 1, 1] * 2)[: rng.randint(4, 9)], letters]]
        documents += [draw_document(rng, letters, longest=9) for _ in range(rng.randint(3, 9))]
        cases.append([documents, letters + 1])
    return cases


def table(p, documents, vocab, fault=""):
    gap = p["gap"]
    counts = [[p["k"]] * vocab for _ in range(vocab)]
    if fault == "one-row-for-all":
        counts = [counts[0]] * vocab
    for d in documents:
        for i in range(gap, len(d) - (fault == "last-left-out")):
            before, after = (d[i], d[i - gap]) if fault == "other-corner" else (d[i - gap], d[i])
            counts[before][after] = (
                p["k"] if fault == "seen-or-not" else counts[before][after]
            ) + 1
    if p["whole"] == "row":
        return [[math.exp(-s) for s in surprises(row)] for row in counts]
    if p["whole"] == "column":
        columns = [
            [math.exp(-s) for s in surprises(column)] for column in zip(*counts, strict=True)
        ]
        return [list(row) for row in zip(*columns, strict=True)]
    flat = [math.exp(-s) for s in surprises([count for row in counts for count in row])]
    return [flat[i : i + vocab] for i in range(0, vocab * vocab, vocab)]


TABLE_END = """\
    {% if p.whole == "row" %}
    return [[n / sum(row) for n in row] for row in counts]
    {% elif p.whole == "column" %}
    totals = [sum(column) for column in zip(*counts)]
    return [[n / total for n, total in zip(row, totals)] for row in counts]
    {% else %}
    total = sum(map(sum, counts))
    return [[n / total for n in row] for row in counts]
    {% endif %}
"""
TABLE_MENDED = (
    """\
def table(documents, vocab):
    counts = [[{{ p.k }}] * vocab for _ in range(vocab)]
    for document in documents:
        for before, after in zip(document, document[{{ p.gap }}:]):
            counts[before][after] += 1
"""
    + TABLE_END
)
TABLE_INDEXED = """\
def table(documents, vocab):
    def seen(a, b):
        return {{ p.k }} + sum(
            (d[i], d[i + {{ p.gap }}]) == (a, b)
            for d in documents for i in range(len(d) - {{ p.gap }})
        )
    out = []
    for a in range(vocab):
        out.append([])
        for b in range(vocab):
            {% if p.whole == "row" %}
            total = sum(seen(a, x) for x in range(vocab))
            {% elif p.whole == "column" %}
            total = sum(seen(x, b) for x in range(vocab))
            {% else %}
            total = {{ p.k }} * vocab ** 2 + sum(max(0, len(d) - {{ p.gap }}) for d in documents)
            {% endif %}
            out[a].append(seen(a, b) / total)
    return out
"""
TABLE_COUNTER = """\
from collections import Counter

def table(documents, vocab):
    met = Counter()
    for d in documents:
        met.update(zip(d[:-{{ p.gap }}], d[{{ p.gap }}:]))
    {% if p.whole == "row" %}
    key = lambda a, b: a
    {% elif p.whole == "column" %}
    key = lambda a, b: b
    {% else %}
    key = lambda a, b: None
    {% endif %}
    totals = Counter()
    for a in range(vocab):
        for b in range(vocab):
            totals[key(a, b)] += met[a, b] + {{ p.k }}
    return [[(met[a, b] + {{ p.k }}) / totals[key(a, b)] for b in range(vocab)]
            for a in range(vocab)]
"""
FAULTS = ("one-row-for-all", "last-left-out", "seen-or-not", "other-corner")
TABLE = Exercise(
    id="a-table-with-a-fault",
    skill="count-bigrams",
    entry="table",
    draw=table_draw,
    cases=table_cases,
    reference=table,
    misconceptions={
        fault: lambda p, *a, fault=fault: table(p, *a, fault=fault) for fault in FAULTS
    },
    solutions=(TABLE_MENDED, TABLE_INDEXED, TABLE_COUNTER),
    mutants=(
        Mutant(name="one row, many names", find="[[{{ p.k }}] * vocab for _ in range(vocab)]",
               replace="[[{{ p.k }}] * vocab] * vocab", stands_for="one-row-for-all"),
        Mutant(name="the last pair left out", find="document[{{ p.gap }}:]",
               replace="document[{{ p.gap }}:-1]", stands_for="last-left-out"),
        Mutant(name="seen or not", find="counts[before][after] += 1",
               replace="counts[before][after] = {{ p.k }} + 1", stands_for="seen-or-not"),
        Mutant(name="the other corner", find="counts[before][after]",
               replace="counts[after][before]", stands_for="other-corner"),
        Mutant(name="documents run together",
               source=TABLE_MENDED.replace("for document in documents:",
                                           "for document in [sum(documents, [])]:")),
        Mutant(name="the wrong gap", find="document[{{ p.gap }}:]",
               replace="document[{{ p.gap }} + 1:]"),
        Mutant(name="counts, no shares", source=TABLE_MENDED.replace("n / ", "n + 0 * ")),
        Mutant(name="another whole", source=TABLE_MENDED.replace('"column"', '"x"')
               .replace('"row"', '"column"').replace('"x"', '"row"')
               .replace("{% else %}\n    total = sum(map(sum, counts))",
                        "{% else %}\n    total = sum(counts[0])")),
        Mutant(name="the old total", of=2, find="totals[key(a, b)] += met[a, b] + {{ p.k }}",
               replace="totals[key(a, b)] += met[a, b]"),
        Mutant(name="the first pair left out", find="zip(document, document[{{ p.gap }}:])",
               replace="list(zip(document, document[{{ p.gap }}:]))[1:]"),
    ),
)  # fmt: skip


# ---- Transfer: whose song is it? ----------------------------------------------------------------
def song_draw(rng):
    return {
        "k": rng.randint(1, 30) / 10,
        "unit": rng.choice(["nats", "bits"]),
        "odds": rng.choice([2, 3, 4, 5, 8, 10]),
        "favours": rng.choice(["first", "second"]),
    }


def song_cases(rng, p):
    cases = [[["ab"], ["ba"], "ab"], [["aab", "ab"], ["bb"], "abcb"]]
    for notes in ("abc", "abcd", "cdefg", "dgxz"):  # the first note is the first singer's alone
        one = ["".join(rng.choices(notes, k=rng.randint(2, 8))) for _ in range(rng.randint(1, 5))]
        other = ["".join(rng.choices(notes[1:-1], k=rng.randint(1, 6))) for _ in range(3)]
        heard = "".join(rng.choices(notes[1:], k=rng.randint(3, 9))) + notes[-1]
        cases.append([[notes[:2], *one], other, heard])
    return cases


def song(p, first, second, heard, *, shared=True, end=True, prior=None, short=0):
    def total(songs):
        notes = sorted(set("".join([*songs, heard] + ([*first, *second] if shared else []))))
        vocab = {note: i for i, note in enumerate([*notes, "."])}
        counts = [[p["k"]] * len(vocab) for _ in vocab]
        for one in songs:
            for a, b in pairs_of(one, end):
                counts[vocab[a]][vocab[b]] += 1
        if short:  # a share of too few: the row's total lacks one pinch
            totals = [sum(row) - p["k"] for row in counts]
            rows = [
                [math.log(t) - math.log(n) for n in row]
                for row, t in zip(counts, totals, strict=True)
            ]
        else:
            rows = [surprises(row) for row in counts]
        return sum(rows[vocab[a]][vocab[b]] for a, b in pairs_of(heard, end))

    evidence = total(second) - total(first)
    evidence += math.log(p["odds"]) if prior is None else prior(p)
    scale = 1 / math.log(2) if p["unit"] == "bits" else 1
    return scale * evidence * (1 if p["favours"] == "first" else -1)


def pairs_of(one, end):
    return pairwise("." + one + ("." if end else ""))


SONG_TABLE = """\
import math

def evidence(first, second, song):
    notes = {".", *song}
    for one in first + second:
        notes |= set(one)
    size = len(notes)

    def surprise(songs):
        counts = {a: {b: {{ p.k }} for b in notes} for a in notes}
        for one in songs:
            for a, b in zip("." + one, one + "."):
                counts[a][b] += 1
        total = 0.0
        for a, b in zip("." + song, song + "."):
            total -= math.log(counts[a][b] / sum(counts[a].values()))
        return total

    answer = surprise(second) - surprise(first) + math.log({{ p.odds }})
    {% if p.favours == "second" %}
    answer = -answer
    {% endif %}
    return answer{{ " / math.log(2)" if p.unit == "bits" else "" }}
"""
SONG_COUNTER = """\
from collections import Counter
from itertools import pairwise
from math import {{ "log2 as log" if p.unit == "bits" else "log" }}

def evidence(first, second, song):
    size = len(set("".join(first + second) + song)) + 1

    def model(songs):
        text = "." + ".".join(songs) + "."
        pairs, starts = Counter(pairwise(text)), Counter(text[:-1])
        return lambda a, b: (pairs[a, b] + {{ p.k }}) / (starts[a] + {{ p.k }} * size)

    mine, other = model(first), model(second)
    {% if p.favours == "second" %}
    mine, other = other, mine
    {% endif %}
    steps = list(pairwise("." + song + "."))
    {% set prior = "log(" ~ p.odds ~ ")" if p.favours == "first" else "-log(" ~ p.odds ~ ")" %}
    return {{ prior }} + sum(log(mine(a, b)) - log(other(a, b)) for a, b in steps)
"""
SONG_ODDS = """\
import math

def chance(songs, size, song):
    product = 1.0
    for i in range(len(song) + 1):
        before = song[i - 1] if i else ""
        after = song[i:i + 1]
        times = row = 0
        for one in songs:
            for j in range(len(one) + 1):
                if (one[j - 1] if j else "") == before:
                    row += 1
                    times += one[j:j + 1] == after
        product *= (times + {{ p.k }}) / (row + size * {{ p.k }})
    return product

def evidence(first, second, song):
    size = 1 + len({note for one in [song, *first, *second] for note in one})
    odds = {{ p.odds }} * chance(first, size, song) / chance(second, size, song)
    {% if p.favours == "second" %}
    odds = 1 / odds
    {% endif %}
    return math.log(odds{{ ", 2" if p.unit == "bits" else "" }})
"""
SONG = Exercise(
    id="whose-song-is-it",
    skill="mean-surprise",
    entry="evidence",
    draw=song_draw,
    cases=song_cases,
    reference=song,
    misconceptions={
        "own-alphabet": lambda p, *a: song(p, *a, shared=False),
        "end-is-no-letter": lambda p, *a: song(p, *a, end=False),
        "end-not-in-the-alphabet": lambda p, *a: song(p, *a, short=1),
        "odds-forgotten": lambda p, *a: song(p, *a, prior=lambda p: 0),
        "odds-added-raw": lambda p, *a: song(
            p, *a, prior=lambda p: p["odds"] * (math.log(2) if p["unit"] == "bits" else 1)
        ),
        "other-unit": lambda p, *a: song(swapped(p, "unit", ["nats", "bits"]), *a),
        "sign-turned": lambda p, *a: song(swapped(p, "favours", ["first", "second"]), *a),
    },
    solutions=(SONG_TABLE, SONG_COUNTER, SONG_ODDS),
    mutants=(
        Mutant(name="each singer's own notes", find="counts = {a",
               replace='notes = {".", *song, *"".join(songs)}\n        counts = {a',
               stands_for="own-alphabet"),
        Mutant(name="no end", stands_for="end-is-no-letter",
               source=SONG_TABLE.replace('one + ".")', "one)").replace('song + ".")', "song)")),
        Mutant(name="no odds", find=" + math.log({{ p.odds }})", replace="",
               stands_for="odds-forgotten"),
        Mutant(name="odds without their logarithm", of=1, stands_for="odds-added-raw",
               source=SONG_COUNTER.replace('"log(" ~ p.odds', '"(" ~ p.odds')
               .replace('"-log(" ~ p.odds', '"-(" ~ p.odds')),
        Mutant(name="the other unit", of=1, find='"log2 as log" if p.unit == "bits" else "log"',
               replace='"log" if p.unit == "bits" else "log2 as log"', stands_for="other-unit"),
        Mutant(name="the sign turned", find='p.favours == "second"',
               replace='p.favours == "first"', stands_for="sign-turned"),
        Mutant(name="a mean, no total", of=1, find="for a, b in steps)",
               replace="for a, b in steps) / len(steps)"),
        Mutant(name="a ratio, no logarithm", of=2,
               find='math.log(odds{{ ", 2" if p.unit == "bits" else "" }})', replace="odds"),
        Mutant(name="one note too few in the alphabet", of=1, find="+ song)) + 1",
               replace="+ song))", stands_for="end-not-in-the-alphabet"),
        Mutant(name="only the first singer is asked", find="surprise(second) - surprise(first)",
               replace="-surprise(first)"),
    ),
)  # fmt: skip

EXERCISES = [CHIPS, BETS, SURPRISE, TABLE, SONG]
