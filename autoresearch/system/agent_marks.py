"""Marks of a campaign's agents in the environment of what they start; runs are started without."""

from collections.abc import Mapping

WORKER = "AUTORESEARCH_WORKER"  # the worker that an MCP server serves: c1/w2
CALLS = "AUTORESEARCH_CALLS"  # the file in which that server writes down each tool call
TOLD = "AUTORESEARCH_TOLD"  # entries of the ledger whose words the agent has in its brief
MARKS = (WORKER, CALLS, TOLD)


def without_marks(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the marks: what has it outlives the agent."""
    return {name: value for name, value in environ.items() if name not in MARKS}
