"""Lesson 1: what a program that trains a model prints, and how it ends."""

import math
from collections.abc import Sequence
from functools import cache
from random import Random

from curricula import subject
from curricula.exercise import Case, Exercise, Mutant, Params, Plain

# ---- predict-a-run: lines and first losses of gpt.py itself -------------------------------------


SHORT = (
    *("ada", "alan", "dana", "eli", "emma", "ian", "ida", "kim", "lea"),
    *("lena", "leon", "mia", "nina", "noel", "otto", "sam", "sue", "tom"),
)
LATER = ("bob", "greg", "fay", "wim", "zoe", "juri", "vera", "hugo", "pia")


def draw_run(rng: Random) -> Params:
    """A tiny file of names, one of them twice, a number of steps, and a name that comes later."""
    names = rng.sample(SHORT, rng.randint(2, 6))
    names.append(rng.choice(names))
    return {"names": names, "steps": rng.randint(7, 99), "later": rng.choice(LATER)}


@cache
def real_run() -> tuple[int, int, int]:
    """Of gpt.py, really run: lines beside the steps, and its codes for no data and no reader."""
    arguments = ("--data", "names.txt", "--steps", "1")
    whole = subject.run_program(arguments, {"names.txt": "a\n"})
    empty = subject.run_program(arguments, {"names.txt": "\n \n"})
    left = subject.run_program(arguments, {"names.txt": "a\n"}, stop_after_lines=1)
    return len(whole.lines) - 1, empty.code, left.code


def traced_run() -> tuple[int, int, int]:
    """The same; what is remembered runs nothing that could be traced."""
    if subject.watched_runs == set():
        real_run.cache_clear()
    return real_run()


def even_loss(vocabulary: int) -> float:
    """The subject's own softmax, given a draw: the surprise of any token."""
    gpt = subject.load()
    share: float = gpt.softmax([gpt.Value(0.0) for _ in range(vocabulary)])[0].data
    return -math.log(share)


def choices(p: Params, later: bool) -> int:
    """What a model of these names bets over."""
    return len(set("".join([*p["names"], p["later"] if later else ""]))) + 1


def answer_run(p: Params, lines: int | None = None, loss=even_loss, change=0) -> list[float]:
    samples, _, _ = traced_run()
    losses = [loss(choices(p, later) + change) for later in (False, True)]
    return [p["steps"] + samples if lines is None else lines, *losses]


PREDICT = Exercise(
    id="predict-a-run",
    skill="predict-a-run-of-gpt",
    entry="answer",
    draw=draw_run,
    cases=lambda rng, p: [[]],
    reference=answer_run,
    tolerance=0.004,
    misconceptions={
        "bos-is-no-token": lambda p: answer_run(p, change=-1),
        "samples-are-not-lines": lambda p: answer_run(p, lines=p["steps"]),
        "loss-is-the-chance": lambda p: answer_run(p, loss=lambda n: 1 / n),
        "another-file": lambda p: answer_run(p, loss=lambda n: math.log(27)),
        "names-are-the-choices": lambda p: [
            answer_run(p)[0], *(math.log(len({*p["names"]}) + more) for more in (0, 1))
        ],
    },
    solutions=(
        """import math
names = {{ p.names }}
first = math.log(len(set("".join(names))) + 1)
second = math.log(len(set("".join(names) + "{{ p.later }}")) + 1)
answer = [{{ p.steps }} + 20, first, second]
""",
        """from math import log
vocabulary = {"end"}
for name in {{ p.names }}:
    vocabulary.update(name)
answer = [20 + {{ p.steps }}, round(-log(1 / len(vocabulary)), 3)]
vocabulary.update("{{ p.later }}")
answer.append(round(-log(1 / len(vocabulary)), 3))
""",
        """import math
answer = [len(range({{ p.steps }})) + len(range(1, 21))]
for text in (" ".join({{ p.names }}), " ".join({{ p.names + [p.later] }})):
    count = 1 + sum(letter in text for letter in "abcdefghijklmnopqrstuvwxyz")
    answer.append(math.log2(count) * math.log(2))
""",
    ),
    mutants=(
        Mutant(name="letters only", stands_for="bos-is-no-token", source="""import math
names = {{ p.names }}
first, second = ("".join(names), "".join(names) + "{{ p.later }}")
answer = [{{ p.steps }} + 20, math.log(len(set(first))), math.log(len(set(second)))]
"""),
        Mutant(name="two special tokens", source="""import math
names = {{ p.names }}
first, second = ("".join(names), "".join(names) + "{{ p.later }}")
answer = [{{ p.steps }} + 20, math.log(len(set(first)) + 2), math.log(len(set(second)) + 2)]
"""),
        Mutant(name="steps only", find=" + 20", replace="", stands_for="samples-are-not-lines"),
        Mutant(name="a line too many", find=" + 20", replace=" + 21"),
        Mutant(name="in bits", find="first = math.log(", replace="first = math.log2("),
        Mutant(name="chance", of=1, find="-log(1 / len(vocabulary))",
               replace="1 / len(vocabulary)"),
        Mutant(name="chances", of=2, find="math.log2(count) * math.log(2)", replace="1 / count",
               stands_for="loss-is-the-chance"),
        Mutant(name="the names that ship", stands_for="another-file",
               source="import math\nanswer = [{{ p.steps }} + 20, math.log(27), math.log(27)]\n"),
        Mutant(name="a bet on names", stands_for="names-are-the-choices", source="""import math
names = set({{ p.names }})
answer = [{{ p.steps }} + 20, math.log(len(names)), math.log(len(names) + 1)]
"""),
        Mutant(name="every letter counts", find='set("".join(names))', replace='"".join(names)'),
        Mutant(name="the later name forgotten", find=' + "{{ p.later }}"', replace=""),
        Mutant(name="pasted", source='answer = "step 1 / {{ p.steps }} | loss 3.3660"\n'),
    ),
)  # fmt: skip

