"""The lab's errors and bad arguments, in the words that a client's model can act on.

The only place that turns an exception into a tool error: what was wrong, what is valid, what to
do next. Anything unexpected is named by its type alone and logged; no traceback leaves the server.
"""

import logging
from difflib import get_close_matches
from typing import Any

from fastmcp.exceptions import ResourceError, ToolError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp_types import CallToolRequestParams
from pydantic import ValidationError as PydanticError

from autoresearch.common.text import cut
from autoresearch.errors import LabError
from curricula.errors import CourseError

logger = logging.getLogger("autoresearch_mcp")

BOUNDS = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
    "too_long": "a list of at most {max_length}",
    "too_short": "a list of at least {min_length}",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "model_type": "an object",
    "dict_type": "an object",
    "finite_number": "a finite number",
}


class Refusal(ToolError, ResourceError):
    """A domain error in FastMCP's terms, for a tool's caller or a resource's reader."""


def refusal(error: LabError | CourseError) -> Refusal:
    """What was wrong and what to do; expected, so it is logged quietly."""
    return Refusal(str(error), log_level=logging.INFO)


class PlainErrors(Middleware):
    """Rewrites what FastMCP and pydantic say into plain words."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Pass the call on and answer for what goes wrong in it."""
        name = context.message.name
        try:
            return await call_next(context)
        except ValidationError as error:
            mistakes = error.__cause__
            if not isinstance(mistakes, PydanticError):
                raise
            words = explain_arguments(mistakes, await _parameters(context, name))
            raise ToolError(
                f"{words} Nothing was done; call {name} again with that mended.",
                log_level=logging.INFO,
            ) from None
        except ToolError as error:
            cause = error.__cause__
            if cause is None or isinstance(cause, LabError | CourseError):
                raise
            logger.error("%s failed", name, exc_info=cause)
            raise ToolError(
                f"{name} failed inside the server ({type(cause).__name__}); the cause is in the "
                "server's log. Nothing recorded is lost. Call open_lab to see where things are, "
                "then try again; if it fails again, tell the user.",
                log_level=logging.INFO,
            ) from None


def explain_arguments(error: PydanticError, schema: dict[str, Any]) -> str:
    """Every mistake in a call's arguments, one sentence each, without pydantic's addresses."""
    return " ".join(_explain(dict(mistake), schema) for mistake in error.errors())


def _explain(mistake: dict[str, Any], schema: dict[str, Any]) -> str:
    kind, loc = mistake["type"], mistake["loc"]
    path = _path(loc)
    if kind in ("missing_argument", "missing"):
        return f"`{path}` is missing."
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        names = _siblings(loc, schema)
        close = get_close_matches(str(loc[-1]), names, n=1)
        meant = f" Did you mean `{close[0]}`?" if close else ""
        return f"There is no `{path}`; it takes {', '.join(names)}.{meant}"
    wanted = BOUNDS.get(kind)
    if wanted is None:
        message = str(mistake["msg"]).removeprefix("Value error, ")
        return f"`{path}`: {message}." if path else f"{message}."
    bounds = {
        name: f"{bound:g}" if isinstance(bound, float) else bound
        for name, bound in mistake.get("ctx", {}).items()
    }
    return f"`{path}` must be {wanted.format(**bounds)}, not {_short(mistake)}."


def _path(loc: tuple[str | int, ...]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _siblings(loc: tuple[str | int, ...], schema: dict[str, Any]) -> list[str]:
    """The names that are allowed where `loc` points."""
    here = schema
    for part in loc[:-1]:
        here = here.get("items", {}) if isinstance(part, int) else here["properties"].get(part, {})
        choices = here.get("anyOf", [here])
        here = next((one for one in choices if one.get("type") != "null"), here)
        name = here.get("$ref", "").rpartition("/")[2]
        here = schema["$defs"][name] if name else here
    return list(here.get("properties", {}))


def _short(mistake: dict[str, Any]) -> str:
    return cut(repr(mistake.get("input")), 60)


async def _parameters(
    context: MiddlewareContext[CallToolRequestParams], name: str
) -> dict[str, Any]:
    assert context.fastmcp_context is not None
    tool = await context.fastmcp_context.fastmcp.get_tool(name)
    return tool.parameters if tool else {"properties": {}}
