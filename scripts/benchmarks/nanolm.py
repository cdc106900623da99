"""Train the target nanolm through the real lab and print its sealed score beside n-gram counts.

The lab is opened afresh for each budget: contract, secret split, sandbox, scoring, as always.
The counts are fitted on the same training documents and scored on the same held-out ones, in bits
per byte, the end of a document counted as a byte: bytes by the last one (bigram, add-one smoothed),
by the last two (trigram, interpolated with bigram and unigram, weights by the best on a part of the
training documents), and for interest the same trigram over tokens.

uv run python scripts/benchmarks/nanolm.py --python TORCH_PYTHON                 60 s, then 300 s
uv run python scripts/benchmarks/nanolm.py --python TORCH_PYTHON --device gpu    the same on a GPU
uv run python scripts/benchmarks/nanolm.py --python TORCH_PYTHON --tokens 1000000
"""

import argparse
import math
import os
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from autoresearch.data.token_file import TokenFile, read_token_file  # noqa: E402
from autoresearch.lab import Lab  # noqa: E402
from autoresearch.records import RunReport  # noqa: E402
from autoresearch.targets import contract_for  # noqa: E402

TARGET = ROOT / "autoresearch" / "targets" / "nanolm"
PUBLISHED_MFU = 0.398  # of karpathy/autoresearch's train.py on an H100, 50.3 M parameters
WEIGHTS = list(product((0.1, 0.3, 0.5, 0.7, 0.9, 0.97), repeat=2))


def contract(budget: str, python: str, device: str, data: str) -> str:
    """The shipped contract with this budget, interpreter and device, and other data if given."""
    text = re.sub(r"(?m)^budget = .*$", f"budget = {budget}", contract_for("nanolm", python))
    text = re.sub(r"(?m)^device = .*$", f'device = "{device}"', text)
    return re.sub(r"(?m)^data = .*$", f'data = "{data}"', text) if data else text


def measured(lab: Lab) -> RunReport:
    """Run e0 once and wait for its score."""
    run = lab.start_run("e0").id
    while lab.history().reports.get(run) is None:
        lab.overview()
        time.sleep(0.5)
    report = lab.history().reports[run]
    if report.measurement is None:
        raise SystemExit(f"{run} {report.state}: {report.reason}\n{lab.log(run)}")
    return report


def documents(corpus: TokenFile, places: Sequence[int]) -> list[list[int]]:
    """Their ids, the end of each as BOS."""
    return [[*corpus.document(n).cast("H"), corpus.bos] for n in places]


class Counts:
    """An interpolated trigram over ids, its bigram and unigram smoothed by add-one."""

    def __init__(self, training: Sequence[Sequence[int]], vocab: int) -> None:
        self.vocab = vocab
        self.tables: list[dict[tuple[int, ...], Counter[int]]] = [
            defaultdict(Counter) for _ in "123"
        ]
        for document in training:
            padded = [vocab - 1, vocab - 1, *document]
            for n in range(2, len(padded)):
                for order in range(3):
                    self.tables[order][tuple(padded[n - order : n])][padded[n]] += 1
        self.sums = [{k: sum(c.values()) for k, c in table.items()} for table in self.tables]

    def share(self, order: int, before: tuple[int, ...], token: int) -> float:
        """How often the token came after these, 0 where they never came."""
        key = before[2 - order :]
        seen = self.sums[order].get(key, 0)
        return self.tables[order][key][token] / seen if seen else 0.0

    def bits(
        self, documents: Sequence[Sequence[int]], weights: tuple[float, float] | None
    ) -> float:
        """Of these documents; `weights` of trigram and bigram, None for the add-one bigram."""
        total = 0.0
        for document in documents:
            padded = [self.vocab - 1, self.vocab - 1, *document]
            for n in range(2, len(padded)):
                total -= math.log2(self.chance((padded[n - 2], padded[n - 1]), padded[n], weights))
        return total

    def chance(
        self, before: tuple[int, ...], token: int, weights: tuple[float, float] | None
    ) -> float:
        """Of the token after these two."""
        if weights is None:
            key = before[1:]
            seen = self.sums[1].get(key, 0)
            return (self.tables[1][key][token] + 1 if seen else 1) / (seen + self.vocab)
        unigram = (self.tables[0][()][token] + 1) / (self.sums[0][()] + self.vocab)
        three, two = weights
        if not self.sums[1].get(before[1:]):
            return unigram
        pair = two * self.share(1, before, token) + (1 - two) * unigram
        if not self.sums[2].get(before):
            return pair
        return three * self.share(2, before, token) + (1 - three) * pair