# ---- loss-of-an-even-bet: the first loss, from the text alone -----------------------------------

SCALES = {"nats": math.e, "bits": 2.0, "bans": 10.0}  # the unit, and the logarithm's base


def draw_bet(rng: Random) -> Params:
    unit = rng.choice(sorted(SCALES))
    bases = {"nats": "math.e", "bits": "2", "bans": "10"}
    return {
        "special": rng.randint(2, 9), "unit": unit, "base": bases[unit],
        "fold": rng.choice([True, False]), "most": rng.choice([5, 6, 7, 8]),
    }  # fmt: skip


def texts(rng: Random, p: Params) -> Sequence[Case]:
    """Lines with spaces around them, capitals beside their small letters, names too long."""
    long = "bcdefghijk"[: p["most"]]
    cases: list[Case] = [
        [["a"]],
        [[" Aa ", ""]],
        [["ab", "ab" * p["most"], "ba"]],
        [["   " + long]],
    ]
    for size in range(2, 9):
        letters = rng.sample("bcdefghijklmnopqrstuvwxy", size + 2)
        lines = ["".join(rng.choices(letters[:size], k=rng.randint(1, p["most"])))
                 for _ in range(size)]  # fmt: skip
        lines += [f"  {letters[0]}{letters[0].upper()}", "", "a" * (p["most"] - 1) + "z!"]
        rng.shuffle(lines)
        cases.append([lines])
    return cases


def bet(p: Params, lines: Sequence[str]) -> float:
    kept = [line.strip()[: p["most"]] for line in lines]
    letters = set("".join(kept).lower() if p["fold"] else "".join(kept))
    return even_loss(len(letters) + p["special"]) / math.log(SCALES[p["unit"]])


def alphabet(p: Params, lines: Sequence[str]) -> list[str]:
    """Written anew for the mimics below."""
    found: list[str] = []
    for line in lines:
        text = line.strip().lower() if p["fold"] else line.strip()
        for letter in text[: p["most"]]:
            if letter not in found:
                found.append(letter)
    return found


def in_unit(p: Params, nats: float) -> float:
    return nats / {"nats": 1.0, "bits": math.log(2), "bans": math.log(10)}[p["unit"]]


