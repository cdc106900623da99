"""The end of the course: a learner's own model on their own names, as a folder the lab can open.

A file is taken for what it does, not for what it says: it runs in a child, and this side judges
what came back. What is made here is text; who asks for it writes it down.
"""

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from autoresearch.common.files import NotUtf8Error, person_text
from curricula.capstone.names import HELD_OUT, LONGEST, Names
from curricula.errors import SubmissionError
from curricula.grading.answers import error_words
from curricula.grading.grader import Part, Runner, check_submission, read_reply

FUNCTIONS = (
    *("read_documents", "Value", "initial_weights", "gpt", "document_loss", "train"),
    "invent",
)
KNOBS = {  # constants of gpt.py that a searcher may turn: low, high, on a logarithmic scale
    "WIDTH": (4, 32, True),
    "LAYERS": (1, 3, False),
    "HEADS": (1, 8, False),
    "CONTEXT": (4, 24, False),
    "INIT_STD": (0.01, 0.5, True),
    "LEARNING_RATE": (1e-4, 0.1, True),
    "BETA1": (0.5, 0.99, False),
    "BETA2": (0.9, 0.9999, False),
    "SMOOTHING": (0.0, 0.4, False),
}
OWN_KNOBS = (("SCALE", 0.1, 5.0, True), ("HEAT", 0.5, 2.0, True))  # of train.py
_CHECK_S, _CHECK_MB = 90.0, 1024
_TEMPLATES = Path(__file__).resolve().parent / "templates"
_JINJA = Environment(
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - TOML and markdown, no HTML
)
_WORDS = ("anna", "otto", "nat", "ton", "a")
DRIVER = """\
import random
import tempfile
from collections import defaultdict
from pathlib import Path

VOCAB, DOCUMENTS = 4, [[3, 0, 1, 3], [3, 2, 2, 3]]


def drive(entry, part):
    return globals()[part](entry.__globals__)


def missing(own):
    return [name for name in NAMES if not callable(own.get(name))]


def documents(own):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.txt"
        path.write_text("\\n".join([" " + WORDS[0], "", *WORDS[1:], ""]), encoding="utf-8")
        letters, found = own["read_documents"](path, random.Random(1))
    return [list(letters), [list(document) for document in found]]


def value(own):
    def result(x, y):
        a, b = own["Value"](x), own["Value"](y)
        c = a * b + a
        out = ((c * c + 2) ** -0.5 + sum([c.exp(), b])) * (c * c + 1).log()
        return a, b, out

    a, b, out = result(0.7, -1.3)
    out.backward()
    near = [result(0.7 + dx, -1.3 + dy)[2].data for dx, dy in NUDGES]
    return [a.grad, b.grad, *near]


def deep(own):
    x = number = own["Value"](0.5)
    for _ in range(20000):
        number = number + x
    number.backward()
    return x.grad


def fresh(own):
    weights = own["initial_weights"](VOCAB, random.Random(1))
    return weights, [n for matrix in weights.values() for row in matrix for n in row]


def weights(own):
    return [n.data for n in fresh(own)[1]]


def logits(own):
    model, found = fresh(own)[0], []
    for tokens in ([3, 0, 1], [3, 0, 1], [3, 0, 2]):
        memory = defaultdict(list)
        found.append([
            [n.data for n in own["gpt"](model, token, place, memory)]
            for place, token in enumerate(tokens)
        ])
    return found


def slopes(own):
    model, every = fresh(own)
    own["document_loss"](model, DOCUMENTS[0]).backward()
    found = []
    for number in every[:: max(1, len(every) // 8)]:
        kept, losses = number.data, []
        for nudge in (1e-5, -1e-5):
            number.data = kept + nudge
            losses.append(own["document_loss"](model, DOCUMENTS[0]).data)
        number.data = kept
        found.append([number.grad, *losses])
    return found


def train(own):
    model, every = fresh(own)
    before = [n.data for n in every]
    losses = list(own["train"](model, DOCUMENTS, 8))
    return [losses, sum(n.data != old for n, old in zip(every, before))]


def invent(own):
    rng = random.Random(1)
    return [own["invent"](fresh(own)[0], ["a", "b", "c"], rng) for _ in range(3)]
"""
NUDGES = ((1e-6, 0), (-1e-6, 0), (0, 1e-6), (0, -1e-6))
PARTS = ("missing", "documents", "value", "deep", "weights", "logits", "slopes", "train", "invent")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes that fit a model of a given cost per token."""

    tokens: int  # of a run
    seconds: int  # that a run takes, about
    ceiling: int  # CPU seconds after which a run is killed
    score_s: int


def read_model(path: Path) -> str:
    """A learner's file as text; raise SubmissionError where it is none."""
    try:
        source = person_text(path.read_bytes())
    except NotUtf8Error as error:
        raise SubmissionError(f"{path} {error}.", reason="unreadable_file") from error
    except OSError as error:
        raise SubmissionError(
            f"{path} can't be read: {error.strerror}.",
            "Give the file in which you rebuilt the model.",
            reason="unreadable_file",
        ) from error
    check_submission(source)
    return source


