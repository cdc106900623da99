"""What counts for mastery and what does not; when a review is due; what praise may rest on."""

import math
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from fsrs import Card, Rating, Scheduler

from curricula.grading.program_equality import fingerprint
from curricula.mastery.counted_attempts import TRIES, NotCounted
from curricula.mastery.facts import praise
from curricula.mastery.luck import GUESS, LUCK, passes_needed, share
from curricula.mastery.standing import MissingCause, State
from tests.support.stories import EXERCISES, START, Story

PROGRAM = "def mean(xs):\n    total = sum(xs)\n    return total / len(xs)\n"


def test_two_passes_a_day_apart_with_one_outside_the_agent_are_mastery() -> None:
    story = Story()
    story.passing()
    assert story.skill().state is State.PASSED
    second = story.days(1).passing("mend", via="terminal")
    assert story.skill().state is State.MASTERED
    assert story.skill().mastered_at == second.at
    assert story.skill().missing == ()


def test_the_form_is_outside_the_agent_too() -> None:
    story = Story()
    story.passing(via="form")
    story.days(1).passing()
    assert story.skill().state is State.MASTERED


def test_less_than_a_day_apart_is_not_yet_mastery() -> None:
    story = Story()
    first = story.passing(via="terminal")
    story.now = first.at + timedelta(hours=24) - timedelta(seconds=2)
    story.passing()
    assert story.skill().state is State.PASSED
    [missing] = story.skill().missing
    assert (missing.cause, missing.passes) == (MissingCause.TOO_CLOSE, 1)
    assert missing.not_before == first.at + timedelta(hours=24)
    assert "2026-01-02 00:00 UTC" in missing.text
    story.passing()
    assert story.skill().state is State.MASTERED


def test_all_passes_through_the_agent_miss_one_outside() -> None:
    story = Story()
    story.passing()
    story.days(1).passing()
    [missing] = story.skill().missing
    assert missing.cause is MissingCause.OUTSIDE
    story.passing(via="terminal")
    assert story.skill().state is State.MASTERED


def test_practice_kinds_never_count() -> None:
    story = Story()
    for _ in range(3):
        story.days(1).passing("guess", via="terminal")
    assert story.skill().state is State.PRACTISED
    assert story.skill().passes == ()


def spoil_with_agent(story: Story) -> None:
    story.attempt(story.open(), True, via="terminal", author="agent")


def spoil_with_agent_before(story: Story) -> None:
    instance = story.open()
    story.attempt(instance, False, author="agent")
    story.attempt(instance, True, via="terminal")


def spoil_with_hint(story: Story) -> None:
    instance = story.open()
    story.hint(instance, 3)
    story.hint(instance, 1)
    story.attempt(instance, True, via="terminal")


def spoil_with_tries(story: Story) -> None:
    instance = story.open()
    story.failing(instance, TRIES)
    story.attempt(instance, True, via="terminal")


def spoil_with_same_instance(story: Story) -> None:
    story.attempt("0001", True, via="terminal")


def spoil_with_same_program(story: Story) -> None:
    story.passing(text=PROGRAM.replace("total", "t") + "# mine", via="terminal")


def spoil_with_no_instance(story: Story) -> None:
    story.attempt("ffff", True, via="terminal")


SPOILT = {
    spoil_with_agent: None,  # no pass of the learner's
    spoil_with_agent_before: NotCounted.AGENT_WROTE_BEFORE,
    spoil_with_hint: NotCounted.HINTED,
    spoil_with_tries: NotCounted.TOO_MANY_TRIES,
    spoil_with_same_instance: NotCounted.PASSED_BEFORE,
    spoil_with_same_program: NotCounted.SAME_PROGRAM,
    spoil_with_no_instance: None,  # left out
}


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_padded_pass_does_not_count_and_says_why(spoil: Callable[[Story], None]) -> None:
    story = Story()
    story.passing(text=PROGRAM)
    story.days(1)
    spoil(story)
    skill = story.skill()
    assert skill.state is State.PASSED
    assert len(skill.passes) == 1
    assert [one.padding for one in skill.others] == [SPOILT[spoil]] * (SPOILT[spoil] is not None)
    story.passing("mend", via="terminal")
    assert story.skill().state is State.MASTERED


