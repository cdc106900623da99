"""Arrays over a pipe: they arrive as they were, and no head asks for more than may follow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.data.array_frames import (
    HEAD,
    MOST_DIMENSIONS,
    MOST_NUMBERS,
    content_size,
    pack_array,
    read_shape,
)

SHAPES = st.lists(st.integers(0, 4), max_size=MOST_DIMENSIONS).map(tuple)


@pytest.mark.slow
@given(SHAPES, st.sampled_from(["f4", "f8", "i4", "i8", "u2"]), st.integers(0, 2**32 - 1))
def test_an_array_arrives_as_it_was(shape, dtype, seed):
    array = (np.random.default_rng(seed).normal(size=shape) * 1000).astype(dtype)
    frame = pack_array(array)
    found, shape_found = read_shape(frame[: HEAD.size])
    content = frame[HEAD.size :]
    assert (shape_found, content_size(shape_found)) == (shape, len(content))
    assert np.array_equal(np.frombuffer(content, found).reshape(shape_found), array)


@pytest.mark.slow
@given(
    st.sampled_from([b"f", b"i", b"O", b"\0"]),
    st.integers(0, 255),
    st.tuples(*[st.one_of(st.integers(0, 9), st.integers(-(2**63), 2**63 - 1))] * 4),
)
def test_a_head_is_refused_or_asks_for_no_more_than_is_allowed(kind, dimensions, lengths):
    head = HEAD.pack(kind, dimensions, *lengths)
    try:
        found, shape = read_shape(head)
    except ValueError:
        return
    assert found in ("<f8", "<i8")
    assert kind in (b"f", b"i")
    assert len(shape) == dimensions <= MOST_DIMENSIONS
    assert 0 <= content_size(shape) <= 8 * MOST_NUMBERS


@pytest.mark.parametrize("length", [2**62, -1])
def test_a_length_that_overflows_is_refused(length):
    with pytest.raises(ValueError, match="no array"):
        read_shape(HEAD.pack(b"f", 4, length, 4, 4, 4))
