"""Reads and writes token files, and finds the encoding that a file was made with.

A token file holds documents as token ids, so that the lab can serve and score them and knows no
tokenizer. Little-endian throughout:

    header    4,096 bytes: one JSON object, padded with spaces
    sizes     uint16[vocab - 1]     bytes that each token stands for; the last id, BOS, is not there
    ends      uint64[documents]     where each document ends, in tokens
    ids       uint16[tokens]        the documents one after the other, no BOS among them

The header says `vocab` (BOS included), `documents`, `tokens`, and for people `source`, `licence`,
`encoding` ("bytes", a name that tiktoken knows, or a ranks file) and `pattern`.
"""

import base64
import hashlib
import json
import os
from pathlib import Path

import numpy as np

HEADER = 4096  # bytes
FORMAT = "autoresearch tokens 1"
PATTERN = (  # what is never merged across: words with what is before them, numbers, marks, lines
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)


class Bytes:
    """The encoding without a tokenizer: one id a byte."""

    name, pattern = "bytes", ""
    tokens = tuple(bytes([value]) for value in range(256))

    def encode(self, text):
        return list(text.encode())

    def decode(self, ids):
        return bytes(ids).decode(errors="replace")


class Ranked:
    """An encoding of tiktoken's: by a name that it knows, or by a ranks file (base64, rank)."""

    def __init__(self, name, pattern=PATTERN):
        import tiktoken

        self.name, self.pattern = name, pattern
        if name.endswith(".ranks"):
            ranks = read_ranks(Path(name))
            self._encoding = tiktoken.Encoding(
                Path(name).stem, pat_str=pattern, mergeable_ranks=ranks, special_tokens={}
            )
        else:
            self._encoding = tiktoken.get_encoding(name)  # from its cache, or fetched
            self.pattern = self._encoding._pat_str
        values = self._encoding.n_vocab
        if values > 2**16 - 1:
            raise ValueError(f"{name} has {values:,} tokens; 65,535 are the most in a token file")
        known = set(self._encoding._mergeable_ranks.values())
        self.tokens = [
            self._encoding.decode_single_token_bytes(i) if i in known else b""
            for i in range(values)
        ]

    def encode(self, text):
        return self._encoding.encode_ordinary(text)

    def decode(self, ids):
        return self._encoding.decode(ids)


def encoding(name, pattern=PATTERN):
    """The encoding of that name: "bytes", a path that ends in .ranks, or tiktoken's own word."""
    return Bytes() if name == "bytes" else Ranked(name, pattern or PATTERN)


def read_ranks(path):
    """Tokens and their ranks of a file in tiktoken's format."""
    pairs = (line.split() for line in path.read_bytes().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def write_ranks(path, ranks):
    """Write a ranks file, lowest rank first."""
    lines = [
        base64.b64encode(token) + b" %d\n" % rank
        for token, rank in sorted(ranks.items(), key=lambda pair: pair[1])
    ]
    path.write_bytes(b"".join(lines))


def write_tokens(path, documents, encode, **about):
    """Write documents (texts) as a token file at once; say how many documents and tokens.

    The same document twice is written once: held-out text must not be in the training text too.
    """
    seen, ends, total = set(), [], 0
    beside = path.with_suffix(".ids")
    with open(beside, "wb") as file:
        for document in documents:
            digest = hashlib.blake2b(document.encode(), digest_size=16).digest()
            if digest in seen or not document:
                continue
            seen.add(digest)
            ids = np.array(encode.encode(document), dtype="<u2")
            file.write(ids.tobytes())
            total += len(ids)
            ends.append(total)
    header = {
        "format": FORMAT,
        "vocab": len(encode.tokens) + 1,
        "documents": len(ends),
        "tokens": total,
        "encoding": Path(encode.name).name,
        "pattern": encode.pattern,
        **about,
    }
    saving = path.with_suffix(".saving")
    with open(saving, "wb") as file:
        file.write(json.dumps(header).encode().ljust(HEADER - 1) + b"\n")
        file.write(np.array([len(token) for token in encode.tokens], dtype="<u2").tobytes())
        file.write(np.array(ends, dtype="<u8").tobytes())
        with open(beside, "rb") as ids:
            while chunk := ids.read(1 << 24):
                file.write(chunk)
    os.replace(saving, path)
    beside.unlink()
    return len(ends), total


def read_tokens(path):
    """Header and documents (lists of ids, one after the other) of a token file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(HEADER))
        file.seek(2 * (header["vocab"] - 1), os.SEEK_CUR)
        ends = np.frombuffer(file.read(8 * header["documents"]), "<u8")
        start = file.tell()
    ids = np.memmap(path, "<u2", "r", offset=start, shape=(header["tokens"],))
    begins = [0, *ends[:-1].tolist()]
    return header, (ids[a:b].tolist() for a, b in zip(begins, ends.tolist(), strict=True))
