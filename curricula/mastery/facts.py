"""The facts that praise for a pass may rest on, from the record alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from curricula.mastery.counted_attempts import ExerciseInfo, Try, tries
from curricula.records.events import Attempt, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that the record shows of a pass."""

    kind: Literal["unaided", "first_try", "overcame"]
    misconception: str = ""  # which one was overcome
    words: str


def praise(
    exercises: Mapping[str, ExerciseInfo],
    events: Iterable[Event],
    attempt: Attempt,
    beliefs: Mapping[str, str] | None = None,
) -> tuple[Fact, ...]:
    """The facts of this attempt; none if it failed or is padded (`Try.padding`).

    `events` may hold the attempt and what came later; only what came before it is looked at.
    `beliefs` words the misconceptions; without it a fact says their ids.
    """
    words = beliefs or {}
    found = list(tries(exercises, _until(events, attempt)))
    if not found or found[-1].attempt != attempt or not attempt.passed or found[-1].padding:
        return ()
    one, earlier = (
        found[-1],
        [each for each in found[:-1] if each.info.skill == found[-1].info.skill],
    )
    facts = []
    if one.hint == 0:
        facts.append(Fact(kind="unaided", words="No hint was taken on this instance."))
    if one.number == 1:
        facts.append(Fact(kind="first_try", words="It was the first try on this instance."))
    overcame = (name for name in _shown(earlier) if name != attempt.misconception)
    return (*facts, *(_overcame(name, words.get(name, name)) for name in overcame))


def _until(events: Iterable[Event], attempt: Attempt) -> list[Event]:
    before: list[Event] = []
    for event in events:
        before.append(event)
        if event == attempt:
            return before
    return [*before, attempt]


def _shown(earlier: Iterable[Try]) -> tuple[str, ...]:
    """The misconceptions that the learner's tries have shown since their last pass on the skill.

    Each is praised as overcome once, and again only if it came back.
    """
    shown: dict[str, None] = {}
    for one in earlier:
        if one.own and one.attempt.passed and not one.padding:
            shown.clear()
        elif one.own and not one.attempt.passed and one.attempt.misconception:
            shown[one.attempt.misconception] = None
    return tuple(shown)


def _overcame(name: str, belief: str) -> Fact:
    return Fact(
        kind="overcame",
        misconception=name,
        words="An earlier attempt at this skill showed a misconception that this one does not: "
        f"{belief}",
    )
