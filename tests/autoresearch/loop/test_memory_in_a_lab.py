"""What a lab remembers, in a whole lab: repeats in disguise, near-duplicates, dead ends, claims."""

from dataclasses import replace

import pytest

from autoresearch.errors import InvalidStateError, PatchRefusedError
from autoresearch.lab import Lab
from autoresearch.memory.dead_ends import Reopening
from autoresearch.memory.lesson_claims import Doubt
from autoresearch.patches.patch import Edit
from autoresearch.records import Judged, Outcome, Proposer
from tests.autoresearch.memory.test_dead_ends import reverse
from tests.support.repositories import TESTER, propose
from tests.support.samples import judged
from tests.support.told import Told

FIRST = ("SMOOTHING = 30.0\n", "SMOOTHING = 25.0\n")


def rule(lab: Lab, experiment: str, outcome: Outcome, **changes: float) -> None:
    """Write a verdict down, as the judge would."""
    base = lab.history().experiments[experiment].base
    assert base is not None
    verdict = judged(experiment, base, outcome=outcome, **changes).verdict
    moved = outcome is Outcome.KEEP
    lab.ledger.append(lambda _: Judged(verdict=replace(verdict, moved_incumbent=moved)))


def reverse_incumbent(lab: Lab) -> None:
    told = Told.__new__(Told)
    told.history = lab.history().copy()
    told.tell = lambda event: lab.ledger.append(lambda _: event)  # type: ignore[assignment]
    reverse(told)


@pytest.mark.slow
def test_a_patch_in_disguise_is_refused_with_the_result_of_the_first(lab: Lab) -> None:
    first = propose(lab, ("SCALE = 1.0", "SCALE = 1.0\nFACTOR = 0.5"), "a factor of it")
    with pytest.raises(PatchRefusedError, match=f"same code as {first}, written another") as no:
        propose(lab, ("SCALE = 1.0", "PART = 1 / 2\nSCALE = 1.0"), "a part of it")
    assert no.value.reason == "repeated_code"
    with pytest.raises(PatchRefusedError, match="the code of e0, the incumbent") as no:
        propose(lab, ("SMOOTHING = 30.0\nSCALE = 1.0\n", "SCALE = 1.0\nSMOOTHING = 30.0\n"))
    assert no.value.reason == "no_effect"


@pytest.mark.slow
def test_a_repeat_is_known_in_a_ledger_that_has_no_normal_forms(lab: Lab) -> None:
    with_helper = (
        "def load(path):",
        "def softer(x):\n    return x + 0.3\n\n\nEXTRA = softer(2)\n\n\ndef load(path):",
    )
    named = (
        "def load(path):",
        "def eased(value):\n    return value + 3e-1\n\n\nEXTRA = eased(2)\n\n\ndef load(path):",
    )
    first = propose(lab, with_helper)
    history = lab.history()
    for name, known in history.experiments.items():
        history.experiments[name] = replace(known, normal_form="", normal_form_version=0)
    with pytest.raises(PatchRefusedError, match=f"same code as {first}, written another way"):
        propose(lab, named)


@pytest.mark.slow
def test_a_near_duplicate_is_shown_first_with_its_verdict(lab: Lab) -> None:
    first = propose(lab, FIRST)
    rule(lab, first, Outcome.DISCARD, effect=-0.02)
    propose(lab, ("SMOOTHING = 30.0\n", "SMOOTHING = 2.0\n"))
    found = lab.propose(
        "smooth a little less",
        edits=[Edit(path="train.py", find=FIRST[0], replace="SMOOTHING = 24.0\n")],
        proposer=TESTER,
    )
    assert [(one.experiment, one.near_duplicate) for one in found.similar] == [
        (first, True),
        ("e2", False),
    ]
    assert (found.similar[0].outcome, found.similar[0].effect) == (Outcome.DISCARD, -0.02)


