"""Runs a learner's code beside nothing else: what is started in the sandbox, as a text.

It needs the standard library alone and knows no answers. The job is read from one descriptor; on
another a line of JSON is written for every call, so that a program that never ends has said how far
it came. What a learner's code prints goes nowhere.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False  # importing `typing` would be a tenth of the time that a grade takes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO


def answer_all(job: Any, out: TextIO) -> None:
    """Execute each part's source in a namespace of its own and answer its calls."""
    for number, part in enumerate(job["parts"]):
        out.write(json.dumps({"part": number}) + "\n")
        try:
            call = prepare(part)
        except BaseException as error:
            out.write(json.dumps({"failed": describe(error)}) + "\n")
            out.flush()
            continue
        for case in part["cases"]:
            out.write(answer(call, case) + "\n")
            out.flush()


def prepare(part: Any) -> Callable[..., Any]:
    """Return the callable for a case's arguments."""
    module = sys.modules["workbook"] = type(sys)("workbook")
    space: dict[str, Any] = module.__dict__
    exec(compile(part["source"], "workbook", "exec", dont_inherit=True), space)
    if part["entry"] not in space:
        raise NameError(f"it defines no {part['entry']}")
    entry = space[part["entry"]]
    if not part["driver"]:
        return entry if callable(entry) else lambda: entry
    beside: dict[str, Any] = {"__name__": "driver"}
    exec(compile(part["driver"], "driver", "exec", dont_inherit=True), beside)
    drive = beside["drive"]
    return lambda *arguments: drive(entry, *arguments)


def answer(call: Callable[..., Any], case: Any) -> str:
    """One line: the value, or the error that came instead."""
    try:
        value = call(*json.loads(json.dumps(case)))
        try:
            return json.dumps({"value": value})
        except TypeError:
            return json.dumps({"error": {"type": "TypeError", "words": strange(value), "line": 0}})
    except BaseException as error:
        return json.dumps({"error": describe(error)})


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


def main() -> None:
    """Descriptors: the job, the answers."""
    with open(int(sys.argv[1]), "rb") as file:
        job = json.load(file)
    out = open(int(sys.argv[2]), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    answer_all(job, out)
    out.close()


if __name__ == "__main__":
    main()
