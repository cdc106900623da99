"""One guard of a contract: a command, or a table with a number that may not move far."""

import re
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

_TOLERANCE = re.compile(r"(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(?P<percent>%?)")
_ROUNDING = 1e-9  # of the incumbent's number: 1.05 is not beyond 5 % of 1


def _checked_tolerance(given: Any) -> str:  # noqa: ANN401 - whatever TOML holds
    plain = isinstance(given, int | float) and not isinstance(given, bool)
    text = repr(given) if plain else given
    if not isinstance(text, str) or not _TOLERANCE.fullmatch(text.strip()):
        raise ValueError(
            f'is {given!r}: give a share such as "5 %", or a number in the unit of the metric, '
            "not below 0"
        )
    return text.strip()


Command = Annotated[tuple[str, ...], Field(min_length=1)]
Tolerance = Annotated[str, BeforeValidator(_checked_tolerance)]


class GuardTable(BaseModel):
    """A guard that prints a number, and how far that may move from the incumbent's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Command
    metric: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_.-]*)?$")] = ""
    may_grow: Tolerance | None = None
    may_shrink: Tolerance | None = None

    @model_validator(mode="after")
    def _number_has_a_limit(self) -> "GuardTable":
        limited = self.may_grow is not None or self.may_shrink is not None
        if limited and not self.metric:
            raise ValueError("may_grow and may_shrink need metric, the number that it prints")
        if self.metric and not limited:
            raise ValueError("metric needs may_grow or may_shrink, and how far")
        return self

    def breach(self, number: float, incumbent: float) -> str:
        """Return which limit a number is beyond, as the contract words it, or ""."""
        for word, allowed, grown in (
            ("grow", self.may_grow, number - incumbent),
            ("shrink", self.may_shrink, incumbent - number),
        ):
            if allowed is not None and grown > _most(allowed, incumbent):
                return f"may {word} {allowed}"
        return ""


def _most(allowed: str, incumbent: float) -> float:
    match = _TOLERANCE.fullmatch(allowed)
    assert match is not None
    number = float(match["number"])
    most = abs(incumbent) * number / 100 if match["percent"] else number
    return most + _ROUNDING * abs(incumbent)


def _kind(given: object) -> str:
    return "table" if isinstance(given, dict | GuardTable) else "command"


Guard = Annotated[
    Annotated[Command, Tag("command")] | Annotated[GuardTable, Tag("table")],
    Discriminator(_kind),
]
