"""Runs a learner's code beside nothing else: what is started in the sandbox, as a text.

It needs the standard library alone and knows no answers. The job is read from one descriptor; on
another a line of JSON is written for every call, so that a program that never ends has said how far
it came. What a learner's code prints goes nowhere.

The learner's code shares this process, and may replace whatever it can reach. So all that a grade
rests on is taken before that code runs: builtins are a copy of our own, answers are encoded by C
code alone, and a driver is executed first, with copies of the modules that it imports at its top.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]

globals()["__builtins__"] = vars(builtins).copy()  # of the functions below; later patches miss it

TYPE_CHECKING = False  # importing `typing` would be a tenth of the time that a grade takes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

REFUSED = "an answer may not use {}, which reaches what watches it. Leave it out"
# Audit events by which code can look at or stop what watches it; no answer needs one of these.
WATCHING = frozenset(
    {
        *("sys.settrace", "sys.setprofile", "sys.addaudithook", "sys._current_frames"),
        *("sys.monitoring.register_callback", "sys._current_exceptions"),
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents"),
    }
)
FRAME_READS = frozenset({"sys._getframe", "object.__getattr__"})
FRAMES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
SPACES: list[dict[str, Any]] = [globals()]  # of trusted code: this module's and the drivers'


def encoded(value: Any) -> str:
    """Return it as JSON. `json.dumps` is Python, which asks builtins that may be others by now."""
    if c_make_encoder is None:
        return json.dumps(value)
    quote = encode_basestring_ascii
    encode = c_make_encoder({}, refuse, quote, None, ": ", ", ", False, False, True)
    return "".join(encode(value, 0))


def refuse(value: Any) -> None:
    """Raise what `json.dumps` raises for what is no plain data."""
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def fresh(value: Any) -> Any:
    """A copy of plain data, which the learner's code may change."""
    if type(value) is list:
        return [fresh(one) for one in value]
    if type(value) is dict:
        return {key: fresh(one) for key, one in value.items()}
    return value


def answer_all(job: Any, out: TextIO) -> None:
    """Execute each part's source in a namespace of its own and answer its calls."""
    for number, part in enumerate(job["parts"]):
        out.write(encoded({"part": number}) + "\n")
        try:
            call = prepare(part)
        except BaseException as error:
            out.write(encoded({"failed": describe(error)}) + "\n")
            out.flush()
            continue
        for case in part["cases"]:
            out.write(answer(call, case) + "\n")
            out.flush()


def prepare(part: Any) -> Callable[..., Any]:
    """Return the callable for a case's arguments."""
    drive = driver(part["driver"]) if part["driver"] else None
    module = sys.modules["workbook"] = type(sys)("workbook")
    space: dict[str, Any] = module.__dict__
    space["__builtins__"] = vars(builtins)  # else it would be given ours
    exec(compile(part["source"], "workbook", "exec", dont_inherit=True), space)
    if part["entry"] not in space:
        raise NameError(f"it defines no {part['entry']}")
    entry = space[part["entry"]]
    if drive is None:
        return entry if callable(entry) else lambda: entry
    return lambda *arguments: drive(entry, *arguments)


def driver(source: str) -> Callable[..., Any]:
    """Return the driver's `drive`, out of reach of what the learner's code replaces."""
    beside: dict[str, Any] = {"__name__": "driver", "__builtins__": vars(builtins).copy()}
    SPACES.append(beside)
    exec(compile(source, "driver", "exec", dont_inherit=True), beside)
    for name, value in list(beside.items()):
        if type(value) is type(sys):
            beside[name] = copied(value)
    drive: Callable[..., Any] = beside["drive"]
    return drive


def copied(module: Any) -> Any:
    """A module of the same content, which does not change with the first."""
    copy = type(sys)(module.__name__)
    copy.__dict__.update(vars(module))
    return copy


def answer(call: Callable[..., Any], case: Any) -> str:
    """One line: the value, or the error that came instead."""
    try:
        value = call(*fresh(case))
        try:
            return encoded({"value": value})
        except TypeError:
            return encoded({"error": {"type": "TypeError", "words": strange(value), "line": 0}})
    except BaseException as error:
        return encoded({"error": describe(error)})


def strange(value: Any) -> str:
    """Describe the part of an answer that is not a number, text, list or dict."""
    if value is ...:
        return "the answer is `...`, which stands for what is still to be written"
    if isinstance(value, (list, tuple)):
        for number, one in enumerate(value, start=1):
            if one is ...:
                return f"entry {number} is `...`, which stands for what is still to be written"
    return f"the answer must be numbers, texts, lists and dicts; this {type(value).__name__} is not"


def describe(error: BaseException) -> dict[str, Any]:
    """Kind, words and the learner's own line, shortened."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "workbook":
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno or 0
    try:
        words = str(error)[:300]
    except BaseException:
        words = ""
    return {"type": type(error).__name__[:80], "words": words, "line": line}


def hide() -> None:
    """Leave the learner's code no name by which it finds this module."""
    sys.modules["__main__"] = type(sys)("__main__")


def guard() -> None:
    """Refuse, in a sentence, what looks at or stops the watching of code, to all but us."""
    caller_of, trace_now = sys._getframe, sys.gettrace
    asking = False  # who called, which is an event of its own

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal asking
        if asking or not (event in WATCHING or event in FRAME_READS):
            return
        name = event
        if event == "object.__getattr__":
            name = arguments[1]
            if name not in FRAMES:
                return
        asking = True
        try:
            caller = caller_of(1)
        finally:
            asking = False
        trusted = any(caller.f_globals is space for space in SPACES)
        # Libraries read frames for names; those that hand them on are not stopped here.
        if trusted or (event in FRAME_READS and caller.f_code.co_filename != "workbook"):
            return
        if event == "sys.settrace" and getattr(trace_now(), "over", False):
            return  # Python ends a trace that has raised; a driver's says so before it does
        raise PermissionError(REFUSED.format(name))

    sys.addaudithook(hook)


def main() -> None:
    """Descriptors: the job, the answers."""
    with open(int(sys.argv[1]), "rb") as file:
        job = json.load(file)
    out = open(int(sys.argv[2]), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    hide()
    guard()
    answer_all(job, out)
    out.close()


if __name__ == "__main__":
    main()
