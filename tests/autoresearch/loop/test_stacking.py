"""Near misses tried together: which may be stacked, which are refused and why, which suggested."""

from dataclasses import replace

import pytest

from autoresearch.errors import InvalidStateError, LabError, PatchRefusedError
from autoresearch.lab import Lab
from autoresearch.ledger.history import History
from autoresearch.loop.stacking import near_misses, reapplied_tree, refuse_unfit
from autoresearch.patches.patch import prepare
from autoresearch.records import Judged, Outcome, Reverted
from autoresearch.verdicts.reversals import due_reversal
from tests.support.repositories import TESTER, propose
from tests.support.samples import judged
from tests.support.told import BASELINE, TINY, Told


def miss(told: Told, effect: float | None = 0.01, outcome: Outcome = Outcome.INCONCLUSIVE) -> str:
    name = told.propose()
    told.tell(judged(name, "e0", outcome=outcome, effect=effect, evidence=effect))
    return name


def record_miss(lab: Lab, experiment: str) -> None:
    """Write a near miss down, as the judge would."""
    [event] = [judged(experiment, "e0", outcome=Outcome.INCONCLUSIVE, effect=0.01)]
    lab.ledger.append(lambda _: Judged(verdict=replace(event.verdict, moved_incumbent=False)))


def stack(lab: Lab, *names: str) -> str:
    proposal = lab.propose("near misses together", stack=names, proposer=TESTER)
    return proposal.experiment.id


@pytest.mark.slow
def test_patches_of_near_misses_on_neighbouring_lines_become_one_experiment(lab: Lab) -> None:
    first = propose(lab, ("SMOOTHING = 30.0", "SMOOTHING = 25.0"))
    second = propose(lab, ("SCALE = 1.0", "SCALE = 2.0"))
    record_miss(lab, first)
    record_miss(lab, second)
    assert lab.overview().stackable == (first, second)
    stacked = stack(lab, first, second)
    known = lab.history().experiments[stacked]
    assert known.stack == (first, second)
    assert known.base == "e0"
    diff = lab.diff(stacked)
    assert "+SMOOTHING = 25.0" in diff
    assert "+SCALE = 2.0" in diff
    assert lab.overview().stackable == ()
    with pytest.raises(PatchRefusedError, match=f"the same code as {stacked}"):
        stack(lab, second, first)
    with pytest.raises(LabError, match="together with a patch"):
        lab.propose("both at once", diff="x", stack=(first, second), proposer=TESTER)


@pytest.mark.slow
def test_patches_that_contradict_each_other_are_refused_by_name_and_file(lab: Lab) -> None:
    first = propose(lab, ("SMOOTHING = 30.0", "SMOOTHING = 25.0"))
    second = propose(lab, ("SMOOTHING = 30.0", "SMOOTHING = 20.0"))
    record_miss(lab, first)
    record_miss(lab, second)
    before = lab.history().head
    said = rf"{second} does not apply to e0, then {first}: train.py, line 5 .*both change this\. "
    with pytest.raises(PatchRefusedError, match=f"{said}Leave {second} out"):
        stack(lab, first, second)
    assert lab.history().head == before
    assert lab.overview().stackable == ()


@pytest.mark.slow
def test_a_patch_is_put_on_the_incumbent_that_came_meanwhile(lab: Lab) -> None:
    kept = propose(lab, ("SMOOTHING = 30.0", "import math\n\nSMOOTHING = 25.0"))
    beside = propose(lab, ("SCALE = 1.0", "SCALE = 2.0"))
    against = propose(lab, ("SMOOTHING = 30.0", "SMOOTHING = 20.0"))
    [event] = [judged(kept, "e0", outcome=Outcome.KEEP, effect=0.1)]
    lab.ledger.append(lambda _: Judged(verdict=replace(event.verdict, moved_incumbent=True)))
    tip = lab.history().experiments[kept].commit
    patch = prepare(
        lab.repository, tip, tree=reapplied_tree(lab, beside), allow=lab.contract.edit.allow
    )
    text = lab.repository.read_many([f"{patch.tree}:train.py"])[0] or b""
    assert b"import math\n\nSMOOTHING = 25.0\nSCALE = 2.0\n" in text
    assert [change.spans for change in patch.changes] == [((8, 8),)]
    said = rf"{against} does not apply to {kept}: train.py, lines 5-7 \(line 5 of its base\)"
    with pytest.raises(PatchRefusedError, match=said):
        reapplied_tree(lab, against)
    with pytest.raises(PatchRefusedError, match="not a patch"):
        reapplied_tree(lab, "e0")


@pytest.mark.parametrize(
    ("outcome", "effect", "said"),
    [
        (Outcome.CRASHED, None, "e2 can't be stacked: it crashed"),
        (Outcome.TAINTED, None, "was not tested"),
        (Outcome.DISCARD, None, "never measured"),
    ],
)
def test_what_was_not_measured_cannot_be_stacked(
    outcome: Outcome, effect: float | None, said: str
) -> None:
    told = Told()
    good, bad = miss(told), miss(told, effect, outcome)
    with pytest.raises(PatchRefusedError, match=said):
        refuse_unfit(told.history, (good, bad))


def test_a_stack_has_two_to_six_judged_experiments_that_are_not_in_the_incumbent() -> None:
    told = Told(*BASELINE)
    names = [miss(told) for _ in range(7)]
    refuse_unfit(told.history, names[:6])
    for few_or_many in (names[:1], names):
        with pytest.raises(PatchRefusedError, match="2 to 6"):
            refuse_unfit(told.history, few_or_many)
    with pytest.raises(PatchRefusedError, match="once"):
        refuse_unfit(told.history, ("e1", "e1"))
    with pytest.raises(PatchRefusedError, match="original code"):
        refuse_unfit(told.history, ("e1", "e0"))
    open_one = told.propose()
    with pytest.raises(InvalidStateError, match="no verdict yet"):
        refuse_unfit(told.history, ("e1", open_one))
    told.runs(open_one, 3.0, 3.01, 3.0, 3.01)
    told.judge(open_one)
    with pytest.raises(PatchRefusedError, match="already has it"):
        refuse_unfit(told.history, ("e1", open_one))
    told.runs(open_one, *[3.3] * 6)
    reversal = due_reversal(told.history, TINY)
    assert reversal is not None
    told.tell(Reverted(reversal=reversal))
    with pytest.raises(PatchRefusedError, match="then reversed"):
        refuse_unfit(told.history, ("e1", open_one))


def test_near_misses_are_suggested_on_lines_of_their_own_and_once() -> None:
    told = Told()
    for effect in (0.01, 0.03, 0.02, -0.01):
        miss(told, effect)
    lines = {"e1": (1, 2), "e2": (4, 9), "e3": (9, 9), "e4": (20, 20)}
    touched = {name: {"train.py": [span]} for name, span in lines.items()}
    assert near_misses(told.history, touched) == ("e2", "e1")
    assert near_misses(told.history, {"e2": touched["e2"]}) == ()
    told.propose(stack=("e2", "e1"))
    assert near_misses(told.history, touched) == ()
    assert near_misses(History(), {}) == ()