def check_model(source: str, runner: Runner) -> None:
    """Run its parts in a child; raise SubmissionError with all that keeps it from being a model."""
    part = Part(
        source=source,
        entry="gpt",
        driver=f"NAMES = {FUNCTIONS!r}\nWORDS = {_WORDS!r}\nNUDGES = {NUDGES!r}\n{DRIVER}",
        cases=[[name] for name in PARTS],
    )
    reply = runner.run([part], limit_s=_CHECK_S, memory_mb=_CHECK_MB)
    [answers] = read_reply(reply, [part])
    if isinstance(answers, str):
        raise UnfitModelError({"file": f"it does not run: {answers}"})
    wrong: dict[str, str] = {}
    for name, answer in zip(PARTS, answers, strict=False):
        words = error_words(answer.error) if answer.error is not None else _judged(name, answer)
        if words:
            wrong[name] = words
        if name == "missing" and words:
            break
    if not wrong and len(answers) < len(PARTS):
        wrong[PARTS[len(answers)]] = f"it had not ended after {_CHECK_S:g} s of checks"
    if not isinstance(constants(source).get("CONTEXT"), int):
        wrong["file"] = "it sets no constant CONTEXT, the most positions that a document can fill"
    if wrong:
        raise UnfitModelError(wrong)


class UnfitModelError(SubmissionError):
    """A file can't become a model yet; `faults` maps each faulty part to what is wrong with it."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        listed = "\n".join(
            f"- {what}" if part == "file" else f"- {part}: {what}" for part, what in faults.items()
        )
        super().__init__(
            f"The file can't become a model of your own yet:\n{listed}",
            "Names and arguments are those of microgpt/gpt.py; a file that passed the exercise "
            "`rebuild` has them.",
            reason="unfit_model",
        )
        self.faults = faults


def _judged(name: str, answer: Any) -> str:  # noqa: ANN401 - an Answer, whose value is untrusted
    """Describe the problem with one part's answer; "" if there is none."""
    try:
        return _JUDGES[name](answer.value)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError):
        return "what it returns has another form than in gpt.py"


def _missing(value: Any) -> str:  # noqa: ANN401
    return f"it defines no {', no '.join(map(str, value))}" if value else ""


def _documents(value: Any) -> str:  # noqa: ANN401
    letters, found = value
    if letters != sorted(set("".join(_WORDS))):
        return "the letters are not those of the names, sorted"
    bos = len(letters)
    if any(d[0] != bos or d[-1] != bos for d in found):
        return "BOS, the token after the last letter, must open and close each document"
    read = sorted("".join(letters[token] for token in d[1:-1]) for d in found)
    return "" if read == sorted(_WORDS) else "the documents are not the names of the file"


def _value(value: Any) -> str:  # noqa: ANN401
    a, b, higher_a, lower_a, higher_b, lower_b = map(float, value)
    step = 2 * NUDGES[0][0]
    close = math.isclose(a, (higher_a - lower_a) / step, rel_tol=1e-4, abs_tol=1e-6)
    close = close and math.isclose(b, (higher_b - lower_b) / step, rel_tol=1e-4, abs_tol=1e-6)
    return "" if close else "backward gives other slopes than a small nudge shows"


def _deep(value: Any) -> str:  # noqa: ANN401
    return "" if value == 20001 else "backward loses its way in a graph 20,000 numbers deep"


def _weights(value: Any) -> str:  # noqa: ANN401
    if not value:
        return "there are none"
    return "" if len(set(map(float, value))) > 1 else "all of them begin as the same number"