@pytest.mark.slow
def test_a_dead_end_reopens_and_is_tried_again_as_such(lab: Lab) -> None:
    kept = propose(lab, ("SCALE = 1.0", "SCALE = 2.0"), "another scale")
    rule(lab, kept, Outcome.KEEP)
    dead = propose(lab, FIRST)
    rule(lab, dead, Outcome.DISCARD, effect=-0.01)
    assert lab.overview().reopened == ()
    reverse_incumbent(lab)
    [open_again] = lab.overview().reopened
    assert (open_again.experiment, open_again.why, open_again.keeps) == (
        dead,
        Reopening.BASE_REVERSED,
        (kept,),
    )
    other = propose(lab, ("SCALE = 1.0", "SCALE = 7.0"), "a third scale")
    again = propose(lab, FIRST, "smooth less, without the scale")
    experiments = lab.history().experiments
    assert experiments[other].reopened_from is None
    assert experiments[again].reopened_from == dead
    assert lab.overview().reopened == ()


@pytest.mark.slow
def test_the_very_code_of_a_reopened_dead_end_may_be_proposed_again(lab: Lab) -> None:
    kept = propose(lab, ("SCALE = 1.0", "SCALE = 2.0"), "another scale")
    rule(lab, kept, Outcome.KEEP)
    dead = propose(lab, FIRST)
    rule(lab, dead, Outcome.DISCARD, effect=-0.01)
    both = [
        Edit(path="train.py", find="SCALE = 1.0", replace="SCALE = 2.0"),
        Edit(path="train.py", find=FIRST[0], replace=FIRST[1]),
    ]
    reverse_incumbent(lab)
    again = lab.propose("both at once", edits=both, proposer=TESTER).experiment
    history = lab.history()
    assert again.fingerprint == history.experiments[dead].fingerprint
    with pytest.raises(PatchRefusedError, match="same code"):
        lab.propose("both at once, again", edits=both, proposer=TESTER)


@pytest.mark.slow
def test_recall_narrows_by_effect_and_by_who(lab: Lab) -> None:
    better = propose(lab, FIRST)
    rule(lab, better, Outcome.INCONCLUSIVE, effect=0.02)
    edits = [Edit(path="train.py", find="SCALE = 1.0", replace="SCALE = 3.0")]
    worker = Proposer(client="codex", model="gpt-x", worker="c1/w2")
    worse = lab.propose("another scale", edits=edits, proposer=worker).experiment.id
    rule(lab, worse, Outcome.DISCARD, effect=-0.05)

    def found(**narrow: object) -> list[str]:
        return [one.experiment for one in lab.recall(**narrow)]  # type: ignore[arg-type]

    assert found(min_effect=0.0) == [better]
    assert found(max_effect=0.0) == [worse]
    assert found(min_effect=-0.1, max_effect=0.1) == [worse, better]
    assert found(by="c1/w2") == found(by="CODEX") == found(by="gpt") == [worse]
    assert found(by="nobody") == []
    assert found(limit=1) == [worse]


@pytest.mark.slow
def test_a_lesson_that_the_verdict_does_not_bear_out_is_marked(judged_lab: Lab) -> None:
    done = judged_lab.conclude("e2", "More smoothing helped.", TESTER)
    assert done.doubt is Doubt.HELPED
    [shown] = [one for one in judged_lab.recall() if one.experiment == "e2"]
    assert shown.doubt is Doubt.HELPED


@pytest.mark.slow
def test_an_idea_that_somebody_holds_is_refused_to_others_and_shown_to_them(lab: Lab) -> None:
    one = Proposer(client="claude-code", worker="c1/w1")
    other = Proposer(client="codex")
    done = lab.claim("much less smoothing of all counts", "train.py:SMOOTHING", one)
    assert done.claim.holder == "c1/w1"
    with pytest.raises(InvalidStateError, match="c1/w1 holds this idea for another 30 min") as no:
        lab.claim("the counts get less smoothing", "train.py", other)
    assert no.value.reason == "idea_claimed"
    assert [claim.holder for claim in lab.overview().claims] == ["c1/w1"]
    mine = lab.claim("a larger table of counts", "", other)
    assert [claim.holder for claim in mine.others] == ["c1/w1"]
    edits = [Edit(path="train.py", find="SCALE = 1.0", replace="SCALE = 3.0")]
    proposal = lab.propose("another scale", edits=edits, proposer=other)
    assert [claim.holder for claim in proposal.claims] == ["c1/w1"]
