"""The child that runs the subject and notes what its lines hold: standard library only.

Reads a request from stdin and writes what it saw to stdout, both JSON; `tracing.py` says what is in
them. It runs by path, without the caller's environment (python -I), in a folder of its own.
"""

# ruff: noqa: ANN401 -- values of any kind are what it looks at

import gc
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

FEW = 4  # numbers shown of a list
FEW_KEYS = 6  # keys shown of a dict
CARRIERS = ("gpt", "document_loss", "invent")  # functions with a local named `position`
SCENARIOS = {
    "": "load",
    "Value": "load",
    "read_documents": "read",
    "initial_weights": "weights",
    "train": "train",
    "invent": "invent",
    "main": "none",
}  # where a function's lines are seen; all others while the loss of the example is computed
Request = dict[str, Any]
Told = dict[str, Any]  # name, shape, data, grad, text of one value
Readable = tuple[str, CodeType]  # an expression, and the same compiled
UNBOUND = (NameError, LookupError, TypeError, AttributeError)


class Note:
    """One statement: how often it ran, and what it held at the visit that was chosen."""

    def __init__(
        self, first: int, function: str, reads: list[str], binds: list[str], kind: str
    ) -> None:
        self.first, self.kind = first, kind
        self.scenario = SCENARIOS.get(function, "loss")
        self.late = self.scenario == "loss" and function != "Value.backward"  # grads come later
        self.reads = [(text, compile(text, "reads", "eval")) for text in reads]
        self.binds = [(text, compile(text, "binds", "eval")) for text in binds]
        self.runs = 0
        self.position: int | None = None
        self.before: list[Told] = []
        self.after: list[Told] = []


class Tracer:
    """Follows the frames of the wanted functions of one file, statement by statement."""

    def __init__(self, request: Request) -> None:
        self.path: str = request["subject"]
        self.chosen: int = request["position"]
        self.collect: list[str] | None = request["collect"]  # a function, and a name in it
        self.collected: list[Any] = []
        self.at: dict[int, Note] = {}
        self.notes: list[Note] = []
        self.functions = set(CARRIERS)
        for first, last, function, reads, binds, kind, wanted in request["statements"]:
            note = Note(first, function, reads, binds, kind)
            self.at |= dict.fromkeys(range(first, last + 1), note)
            if wanted:
                self.notes.append(note)
                self.functions.add(function)
        if self.collect:
            self.functions.add(self.collect[0])
        self.wanted = set(self.notes)
        self.scenario = ""
        self.position: int | None = None

    def during(self, scenario: str, work: Callable[[], object]) -> None:
        """Run `work`, if a wanted line is in it, with the trace on."""
        wanted = any(note.scenario == scenario for note in self.notes) or scenario == "load"
        if not wanted and not (self.collect and scenario == "loss"):
            return
        self.scenario, self.position = scenario, None
        sys.settrace(self.called)
        try:
            work()
        finally:
            sys.settrace(None)

    def called(self, frame: FrameType, event: str, _: object) -> "Visit | None":
        """Decide for the interpreter whether to trace a call."""
        code = frame.f_code
        name = "" if code.co_qualname == "<module>" else code.co_qualname
        if event != "call" or code.co_filename != self.path or name not in self.functions:
            return None
        return Visit(self, name)


class Visit:
    """One call of a function: which statement it is at, and what is being noted of it."""

    __slots__ = ("at", "name", "noting", "tracer")

    def __init__(self, tracer: Tracer, name: str) -> None:
        self.tracer, self.name, self.noting = tracer, name, False
        self.at: Note | None = None

    def __call__(self, frame: FrameType, event: str, value: object) -> "Visit":
        """Handle the interpreter's event at every line and return of this call."""
        tracer = self.tracer
        if event == "line":
            note = tracer.at.get(frame.f_lineno)
            if note is self.at:
                return self
            self.leave(frame)
            if self.name in CARRIERS:
                tracer.position = frame.f_locals.get("position")
            self.at = note
            if note and note in tracer.wanted and note.scenario == tracer.scenario:
                self.enter(note, frame)
        elif event == "return":
            self.leave(frame, value)
            self.at = None
            if self.name in ("document_loss", "invent"):
                tracer.position = None
        return self

    def enter(self, note: Note, frame: FrameType) -> None:
        """Count the visit, and note it if it is the first, or the first at the chosen position."""
        tracer = self.tracer
        note.runs += 1
        better = (
            note.scenario == "loss"
            and tracer.position == tracer.chosen
            and note.position != tracer.chosen
        )
        if note.runs == 1 or better:
            self.noting, note.position, note.after = True, tracer.position, []
            note.before = seen(note.reads, frame, note.late)

    def leave(self, frame: FrameType, value: object = None) -> None:
        """Note what the statement that just ended has bound or returned."""
        note, collect = self.at, self.tracer.collect
        if note is None:
            return
        if collect and collect[0] == self.name and collect[1] in dict(note.binds):
            self.tracer.collected.append(plain(frame.f_locals[collect[1]]))
        if not self.noting:
            return
        self.noting = False
        note.after = seen(note.binds, frame, note.late)
        if value is not None:
            word = "returns" if note.kind == "return" else "yields"
            parts = value if isinstance(value, tuple) else (value,)
            names = [word] if len(parts) == 1 else [f"{word}[{i}]" for i in range(len(parts))]
            shown = [
                snapshot(name, part, note.late) for name, part in zip(names, parts, strict=True)
            ]
            note.after += [one for one in shown if one]