def _logits(value: Any) -> str:  # noqa: ANN401
    first, again, other = value
    rows = [row for one in value for row in one]
    if any(len(row) != 4 or not all(map(math.isfinite, row)) for row in rows):
        return "there must be a finite score for each token of the vocabulary"
    if first != again:
        return "the same tokens get other scores the second time"
    return "" if first[:2] == other[:2] else "the scores change with tokens that come later"


def _slopes(value: Any) -> str:  # noqa: ANN401
    off = [
        1
        for grad, higher, lower in value
        if not math.isclose(grad, (higher - lower) / 2e-5, rel_tol=1e-3, abs_tol=1e-6)
    ]
    return f"{len(off)} of {len(value)} gradients differ from what a nudge shows" if off else ""


def _train(value: Any) -> str:  # noqa: ANN401
    losses, moved = value
    if len(losses) != 8 or not all(math.isfinite(loss) for loss in losses):
        return "it must yield the loss of each step, as plain numbers"
    return "" if moved else "no weight moves"


def _invent(value: Any) -> str:  # noqa: ANN401
    fine = len(value) == 3 and all(set(name) <= set("abc") for name in value)
    return "" if fine else "it must return a string of the letters it was given"


_JUDGES = {
    "missing": _missing, "documents": _documents, "value": _value, "deep": _deep,
    "weights": _weights, "logits": _logits, "slopes": _slopes, "train": _train, "invent": _invent,
}  # fmt: skip


def constants(source: str) -> dict[str, float]:
    """The names that a file sets to plain numbers at its top level."""
    found: dict[str, float] = {}
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                if isinstance(value, int | float) and not isinstance(value, bool):
                    found[name] = value
    return found


def sizes(cost: float, context: int, names: Names, *, seconds: float) -> Sizes:
    """Return the sizes for a model of `cost` CPU seconds per token that trains in `seconds`."""
    digits = 10 ** max(0, math.floor(math.log10(max(1.0, seconds / cost))) - 1)
    tokens = max(10 * LONGEST, int(seconds / cost) // digits * digits)
    took = tokens * cost
    lengths = [len(line) + 1 for line in names.lines]
    prefixes = sum(sum(min(k, context) for k in range(1, n + 1)) for n in lengths) / len(lengths)
    asked = HELD_OUT * names.tokens + 1.25 * HELD_OUT * prefixes  # positions, both processes
    return Sizes(
        tokens=tokens,
        seconds=max(1, round(took)),
        ceiling=math.ceil(max(20.0, 6 * took)),
        score_s=math.ceil(max(60.0, 20 + 4 * asked * cost)),
    )


def folder_files(source: str, names: Names) -> dict[str, str]:
    """Return the files needed to train by hand, by path."""
    return {
        "gpt.py": source,
        "train.py": (_TEMPLATES / "train.py.txt").read_text(encoding="utf-8"),
        "data/names.txt": names.text,
        ".gitignore": "__pycache__/\n",
    }


def target_files(folder: str, source: str, names: Names, fit: Sizes) -> dict[str, str]:
    """Return the files that make it a target: contract, brief, and a page for the learner."""
    p: Mapping[str, Any] = {
        "name": target_name(folder),
        "names": f"{names.different:,}",
        "tokens": f"{fit.tokens:,}",
        "budget": f"{fit.tokens:_}",
        "documents": f"{fit.tokens / names.tokens:,.0f}",
        "seconds": fit.seconds,
        "ceiling": fit.ceiling,
        "room": max(2, fit.ceiling // max(1, fit.seconds)),
        "score_s": fit.score_s,
        "held_out": HELD_OUT,
        "knobs": _knobs(source),
    }
    return {
        path: _JINJA.from_string((_TEMPLATES / path).read_text(encoding="utf-8")).render(p=p)
        for path in ("autoresearch.toml", "program.md", "README.md")
    }


def target_name(folder: str) -> str:
    """A folder's name as a target's: a-z, 0-9 and hyphens."""
    plain = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")[:40].rstrip("-")
    return plain or "my-gpt"


def _knobs(source: str) -> list[tuple[str, float, float, bool]]:
    """Return the file's constants with ranges that include their present values."""
    now = constants(source)
    found = [
        (name, min(low, now[name]), max(high, now[name]), log and now[name] > 0)
        for name, (low, high, log) in KNOBS.items()
        if name in now
    ]
    return [*found, *OWN_KNOBS]
