"""A model that is none: a server on loopback that calls the tools it was told to, then ends.

It speaks as much of the Messages API of Claude Code and of the Responses API of Codex as one turn
needs, and keeps what it was sent: that is what a real model would be shown of each tool's answer.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeVar

Json = dict[str, Any]
M = TypeVar("M", bound="StandInModel")
DONE = "That is all."
LOOKS = ("WaitForMcpServers", "list_mcp_resources")  # tools that wait for servers to start
MOST_LOOKS = 40


@dataclass(frozen=True, slots=True)
class Call:
    """One call for the model to make: a tool by the end of its name."""

    tool: str
    arguments: Json


@dataclass(frozen=True, slots=True)
class Seen:
    """One part of a tool's answer as the model gets it."""

    kind: str  # "text" or "image"
    text: str = ""


@dataclass(slots=True)
class StandInModel:
    """What was asked of it, and where it listens."""

    calls: Sequence[Call]
    url: str = ""
    requests: list[Json] = field(default_factory=list)

    @property
    def tools(self) -> set[str]:
        """The names of all tools that the model was offered."""
        return {name for body in self.requests for name, _ in _names(body)}

    def answer(self, number: int = 0) -> list[Seen]:
        """Return what the model was shown of the answer to one of its calls."""
        found = [part for body in self.requests for part in _answers(body).get(_id(number), [])]
        assert found, f"call {number} was never answered; offered were {sorted(self.tools)}"
        last = next(body for body in reversed(self.requests) if _id(number) in _answers(body))
        return _answers(last)[_id(number)]

    def texts(self, number: int = 0) -> str:
        """Return the text of an answer."""
        return "\n".join(part.text for part in self.answer(number) if part.kind == "text")

    def next_call(self, body: Json) -> tuple[int, Call, str, str] | None:
        """The call to make now: its number, itself, and the tool's name and namespace."""
        number = sum(name == _id(n) for n in range(len(self.calls)) for name in _answers(body))
        if number >= len(self.calls):
            return None
        call = self.calls[number]
        named = [one for one in _names(body) if one[0].endswith(call.tool)]
        if named:
            return (number, call, *named[0])
        # A client that still starts its servers may offer their tools a little later.
        waits = [one for one in _names(body) if one[0] in LOOKS]
        if not waits or len(self.requests) > MOST_LOOKS:
            return None
        return (-len(self.requests), Call(waits[0][0], {}), *waits[0])


def _id(number: int) -> str:
    return f"call_{number}"


def _names(body: Json) -> list[tuple[str, str]]:
    """Name and namespace of the tools in a request."""
    found = []
    for tool in body.get("tools", ()):
        if "tools" in tool:  # a namespace of Codex's
            found += [(inner["name"], tool["name"]) for inner in tool["tools"]]
        elif "name" in tool:
            found.append((tool["name"], ""))
    return found


def _answers(body: Json) -> dict[str, list[Seen]]:
    """The answers to our calls in a request, by the call's id."""
    found: dict[str, list[Seen]] = {}
    for message in body.get("messages", ()):
        content = message["content"]
        for block in content if isinstance(content, list) else ():
            if block.get("type") == "tool_result":
                found[block["tool_use_id"]] = _seen(block.get("content", ""))
    for item in body.get("input", ()) if isinstance(body.get("input"), list) else ():
        if item.get("type") == "function_call_output":
            found[item["call_id"]] = _seen(item["output"])
    return found


def _seen(content: Any) -> list[Seen]:
    if isinstance(content, str):
        return [Seen("text", content)]
    if isinstance(content, dict):
        return _seen(content.get("content", ""))
    return [
        Seen("image") if "image" in part["type"] else Seen("text", part.get("text", ""))
        for part in content
    ]


def _messages(model: StandInModel, body: Json) -> Iterator[Json]:
    """One answer in the events of the Messages API."""
    due = model.next_call(body)
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    opened = {**message, "model": body["model"], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": {**opened, "stop_sequence": None}}
    if due is None:
        block: Json = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": DONE}
    else:
        number, call, name, _ = due
        block = {"type": "tool_use", "id": _id(number), "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call.arguments)}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    stop = {"stop_reason": "tool_use" if due else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}


def _responses(model: StandInModel, body: Json) -> Iterator[Json]:
    """One answer in the events of the Responses API."""
    due = model.next_call(body)
    yield {"type": "response.created", "response": {"id": "resp_1"}}
    if due is None:
        text = {"type": "output_text", "text": DONE}
        item: Json = {"type": "message", "role": "assistant", "id": "msg_1", "content": [text]}
    else:
        number, call, name, namespace = due
        item = {"type": "function_call", "call_id": _id(number), "name": name}
        item |= {"arguments": json.dumps(call.arguments)}
        item |= {"namespace": namespace} if namespace else {}
    yield {"type": "response.output_item.done", "item": item}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    yield {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}}


@contextmanager
def stand_in_model(*calls: Call, of: type[M] = StandInModel) -> Iterator[M]:  # type: ignore[assignment]
    """A model that makes these calls one after the other, on a port of its own."""
    model = of(calls)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            speak = next(
                (s for end, s in SPOKEN if self.path.partition("?")[0].endswith(end)), None
            )
            if speak is None:
                self._send(404, "application/json", b"{}")
                return
            model.requests.append(body)
            events = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in speak(model, body)]
            self._send(200, "text/event-stream", "".join(events).encode())

        def do_GET(self) -> None:
            self._send(404, "application/json", b"{}")

        def _send(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        model.url = f"http://127.0.0.1:{listener.server_port}"
        serving = Thread(target=listener.serve_forever, daemon=True)
        serving.start()
        try:
            yield model
        finally:
            listener.shutdown()
            serving.join()


SPOKEN = (("/messages", _messages), ("/responses", _responses))
