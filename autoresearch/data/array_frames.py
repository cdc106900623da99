"""Arrays framed for a pipe, as float64 or int64, between processes that must not unpickle objects.

Also passed as source text to other interpreters: it imports only the standard library and numpy.

    kind b"f" or b"i", uint8 dimensions, four int64 lengths (only that many count), content
"""

import struct
from typing import Any

import numpy as np

HEAD = struct.Struct("<cB4q")
MOST_DIMENSIONS = 4
MOST_NUMBERS = 2**24  # in one array: 128 MB


def pack_array(array: "np.ndarray[Any, Any]") -> bytes:
    """Return the head and the content of an array, as bytes."""
    kind, dtype = (b"f", "<f8") if array.dtype.kind == "f" else (b"i", "<i8")
    lengths = (*array.shape, *(0,) * (MOST_DIMENSIONS - array.ndim))
    return HEAD.pack(kind, array.ndim, *lengths) + np.ascontiguousarray(array, dtype).tobytes()


def read_shape(head: bytes) -> tuple[str, tuple[int, ...]]:
    """Return the dtype and shape of the array that follows; raise ValueError if none may follow."""
    kind, dimensions, *lengths = HEAD.unpack(head)
    shape = tuple(lengths[:dimensions])
    size = 1
    for length in shape:
        size *= length
    fits = dimensions <= MOST_DIMENSIONS and all(n >= 0 for n in shape) and size <= MOST_NUMBERS
    if kind not in b"fi" or not fits:
        raise ValueError("no array of that form may follow")
    return ("<f8" if kind == b"f" else "<i8"), shape


def content_size(shape: tuple[int, ...]) -> int:
    """Return the size of the content in bytes."""
    size = 8
    for length in shape:
        size *= length
    return size
