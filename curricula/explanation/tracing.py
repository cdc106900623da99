"""Values of gpt.py's lines in a real run: traced in a child process, on an example.

The child (`tracer.py`) runs the subject by path on trained weights, forward and backward, and for
the lines of `train` two steps of Adam. Here the request is made and the answer is typed.
"""

import json
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from curricula import subject
from curricula.errors import CourseError, SubmissionError
from curricula.explanation.statements import Statement, statements

SUBJECT = "microgpt/gpt.py"
TRAINED = Path(__file__).resolve().parent.parent / "courses" / "microgpt" / "trained.json"
LONGEST = 40  # letters of an example
LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Trained:
    """gpt.py's model after training, as `scripts/train_for_lessons.py` wrote it."""

    letters: str  # the alphabet: token i is letters[i], BOS comes after them
    weights: dict[str, list[list[float]]]  # "token", "query.0", ...: a row for each output
    loss_curve: tuple[tuple[int, float], ...]  # (step, mean loss since the point before), nats
    held_out_loss: float  # nats a token
    settings: dict[str, int | str]


@dataclass(frozen=True, slots=True)
class Shown:
    """One value: a number, or the first numbers of a list."""

    name: str  # "query", "p.grad", "returns"
    shape: str  # "16", "5 x 4", "5 x varies"; empty for a number
    data: str
    grad: str  # d(loss) / d(value) of the same numbers; empty where there is none


@dataclass(frozen=True, slots=True)
class LineValues:
    """Values of a statement: those read before it, and those bound or returned after it."""

    line: int  # its first
    runs: int  # how often it ran in all
    position: int | None  # in the document, where the model was reading one
    before: tuple[Shown, ...]
    after: tuple[Shown, ...]


@cache
def trained() -> Trained:
    """The weights that the lessons show."""
    record = json.loads(TRAINED.read_text("utf-8"))
    return Trained(
        letters=record["letters"],
        weights=record["weights"],
        loss_curve=tuple((step, loss) for step, loss in record["loss_curve"]),
        held_out_loss=record["held_out_loss"],
        settings=record["settings"],
    )


def context() -> int:
    """The most positions that the model reads."""
    return len(trained().weights["position"])


def check_example(example: str) -> str:
    """The example itself, or SubmissionError that says which characters are known."""
    letters = trained().letters
    odd = sorted(set(example) - set(letters))
    if odd:
        shown = " ".join(map(repr, odd[:5]))
        near = "".join(c for c in example.lower() if c in letters)[:LONGEST] or "emma"
        raise SubmissionError(
            f"The model does not know {shown}.",
            f"Its characters are {letters}: try {near!r}.",
            reason="unknown_character",
        )
    if not 1 <= len(example) <= LONGEST:
        raise SubmissionError(
            f"The example has {len(example)} letters.",
            f"Give 1 to {LONGEST}, such as 'emma'.",
            reason="example_length",
        )
    return example


def positions(example: str) -> int:
    """Return how many positions the model reads: BOS and the letters, up to the context."""
    return min(context(), len(example) + 1)


def trace(
    lines: Collection[int], example: str, position: int | None = None
) -> tuple[LineValues, ...]:
    """The values at those lines of gpt.py, at the first visit at that position (default: last).

    Lines that are outside the model's reading, such as those of `train`, are shown at their first
    visit; those that hold no values, such as an import's, are left out. Raises SubmissionError for
    an example or a position that there is not.
    """
    every = statements(subject.locate(SUBJECT).read_text("utf-8"))
    wanted = {one for one in every if set(range(one.first, one.last + 1)) & set(lines)}
    notes = _ask(every, wanted, example, position, None)["notes"]
    found = [
        LineValues(
            line=note["first"],
            runs=note["runs"],
            position=note["position"],
            before=tuple(_shown(one) for one in note["before"]),
            after=tuple(_shown(one) for one in note["after"]),
        )
        for note in notes
        if note["before"] or note["after"]
    ]
    return tuple(sorted(found, key=lambda one: one.line))


def attention_shares(example: str) -> list[list[list[float]]]:
    """Return the attention weights as [head][position][earlier position]; each row sums to 1.

    As gpt.py's own `shares` were, in the last layer; rows grow with the position.
    """
    every = statements(subject.locate(SUBJECT).read_text("utf-8"))
    collected = _ask(every, set(), example, None, ("attention", "shares"))["collected"]
    heads = int(trained().settings["heads"])
    layers = int(trained().settings["layers"])
    ours = collected[: positions(example) * heads * layers]
    last = [ours[i : i + heads] for i in range(heads * (layers - 1), len(ours), heads * layers)]
    return [[rows[head] for rows in last] for head in range(heads)]


def _ask(
    every: tuple[Statement, ...],
    wanted: set[Statement],
    example: str,
    position: int | None,
    collect: tuple[str, str] | None,
) -> dict[str, Any]:
    check_example(example)
    last = positions(example) - 1
    if position is not None and not 0 <= position <= last:
        raise SubmissionError(
            f"There is no position {position}.",
            f"{example!r} has 0 (BOS) to {last}.",
            reason="position",
        )
    file = subject.locate(SUBJECT)
    request = {
        "subject": str(file),
        "data": str(file.parent / "data" / str(trained().settings["data"])),
        "letters": trained().letters,
        "weights": trained().weights,
        "example": example,
        "position": last if position is None else position,
        "collect": collect,
        "statements": [
            [s.first, s.last, s.function, s.reads, s.binds, s.kind, s in wanted] for s in every
        ],
    }
    answer: dict[str, Any] = json.loads(_run(json.dumps(request), file.stat().st_mtime_ns))
    return answer


@lru_cache(maxsize=256)  # half a second each, and agents ask for the same section again and again
def _run(request: str, _changed: int) -> str:
    command = [sys.executable, "-I", str(Path(__file__).with_name("tracer.py"))]
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise CourseError(
            f"Tracing gpt.py took more than {LIMIT_S} s.",
            "Ask for a shorter example.",
            reason="too_slow",
        ) from late
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise CourseError(
            f"gpt.py could not be traced: {last}.",
            "It is the product's own file: was it changed?",
            reason="not_traced",
        )
    return done.stdout


def _shown(one: dict[str, Any]) -> Shown:
    shape = " x ".join("varies" if size is None else str(size) for size in one["shape"])
    few = [_number(number) for number in one["data"]]
    longer = _cut(one["shape"], len(few))
    text = one["text"] or ", ".join(few) + (", ..." if longer else "") or "empty"
    grads = [_number(number) for number in one["grad"]]
    grad = ", ".join(grads) + (", ..." if longer and grads else "")
    if one["text"] and _cut(one["shape"], one["text"].count(",") + 1):
        text += ", ..."
    return Shown(name=one["name"], shape=shape, data=text, grad="" if _all_zero(grads) else grad)


def _cut(shape: list[int | None], shown: int) -> bool:
    """Return whether a list of that shape holds more than was shown."""
    total = 1
    for size in shape:
        if size is None:
            return True
        total *= size
    return bool(shape) and total > shown


def _all_zero(grads: list[str]) -> bool:
    return all(grad == "0" for grad in grads)


def _number(number: float | bool) -> str:
    """Whole numbers as they are, others to 4 digits."""
    if isinstance(number, bool) or number == int(number):
        return str(int(number))
    return f"{number:.4g}"
