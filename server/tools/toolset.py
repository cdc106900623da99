"""The names of the sets of tools that a server can be started with."""

from typing import Literal

Toolset = Literal["all", "research", "teach", "read-only"]
