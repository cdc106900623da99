"""What a caller reads when something is wrong: the bad value, what is valid, what to do."""

import pytest

from server.errors import INTERNAL
from tests.server.conftest import call, refused
from tests.support.fake_lab import FakeLab

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_a_lab_error_reaches_the_caller_in_its_own_words(connect, lab):
    async with connect(lab) as client:
        said = await refused(client, "run_training", experiment="e99")
    assert said.code == "not_found"
    assert said == "There is no experiment 'e99'. The newest: e0, e1, e2."  # as FakeLab words it


@pytest.mark.slow
async def test_a_refused_patch_says_why_and_what_is_allowed(connect, lab):
    edit = {"path": "tensor.py", "find": "a", "replace": "b"}
    async with connect(lab) as client:
        said = await refused(client, "propose_patch", hypothesis="h", edits=[edit])
    assert said.code == "patch_refused.not_editable"
    assert said == "tensor.py is frozen. Editable: train.py."  # as FakeLab words it


@pytest.mark.slow
async def test_an_unknown_source_is_refused_with_what_there_is(connect, lab):
    async with connect(lab) as client:
        said = await refused(client, "open_lab", source="nothing")
    assert said.code == "not_found"
    assert "microgpt" in said


@pytest.mark.slow
async def test_a_call_that_could_mean_two_labs_lists_them(connect):
    async with connect(FakeLab("one"), FakeLab("two")) as client:
        assert "one, two" in await refused(client, "check_run", wait_s=0)
        assert (await call(client, "check_run", lab="two", wait_s=0))["run"] == "e2-r1"


@pytest.mark.slow
async def test_a_missing_argument_is_named(connect, lab):
    async with connect(lab) as client:
        said = await refused(client, "conclude_experiment", experiment="e2")
    assert said.code == "arguments.missing"
    assert "`lesson`" in said
    assert "conclude_experiment" in said


@pytest.mark.slow
async def test_an_unknown_argument_is_answered_with_the_known_ones(connect, lab):
    async with connect(lab) as client:
        said = await refused(client, "run_training", experiment="e2", wait=3)
    assert said.code == "arguments.unknown"
    assert "`wait`" in said
    assert "experiment, wait_s, lab" in said
    assert said.count("wait_s") == 2  # among the known ones, and as the one that was meant


@pytest.mark.slow
async def test_a_value_out_of_bounds_is_answered_with_the_bound(connect, lab):
    async with connect(lab) as client:
        said = await refused(client, "check_run", wait_s=300)
        assert said.code == "arguments.value"
        assert all(named in said for named in ("`wait_s`", "at most 45", "300"))
        said = await refused(client, "recall_experiments", outcome="won")
        assert said.code == "arguments.value"
        assert all(named in said for named in ("`outcome`", "'', 'keep', 'discard'"))
        said = await refused(client, "recall_experiments", path="train.py", lines="ten")
        assert said.code == "arguments.value"
        assert "`lines`" in said
        assert "pydantic" not in said


@pytest.mark.slow
async def test_a_mistake_inside_an_edit_is_named_by_its_place(connect, lab):
    async with connect(lab) as client:
        edits = [{"path": "train.py", "find": "a", "new": "b"}]
        said = await refused(client, "propose_patch", hypothesis="h", edits=edits)
    assert said.code == "arguments.missing"  # the first of the two
    assert all(named in said for named in ("`edits[0].replace`", "`edits[0].new`"))
    assert "path, find, replace" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        ({}, "arguments.one_of", "none"),
        (
            {"diff": "d", "edits": [{"path": "p", "find": "f", "replace": "r"}]},
            "arguments.one_of",
            "`edits` and `diff`",
        ),
        ({"diff": "d", "confidence": 0.5}, "arguments.missing", "`predicted_effect`"),
        ({"diff": "d", "predicted_effect": 0.5}, "arguments.missing", "`confidence`"),
        ({"diff": "d", "predicted_effect": 0.5, "confidence": 60}, "arguments.value", "at most 1"),
    ],
)
async def test_a_half_given_proposal_is_refused_before_the_lab_sees_it(
    connect, lab, arguments, code, named
):
    async with connect(lab) as client:
        said = await refused(client, "propose_patch", hypothesis="h", **arguments)
    assert said.code == code
    assert named in said
    assert lab.calls["propose"] == 0


@pytest.mark.slow
async def test_lines_without_a_path_are_refused(connect, lab):
    async with connect(lab) as client:
        said = await refused(client, "recall_experiments", lines="1-2")
    assert said.code == "arguments.missing"
    assert "`path`" in said


@pytest.mark.slow
async def test_an_unforeseen_exception_is_masked_and_logged(connect, lab, caplog):
    lab.breaks = RuntimeError("secret detail")
    async with connect(lab) as client:
        said = await refused(client, "explain_code_section", section="train.py")
    assert said.code == INTERNAL
    assert "explain_code_section" in said
    assert "RuntimeError" in said
    assert "secret" not in said
    assert "secret detail" in caplog.text


@pytest.mark.slow
async def test_an_unknown_resource_is_refused_in_the_labs_words(connect, lab):
    async with connect(lab) as client:
        with pytest.raises(Exception, match="'other'") as caught:
            await client.read_resource("lab://other/ledger")
    assert "Traceback" not in str(caught.value)
