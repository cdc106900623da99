"""Diagnose the misconception behind a wrong answer: the one that gives the same answers."""

import json
from collections.abc import Callable, Sequence

from curricula.content.instance import as_json
from curricula.exercise import Case, Exercise, Params, Plain
from curricula.grading.answers import Answer, difference, error_words, finite, same

WRONG_FORM = "the answer does not have the expected form"


def violated(exercise: Exercise, p: Params, case: Case, answer: Answer) -> str:
    """Describe the problem with one answer without giving the right one; "" if there is none."""
    if answer.error is not None:
        return f"it raised {error_words(answer.error)}"
    if not finite(answer.value):
        return "the answer holds NaN or infinity"
    if exercise.check is not None:
        return _checked(exercise.check, p, case, answer)
    return difference(exercise.reference(p, *case), answer.value, exercise.tolerance)


def _checked(
    check: Callable[[Params, Case, Plain], str], p: Params, case: Case, answer: Answer
) -> str:
    try:
        return check(p, case, answer.value)
    except Exception:  # noqa: BLE001 - an author's check meets whatever a learner's code returns
        return WRONG_FORM


def diagnose(
    exercise: Exercise, p: Params, cases: Sequence[Case], answers: Sequence[Answer]
) -> tuple[str, list[Case], list[int]]:
    """The misconception that gives exactly these answers, and the calls that show it.

    And, of a list that it does not explain whole, the entries that it was read from, from 0.
    """
    for name, mimic in exercise.misconceptions.items():
        shows = _by_check if exercise.check is not None else _by_answers
        telling = shows(mimic, exercise, p, list(zip(cases, answers, strict=True)))
        if telling:
            return name, telling, []
    if exercise.check is None and len(cases) == 1:
        name, places = _by_entries(exercise, p, cases[0], answers[0])
        return name, list(cases) if name else [], places
    return "", [], []


def _by_entries(exercise: Exercise, p: Params, case: Case, answer: Answer) -> tuple[str, list[int]]:
    """Return the misconception behind most wrong entries of a list that is wrong in several ways.

    At least one entry must point to it alone: where several misconceptions agree, none is shown.
    """
    right, got = exercise.reference(p, *case), answer.value
    if not (isinstance(right, list) and isinstance(got, list) and len(right) == len(got)):
        return "", []
    places = range(len(right))
    wrong = [n for n in places if not same(right[n], got[n], exercise.tolerance)]
    behind: dict[str, list[int]] = {}
    for name, mimic in exercise.misconceptions.items():
        belief = _believed(mimic, p, case).value
        if isinstance(belief, list) and len(belief) == len(right):
            behind[name] = [n for n in wrong if same(belief[n], got[n], exercise.tolerance)]
    shared = [n for found in behind.values() for n in found]
    alone = {
        name: found for name, found in behind.items() if any(shared.count(n) == 1 for n in found)
    }
    best = max(alone, key=lambda name: len(alone[name]), default="")
    return best, alone.get(best, [])


def _by_answers(
    mimic: Callable[..., Plain],
    exercise: Exercise,
    p: Params,
    seen: Sequence[tuple[Case, Answer]],
) -> list[Case]:
    """Return the calls that the misconception gets wrong, if it predicts every answer."""
    believed = []
    for case, answer in seen:
        belief = _believed(mimic, p, case)
        if not _agree(belief, answer, exercise.tolerance):
            return []
        believed.append(belief)
    return [
        case
        for (case, _), belief in zip(seen, believed, strict=True)
        if violated(exercise, p, case, belief)
    ]


def _by_check(
    shown_by: Callable[..., Plain],
    exercise: Exercise,
    p: Params,
    seen: Sequence[tuple[Case, Answer]],
) -> list[Case]:
    """Return the wrong calls, if the answer of each shows the misconception."""
    wrong = [(case, answer) for case, answer in seen if violated(exercise, p, case, answer)]
    try:
        shown = all(a.error is None and shown_by(p, case, a.value) for case, a in wrong)
    except Exception:  # noqa: BLE001 - as in `_checked`
        shown = False
    return [case for case, _ in wrong] if shown else []


def _believed(mimic: Callable[..., Plain], p: Params, case: Case) -> Answer:
    try:
        return Answer(value=json.loads(json.dumps(mimic(p, *json.loads(as_json(case))))))
    except Exception as error:  # noqa: BLE001 - the belief may be one that fails
        return Answer(error={"type": type(error).__name__})


def _agree(believed: Answer, answer: Answer, tolerance: float) -> bool:
    if believed.error is not None or answer.error is not None:
        return (
            believed.error is not None
            and answer.error is not None
            and believed.error["type"] == answer.error.get("type")
        )
    if not (finite(believed.value) and finite(answer.value)):
        return repr(believed.value) == repr(answer.value)
    return same(believed.value, answer.value, tolerance)
