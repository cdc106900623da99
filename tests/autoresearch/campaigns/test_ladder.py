"""A stuck campaign climbs the ladder step by step, each once, and a keep leads back to its foot."""

from autoresearch.campaigns.ladder import STEPS, Surroundings, next_step
from autoresearch.ledger.campaign_records import CampaignStepped, LadderStep
from tests.support.nights import Night

AROUND = Surroundings(untouched=("train.py: Adam",), stackable=("e1", "e2"))


def climb(night: Night) -> CampaignStepped | None:
    step = next_step(night.history, night.campaign, lambda: AROUND)
    if step is not None:
        night.tell(step)
    return step


def test_each_step_is_taken_once_and_in_order() -> None:
    night, taken = Night(), []
    for _ in range(STEPS[-1][1]):
        night.drop()
        step = climb(night)
        if step is not None:
            taken.append((step.step, step.after))
    assert taken == [(step, f"e{count}") for step, count in STEPS]


def test_nothing_is_due_before_the_first_step_and_after_a_keep() -> None:
    night = Night()
    for _ in range(STEPS[0][1] - 1):
        night.drop()
    assert climb(night) is None
    night.drop()
    assert climb(night) is not None
    night.drop(kept=True)
    assert climb(night) is None
    for _ in range(STEPS[0][1]):
        night.drop()
    step = climb(night)
    assert step is not None
    assert step.step is LadderStep.REGION


def test_a_step_names_what_to_do() -> None:
    night, words = Night(), {}
    for _ in range(STEPS[-1][1]):
        night.drop()
        step = climb(night)
        if step is not None:
            words[step.step] = step.words
    assert "train.py: Adam" in words[LadderStep.REGION]
    assert "stack=['e1', 'e2']" in words[LadderStep.REVISIT]
    assert "no search is installed" in words[LadderStep.SEARCH]


def test_the_surroundings_are_looked_at_only_for_a_step_that_is_due() -> None:
    night = Night()
    night.drop()

    def never() -> Surroundings:
        raise AssertionError

    assert next_step(night.history, night.campaign, never) is None
