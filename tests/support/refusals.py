"""Expect refusals by their codes, so that their sentences can be reworded."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from autoresearch.common.errors import ExplainedError


@contextmanager
def raises(code: str, *mentions: str) -> Iterator[pytest.ExceptionInfo[ExplainedError]]:
    """Expect a refusal with that code, whose text names each of `mentions`: values, not prose."""
    with pytest.raises(ExplainedError) as raised:
        yield raised
    assert raised.value.code == code, repr(raised.value)
    for mention in mentions:
        assert mention in str(raised.value)
