"""A year with the record: who guesses masters nothing, who knows needs two passes a skill.

Outcomes are drawn, nothing is graded; times are told, nothing waits.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from fsrs import Card, Rating, Scheduler

from curricula.exercise import Kind
from curricula.mastery.counted_attempts import ExerciseInfo
from curricula.mastery.luck import GUESS, LUCK, SKILLS, passes_needed
from curricula.mastery.standing import Standing, State, standing
from curricula.records.events import Attempt, Event, Hint, Opened
from curricula.records.record import Record

START = datetime(2026, 1, 1, 8, tzinfo=UTC)
DAYS, A_DAY = 365, 20
NAMES = [f"skill-{number}" for number in range(SKILLS)]
EXERCISES = {
    f"{name}-{kind}": ExerciseInfo(skill=name, kind=kind, lesson=name)
    for name in NAMES
    for kind in (Kind.WRITE, Kind.BUG)
}


def opened(at: datetime, exercise: str, number: int) -> Opened:
    return Opened(
        at=at,
        course="c",
        lesson=EXERCISES[exercise].lesson,
        exercise=exercise,
        instance=f"{number:x}",
        task_seed=number,
    )


def attempt(at: datetime, number: int, passed: bool, seed: int, **told: object) -> Attempt:
    fields: dict[str, object] = {
        "at": at,
        "instance": f"{number:x}",
        "case_seed": seed,
        "submission": f"answer = {seed}",
        "author": "learner",
        "via": "terminal",
        "passed": passed,
        "first": True,
        "sandbox": "none",
    }
    return Attempt.model_validate(fields | told)


def told(events: list[Event], now: datetime) -> Standing:
    return standing(EXERCISES, NAMES, events, now)


def any_skill(rng: Random, tries: int) -> tuple[str, bool]:
    return rng.choice(list(EXERCISES)), True


def one_skill(rng: Random, tries: int) -> tuple[str, bool]:
    return "skill-0-write", True


def one_instance_a_day(rng: Random, tries: int) -> tuple[str, bool]:
    return "skill-0-write", tries % A_DAY == 0


def five_tries_each(rng: Random, tries: int) -> tuple[str, bool]:
    return f"skill-{tries // 5 % SKILLS}-bug", tries % 5 == 0


Way = Callable[[Random, int], tuple[str, bool]]
WAYS = (any_skill, one_skill, one_instance_a_day, five_tries_each)


def guesses(seed: int, way: Way) -> Iterator[Event]:
    """A year of attempts that pass by luck; `way` gives exercise, and whether to open it anew."""
    rng, number = Random(seed), 0
    for tries in range(DAYS * A_DAY):
        at = START + timedelta(days=tries // A_DAY, minutes=tries % A_DAY)
        exercise, anew = way(rng, tries)
        if anew:
            number += 1
            yield opened(at, exercise, number)
        yield attempt(at, number, rng.random() < GUESS, tries)


def mastered_by_guessing(seed: int, way: Way) -> int:
    events = list(guesses(seed, way))
    skills = told(events, START + timedelta(days=DAYS)).skills.values()
    return sum(skill.state is State.MASTERED for skill in skills)


SEEDS = [
    pytest.param(range(1), marks=pytest.mark.slow),
    pytest.param(range(1, 50), marks=pytest.mark.long),
]


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_who_guesses_masters_nothing_in_a_year(way: Way, seeds: range) -> None:
    assert [mastered_by_guessing(seed, way) for seed in seeds] == [0] * len(seeds)


@pytest.mark.slow
def test_two_passes_whatever_was_missed_would_give_mastery_to_luck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert mastered_by_guessing(0, one_skill) == 0
    monkeypatch.setattr("curricula.mastery.standing.passes_needed", lambda missed: 2)
    assert mastered_by_guessing(0, one_skill) == 1


def exact_chance(attempts: int) -> float:
    """That somebody who guesses at one skill only masters it within so many attempts that count.

    Counts on every attempt to be one that could count and leaves out that a day must pass.
    """
    unmastered, mastered = {0: 1.0}, 0.0  # by the number of passes so far
    for done in range(1, attempts + 1):
        after: dict[int, float] = {}
        for passes, chance in unmastered.items():
            after[passes] = after.get(passes, 0.0) + chance * (1 - GUESS)
            if passes + 1 >= passes_needed(done - passes - 1):
                mastered += chance * GUESS
            else:
                after[passes + 1] = after.get(passes + 1, 0.0) + chance * GUESS
        unmastered = after
    return mastered


@pytest.mark.slow
def test_the_exact_chance_of_a_year_s_guessing_is_below_what_is_allowed() -> None:
    assert 2.1e-5 < exact_chance(DAYS * A_DAY) < LUCK


@pytest.mark.slow
def test_who_knows_masters_every_skill_with_two_passes_each() -> None:
    events: list[Event] = []
    number, now = 0, START
    for day, via in enumerate(("agent", "terminal")):
        for name in NAMES:
            assert told(events, now).skills[name].state is (State.PASSED if day else State.NEW)
            number, now = number + 1, now + timedelta(minutes=1)
            events.append(opened(now, f"{name}-{Kind.WRITE}", number))
            events.append(attempt(now, number, True, number, via=via))
        now += timedelta(days=1)
    skills = told(events, now).skills
    assert {skill.state for skill in skills.values()} == {State.MASTERED}
    assert {len(skill.passes) for skill in skills.values()} == {2}
    assert number == 2 * SKILLS


@pytest.mark.slow
def test_reviews_come_due_as_fsrs_says_on_every_day_of_a_year() -> None:
    rng, scheduler = (
        Random(1),
        Scheduler(enable_fuzzing=False, learning_steps=(), relearning_steps=()),
    )
    events: list[Event] = []
    cards: dict[str, Card] = {}
    reviewed = number = 0
    names = NAMES[:3]
    exercises = {f"{name}-bug": EXERCISES[f"{name}-bug"] for name in names}
    for day in range(DAYS):
        now = START + timedelta(days=day)
        skills = standing(exercises, names, events, now).skills
        for name in names:
            assert skills[name].due == (cards[name].due if name in cards else None)
            assert skills[name].is_due == (name in cards and cards[name].due <= now)
            if name not in cards or cards[name].due <= now:
                passed = rng.random() < 0.8
                number += 1
                events += [opened(now, f"{name}-bug", number), attempt(now, number, passed, number)]
                rating = Rating.Good if passed else Rating.Again
                card = cards.get(name, Card(card_id=1, due=now))
                cards[name], _ = scheduler.review_card(card, rating, now)
                reviewed += 1
    assert reviewed > 5 * len(names)


class Now:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def live(record: Record, clock: Now, days: int) -> None:
    """Days of somebody who learns: hints, failures, passes, and an agent that writes some."""
    rng, number = Random(3), 0
    for day in range(days):
        for minute in range(2):
            clock.now = START + timedelta(days=day, minutes=minute)
            number += 1
            record.append(opened(clock.now, f"{rng.choice(NAMES[:6])}-write", number))
            if rng.random() < 0.3:
                record.append(Hint(instance=f"{number:x}", level=rng.randint(1, 5)))
            for tries in range(rng.randint(1, 3)):
                author = "agent" if rng.random() < 0.2 else "learner"
                passed = rng.random() < day / days
                seed = 10 * number + tries
                record.append(attempt(clock.now, number, passed, seed, author=author))


@pytest.mark.slow
@pytest.mark.parametrize("days", [20, pytest.param(DAYS, marks=pytest.mark.long)])
def test_an_export_taken_in_elsewhere_gives_the_same_standing(tmp_path: Path, days: int) -> None:
    clock = Now()
    here = Record(tmp_path / "ann", key_file=tmp_path / "key", clock=clock)
    live(here, clock, days)
    here.export(tmp_path / "ann.json")
    there = Record(tmp_path / "there" / "bob", key_file=tmp_path / "there" / "key", clock=clock)
    before = told(list(here.events()), clock.now)
    assert before.skills["skill-0"].state is not State.NEW
    for _ in range(2):
        there.import_record(tmp_path / "ann.json", lambda opened, attempt: attempt.passed)
        assert told(list(there.events()), clock.now) == before
    there.export(tmp_path / "back.json")
    here.import_record(tmp_path / "back.json", lambda opened, attempt: False)
    assert told(list(here.events()), clock.now) == before
