"""Keeps the labs of a session measured: control runs on idle devices while the agent thinks.

One light task for as long as the server lives. It does nothing before a lab was asked for, looks
again after every tool call and every few seconds. An answer waits for it no longer than for another
call on the same lab.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

from server.sessions.lab_calls import LabCalls

if TYPE_CHECKING:
    from fastmcp import FastMCP

BEFORE_A_RUN = "propose_patch"
TEND_S = 3.0  # between two looks: a control run that ended leaves its device idle as long


class IdleCare(Middleware):
    """Tends the labs of a desk; its `lifespan` is the server's."""

    def __init__(self, desk: LabCalls, *, pause_s: float = TEND_S) -> None:
        self._desk = desk
        self._pause_s = pause_s
        self._ended = False
        self._wake = asyncio.Event()

    async def on_call_tool(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:  # noqa: ANN401 - whatever the tool answers
        """Answer, and look at the labs afterwards.

        Not after a proposal: its run is about to come, and a control would only make room again.
        """
        try:
            return await call_next(context)
        finally:
            if context.message.name != BEFORE_A_RUN:
                self._wake.set()

    @asynccontextmanager
    async def lifespan(self, _server: "FastMCP") -> AsyncIterator[dict[str, Any]]:
        """Tend from the server's start to its end, which waits for the look that is going on.

        A task of asyncio's, and no task group: a server that serves several sessions may end in
        another task than it began in.
        """
        self._wake = asyncio.Event()  # of this loop
        self._ended = False
        task = asyncio.create_task(self._tend())
        try:
            yield {}
        finally:
            self._ended = True
            self._wake.set()
            await task

    async def _tend(self) -> None:
        while not self._ended:
            await self._pause()
            if not self._ended:
                await self._desk.tend()

    async def _pause(self) -> None:
        """Until somebody calls a tool; where labs are in use, no longer than a look is due."""
        try:
            async with asyncio.timeout(self._pause_s if self._desk.in_use else None):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