def n_grams(lab: Lab) -> dict[str, float]:
    """Bits per byte of counts on the lab's own held-out documents."""
    corpus = read_token_file(lab.runs.documents)
    assert lab.contract.sealed is not None
    split = corpus.split(split_seed=lab.settings.split_seed, held_out=lab.contract.sealed.held_out)
    training, held_out = (documents(corpus, p) for p in (split.training, split.held_out))
    size = sum(corpus.sizes[token] for document in held_out for token in document)
    words = token_bytes(lab)
    as_bytes = [[[b for t in d for b in words[t]] for d in part] for part in (training, held_out)]
    bytes_counts = Counts(as_bytes[0], 257)
    return {
        "byte bigram, add-one": bytes_counts.bits(as_bytes[1], None) / size,
        "byte trigram, interpolated": _best(as_bytes[0], as_bytes[1], 257) / size,
        "token trigram, interpolated": _best(training, held_out, corpus.vocab) / size,
    }


def _best(training: Sequence[list[int]], held_out: Sequence[list[int]], vocab: int) -> float:
    """Weights are chosen on every twentieth training document, by counts of the others."""
    apart = [d for n, d in enumerate(training) if n % 20 == 0]
    others = Counts([d for n, d in enumerate(training) if n % 20], vocab)
    weights = min(WEIGHTS, key=lambda w: others.bits(apart[::4], w))
    return Counts(training, vocab).bits(held_out, weights)


def token_bytes(lab: Lab) -> list[list[int]]:
    """What each id stands for; the end of a document is 256."""
    sys.path.insert(0, str(TARGET))
    from tokens import read_ranks

    del lab
    ranks = read_ranks(TARGET / "data" / "plays.ranks")
    return [*(list(token) for token, _ in sorted(ranks.items(), key=lambda p: p[1])), [256]]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=os.environ.get("AUTORESEARCH_TORCH_PYTHON", ""))
    parser.add_argument("--device", default="cpu", choices=("cpu", "gpu", "any"))
    parser.add_argument("--seconds", type=float, nargs="*", default=[60, 300])
    parser.add_argument("--tokens", type=int, default=0, help="a token budget in place of seconds")
    parser.add_argument("--data", default="", help="another token file, made by prepare.py")
    args = parser.parse_args()
    if not args.python:
        parser.error("--python: give an interpreter that has torch, numpy and tiktoken")
    budgets = [f"{{ wall_s = {seconds:g} }}" for seconds in args.seconds]
    if args.tokens:
        budgets = [f"{{ tokens = {args.tokens}, cpu_s = {3600 * 10} }}"]
    for number, budget in enumerate(budgets):
        with TemporaryDirectory(prefix="nanolm-") as home:
            text = contract(budget, args.python, args.device, args.data)
            lab = Lab.open("nanolm", home=Path(home), contract=text)
            before = psutil.getloadavg()[0]
            report = measured(lab)
            assert report.measurement is not None
            print(f"budget {budget}, {report.device}, {report.sandbox}; load before {before:.1f}")
            print(f"  ran {report.wall_s:.1f} s, {report.cpu_s:.1f} CPU s; {_last_words(lab)}")
            scored = f"{report.measurement.tokens:,} tokens, scored in"
            print(f"  {'sealed val_bpb':28} {report.measurement.value:.4f}", end="")
            print(f"   ({scored} {report.measurement.score_s:.1f} s)")
            if not args.data:
                for name, value in n_grams(lab).items():
                    print(f"  {name:28} {value:.4f}", flush=True)
            if args.device == "gpu" and number == 0:
                print(f"  published for karpathy/autoresearch on an H100: MFU {PUBLISHED_MFU:.1%}")


def _last_words(lab: Lab) -> str:
    run = next(iter(lab.history().runs))
    return lab.log(run).strip().splitlines()[-1]


if __name__ == "__main__":
    main()
