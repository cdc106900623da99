"""Held-out files of a commit, packed into one file beside the ledger, with one hash."""

import json
from collections.abc import Sequence
from pathlib import PurePath

Files = Sequence[tuple[str, bytes]]


def pack_files(files: Files) -> bytes:
    """Return one file as it is, and several behind a line with the suffix and size of each."""
    if len(files) == 1:
        return files[0][1]
    head = json.dumps([(PurePath(name).suffix, len(data)) for name, data in files])
    return b"\n".join([head.encode(), b"".join(data for _, data in files)])


def unpack_files(whole: bytes) -> list[tuple[str, bytes]]:
    """Return (suffix, content) of each file in a pack of several."""
    head, _, rest = whole.partition(b"\n")
    found = []
    for suffix, size in json.loads(head):
        found.append((suffix, rest[:size]))
        rest = rest[size:]
    return found
