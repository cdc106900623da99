"""Cases of one test that CI tries, and the others, which are long."""

from collections.abc import Iterable
from typing import Any

import pytest


def first_in_ci(cases: Iterable[Any], most: int) -> list[Any]:
    """Return the cases as parameters: the first `most` are slow, the others long."""
    return [
        pytest.param(case, marks=pytest.mark.slow if n < most else pytest.mark.long)
        for n, case in enumerate(cases)
    ]