def test_what_the_agent_wrote_and_saw_pass_can_t_be_handed_in_again_as_the_learner_s() -> None:
    story = Story()
    story.attempt(story.open(), True, author="agent", text=PROGRAM)
    story.passing(text=PROGRAM)
    story.attempt(story.open("mend"), False, author="agent", text="answer = 'by the agent'")
    story.passing(text="answer = 'by the agent'")
    assert [other.padding for other in story.skill().others] == [NotCounted.SAME_PROGRAM] * 2


@pytest.mark.parametrize(
    "text",
    [
        PROGRAM,
        PROGRAM.replace("    total", "    unused = 0\n    total"),
        PROGRAM.replace("total", "t").replace("/ len", "/ 2 * len").replace("2 *", "5 *"),
    ],
)
@pytest.mark.parametrize("exercise", ["write", "mend"])
def test_the_agents_program_is_not_the_learners_in_disguise_or_with_other_numbers(
    text: str, exercise: str
) -> None:
    """On exercises in which a faulty program is fixed, its numbers count: all fix it alike."""
    story = Story()
    agents = PROGRAM if "*" not in text else PROGRAM.replace("/ len", "/ 3 * len")
    story.attempt(story.open(exercise), True, author="agent", text=agents)
    for days in (1, 2):
        story.days(days).passing(exercise, via="terminal", text=text)
    counted = exercise == "mend" and "*" in text
    assert len(story.skill().passes) == counted
    assert story.skill().state is State.PASSED


def test_a_program_that_differs_from_the_agents_in_more_counts() -> None:
    story = Story()
    story.attempt(story.open(), True, author="agent", text=PROGRAM)
    story.passing(text="def mean(xs):\n    return sum(xs) / len(xs)\n")
    assert len(story.skill().passes) == 1


def test_what_the_agent_wrote_in_vain_bars_no_program_of_its_shape() -> None:
    story = Story()
    wrong = PROGRAM.replace("/ len", "/ 3 * len")
    story.attempt(story.open(), False, author="agent", text=wrong)
    story.passing(text=wrong.replace("3", "1"))
    assert len(story.skill().passes) == 1


def test_what_the_agent_wrote_and_a_slow_machine_stopped_is_the_agents() -> None:
    story = Story()
    agents = PROGRAM.replace("/ len", "/ 3 * len")
    story.attempt(story.open(), False, author="agent", text=agents, out_of_time=True)
    story.passing(text=agents.replace("3", "1"))
    assert [one.padding for one in story.skill().others][-1] is NotCounted.AGENT_PROGRAM
    assert story.skill().passes == ()


def test_hints_up_to_level_two_and_hints_after_the_pass_leave_it_its_worth() -> None:
    story = Story()
    instance = story.open()
    story.hint(instance, 2)
    story.attempt(instance, True)
    story.hint(instance, 5)
    [one] = story.skill().passes
    assert one.hint == 2


def test_the_fifth_try_still_counts() -> None:
    story = Story()
    instance = story.open()
    story.failing(instance, TRIES - 1)
    story.attempt(instance, True)
    assert len(story.skill().passes) == 1
    assert story.skill().missed == TRIES - 1


def test_after_many_misses_a_third_pass_is_asked() -> None:
    story = Story()
    for _ in range(2):
        story.failing(story.open(), 3)
    story.passing(via="terminal")
    story.days(1).passing()
    [missing] = story.skill().missing
    assert (missing.cause, missing.passes) == (MissingCause.MORE_PASSES, 1)
    assert "6 tries" in missing.text
    story.passing()
    assert story.skill().state is State.MASTERED


def test_practice_on_an_instance_beyond_five_tries_is_held_against_nobody() -> None:
    story = Story()
    story.failing(story.open(), 200)
    story.passing(via="terminal")
    story.days(1).passing()
    assert story.skill().missed == TRIES
    assert story.skill().state is State.MASTERED


def test_failed_practice_is_no_miss() -> None:
    story = Story()
    story.failing(story.open("guess"), 3)
    assert story.skill().missed == 0


def test_mastery_once_reached_stays_whatever_fails_later() -> None:
    story = Story()
    story.passing(via="terminal")
    story.days(1).passing()
    reached = story.skill().mastered_at
    for _ in range(20):
        story.days(1).failing(story.open(), 5)
    for _ in range(20):
        story.days(1).passing()
    assert story.skill().state is State.MASTERED
    assert story.skill().mastered_at == reached


