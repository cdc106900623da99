"""A capped log file: it keeps its beginning and its end, however much is written to it.

It can be read at any time. On disk it never exceeds the head, twice the tail and a line; after
`close` it has the head, a line with the number of dropped bytes, and the tail.
"""

import os
from pathlib import Path

HEAD_BYTES = 64 * 1024
TAIL_BYTES = 192 * 1024


class CappedLog:
    """A log file that is written by `write` and finished by `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb", buffering=0)
        self._head = b""
        self._tail = bytearray()
        self._dropped = 0

    def write(self, chunk: bytes) -> None:
        """Append bytes; rewrite the file when its tail is twice as large as what is kept."""
        room = HEAD_BYTES - len(self._head)
        self._head += chunk[:room] if room else b""
        self._tail += chunk[room:]
        if len(self._tail) > 2 * TAIL_BYTES:
            self._compact()
        else:
            self._file.write(chunk)

    def close(self) -> None:
        """Cut the file to its final size and close it."""
        if len(self._tail) > TAIL_BYTES:
            self._compact()
        self._file.close()

    def _compact(self) -> None:
        self._dropped += len(self._tail) - TAIL_BYTES
        del self._tail[:-TAIL_BYTES]
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        self._file.close()
        self._file = temporary.open("wb", buffering=0)
        gap = f"\n[... {self._dropped} bytes left out ...]\n".encode()
        self._file.write(self._head + gap + self._tail)
        temporary.replace(self._path)
