"""Clients in both protocol eras, in memory and over stdio, and what a model reads of an answer."""

import json
import os
import sys
from contextlib import asynccontextmanager

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from jsonschema import Draft202012Validator
from mcp_types import Implementation

from autoresearch.common.errors import ExplainedError
from server.app import build_server
from server.commands import run
from server.errors import CODE
from server.sessions.teaching_calls import TeachingCalls
from tests.support.fake_lab import FakeLab, FakeLabs

# CI runs the surface and every tool over stdio in both, the rest in the newer one.
MODES = ("auto", pytest.param("legacy", marks=pytest.mark.long))


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def schemas_checked_once():
    """Have the same output schema checked once and not by each client, which takes 0.1 s."""
    check, sound = Draft202012Validator.check_schema, set()

    def check_once(schema, *args, **kwargs):
        written = json.dumps(schema, sort_keys=True)
        if written not in sound:
            check(schema, *args, **kwargs)
            sound.add(written)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Draft202012Validator, "check_schema", check_once)
        yield


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture
def lab():
    return FakeLab()


@pytest.fixture
def connect(mode, tmp_path):
    """In memory: `async with connect(lab, ...) as client`."""

    @asynccontextmanager
    async def connected(*labs, toolset="all", school=None, **options):
        school = school or TeachingCalls(tmp_path / "home")
        server = build_server(FakeLabs(*labs), look_s=0.0, toolset=toolset, school=school)
        async with Client(server, mode=mode, client_info=tester(), **options) as client:
            yield client

    return connected


def tester():
    return Implementation(name="test-client", version="1.2.3")


def over_stdio(mode, *arguments, log, env=None, cwd=None):
    """A client that starts `python ARGUMENTS` as its server."""
    transport = StdioTransport(
        sys.executable,
        list(arguments),
        env=dict(os.environ) | (env or {}),
        cwd=cwd,
        keep_alive=False,
        log_file=log,
    )
    return Client(transport, mode=mode, client_info=tester())


async def call(client, tool, **arguments):
    """The structured content of an answer: what a model reads."""
    result = await client.call_tool(tool, arguments)
    return result.structured_content


class Refused(str):
    """The text of a refused tool call or command, with its code."""

    code: str
    out: str  # of a command: what it printed before

    @property
    def kind(self):
        """The class's own part of the code."""
        return self.code.partition(".")[0]


async def refused(client, tool, **arguments):
    """A tool error."""
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    assert result.is_error, result.structured_content
    found = Refused(result.content[0].text)
    found.code = (result.meta or {}).get(CODE, "")  # none of a tool that is not there
    return found


@pytest.fixture
def refused_command(capsys, monkeypatch):
    """`refused_command(arguments)`: the line on stderr of a command that fails, with its code."""

    def failing(arguments, status=1):
        assert run(arguments) == status
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        with monkeypatch.context() as patched:
            patched.setenv("AUTORESEARCH_DEBUG", "1")  # raises what is a line otherwise
            with pytest.raises(ExplainedError) as raised:
                run(arguments)
        capsys.readouterr()
        found = Refused(err)
        found.code, found.out = raised.value.code, out
        return found

    return failing
