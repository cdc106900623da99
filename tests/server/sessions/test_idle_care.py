"""The server keeps its labs measured while the agent thinks, and never when it may only read."""

import logging

import anyio.to_thread
import pytest
from fastmcp import Client

from autoresearch.errors import InvalidStateError
from server.app import build_server
from tests.server.conftest import call
from tests.support.fake_lab import FakeLab, FakeLabs

pytestmark = pytest.mark.anyio
LONG_S = 3600.0  # no look of its own within a test
WITHIN_S = 20.0


def serving(mode, *labs, tend_s=LONG_S, **options):
    return Client(build_server(FakeLabs(*labs), look_s=0.0, tend_s=tend_s, **options), mode=mode)


async def tended(lab):
    return await anyio.to_thread.run_sync(lambda: lab.tended.acquire(timeout=WITHIN_S))


@pytest.mark.slow
async def test_a_lab_is_tended_after_each_tool_call_on_it(mode, lab):
    other = FakeLab("other")
    async with serving(mode, lab, other) as client:
        await call(client, "recall_experiments", lab="fake")
        assert await tended(lab)
        await call(client, "explain_code_section", section="train.py", lab="fake")
        assert await tended(lab)
    assert other.calls["tend"] == 0


@pytest.mark.slow
async def test_a_proposal_leaves_its_device_to_the_run_that_is_about_to_come(mode, lab):
    async with serving(mode, lab) as client:
        await call(client, "propose_patch", hypothesis="h", diff="d")
        assert lab.calls["tend"] == 0
        await call(client, "run_training", experiment="e2")
        assert await tended(lab)
    assert lab.calls["tend"] == 1


@pytest.mark.slow
async def test_a_lab_in_use_is_tended_again_and_again_though_nobody_calls(mode, lab):
    async with serving(mode, lab, tend_s=0.001) as client:
        await call(client, "open_lab")
        for _ in range(4):
            assert await tended(lab)


@pytest.mark.slow
async def test_nothing_is_done_before_a_lab_is_asked_for(mode, lab):
    async with serving(mode, lab, tend_s=0.001) as client:
        await client.list_tools()
    assert lab.calls["tend"] == 0


@pytest.mark.slow
async def test_a_server_that_only_reads_tends_nothing(mode, lab):
    async with serving(mode, lab, tend_s=0.001, toolset="read-only") as client:
        await call(client, "recall_experiments")
    assert lab.calls["tend"] == 0


@pytest.mark.slow
async def test_what_goes_wrong_is_logged_once_and_no_answer_fails(mode, lab, caplog):
    lab.tending_breaks = InvalidStateError("The held-out data changed.", "Open it anew.")
    with caplog.at_level(logging.WARNING, logger="server.sessions.lab_calls"):
        async with serving(mode, lab, tend_s=0.001) as client:
            await call(client, "recall_experiments")
            for _ in range(3):
                assert await tended(lab)
            assert (await call(client, "recall_experiments"))["experiments"]
    told = [
        record.getMessage()
        for record in caplog.records
        if record.name == "server.sessions.lab_calls"
    ]
    assert len(told) == 1
    assert "InvalidStateError" in told[0]
    assert str(lab.tending_breaks) in told[0]