FADED = Exercise(
    id="loss-of-an-even-bet",
    skill="predict-a-run-of-gpt",
    entry="first_loss",
    draw=draw_bet,
    cases=texts,
    reference=bet,
    misconceptions={
        "bos-is-no-token": lambda p, lines: in_unit(p, math.log(len(alphabet(p, lines)))),
        "loss-is-the-chance": lambda p, lines: 1 / (len(alphabet(p, lines)) + p["special"]),
        "cut-before-strip": lambda p, lines: in_unit(
            p, math.log(len(alphabet(p, [line[: p["most"]] for line in lines])) + p["special"])
        ),
    },
    solutions=(
        """import math

def first_loss(lines):
    letters = set()
    for line in lines:
        letters |= set(line.strip(){{ ".lower()" if p.fold else "" }}[:{{ p.most }}])
    vocabulary = len(letters) + {{ p.special }}
    return -math.log(1 / vocabulary) / math.log({{ p.base }})
""",
        """from math import log

def first_loss(lines):
    text = "".join(line.strip()[0:{{ p.most }}] for line in lines)
    choices = sorted({c{{ ".casefold()" if p.fold else "" }} for c in text})
    choices += [None] * {{ p.special }}
    return log(len(choices), {{ "2.718281828459045" if p.unit == "nats" else p.base }})
""",
        """import math
from collections import Counter

def first_loss(lines):
    seen = Counter()
    for line in lines:
        name = " ".join(line.split(" ")).strip()
        for place, letter in enumerate({{ "name.upper()" if p.fold else "name" }}):
            if place < {{ p.most }}:
                seen[letter] += 1
    bets = [1 / (len(seen) + {{ p.special }})] * (len(seen) + {{ p.special }})
    return sum(p * math.log(1 / p) for p in bets) / math.log({{ p.base }})
""",
    ),
    mutants=(
        Mutant(name="no special tokens", find=" + {{ p.special }}", replace="",
               stands_for="bos-is-no-token"),
        Mutant(name="one special token", find=" + {{ p.special }}", replace=" + 1"),
        Mutant(name="capitals the other way", find='".lower()" if p.fold else ""',
               replace='"" if p.fold else ".lower()"'),
        Mutant(name="spaces are letters", find=".strip()", replace=""),
        Mutant(name="nothing cut", find="[:{{ p.most }}]", replace=""),
        Mutant(name="cut, then stripped", stands_for="cut-before-strip",
               find='line.strip(){{ ".lower()" if p.fold else "" }}[:{{ p.most }}]',
               replace='line[:{{ p.most }}].strip(){{ ".lower()" if p.fold else "" }}'),
        Mutant(name="cut a letter early", find="[:{{ p.most }}]", replace="[:{{ p.most }} - 1]"),
        Mutant(name="sign", find="-math.log(1 / vocabulary)", replace="math.log(1 / vocabulary)"),
        Mutant(name="chance", find="-math.log(1 / vocabulary) / math.log({{ p.base }})",
               replace="1 / vocabulary", stands_for="loss-is-the-chance"),
        Mutant(name="only the last line", find="letters |= set", replace="letters = set"),
        Mutant(name="another unit", find="math.log({{ p.base }})", replace="math.log(3)"),
        Mutant(name="every letter counts", of=1, find="sorted({c", replace="list([c",),
    ),
)  # fmt: skip

# ---- run-a-job: from what happened to an exit code ----------------------------------------------

FAMILIES = {
    "ValueError": (ValueError, ("ValueError", "UnicodeError"), ("KeyError", "ZeroDivisionError")),
    "LookupError": (LookupError, ("KeyError", "IndexError"), ("ValueError", "ZeroDivisionError")),
    "ArithmeticError": (
        ArithmeticError, ("ZeroDivisionError", "OverflowError"), ("ValueError", "KeyError"),
    ),
}  # fmt: skip
STOPS = ("KeyboardInterrupt", "BrokenPipeError")
FILES = ("FileNotFoundError", "PermissionError", "OSError")


def draw_job(rng: Random) -> Params:
    bad, stopped = rng.sample([3, 4, 5, 64, 65, 66, 70, 74, 75, 78, 129, 130, 131, 141, 143], 2)
    word = rng.choice(["cannot go on", "no luck", "bad input", "sorry", "stopped here"])
    return {"bad": bad, "stopped": stopped, "word": word, "family": rng.choice(sorted(FAMILIES))}


def jobs(rng: Random, p: Params) -> Sequence[Case]:
    """[what each job in turn raises ("" for nothing), and its words]; one list, one command."""
    _, inside, outside = FAMILIES[p["family"]]
    kinds = ["", *FILES, *inside, *STOPS, *outside]
    words = ["no such file", "line 3 is empty", "it holds no names", "the disk is full"]
    return [[kind, f"{rng.choice(words)} ({rng.randint(10, 99)})"] for kind in kinds]


