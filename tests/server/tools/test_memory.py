"""What agents share: claims, recall by who and by effect, reopened dead ends, the tree of ideas."""

from dataclasses import replace

import pytest

from autoresearch.memory.claims import Claim
from autoresearch.memory.dead_ends import ReopenedDeadEnd, Reopening
from autoresearch.memory.lesson_claims import Doubt
from tests.server.conftest import call, refused
from tests.support.fake_lab import PAST

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # a server and a client each
EDIT = {"path": "train.py", "find": "LEARNING_RATE = 0.01", "replace": "LEARNING_RATE = 0.02"}
THEIRS = Claim(holder="c1/w2", idea="a longer warmup", area="train.py:lr_at", at=0.0, until=1e12)


async def test_a_claim_needs_no_patch_and_says_what_others_hold(connect, lab):
    lab.claims = (THEIRS,)
    lab.similar = (PAST,)
    async with connect(lab) as client:
        seen = await call(client, "propose_patch", hypothesis="heads share keys", claim="train.py")
        opened = await call(client, "open_lab")
        proposed = await call(client, "propose_patch", hypothesis="h", edits=[EDIT])
    assert seen["summary"] == (
        "test-client holds this idea in train.py for 30 min; 1 similar earlier experiment."
    )
    assert "experiment" not in seen
    assert "propose_patch" in seen["next_step"]
    for answer in (seen, opened, proposed):
        [held] = answer["claims"]
        assert held.startswith("c1/w2, ")
        assert held.endswith(" min: a longer warmup (train.py:lr_at)")


async def test_what_somebody_else_holds_is_refused_with_its_code(connect, lab):
    lab.claims = (THEIRS,)
    async with connect(lab) as client:
        error = await refused(client, "propose_patch", hypothesis="a longer warmup", claim="*")
        both = await refused(client, "propose_patch", hypothesis="h", edits=[EDIT], claim="*")
    assert error.code == "invalid_state.idea_claimed"
    assert both.code == "arguments.one_of"
    assert lab.calls["propose"] == 0


async def test_recall_passes_on_who_and_the_least_effect(connect, lab):
    async with connect(lab) as client:
        await call(client, "recall_experiments", min_effect=0.01, by="c1/w2")
        await call(client, "recall_experiments")
    assert lab.narrowed == [(0.01, "c1/w2"), (None, "")]


@pytest.mark.parametrize(
    ("doubt", "word"), [(Doubt.HELPED, "helped"), (Doubt.HURT, "hurt"), (Doubt.NUMBER, "number")]
)
async def test_a_lesson_that_its_verdict_does_not_bear_out_is_marked(connect, lab, doubt, word):
    lab.recent = (replace(PAST, doubt=doubt), PAST)
    async with connect(lab) as client:
        seen = await call(client, "recall_experiments")
    marked, plain = seen["experiments"]
    assert word in marked["note"]
    assert marked["experiment"] == "e1"
    assert "note" not in plain


async def test_a_near_duplicate_is_named_with_its_effect_and_verdict(connect, lab):
    lab.similar = (replace(PAST, near_duplicate=True), PAST)
    async with connect(lab) as client:
        seen = await call(client, "propose_patch", hypothesis="h", edits=[EDIT])
    assert seen["summary"].endswith("; nearly the same as e1 (discard, effect -0.0213).")
    assert [one.get("note") for one in seen["similar"]] == [
        "a near-duplicate of this patch",
        None,
    ]


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (Reopening.BASE_REVERSED, "e4 (-0.02): e3, on which it failed, was reversed"),
        (
            Reopening.LINES_CHANGED,
            "e4 (-0.02): 5 lines around its own changed since it failed, by e3",
        ),
        (Reopening.MUCH_KEPT, "e4 (-0.02): 1 keep came since it failed"),
    ],
)
async def test_open_lab_says_why_a_dead_end_is_worth_another_look(connect, lab, why, words):
    lab.recent = ()
    lab.reopened = (
        ReopenedDeadEnd(experiment="e4", why=why, keeps=("e3",), lines=5, effect=-0.02),
    )
    async with connect(lab) as client:
        seen = await call(client, "open_lab")
    assert seen["reopened"] == [words]
    assert "or at e4 in `reopened`" in seen["next_step"]


async def test_without_any_of_it_nothing_is_sent(connect, lab):
    async with connect(lab) as client:
        seen = await call(client, "open_lab")
    assert not {"reopened", "claims"} & set(seen)
