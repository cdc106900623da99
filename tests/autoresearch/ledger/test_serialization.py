"""Any event comes back from its canonical JSON as it was; anything else is refused."""

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import LedgerDamagedError
from autoresearch.ledger.serialization import KINDS, decode, encode

COMMIT = "c" * 40
TEXT = st.text('ab \n\t"\\{}\0…ß😀\u2028', max_size=8)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**62), 2**62),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    NoneType: st.none(),
}


def values(wanted: Any) -> st.SearchStrategy[Any]:
    """Any value of a record's field."""
    if wanted in PLAIN:
        return PLAIN[wanted]
    if get_origin(wanted) in (Union, UnionType):
        return st.one_of(*map(values, get_args(wanted)))
    if get_origin(wanted) is tuple:
        first, *rest = get_args(wanted)
        if rest == [...]:
            return st.lists(values(first), max_size=2).map(tuple)
        return st.tuples(*map(values, (first, *rest)))
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return st.sampled_from(wanted)
    assert is_dataclass(wanted), wanted
    hints = get_type_hints(wanted)
    return st.builds(wanted, **{field.name: values(hints[field.name]) for field in fields(wanted)})


EVENTS = st.one_of(*map(values, KINDS.values()))


@pytest.mark.slow
@given(EVENTS, st.integers(0, 2**40), PLAIN[float])
def test_an_event_comes_back_as_it_was_and_is_written_the_same_again(event, n, at):
    blob = encode(n, at, event)
    entry = decode(COMMIT, blob)
    assert (entry.n, entry.at, entry.event) == (n, at, event)
    assert encode(entry.n, entry.at, entry.event) == blob


@pytest.mark.slow
@given(EVENTS, st.data())
def test_a_key_that_no_event_has_is_refused_wherever_it_stands(event, data):
    envelope = json.loads(encode(1, 2.0, event))
    found = [envelope]
    for one in found:
        inner = one.values() if isinstance(one, dict) else one
        found += [value for value in inner if isinstance(value, dict | list)]
    place = data.draw(st.sampled_from([one for one in found if isinstance(one, dict)]))
    place["another"] = 1
    with pytest.raises(LedgerDamagedError):
        decode(COMMIT, json.dumps(envelope).encode())


@pytest.mark.slow
@given(EVENTS, st.data())
def test_a_key_that_is_missing_or_of_another_type_never_reads_as_something_else(event, data):
    envelope = json.loads(encode(1, 2.0, event))
    key = data.draw(st.sampled_from(sorted(envelope)))
    envelope[key] = data.draw(st.sampled_from([None, [], {}, "x", True]))
    try:
        entry = decode(COMMIT, json.dumps(envelope).encode())
    except LedgerDamagedError:
        return
    assert entry.event == event


@given(st.one_of(st.binary(), TEXT.map(str.encode)))
def test_what_is_no_event_is_refused(blob):
    with pytest.raises(LedgerDamagedError):
        decode(COMMIT, blob)
