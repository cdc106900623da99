"""The toolset read-only: a client that may look, and change nothing."""

import pytest
from fastmcp import Client

from server.app import build_server
from server.launching import launch_command
from server.research_tools import WRITERS
from tests.server.conftest import refused
from tests.server.fake_lab import FakeLab, FakeLabs

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


async def test_every_tool_that_is_not_marked_as_reading_is_a_writer(mode):
    async with Client(build_server(FakeLabs(FakeLab())), mode=mode) as client:
        tools = await client.list_tools()
    assert {tool.name for tool in tools if not tool.annotations.read_only_hint} == WRITERS


async def test_a_client_is_connected_with_the_toolset_that_was_asked_for():
    assert launch_command("read-only").args[-3:] == ("serve", "--toolset", "read-only")
    assert "serve" not in launch_command().args
