"""Toolsets: what a client is offered, and that it gets nothing else."""

import pytest
from fastmcp import Client

from server.app import build_server
from server.clients.launch import launch_command
from server.tools.research import WRITERS
from tests.server.conftest import refused
from tests.server.tools.test_manifest import OF_BOTH, RESEARCH, SCALING, TEACHING
from tests.support.fake_lab import FakeLab, FakeLabs

pytestmark = pytest.mark.anyio


@pytest.fixture
def looking(mode):
    return Client(build_server(FakeLabs(FakeLab()), toolset="read-only"), mode=mode)


async def test_a_server_that_only_reads_offers_no_tool_that_writes(looking):
    async with looking as client:
        tools = {tool.name: tool.annotations.read_only_hint for tool in await client.list_tools()}
    assert set(tools) == {"check_run", "recall_experiments", "explain_code_section"}
    assert all(tools.values())


async def test_a_tool_that_writes_cannot_be_called_by_name_either(looking):
    async with looking as client:
        for tool in sorted(WRITERS):
            assert tool in await refused(client, tool)


OFFERED = {
    "all": {*RESEARCH, SCALING, OF_BOTH, *TEACHING},
    "research": {*RESEARCH, SCALING, OF_BOTH},
    "teach": {OF_BOTH, *TEACHING},
    "read-only": {"check_run", "recall_experiments", OF_BOTH},
}
PROMPTS = {"all": {"research", "teach"}, "research": {"research"}, "teach": {"teach"}}


@pytest.mark.parametrize("toolset", OFFERED)
async def test_a_toolset_offers_its_tools_prompts_and_resources_and_no_others(
    connect, lab, toolset
):
    async with connect(lab, toolset=toolset) as client:
        tools = {tool.name for tool in await client.list_tools()}
        prompts = {prompt.name for prompt in await client.list_prompts()}
        templates = await client.list_resource_templates()
        for other in sorted(OFFERED["all"] - OFFERED[toolset]):
            assert other in await refused(client, other)
        instructions = client.server_info and client.instructions
    assert tools == OFFERED[toolset]
    assert prompts == PROMPTS.get(toolset, set())
    assert bool(templates) == (toolset != "teach")
    told = {name for name in OFFERED["all"] if name in instructions}
    assert told <= tools


@pytest.mark.slow
async def test_every_tool_that_is_not_marked_as_reading_is_a_writer(mode):
    async with Client(build_server(FakeLabs(FakeLab())), mode=mode) as client:
        tools = await client.list_tools()
    writers = {tool.name for tool in tools if not tool.annotations.read_only_hint}
    assert writers == WRITERS | {"start_lesson", "get_hint", "submit_exercise"}


async def test_a_client_is_connected_with_the_toolset_that_was_asked_for():
    assert launch_command("read-only").args[-3:] == ("serve", "--toolset", "read-only")
    assert "serve" not in launch_command().args