def test_a_new_learner_is_told_what_mastery_takes() -> None:
    skill = Story().skill()
    assert skill.state is State.NEW
    assert skill.due is None
    assert [missing.cause for missing in skill.missing] == [
        MissingCause.ALL_PASSES,
        MissingCause.OUTSIDE,
    ]
    assert skill.missing[0].passes == 2


def test_a_lesson_is_passed_by_any_own_pass_and_unlocks_what_builds_on_it() -> None:
    story = Story()
    story.passing("guess")
    story.passing("write")
    instance = story.open("mend")
    story.hint(instance, 5)
    story.failing(instance, 9)
    before = story.standing().lessons
    assert (before["one"].passed, before["two"].unlocked) == (False, False)
    assert before["one"].open_exercises == ("mend",)
    story.attempt(instance, True)
    after = story.standing().lessons
    assert (after["one"].passed, after["two"].unlocked) == (True, True)
    assert not after["three"].unlocked


def test_what_the_agent_wrote_passes_no_lesson() -> None:
    story = Story()
    for exercise in ("guess", "write", "mend"):
        story.attempt(story.open(exercise), True, author="agent")
    assert not story.standing().lessons["one"].passed
    assert story.skill().state is State.PRACTISED


def test_a_placement_passes_its_lesson_and_masters_nothing() -> None:
    story = Story()
    story.place("one")
    told = story.standing()
    assert told.lessons["one"].passed
    assert told.lessons["one"].placed
    assert told.lessons["two"].unlocked
    assert told.skills["mean"].state is State.NEW


def test_events_of_another_course_are_left_out() -> None:
    story = Story()
    story.attempt(story.open("write", course="other"), True)
    story.place("one", course="other")
    assert story.standing(course="c").skills["mean"].state is State.NEW
    assert not story.standing(course="c").lessons["one"].placed
    assert story.standing(course="other").skills["mean"].state is State.PASSED


def test_reviews_are_due_as_fsrs_says_of_first_tries_and_late_passes() -> None:
    story = Story()
    ratings: list[tuple[Rating, float]] = []
    story.passing()
    ratings.append((Rating.Good, 0))
    instance = story.days(3).open()
    story.failing(instance, 2)
    ratings.append((Rating.Again, 3))
    story.days(1).attempt(instance, True)
    ratings.append((Rating.Hard, 4))
    instance = story.days(8).open("mend")
    story.hint(instance, 4)
    story.attempt(instance, True)
    ratings.append((Rating.Hard, 12))
    story.attempt(instance, True)
    story.attempt(story.open(), True, author="agent")
    times = [story.events[index].at for index in (1, 3, 5, 8)]
    scheduler = Scheduler(enable_fuzzing=False, learning_steps=(), relearning_steps=())
    card = Card(card_id=1, due=START)
    for (rating, _), at in zip(ratings, times, strict=True):
        card, _ = scheduler.review_card(card, rating, at)
    assert story.skill().due == card.due


def test_a_skill_is_due_from_its_time_on_and_the_longest_overdue_comes_first() -> None:
    story = Story()
    story.passing("carry")
    story.days(1).passing("write")
    due = story.skill().due
    assert due is not None
    story.now = due - timedelta(seconds=1)
    assert story.standing().due == ("slope",)
    story.now = due
    assert story.standing().due == ("slope", "mean")


def test_the_same_program_is_known_under_other_names_spacing_and_comments() -> None:
    other = (
        '"""Mine."""\ndef mean( values ):\n    "doc"\n    s = sum(values)  # all\n\n'
        "    return s/len(values)"
    )
    assert fingerprint(PROGRAM) == fingerprint(other)


@pytest.mark.parametrize(
    "other",
    [
        PROGRAM.replace("sum", "max"),
        PROGRAM.replace("/ len(xs)", "/ len(xs) + 1"),
        PROGRAM.replace("/", "//"),
        "def mean(xs):\n    return sum(xs) / len(xs)\n",
        "no program (",
        "x\0",
        "answer = '\\d'",
        "answer = " + "-" * 5_000 + "1",
        "answer = 0x" + "f" * 9_000,
    ],
)
def test_another_program_is_another(other: str) -> None:
    assert fingerprint(PROGRAM) != fingerprint(other)