def happened(p: Params, kind: str, words: str) -> dict[str, Plain]:
    family, _, _ = FAMILIES[p["family"]]
    _, unreadable, left = traced_run()  # as gpt.py tells its endings apart
    codes = {0: 0, unreadable: p["bad"], left: p["stopped"]}
    said, code, escaped = [], None, ""
    raised = getattr(__import__("builtins"), kind) if kind else None
    if raised is None:
        code = codes[0]
    elif kind in STOPS:
        code = codes[left]
    elif issubclass(raised, (OSError, family)):
        code = codes[unreadable]
        said = [f"{p['word']}: {raised(words)}"]
    else:
        escaped = kind
    return {"code": code, "said": said, "escaped": escaped, "calls": 1}


def told(p: Params, kind: str, words: str, **other: Plain) -> dict[str, Plain]:
    """An outcome told as failed input, for the mimics below; KeyError quotes its words."""
    shown = repr(words) if kind == "KeyError" else words
    found = {"code": p["bad"], "said": [f"{p['word']}: {shown}"], "escaped": "", "calls": 1}
    return {**found, **other}


DRIVE_JOB = """
import builtins

def drive(entry, kind, words):
    calls, said = [], []
    def job():
        calls.append(1)
        if kind:
            raise getattr(builtins, kind)(words)
        return "a result that is no exit code"
    try:
        code, escaped = entry(job, said.append), ""
    except BaseException as error:
        code, escaped = None, type(error).__name__
    return {"code": code, "said": said, "escaped": escaped, "calls": len(calls)}
"""

WRITE = Exercise(
    id="run-a-job",
    skill="end-a-program-well",
    entry="run",
    draw=draw_job,
    cases=jobs,
    reference=happened,
    driver=DRIVE_JOB,
    misconceptions={
        "a-gone-reader-is-bad-input": lambda p, kind, words: (
            told(p, kind, words) if kind == "BrokenPipeError" else happened(p, kind, words)
        ),
        "catch-everything": lambda p, kind, words: (
            told(p, kind, words)
            if kind in ("KeyError", "ZeroDivisionError", "ValueError")
            else happened(p, kind, words)
        ),
        "every-failure-is-one": lambda p, kind, words: (
            told(p, kind, words, code=1)
            if kind not in ("", *STOPS) and not happened(p, kind, words)["escaped"]
            else happened(p, kind, words)
        ),
        "the-result-is-the-code": lambda p, kind, words: (
            happened(p, kind, words)
            if kind
            else {"code": "a result that is no exit code", "said": [], "escaped": "", "calls": 1}
        ),
    },
    solutions=(
        """def run(job, say):
    try:
        job()
    except (KeyboardInterrupt, BrokenPipeError):
        return {{ p.stopped }}
    except (OSError, {{ p.family }}) as error:
        say(f"{{ p.word }}: {error}")
        return {{ p.bad }}
    return 0
""",
        """def run(job, say):
    try:
        job()
        return 0
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or isinstance(error, BrokenPipeError):
            return {{ p.stopped }}
        if not isinstance(error, OSError) and not isinstance(error, {{ p.family }}):
            raise
        say("{{ p.word }}: " + str(error))
        return {{ p.bad }}
""",
        """CODES = [(KeyboardInterrupt, {{ p.stopped }}), (BrokenPipeError, {{ p.stopped }}),
         ({{ p.family }}, {{ p.bad }}), (OSError, {{ p.bad }})]

def outcome(job):
    caught = tuple(kind for kind, _ in CODES)
    try:
        job()
    except caught as error:
        return error

def run(job, say):
    error = outcome(job)
    if error is None:
        return 0
    code = next(code for kind, code in CODES if isinstance(error, kind))
    if code == {{ p.bad }}:
        say("%s: %s" % ("{{ p.word }}", error))
    return code
""",
    ),
    mutants=(
        Mutant(name="reader gone is bad input", find="(KeyboardInterrupt, BrokenPipeError)",
               replace="KeyboardInterrupt", stands_for="a-gone-reader-is-bad-input"),
        Mutant(name="the general kind first", stands_for="a-gone-reader-is-bad-input", source="""
def run(job, say):
    try:
        job()
    except (OSError, {{ p.family }}) as error:
        say(f"{{ p.word }}: {error}")
        return {{ p.bad }}
    except (KeyboardInterrupt, BrokenPipeError):
        return {{ p.stopped }}
    return 0
"""),
        Mutant(name="except Exception", find="(OSError, {{ p.family }})", replace="Exception",
               stands_for="catch-everything"),
        Mutant(name="swallows the rest", of=1, find="            raise\n",
               replace="            pass\n", stands_for="catch-everything"),
        Mutant(name="code 1", find="return {{ p.bad }}", replace="return 1",
               stands_for="every-failure-is-one"),
        Mutant(name="result as code", find="        job()\n", replace="        return job()\n",
               stands_for="the-result-is-the-code"),
        Mutant(name="files only", find="(OSError, {{ p.family }})", replace="OSError"),
        Mutant(name="no files", find="(OSError, {{ p.family }})", replace="{{ p.family }}"),
        Mutant(name="only a missing file", find="(OSError,", replace="(FileNotFoundError,"),
        Mutant(name="says nothing", find='        say(f"{{ p.word }}: {error}")\n', replace=""),
        Mutant(name="says the kind", find="{error}", replace="{type(error).__name__}"),
        Mutant(name="codes swapped", find="return {{ p.stopped }}", replace="return {{ p.bad }}"),
        Mutant(name="no code for success", find="    return 0\n", replace=""),
        Mutant(name="tries twice", find="        job()\n",
               replace="        job()\n        job()\n"),
        Mutant(name="talks when stopped", find="        return {{ p.stopped }}",
               replace='        say("stopped")\n        return {{ p.stopped }}'),
        Mutant(name="only Ctrl-C", of=1, find=" or isinstance(error, BrokenPipeError)",
               replace="", stands_for="a-gone-reader-is-bad-input"),
    ),
)  # fmt: skip

