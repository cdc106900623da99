"""Tool errors for clients: the lab's and the teacher's refusals, bad arguments, and failures.

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

MISSING = ("missing_argument", "missing")
UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
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


CODE = "autoresearch-mcp/code"  # the key of a refusal's code in a tool result's `_meta`
ARGUMENTS = "arguments"  # the first part of a code where the call itself was wrong
INTERNAL = "internal"  # the code of whatever was not foreseen


class Refusal(ToolError, ResourceError):
    """An expected error in FastMCP's terms, for a tool's caller or a resource's reader.

    Attributes:
        code: As of `ExplainedError`; "arguments" and a reason where a tool refuses its arguments.
    """

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text, log_level=logging.INFO)
        self.code = code


def refusal(error: LabError | CourseError) -> Refusal:
    """Return the error with its text and code; expected, so it is logged quietly."""
    return Refusal(str(error), error.code)


def bad_arguments(text: str, reason: str) -> Refusal:
    """Return the refusal of a call whose arguments don't go together or name nothing usable."""
    return Refusal(text, f"{ARGUMENTS}.{reason}")


class PlainErrors(Middleware):
    """Rewrite the messages of FastMCP and pydantic in plain English."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Pass the call on and answer for what goes wrong in it; each refusal carries its code."""
        name = context.message.name
        try:
            return await call_next(context)
        except ValidationError as error:
            mistakes = error.__cause__
            if not isinstance(mistakes, PydanticError):
                raise
            words = explain_arguments(mistakes, await _parameters(context, name))
            return _refused(
                f"{words} Nothing was done. Fix that and call {name} again.",
                f"{ARGUMENTS}.{_reason(mistakes)}",
            )
        except Refusal as error:
            return _refused(str(error), error.code)
        except ToolError as error:
            cause = error.__cause__
            if cause is None:
                raise
            logger.error("%s failed", name, exc_info=cause)
            return _refused(
                f"{name} failed inside the server ({type(cause).__name__}); the server's log has "
                "the details. Everything recorded is safe. Call open_lab to see the current "
                "state, then try again; if it fails again, tell the user.",
                INTERNAL,
            )


def _refused(text: str, code: str) -> ToolResult:
    return ToolResult(content=text, meta={CODE: code}, is_error=True)


def _reason(error: PydanticError) -> str:
    """Return what the first mistake is: "missing", "unknown" or "value"."""
    kind = error.errors()[0]["type"]
    return "missing" if kind in MISSING else "unknown" if kind in UNKNOWN else "value"


def explain_arguments(error: PydanticError, schema: dict[str, Any]) -> str:
    """Return a sentence for each mistake in a call's arguments, without pydantic's links."""
    return " ".join(_explain(dict(mistake), schema) for mistake in error.errors())


def _explain(mistake: dict[str, Any], schema: dict[str, Any]) -> str:
    kind, loc = mistake["type"], mistake["loc"]
    path = _path(loc)
    if kind in MISSING:
        return f"`{path}` is missing."
    if kind in UNKNOWN:
        names = _siblings(loc, schema)
        close = get_close_matches(str(loc[-1]), names, n=1)
        meant = f" Did you mean `{close[0]}`?" if close else ""
        return f"There is no argument `{path}`; these are accepted: {', '.join(names)}.{meant}"
    wanted = BOUNDS.get(kind)
    if wanted is None:
        raised = mistake.get("ctx", {}).get("error")  # where one of our own checks refused it
        message = str(mistake["msg"] if raised is None else raised)
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
    """Return the names that are allowed where `loc` points."""
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
