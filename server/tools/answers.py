"""The shapes of answers: with an image, and with the resources that hold what is longer."""

import json
from typing import Any, TypeVar

from fastmcp.tools.base import ToolResult
from fastmcp.utilities.types import Image
from mcp_types import TextContent

from server.views.research_results import Result

R = TypeVar("R", bound=Result)


def with_image(told: dict[str, Any], image: Image | None) -> ToolResult:
    """Return an answer with its image, or as structured content where there is none.

    Some clients show their model the structured content alone and drop an image beside it; all
    show text and image of an answer without any. So the two never come together.
    """
    if image is None:
        return ToolResult(structured_content=told)
    text = TextContent(type="text", text=json.dumps(told, ensure_ascii=False))
    return ToolResult(content=[text, image.to_image_content()])


def resource(lab: str, *parts: str) -> str:
    """Return the address of one of a lab's resources."""
    return "/".join((f"lab://{lab}", *parts))


def naming(result: R, *resources: str) -> R:
    """Return the answer with the resources to read for more: clients list no template."""
    return result.model_copy(update={"resources": list(resources)})