# ---- mend-the-log: find the faults in a report of a run -----------------------------------------

FAULTS = ("from-zero", "tail", "stale", "divisor", "samples")


def draw_log(rng: Random) -> Params:
    return {
        "every": rng.randint(3, 7), "digits": rng.randint(2, 5),
        "faults": sorted(rng.sample(FAULTS, 2)), "word": rng.choice(["step", "round", "update"]),
    }  # fmt: skip


def logs(rng: Random, p: Params) -> Sequence[Case]:
    def losses(count: int) -> list[float]:
        return [rng.uniform(1.0, 4.0) for _ in range(count)]

    every = p["every"]
    lengths = [1, every, every + 1, 2 * every, 3 * every - 1, 2 * every + rng.randint(1, every)]
    names = ["emma", "kai", "ada", "noor", "ivo"]
    return [[losses(n), rng.sample(names, min(n, 3))] for n in lengths]


def log_of(p: Params, losses: Sequence[float], names: Sequence[str]) -> list[str]:
    every, lines = p["every"], []
    for start in range(0, len(losses), every):
        group = losses[start : start + every]
        mean = sum(group) / len(group)
        head = f"{p['word']} {start + len(group)} / {len(losses)}"
        lines.append(f"{head} | loss {mean:.{p['digits']}f}")
    return lines + [f"sample {i + 1}: {name}" for i, name in enumerate(names)]


def log_running(p: Params, losses: Sequence[float], names: Sequence[str]) -> list[str]:
    """The mean since the very first step, under the right headings."""
    right, lines = log_of(p, losses, names), []
    for line in right:
        if line.startswith("sample"):
            lines.append(line)
            continue
        done = int(line.split()[1])
        lines.append(f"{line.split('loss')[0]}loss {sum(losses[:done]) / done:.{p['digits']}f}")
    return lines


def log_without_tail(p: Params, losses: Sequence[float], names: Sequence[str]) -> list[str]:
    right = log_of(p, losses, names)
    whole = len(losses) // p["every"]
    return right[:whole] + right[len(right) - len(names) :]


def log_from_zero(p: Params, losses: Sequence[float], names: Sequence[str]) -> list[str]:
    """Steps counted from 0: the line comes when the number, not the count, is a multiple."""
    lines, waiting = [], []
    for number in range(len(losses)):
        waiting.append(losses[number])
        if number % p["every"] == 0 or number == len(losses):
            mean = sum(waiting) / len(waiting)
            lines.append(f"{p['word']} {number} / {len(losses)} | loss {mean:.{p['digits']}f}")
            waiting = []
    return lines + [f"sample {i}: {name}" for i, name in enumerate(names, start=1)]


