"""Grade an answer: run it elsewhere on fresh calls, and compare here with the reference.

The learner's code gets inputs and gives back plain data. The grade of a wrong
answer names the misconception that predicts the answers to all calls, if there is one, and the
smallest call that shows it. It never contains the right answer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from curricula.content.instance import Instance, as_json
from curricula.errors import SubmissionError
from curricula.exercise import Case
from curricula.grading.answers import Answer, error_words, shallow, shorten
from curricula.grading.diagnosis import diagnose, violated

LIMIT_S = 10.0  # of wall time, for all calls of an attempt
MEMORY_MB = 512
MOST_BYTES = 64_000  # of a submission
STRAY = (
    "it wrote where it should not"  # where the answers of a part can't be told from other output
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A source, what to call in it, and with what."""

    source: str
    entry: str
    driver: str
    cases: Sequence[Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A child's reply: lines of JSON as `child.py` writes them, and how the child ended."""

    lines: tuple[str, ...]
    ended: str  # "exit", "time" or "size"
    sandbox: str


class Runner(Protocol):
    """Runs parts in a child that sees nothing else. The server passes one in."""

    def run(self, parts: Sequence[Part], *, limit_s: float, memory_mb: int) -> Reply:
        """Run them one after another, in one process."""


class Finding(StrEnum):
    """The way in which an attempt passed or failed."""

    RIGHT = "right"
    WRONG = "wrong"  # some answers differ from the right ones
    DID_NOT_RUN = "did_not_run"  # no call was answered: it does not compile, or raised at import
    TIME = "time"  # it had not ended in time
    SIZE = "size"  # its answers were too long
    ENDED_EARLY = "ended_early"  # its process ended before all calls were answered
    EXTRA_ANSWERS = "extra_answers"  # it answered calls that were not made


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Grade of one attempt."""

    passed: bool
    finding: Finding
    words: str  # one sentence: what was seen, never what would be right
    misconception: str = ""  # its id
    shown_input: str = ""  # the smallest call that shows it
    shown_answer: str = ""  # what the learner's code gave there
    failed: int = 0
    calls: int = 0
    answered: bool = True  # all calls, if the code ran at all
    sandbox: str = ""


def grade(instance: Instance, source: str, case_seed: str, runner: Runner) -> Grade:
    """Grade a submission on the calls of that seed; raise SubmissionError where it is none."""
    check_submission(source)
    part = part_of(instance, source, case_seed)
    reply = runner.run([part], limit_s=LIMIT_S, memory_mb=MEMORY_MB)
    [answers] = read_reply(reply, [part])
    return judge(instance, part.cases, answers, reply)


def check_submission(source: str) -> None:
    """Raise SubmissionError for what can't be run."""
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        raise SubmissionError(
            "The answer is not UTF-8 text.", "It must be Python text.", reason="encoding"
        ) from None
    if size > MOST_BYTES:
        raise SubmissionError(
            "That is over 64 kB of code.", "An answer is a few lines.", reason="too_large"
        )
    if "\0" in source:
        raise SubmissionError(
            "The answer contains a zero byte.", "It must be Python text.", reason="zero_byte"
        )


def part_of(instance: Instance, source: str, case_seed: str) -> Part:
    """Return the request to the child for one attempt."""
    exercise = instance.exercise
    return Part(
        source=source,
        entry=exercise.entry,
        driver=exercise.driver,
        cases=instance.cases(case_seed),
    )


def read_reply(reply: Reply, parts: Sequence[Part]) -> list[list[Answer] | str]:
    """For each part its answers as far as they came, or in words why there are none at all."""
    found: list[list[Answer] | str] = []
    for line in reply.lines:
        said = _said(line)
        last = found[-1] if found else None
        if "part" in said and len(found) < len(parts):
            found.append([])
        elif "failed" in said and found:
            found[-1] = error_words(said["failed"])
        elif isinstance(last, list) and ("value" in said or "error" in said):
            last.append(_answer(said))
        else:
            return [*found[:-1], *[STRAY] * (len(parts) - max(len(found) - 1, 0))]
    return [*found, *([] for _ in range(len(parts) - len(found)))]


def _answer(said: dict[str, Any]) -> Answer:
    """Parse one line of the reply, which the learner's code may have written: trust no form."""
    if "error" in said:
        error = said["error"]
        return Answer(error=error if isinstance(error, dict) and shallow(error) else {})
    if not shallow(said["value"]):
        return Answer(error={"type": "ValueError", "words": "the answer is nested too deeply"})
    return Answer(value=said["value"])


def _said(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) and len(said) == 1 else {}


def judge(
    instance: Instance, cases: Sequence[Case], answers: list[Answer] | str, reply: Reply
) -> Grade:
    """Compare what came with what should have."""
    whole = Grade(
        passed=True, finding=Finding.RIGHT, words="", calls=len(cases), sandbox=reply.sandbox
    )
    if isinstance(answers, str):
        words = f"The code did not run: {answers}."
        return replace(
            whole,
            passed=False,
            finding=Finding.DID_NOT_RUN,
            words=words,
            failed=len(cases),
        )
    if len(answers) != len(cases):
        return _cut_short(cases, answers, reply)
    exercise, p = instance.exercise, instance.params
    wrong = [
        (case, answer, why)
        for case, answer in zip(cases, answers, strict=True)
        if (why := violated(exercise, p, case, answer))
    ]
    if not wrong:
        words = "Right." if _is_value(cases) else f"Right on all {len(cases)} fresh calls."
        return replace(whole, words=words)
    name, telling, places = diagnose(exercise, p, cases, answers)
    candidates = [one for one in wrong if any(one[0] is case for case in telling)] or wrong
    case, answer, why = min(candidates, key=lambda one: len(as_json(one[0])))
    return replace(
        whole,
        passed=False,
        finding=Finding.WRONG,
        words=f"{why[0].upper()}{why[1:]}{_where(places)}."
        if _is_value(cases)
        else f"Wrong on {len(wrong)} of {len(cases)} fresh calls: {why}.",
        misconception=name,
        shown_input=shorten(exercise.shown(p, *case)) if exercise.shown else _arguments(case),
        shown_answer=shorten(_shown(answer)),
        failed=len(wrong),
    )


def _cut_short(cases: Sequence[Case], answers: Sequence[Answer], reply: Reply) -> Grade:
    done = min(len(answers), len(cases))
    ends = {"time": Finding.TIME, "size": Finding.SIZE}
    finding = ends.get(reply.ended, Finding.ENDED_EARLY)
    if len(answers) > len(cases):
        finding = Finding.EXTRA_ANSWERS
    why = _CUT_SHORT[finding].format(limit=LIMIT_S)
    return Grade(
        passed=False,
        finding=finding,
        words=f"{why}; {done} of {len(cases)} calls were answered.",
        shown_input=_arguments(cases[done]) if done < len(cases) else "",
        failed=len(cases) - done,
        answered=False,
        calls=len(cases),
        sandbox=reply.sandbox,
    )


_CUT_SHORT = {
    Finding.TIME: "It had not ended after {limit:g} s",
    Finding.SIZE: "Its answers are far too long",
    Finding.ENDED_EARLY: "Its process ended before it had answered",
    Finding.EXTRA_ANSWERS: "It answered calls that were not made",
}


def _where(places: Sequence[int]) -> str:
    """Name the entries that show the misconception, if it does not explain all differences."""
    if not places:
        return ""
    listed = ", ".join(str(place + 1) for place in places)
    return f"; what it shows is read from entr{'ies' if places[1:] else 'y'} {listed}"


def _is_value(cases: Sequence[Case]) -> bool:
    """Return whether the answer is a value, so that nothing is called."""
    return len(cases) == 1 and not cases[0]


def _arguments(case: Case) -> str:
    return shorten(", ".join(as_json(one) for one in case))


def _shown(answer: Answer) -> str:
    return error_words(answer.error) if answer.error is not None else json.dumps(answer.value)
