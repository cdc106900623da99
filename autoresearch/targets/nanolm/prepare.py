"""Make a token file of a text that is not shipped, for the lab to serve and to score on.

    python prepare.py --data tinystories --limit-mb 500        stories, 2.2 GB of text
    python prepare.py --data fineweb --shards 4                nanochat's web text, 100 MB a shard
    python prepare.py --data climbmix --shards 4               what it turned to later
    python prepare.py --data notes.txt --separator "\\n\\n"      a text of your own
    python prepare.py --data data/plays.tokens --encoding bytes  the shipped plays, recoded

Downloads go on where they were cut off. The encoding is tiktoken's name for one (gpt2, from its
cache or fetched), a ranks file, or bytes. At the end it says which lines of autoresearch.toml name
the new file. The lab copies it when it is opened; no run ever sees it.
"""

import argparse
import os
import sys
from pathlib import Path

from fetching import Fetching, fetch
from tokens import encoding, read_tokens, write_tokens

HUB = "https://huggingface.co/datasets"
CACHE = Path("~/.cache/autoresearch/nanolm").expanduser()
END = "<|endoftext|>"

# name: (address, with a number for each shard; how many shards; licence)
SOURCES = {
    "tinystories": (
        f"{HUB}/roneneldan/TinyStories/resolve/main/TinyStoriesV2-GPT4-train.txt",
        1,
        "CDLA-Sharing-1.0",
    ),
    "fineweb": (
        f"{HUB}/karpathy/fineweb-edu-100b-shuffle/resolve/main/shard_{{:05d}}.parquet",
        1823,
        "ODC-By 1.0",
    ),
    "climbmix": (
        f"{HUB}/karpathy/climbmix-400b-shuffle/resolve/main/shard_{{:05d}}.parquet",
        6543,
        "see the data set's page",
    ),
}


def files(source, shards, cache):
    """The source's files, fetched where they are not here."""
    address, most, _ = SOURCES[source]
    if not 1 <= shards <= most:
        raise SystemExit(f"--shards: {source} has {most}; give 1 to {most}")
    for number in range(shards):
        url = address.format(number)
        yield fetch(url, cache / source / url.rsplit("/", 1)[1])


def texts(path, separator):
    """The documents of a text, a parquet or a token file."""
    if path.suffix == ".parquet":
        yield from parquet_texts(path)
    elif path.suffix == ".tokens":
        header, documents = read_tokens(path)
        ranks = path.with_name(header["encoding"])
        decode = encoding(str(ranks) if ranks.exists() else header["encoding"], header["pattern"])
        yield from map(decode.decode, documents)
    else:
        yield from separated(path, separator)


def separated(path, separator):
    """Texts between separators, read piece by piece."""
    rest = ""
    with open(path, encoding="utf-8", errors="replace") as file:
        while piece := file.read(1 << 20):
            *whole, rest = (rest + piece).split(separator)
            yield from filter(None, map(str.strip, whole))
    if rest.strip():
        yield rest.strip()


def parquet_texts(path):
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise SystemExit("parquet files need pyarrow: pip install pyarrow") from None
    for batch in parquet.ParquetFile(path).iter_batches(columns=["text"], batch_size=1024):
        yield from batch.column("text").to_pylist()


def limited(documents, most_bytes):
    """Documents until their bytes are more than that; says how far it is."""
    taken, told = 0, 0
    for document in documents:
        yield document
        taken += len(document.encode())
        if taken - told > 50e6:
            told = taken
            print(f"{taken / 1e6:,.0f} MB of text encoded", file=sys.stderr)
        if taken > most_bytes:
            return


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help=f"{', '.join(SOURCES)}, or a file")
    parser.add_argument("--encoding", default="gpt2", help="tiktoken's name, FILE.ranks, or bytes")
    parser.add_argument("--shards", type=int, default=1, help="how many files to fetch (1)")
    parser.add_argument("--limit-mb", type=float, default=float("inf"), help="of text, at most")
    parser.add_argument("--separator", default="", help=f"between documents of a text ({END})")
    parser.add_argument("--context", type=int, default=1024, help="positions of a scored row")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"folder of downloads ({CACHE})")
    parser.add_argument("--out", type=Path, help="the token file to write")
    args = parser.parse_args(argv)
    separator = args.separator.encode().decode("unicode_escape") or END
    known = args.data in SOURCES
    if not known and not Path(args.data).is_file():
        raise SystemExit(f"--data: no file {args.data}, and none of {', '.join(SOURCES)}")
    encode = encoding(args.encoding)
    name = f"{Path(args.data).stem}-{Path(args.encoding).stem}.tokens"
    out = args.out or args.cache / name
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        sources = files(args.data, args.shards, args.cache) if known else [Path(args.data)]
        documents = limited((t for f in sources for t in texts(f, separator)), 1e6 * args.limit_mb)
        count, total = write_tokens(
            out,
            documents,
            encode,
            source=SOURCES[args.data][0] if known else args.data,
            licence=SOURCES[args.data][2] if known else "",
        )
    except Fetching as problem:
        raise SystemExit(f"{problem}") from None
    print(f"{out}: {count:,} documents, {total:,} tokens, {os.path.getsize(out) / 1e6:,.1f} MB")
    held_out = max(100, min(2000, count // 20))
    print("In autoresearch.toml, below [sealed]:")
    print(f'data = "{out.absolute()}"\ncontext = {args.context}\nheld_out = {held_out}')
    if count < 10 * held_out:
        print(f"{count} documents are too few to hold {held_out} out: give more text, or cut finer")


if __name__ == "__main__":
    main()
