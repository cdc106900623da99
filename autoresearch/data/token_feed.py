"""Training tokens served to a run through a pipe, and the split into training and held-out parts.

A documents file is UTF-8 text, one document a line, stripped, empty lines dropped. A character's id
is its index in the sorted set of all characters; one more id, BOS, the last, precedes every
document and follows the last one. The pipe carries little-endian uint16 and nothing else. Held-out
documents are never sent, nor is any training line with the same text.
"""

import array
import contextlib
import fcntl
import os
import random
import struct
import termios
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_LARGEST_VOCAB = 2**16
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of a file and its characters, sorted."""

    documents: tuple[str, ...]
    characters: str

    @property
    def bos(self) -> int:
        """The id between documents, and the largest."""
        return len(self.characters)

    @property
    def vocab(self) -> int:
        """Number of token ids, BOS included."""
        return len(self.characters) + 1

    def ids(self) -> dict[str, int]:
        """Return the id of each character."""
        return {character: n for n, character in enumerate(self.characters)}


def read_corpus(path: Path) -> Corpus:
    """Read a documents file.

    Raises:
        ValueError: There are fewer than 2 documents, or more than 65,535 distinct characters.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    documents = tuple(line for line in map(str.strip, lines) if line)
    corpus = Corpus(documents, "".join(sorted(set("".join(documents)))))
    if len(documents) < 2:
        raise ValueError(f"{path} holds {len(documents)} documents; a split needs at least 2")
    if corpus.vocab > _LARGEST_VOCAB:
        raise ValueError(f"{path} holds {corpus.bos} different characters; 65,535 is the most")
    return corpus


def token_stream(
    corpus: Corpus, training: Sequence[str], *, seed: int, budget: int | None
) -> Iterator[bytes]:
    """Yield encoded training documents in an order drawn from `seed`, reshuffled after each epoch.

    Args:
        corpus: The corpus that defines the ids.
        training: The documents to serve.
        seed: The run's seed.
        budget: Number of predictions to serve, None for no end. A document of n characters costs
            n + 1; the first that would exceed the budget ends the stream.

    Yields:
        BOS and a document as little-endian uint16; at the end of the budget a last BOS.
    """
    ids = corpus.ids()
    bos = array.array("H", [corpus.bos])
    order = random.Random(seed)
    left = budget
    documents = list(training)
    while documents:
        order.shuffle(documents)
        for document in documents:
            if left is not None:
                left -= len(document) + 1
                if left < 0:
                    yield _little_endian(bos)
                    return
            yield _little_endian(bos + array.array("H", [ids[c] for c in document]))


def _little_endian(ids: "array.array[int]") -> bytes:
    if struct.pack("=H", 1) != struct.pack("<H", 1):
        ids.byteswap()
    return ids.tobytes()


class Feed:
    """The writing end of the pipe, never blocking; `fileno` is None once all is written.

    It keeps the reading end open too, only to see how much was never read. So a reader that exits
    is not noticed: its pipe just stays full.
    """

    def __init__(self, writing_end: int, reading_end: int) -> None:
        os.set_blocking(writing_end, False)
        self._fd: int | None = writing_end
        self._reading_end: int | None = os.dup(reading_end)
        self._stream: Iterator[bytes | memoryview] = iter(())
        self._pending = b""
        self._written = 0

    def serve(self, stream: Iterator[bytes | memoryview]) -> None:
        """Set the stream to write; apart from opening the pipe, so that a child can start first."""
        self._stream = stream

    @property
    def fileno(self) -> int | None:
        """Descriptor that becomes writable when the pipe has room; None at the end."""
        return self._fd

    def pump(self) -> bool:
        """Write as much as the pipe has room for; return whether there can be more."""
        if self._fd is None:
            return False
        if not self._pending:
            self._pending = self._next_chunk()
        if not self._pending:
            self.close()
            return False
        try:
            written = os.write(self._fd, self._pending)
        except BlockingIOError:
            return True
        self._written += written
        self._pending = self._pending[written:]
        return True

    @property
    def tokens(self) -> int:
        """Number of tokens that the reader took, in units of the budget (predictions, not ids)."""
        return max(0, (self._written - self._unread()) // 2 - 1)

    def abandon(self) -> None:
        """Close after the reader died; tokens still in the pipe do not count as taken."""
        self._written -= self._unread()
        self.close()
        if self._reading_end is not None:
            os.close(self._reading_end)
            self._reading_end = None

    def close(self) -> None:
        """End the stream; the reader can still take what lies in the pipe."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _next_chunk(self) -> bytes:
        pieces, size = [], 0
        for piece in self._stream:
            pieces.append(piece)
            size += len(piece)
            if size >= _CHUNK_BYTES:
                break
        return b"".join(pieces)

    def _unread(self) -> int:
        """Return the number of bytes in the pipe; 0 where the system does not report it."""
        if self._reading_end is None:
            return 0
        size = array.array("i", [0])
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._reading_end, termios.FIONREAD, size)
        return size[0]