def seen(expressions: Sequence[Readable], frame: FrameType, late: bool) -> list[Told]:
    """Snapshots of those expressions that have a value in this frame."""
    found = []
    for text, code in expressions:
        root = code.co_names[0]
        local = root in frame.f_locals
        if not local and not isinstance(frame.f_globals.get(root), int | float):
            continue
        try:
            value = eval(code, frame.f_globals, frame.f_locals)  # noqa: S307 -- no calls in it
        except UNBOUND:
            continue  # not bound yet, or an empty list
        shown = snapshot(text, value, late)
        if shown:
            found.append(shown)
    return found


def snapshot(name: str, value: Any, late: bool) -> Told | None:
    """Return the data to report of a value now; a Value's grad may be read later."""
    text = ""
    shape: list[int | None] = []
    leaves: list[Any] = []
    if isinstance(value, str):
        text = repr(Path(value).name if os.sep in value else value)
    elif value is None or isinstance(value, slice):
        text = "None" if value is None else f"{value.start}:{value.stop}"
    elif isinstance(value, dict):
        text = keys(value)
    elif isinstance(value, set):
        text = f"a set of {len(value)}"
    elif isinstance(value, random.Random):
        text = "the source of random numbers"
    elif is_number(value) or isinstance(value, list | tuple):
        shape, leaves = shape_of(value), first_leaves(value)
    else:
        return None
    if leaves and isinstance(leaves[0], str):
        text, leaves = ", ".join(map(repr, leaves)), []
    numbers = [data_of(leaf) for leaf in leaves]
    grads = [(leaf if late else leaf.grad) for leaf in leaves if hasattr(leaf, "grad")]
    return {"name": name, "shape": shape, "data": numbers, "grad": grads, "text": text}


def is_number(value: object) -> bool:
    """A plain number, or a Value."""
    return isinstance(value, int | float) or hasattr(value, "grad")


def data_of(leaf: Any) -> Any:
    """The number itself."""
    return leaf.data if hasattr(leaf, "grad") else leaf


def shape_of(value: Any) -> list[int | None]:
    """[5, 16] for 5 lists of 16; [5, None] where their lengths differ."""
    shape: list[int | None] = []
    level = [value]
    while level and all(isinstance(one, list | tuple) for one in level):
        lengths = {len(one) for one in level}
        shape.append(lengths.pop() if len(lengths) == 1 else None)
        level = [inner for one in level for inner in one]
    return shape


def first_leaves(value: Any) -> list[Any]:
    """The first numbers or strings in there, in order."""
    found: list[Any] = []
    stack = [value]
    while stack and len(found) < FEW:
        one = stack.pop()
        if isinstance(one, list | tuple):
            stack += reversed(one[: 2 * FEW])
        elif is_number(one) or isinstance(one, str):
            found.append(one)
    return found


def keys(value: dict[Any, Any]) -> str:
    """The first keys, each with the shape of what it leads to."""
    parts = []
    for key, held in list(value.items())[:FEW_KEYS]:
        sizes = isinstance(held, tuple) and all(isinstance(one, int) for one in held)
        told = held if sizes else shape_of(held)
        parts.append(f"{key!r}: " + " x ".join(map(str, told)))
    return "; ".join(parts or ["empty"]) + (
        f"; ... {len(value)} keys" if len(value) > FEW_KEYS else ""
    )


def plain(value: Any) -> Any:
    """Lists of Values as lists of numbers."""
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return data_of(value)


def told(note: Note) -> dict[str, Any]:
    """The note as plain data; grads that were awaited are there by now."""
    for shown in (*note.before, *note.after):
        shown["grad"] = [getattr(one, "grad", one) for one in shown["grad"]]
    return {
        "first": note.first,
        "runs": note.runs,
        "position": note.position if note.scenario == "loss" else None,
        "before": note.before,
        "after": note.after,
    }


def run(request: Request, tracer: Tracer) -> list[dict[str, Any]]:
    """Every part of the subject that a wanted line is in, on the example."""
    source = Path(request["subject"]).read_text("utf-8")
    namespace: dict[str, Any] = {"__name__": "subject"}
    code = compile(source, request["subject"], "exec")
    tracer.during("load", lambda: exec(code, namespace))  # noqa: S102 -- the product's own
    names = Path(request["data"]).read_text("utf-8")
    Path("names.txt").write_text(request["example"] + "\n" + names, "utf-8")
    rng = random.Random(42)
    tracer.during("read", lambda: namespace["read_documents"]("names.txt", rng))
    letters = list(request["letters"])
    bos = len(letters)
    tracer.during("weights", lambda: namespace["initial_weights"](bos + 1, rng))
    weights = {
        key_of(name): [[namespace["Value"](number) for number in row] for row in matrix]
        for name, matrix in request["weights"].items()
    }
    tokens = [bos, *map(letters.index, request["example"]), bos]
    tracer.during("loss", lambda: namespace["document_loss"](weights, tokens).backward())
    records = [told(note) for note in tracer.notes if note.scenario == "loss"]
    for matrix in weights.values():
        for row in matrix:
            for weight in row:
                weight.grad = 0.0
    tracer.during("invent", lambda: namespace["invent"](weights, letters, random.Random(42)))
    training = namespace["train"](weights, [tokens], 1000)
    tracer.during("train", lambda: [next(training) for _ in range(2)])
    return records + [told(note) for note in tracer.notes if note.scenario != "loss"]


def key_of(name: str) -> str | tuple[str, int]:
    """("query", 0) for "query.0"; the tables and the head have no layer."""
    name, _, layer = name.partition(".")
    return (name, int(layer)) if layer else name


def main() -> None:
    """Answer one request."""
    gc.disable()  # as gpt.py has it: there are no cycles to find
    request = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        tracer = Tracer(request)
        records = run(request, tracer)
        os.chdir("/")
    json.dump({"notes": records, "collected": tracer.collected}, sys.stdout)


if __name__ == "__main__":
    main()
