"""Words of a campaign in the next answer of any tool, and a note of each call for its supervisor.

A worker's server knows from its environment whose it is. Others, which connect by hand while a
campaign goes on, hear the same words.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp_types import TextContent

from autoresearch.system.agent_marks import CALLS, TOLD, WORKER
from server.errors import CODE
from server.sessions.lab_calls import LabCalls

if TYPE_CHECKING:
    from autoresearch.ledger.campaign_state import CampaignState
    from autoresearch.ledger.history import History

FIELD = "campaign"  # of an answer


@dataclass(frozen=True, slots=True)
class AgentPlace:
    """The worker that this server serves; all "" and 0 where it serves none."""

    worker: str = ""
    calls_file: str = ""
    told: int = 0  # entries of the ledger whose words it knows

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "AgentPlace":
        """Return the place that an environment names."""
        told = environ.get(TOLD, "0")
        number = int(told) if told.isdecimal() else 0
        return cls(environ.get(WORKER, ""), environ.get(CALLS, ""), number)


@dataclass(slots=True)
class _Heard:
    """Place in each lab's ledger up to which a session was told."""

    entries: dict[str, int] = field(default_factory=dict)


class CampaignWords(Middleware):
    """Adds to answers what the user and the ladder said since the last one."""

    def __init__(self, desk: LabCalls, place: AgentPlace | None = None) -> None:
        self._desk = desk
        self._place = place or AgentPlace.of(os.environ)
        self._heard = _Heard()

    async def on_call_tool(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:  # noqa: ANN401 - whatever the tool answers
        """Answer, with the campaign's words where there are new ones."""
        answer = await call_next(context)
        told = isinstance(answer, ToolResult)
        refused = str((answer.meta or {}).get(CODE, "")) if told and answer.is_error else ""
        self._note(context.message.name, context.message.arguments or {}, refused)
        words = [word for said in await self._desk.read_in_use(self._new_words) for word in said]
        return with_words(answer, words) if words and told else answer

    def _note(self, tool: str, arguments: Mapping[str, object], refused: str) -> None:
        if self._place.calls_file:
            from autoresearch.campaigns.calls import write_call

            write_call(Path(self._place.calls_file), tool, arguments, refused)

    def _new_words(self, lab: str, history: "History") -> list[str]:
        """Return what was said since this session last heard the lab, the oldest first."""
        from autoresearch.ledger.campaign_state import going_on

        campaign = going_on(history.campaigns)
        if campaign is None:
            return []
        since = self._heard.entries.get(lab, max(self._place.told, campaign.entry))
        self._heard.entries[lab] = len(history.entries)
        return words_since(campaign, history, since)


def words_since(campaign: "CampaignState", history: "History", since: int) -> list[str]:
    """Return what a campaign's user and ladder said from that entry of the ledger on."""
    from autoresearch.ledger.campaign_records import CampaignSteered, CampaignStepped, Steering

    said = []
    for entry in history.entries[since:]:
        event = entry.event
        if isinstance(event, CampaignSteered) and event.campaign == campaign.name:
            if event.steering is Steering.TELL:
                said.append(f"The user says: {event.text}")
            elif event.steering is Steering.VETO:
                said.append(f"The user forbids changes to {event.text}.")
        elif isinstance(event, CampaignStepped) and event.campaign == campaign.name:
            said.append(event.words)
    return said


def with_words(answer: ToolResult, words: list[str]) -> ToolResult:
    """Return an answer with the campaign's words in a field of their own."""
    if answer.structured_content is not None:
        return ToolResult(structured_content={**answer.structured_content, FIELD: words})
    text = TextContent(type="text", text=json.dumps({FIELD: words}, ensure_ascii=False))
    return ToolResult(content=[*answer.content, text], meta=answer.meta, is_error=answer.is_error)