BUG = Exercise(
    id="mend-the-log",
    skill="predict-a-run-of-gpt",
    entry="report",
    draw=draw_log,
    cases=logs,
    reference=log_of,
    misconceptions={
        "one-mean-for-all": log_running,
        "leftovers-do-not-count": log_without_tail,
        "counts-start-at-zero": log_from_zero,
    },
    solutions=(
        """def report(losses, names):
    lines, total, count = [], 0.0, 0
    for step, loss in enumerate(losses, start=1):
        total, count = total + loss, count + 1
        if step % {{ p.every }} == 0 or step == len(losses):
            head = f"{{ p.word }} {step} / {len(losses)}"
            lines.append(head + f" | loss {total / count:.{{ p.digits }}f}")
            total, count = 0.0, 0
    for number, name in enumerate(names, start=1):
        lines.append(f"sample {number}: {name}")
    return lines
""",
        """def report(losses, names):
    ends = list(range({{ p.every }}, len(losses), {{ p.every }})) + [len(losses)]
    lines = []
    for start, end in zip([0] + ends, ends):
        mean = sum(losses[start:end]) / (end - start)
        lines.append("{{ p.word }} %d / %d | loss %.{{ p.digits }}f" % (end, len(losses), mean))
    return lines + ["sample %d: %s" % pair for pair in enumerate(names, 1)]
""",
        """from itertools import islice

def report(losses, names):
    lines, rest, done = [], iter(losses), 0
    while group := list(islice(rest, {{ p.every }})):
        done += len(group)
        mean = format(sum(group) / len(group), ".{{ p.digits }}f")
        lines.append(" ".join(["{{ p.word }}", str(done), "/", str(len(losses)), "| loss", mean]))
    number = 0
    for name in names:
        number += 1
        lines.append("sample " + str(number) + ": " + name)
    return lines
""",
    ),
    mutants=(
        Mutant(name="from zero", find="enumerate(losses, start=1)", replace="enumerate(losses)",
               stands_for="counts-start-at-zero"),
        Mutant(name="no last line", find=" or step == len(losses)", replace="",
               stands_for="leftovers-do-not-count"),
        Mutant(name="whole groups only", of=2, find="        done += len(group)\n",
               replace="        if len(group) < {{ p.every }}:\n            break\n"
               "        done += len(group)\n", stands_for="leftovers-do-not-count"),
        Mutant(name="never reset", find="            total, count = 0.0, 0\n", replace="",
               stands_for="one-mean-for-all"),
        Mutant(name="from the start", of=1, find="sum(losses[start:end]) / (end - start)",
               replace="sum(losses[:end]) / end", stands_for="one-mean-for-all"),
        Mutant(name="only the sum is reset", find="            total, count = 0.0, 0\n",
               replace="            total = 0.0\n"),
        Mutant(name="divides by the whole group", find="{total / count:",
               replace="{total / {{ p.every }}:"),
        Mutant(name="the last loss alone", find="{total / count:", replace="{loss:"),
        Mutant(name="samples from zero", find="enumerate(names, start=1)",
               replace="enumerate(names)"),
        Mutant(name="fewer digits", find=".{{ p.digits }}f", replace=".{{ p.digits - 1 }}f"),
        Mutant(name="a line for each step",
               find="        if step % {{ p.every }} == 0 or step == len(losses):",
               replace="        if True:"),
        Mutant(name="first of each group", of=1, find="(end, len(losses), mean)",
               replace="(start + 1, len(losses), mean)"),
    ),
)  # fmt: skip

# ---- read-the-words: another program's command line ---------------------------------------------

PROGRAMS = (
    ("rolls dice", [("rolls", "whole"), ("bias", "decimal"), ("colour", "text")]),
    ("grows a forest", [("trees", "whole"), ("rain", "decimal"), ("season", "text")]),
    ("plays a melody", [("bars", "whole"), ("tempo", "decimal"), ("key", "text")]),
    ("draws a maze", [("rooms", "whole"), ("twist", "decimal"), ("style", "text")]),
)
TEXTS = ["red", "spring", "minor", "plain", "big"]
REPEATS = ("the last one counts", "the first one counts", "that is a mistake, too")


def draw_words(rng: Random) -> Params:
    does, options = rng.choice(PROGRAMS)
    values = {"whole": rng.randint(10, 99), "decimal": rng.randint(1, 39) / 4,
              "text": rng.choice(TEXTS)}  # fmt: skip
    return {
        "does": does, "code": rng.choice([2, 3, 64, 65, 78]), "dash": rng.choice(["--", "-", "+"]),
        "options": [[name, kind, values[kind]] for name, kind in rng.sample(options, 3)],
        "repeat": rng.choice(REPEATS),
    }  # fmt: skip


