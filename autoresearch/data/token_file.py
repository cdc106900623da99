"""A corpus of token ids in one file: memory-mapped, split by the lab's secret, served.

The lab needs no tokenizer: whoever made the file had one, and recorded the number of bytes that
each token stands for. Little-endian throughout:

    header    4,096 bytes: a JSON object with `format`, `vocab` (BOS included), `documents`,
              `tokens`, and text for people; padded with spaces
    sizes     uint16[vocab - 1]     bytes of each token; BOS, the last id, counts as one
    ends      uint64[documents]     where each document ends, in tokens
    ids       uint16[tokens]        the documents one after the other, no BOS among them

Standard library only, since supervisors import it.
"""

import json
import mmap
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from autoresearch.data.held_out_split import Split, hidden_tenth, spare_size, spare_starts

FORMAT = "autoresearch tokens 1"
_HEADER = 4096
_LARGEST_VOCAB = 2**16
_SPARE_PARTS = 4  # at most this many times what is scored is held out, the scored part included


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A mapped token file; no part of it is copied."""

    vocab: int  # BOS included
    sizes: tuple[int, ...]  # bytes of each token by id, BOS included
    ends: Sequence[int]
    ids: memoryview  # bytes, two for each token

    @property
    def bos(self) -> int:
        """The id between documents, and the largest."""
        return self.vocab - 1

    def document(self, place: int) -> memoryview:
        """Return a document's ids as little-endian uint16 bytes."""
        begin = self.ends[place - 1] if place else 0
        return self.ids[2 * begin : 2 * self.ends[place]]

    @property
    def different(self) -> int:
        """Number of distinct documents; reads all of them."""
        return len({blake2b(self.document(n), digest_size=16).digest() for n in self._places})

    @property
    def problem(self) -> str:
        """Reason why it can't be used, or ""; reads the whole file."""
        same = len(self.ends) - self.different
        if same:
            return f"holds {same} documents twice, so held-out text would be trained on"
        largest = max(self.ids.cast("H"))
        if largest >= self.bos:
            return f"holds the id {largest}, but the largest of its vocabulary is {self.bos - 1}"
        return ""

    def split(self, *, split_seed: int, held_out: int) -> Split[int]:
        """Draw a tenth of the documents, at most four times what is scored; the first are scored.

        All documents are distinct: the creation of a lab checks it.
        """
        drawn = list(self._places)
        random.Random(split_seed).shuffle(drawn)
        hidden, size = self._hidden(held_out), spare_size(held_out)
        spare = (tuple(drawn[i : i + size]) for i in spare_starts(hidden, held_out))
        return Split(
            training=tuple(sorted(drawn[hidden:])),
            held_out=tuple(drawn[: min(held_out, hidden)]),
            spare=tuple(spare),
        )

    def count_spare_parts(self, held_out: int) -> int:
        """Return how many spare parts a split has that scores so many documents."""
        return len(spare_starts(self._hidden(held_out), held_out))

    def _hidden(self, held_out: int) -> int:
        return min(hidden_tenth(len(self._places)), _SPARE_PARTS * held_out)

    def stream(
        self, *, split_seed: int, held_out: int, seed: int, budget: int | None
    ) -> Iterator[bytes | memoryview]:
        """Yield training documents, each after a BOS, in an order drawn from `seed`, without end.

        A document of n tokens costs n + 1 of the budget (predictions); the last one is cut where
        the budget ends.
        """
        bos = self.bos.to_bytes(2, "little")
        order = random.Random(seed)
        left = budget
        documents = list(self.split(split_seed=split_seed, held_out=held_out).training)
        while documents:
            order.shuffle(documents)
            for place in documents:
                document = self.document(place)
                yield bos
                if left is not None:
                    if len(document) // 2 >= left:
                        yield document[: 2 * left]
                        return
                    left -= len(document) // 2 + 1
                yield document

    @property
    def _places(self) -> range:
        return range(len(self.ends))


def read_token_file(path: Path) -> TokenFile:
    """Map a token file; raise ValueError if it is not one or is incomplete."""
    if sys.byteorder != "little":
        raise ValueError("token files are little-endian, but this machine is not")
    with path.open("rb") as file:
        if path.stat().st_size <= _HEADER:
            raise ValueError(f"{path.name} is not a token file: it is too short")
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    vocab, documents, tokens = _counts(path, bytes(mapped[:_HEADER]))
    begin_ends = _HEADER + 2 * (vocab - 1)
    begin_ids = begin_ends + 8 * documents
    whole = begin_ids + 2 * tokens
    if len(mapped) != whole:
        raise ValueError(f"{path.name} has {len(mapped):,} bytes, but its header says {whole:,}")
    ends = mapped[begin_ends:begin_ids].cast("Q")
    steps = [b - a for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    if ends[-1] != tokens or min(steps) < 1:
        raise ValueError(f"{path.name}: its documents do not end where its header says")
    sizes = mapped[_HEADER:begin_ends].cast("H")
    return TokenFile(vocab=vocab, sizes=(*sizes, 1), ends=ends, ids=mapped[begin_ids:])


def _counts(path: Path, header: bytes) -> tuple[int, int, int]:
    try:
        fields = json.loads(header)
        if fields["format"] != FORMAT:
            raise ValueError(f"its format is {fields['format']!r}")
        vocab, documents, tokens = (int(fields[k]) for k in ("vocab", "documents", "tokens"))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        words = f"is not a token file of the format {FORMAT!r}"
        raise ValueError(f"{path.name} {words}: {error}") from error
    if not (2 <= vocab <= _LARGEST_VOCAB and documents >= 2 and tokens >= documents):
        raise ValueError(
            f"{path.name} says vocab {vocab}, documents {documents}, tokens {tokens}; "
            "allowed are 2 to 65,536, 2 or more, and at least as many tokens as documents"
        )
    return vocab, documents, tokens