def test_each_number_of_passes_is_asked_soon_enough_to_outweigh_luck() -> None:
    latest = {passes_needed(missed): missed for missed in range(600)}
    latest.popitem()  # the last goes on beyond these
    assert list(latest) == list(range(2, 2 + len(latest)))
    for passes, missed in latest.items():
        assert math.comb(missed + passes, passes) * GUESS**passes <= share(passes)
        assert math.comb(missed + 1 + passes, passes) * GUESS**passes > share(passes)
    assert math.fsum(share(passes) for passes in range(2, 200)) <= LUCK * (1 + 1e-12)


def test_misses_ask_for_more_passes_slowly() -> None:
    asked = [passes_needed(missed) for missed in (0, 5, 6, 30, 31, 87, 88)]
    assert asked == [2, 2, 3, 3, 4, 4, 5]


def test_praise_rests_on_no_hint_and_the_first_try() -> None:
    story = Story()
    attempt = story.passing()
    facts = praise(EXERCISES, story.events, attempt)
    assert [fact.kind for fact in facts] == ["unaided", "first_try"]
    instance = story.open()
    story.hint(instance, 1)
    story.failing(instance, 1)
    assert praise(EXERCISES, story.events, story.attempt(instance, True)) == ()


def test_a_misconception_is_overcome_once_until_it_comes_back() -> None:
    story = Story()
    instance = story.open()
    story.attempt(instance, False, shows="sum-not-mean")
    overcame = story.attempt(instance, True)
    again = story.passing("mend")
    other = story.open()
    story.attempt(other, False, shows="sum-not-mean")
    back = story.attempt(other, True)

    def named(attempt: object) -> list[str]:
        return [
            fact.misconception
            for fact in praise(EXERCISES, story.events, attempt)  # type: ignore[arg-type]
            if fact.kind == "overcame"
        ]

    assert named(overcame) == ["sum-not-mean"]
    assert named(again) == []
    assert named(back) == ["sum-not-mean"]


def test_a_padded_pass_overcomes_nothing() -> None:
    story = Story()
    story.attempt(story.open(), False, shows="sum-not-mean")
    hinted = story.open()
    story.hint(hinted, 5)
    story.attempt(hinted, True)
    facts = praise(EXERCISES, story.events, story.passing())
    assert [fact.misconception for fact in facts if fact.kind == "overcame"] == ["sum-not-mean"]


def test_a_misconception_of_another_skill_or_of_the_agent_s_is_not_overcome() -> None:
    story = Story()
    story.attempt(story.open("carry"), False, shows="of-slope")
    story.attempt(story.open(), False, author="agent", shows="of-the-agent")
    facts = praise(EXERCISES, story.events, story.passing())
    assert [fact.kind for fact in facts] == ["unaided", "first_try"]


def test_there_is_no_praise_for_a_failure_or_a_padded_pass() -> None:
    story = Story()
    story.passing(text=PROGRAM)
    failed = story.attempt(story.open(), False)
    by_agent = story.attempt(story.open(), True, author="agent")
    same = story.passing(text=PROGRAM)
    instance = story.open()
    story.hint(instance, 3)
    hinted = story.attempt(instance, True)
    instance = story.open()
    story.failing(instance, TRIES)
    late = story.attempt(instance, True)
    for attempt in (failed, by_agent, same, hinted, late):
        assert praise(EXERCISES, story.events, attempt) == ()


def test_praise_knows_nothing_of_what_came_later_and_needs_no_written_attempt() -> None:
    story = Story()
    attempt = story.passing()
    told = praise(EXERCISES, story.events, attempt)
    story.hint(attempt.instance, 5)
    assert praise(EXERCISES, story.events, attempt) == told
    assert praise(EXERCISES, story.events[:1], attempt) == told


@pytest.mark.slow
def test_mastery_starts_without_fsrs() -> None:
    said = (
        "import sys, curricula.mastery.standing, curricula.records.record; "
        "sys.exit('fsrs' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0


def test_times_in_a_standing_are_in_utc() -> None:
    story = Story()
    story.passing()
    due = story.skill().due
    assert due is not None
    assert due.tzinfo is UTC