def commands(rng: Random, p: Params) -> Sequence[Case]:
    dash, values = p["dash"], {"decimal": "2.75", "text": "bright"}
    pairs = {kind: [dash + name, values.get(kind, str(rng.randint(100, 999)))]
             for name, kind, _ in p["options"]}  # fmt: skip
    whole, text = pairs["whole"], pairs["text"]
    negative, again = [whole[0], "-7"], [text[0], "dark"]
    cases = [
        [], whole, text, [*pairs["decimal"]], negative, [text[0], whole[0]], [whole[0]],
        [*whole, text[0]], ["stray"], [*whole, "stray"], [dash + "volume", "3"], [whole[0], "4.5"],
        [whole[0], "many"], [pairs["decimal"][0], "much"], [pairs["decimal"][0], "6"],
        [*text, *again], [*again, *whole, *text], [whole[0][len(dash):], "5"],
        [dash + whole[0], "5"], [whole[0][:-1] + dash + whole[0][-1], "5"],
    ]  # fmt: skip
    everything = [*pairs["decimal"], *whole, *text]
    return [[case] for case in (*cases, everything)]


def settings_of(p: Params, words: Sequence[str], *, lenient: str = "") -> list[Plain]:
    """What the command line means; `lenient` names one rule to forget, for the mimics."""
    kinds = {p["dash"] + name: (name, kind) for name, kind, _ in p["options"]}
    found: dict[str, Plain] = {}
    refused: list[Plain] = [p["code"], {}]
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word not in kinds or not rest:
            if lenient == "unknown":
                continue
            return refused
        (name, kind), value = kinds[word], rest.pop(0)
        if name in found and p["repeat"] != REPEATS[0]:
            if p["repeat"] == REPEATS[1]:
                name = ""
            else:
                return refused
        try:
            read: Plain = {"whole": int, "decimal": float, "text": str}[kind](value)
        except ValueError:
            return refused
        found |= {name: value if lenient == "text" else read} if name else {}
    return [0, {name: value for name, _, value in p["options"]} | found]


