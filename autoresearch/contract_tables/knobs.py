"""One knob of a contract: a value in an editable file, and what a search may set it to."""

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from autoresearch.contract_tables.metric import Section

KNOB_NAME = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"

Choice = bool | int | float | str


def _checked_choice(given: Any) -> Choice:  # noqa: ANN401 - whatever TOML holds
    if isinstance(given, bool | int | str) or (isinstance(given, float) and math.isfinite(given)):
        return given
    raise ValueError(f"is {given!r}: a choice is a number, a text, true or false")


Choices = Annotated[tuple[Annotated[Choice, BeforeValidator(_checked_choice)], ...], Field()]


class KnobTable(Section):
    """The values to which a search may set one name: a range of numbers, or a list of choices.

    The name is a constant at the top level of a file, or FUNCTION.PARAMETER for a default.
    """

    path: str = ""  # the editable file that binds it; "": the only one that does
    low: float | None = None
    high: float | None = None
    log: bool = False  # steps are factors, not differences
    integer: bool | None = None  # whole numbers only; None: if it is written as one
    choices: Choices = ()

    @model_validator(mode="after")
    def _one_kind(self) -> "KnobTable":
        if self.choices:
            self._check_choices()
        elif self.low is None or self.high is None:
            raise ValueError("give low and high, or choices = [...]")
        elif self.low >= self.high:
            raise ValueError(f"low must be below high, and {self.low:g} is not below {self.high:g}")
        elif self.log and self.low <= 0:
            raise ValueError(f"log = true needs low above 0, not {self.low:g}")
        elif self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("integer = true needs whole numbers as low and high")
        return self

    def _check_choices(self) -> None:
        if self.low is not None or self.high is not None or self.log or self.integer is not None:
            raise ValueError("give choices, or a range (low, high, log, integer), not both")
        if len({repr(choice) for choice in self.choices}) != len(self.choices):
            raise ValueError("choices names one value twice")
        if len(self.choices) < 2:
            raise ValueError("choices needs at least two values")

    @property
    def range(self) -> tuple[float | None, float | None]:
        """The lowest and the highest number; None where it has choices that are no numbers."""
        if not self.choices:
            return self.low, self.high
        numbers = [float(c) for c in self.choices if not isinstance(c, bool | str)]
        if len(numbers) < len(self.choices):
            return None, None
        return min(numbers), max(numbers)