TRANSFER = Exercise(
    id="read-the-words",
    skill="end-a-program-well",
    entry="settings",
    draw=draw_words,
    cases=commands,
    reference=settings_of,
    misconceptions={
        "numbers-arrive-as-numbers": lambda p, words: settings_of(p, words, lenient="text"),
        "skip-what-you-do-not-know": lambda p, words: settings_of(p, words, lenient="unknown"),
    },
    solutions=(
        """OPTIONS = {{ p.options }}
REPEAT = "{{ p.repeat }}"

def settings(words):
    found = {name: value for name, _, value in OPTIONS}
    kinds = {"{{ p.dash }}" + name: kind for name, kind, _ in OPTIONS}
    seen = set()
    while words:
        if len(words) < 2 or words[0] not in kinds:
            return [{{ p.code }}, {}]
        option, value, *words = words
        try:
            value = {"whole": int, "decimal": float, "text": str}[kinds[option]](value)
        except ValueError:
            return [{{ p.code }}, {}]
        again = option in seen
        seen.add(option)
        if again and "mistake" in REPEAT:
            return [{{ p.code }}, {}]
        if not again or "last" in REPEAT:
            found[option.removeprefix("{{ p.dash }}")] = value
    return [0, found]
""",
        """KINDS = {"whole": int, "decimal": float, "text": str}
READ = dict(("{{ p.dash }}" + name, KINDS[kind]) for name, kind, _ in {{ p.options }})

def settings(words):
    options, values = words[0::2], words[1::2]
    pairs = list(zip(options, values))
    if len(options) != len(values) or any(option not in READ for option in options):
        return [{{ p.code }}, {}]
    if {{ "mistake" in p.repeat }} and len(set(options)) < len(options):
        return [{{ p.code }}, {}]
    if {{ "first" in p.repeat }}:
        pairs.reverse()
    result = dict((name, value) for name, _, value in {{ p.options }})
    try:
        for option, value in pairs:
            result[option[{{ p.dash | length }}:]] = READ[option](value)
    except ValueError:
        return [{{ p.code }}, {}]
    return [0, result]
""",
        """class Refused(Exception):
    pass

def whole(text):
    digits = text[1:] if text[0] in "+-" else text
    if not digits.isdigit():
        raise Refused
    return int(text)

def decimal(text):
    try:
        return float(text)
    except ValueError:
        raise Refused

def read(words):
    stream, kept, default = iter(words), {}, {}
    for name, kind, value in {{ p.options }}:
        default[name] = (kind, value)
    for word in stream:
        name = word[len("{{ p.dash }}"):]
        if word[:len("{{ p.dash }}")] != "{{ p.dash }}" or name not in default:
            raise Refused
        value = next(stream, None)
        if value is None:
            raise Refused
        if default[name][0] == "whole":
            value = whole(value)
        elif default[name][0] == "decimal":
            value = decimal(value)
        kept.setdefault(name, []).append(value)
    if {{ "mistake" in p.repeat }} and any(len(values) > 1 for values in kept.values()):
        raise Refused
    which = {{ 0 if "first" in p.repeat else -1 }}
    return {name: kept.get(name, [default[name][1]])[which] for name in default}

def settings(words):
    try:
        return [0, read(words)]
    except Refused:
        return [{{ p.code }}, {}]
""",
    ),
    mutants=(
        Mutant(name="values stay text", of=1, find="READ[option](value)",
               replace="(READ[option](value), value)[1]", stands_for="numbers-arrive-as-numbers"),
        Mutant(name="skips strangers", stands_for="skip-what-you-do-not-know", source="""
OPTIONS = {{ p.options }}

def settings(words):
    values = {name: value for name, kind, value in OPTIONS}
    kinds = {"{{ p.dash }}" + name: (name, kind) for name, kind, value in OPTIONS}
    at, seen = 0, set()
    try:
        while at < len(words):
            if words[at] in kinds and at + 1 < len(words):
                name, kind = kinds[words[at]]
                value = words[at + 1]
                value = {"whole": int, "decimal": float, "text": str}[kind](value)
                if name in seen and {{ "mistake" in p.repeat }}:
                    return [{{ p.code }}, {}]
                if not (name in seen and {{ "first" in p.repeat }}):
                    values[name] = value
                seen.add(name)
                at += 2
            else:
                at += 1
    except ValueError:
        return [{{ p.code }}, {}]
    return [0, values]
"""),
        Mutant(name="no defaults", find="{name: value for name, _, value in OPTIONS}",
               replace="dict()"),
        Mutant(name="whole numbers are decimals", find='"whole": int', replace='"whole": float'),
        Mutant(name="decimals are whole", find='"decimal": float', replace='"decimal": int'),
        Mutant(name="a bad number escapes", find="except ValueError", replace="except KeyError"),
        Mutant(name="names keep their dashes",
               find='option.removeprefix("{{ p.dash }}")', replace="option"),
        Mutant(name="code 0 when refused", of=2, find="return [{{ p.code }}, {}]",
               replace="return [0, {}]"),
        Mutant(name="settings when refused", of=2, find="return [{{ p.code }}, {}]",
               replace="return [{{ p.code }}, dict((o[0], o[2]) for o in {{ p.options }})]"),
        Mutant(name="strays at the end pass", of=1, find="len(options) != len(values) or ",
               replace=""),
        Mutant(name="repeats: another rule", find='REPEAT = "{{ p.repeat }}"',
               replace='REPEAT = "{{ "first" if "last" in p.repeat else "last" }}"'),
        Mutant(name="a value may not look like an option", find="len(words) < 2",
               replace="len(words) < 2 or words[1] in kinds"),
        Mutant(name="dashes are optional", of=2,
               find='        if word[:len("{{ p.dash }}")] != "{{ p.dash }}" or name not in '
               "default:",
               replace="        if word in default:\n            name = word\n"
               "        if name not in default:"),
        Mutant(name="dashes are taken away wherever they are", of=2,
               find='word[len("{{ p.dash }}"):]', replace='word.replace("{{ p.dash }}", "")'),
        Mutant(name="any number of dashes", of=2,
               find='word[len("{{ p.dash }}"):]', replace='word.lstrip("{{ p.dash }}")'),
        Mutant(name="stops at the first", find="while words:", replace="if words:"),
    ),
)  # fmt: skip

EXERCISES = [PREDICT, FADED, WRITE, BUG, TRANSFER]
