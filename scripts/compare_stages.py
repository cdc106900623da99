"""Train every stage of the model on the same names, and measure each on the same held-out ones.

    uv run python scripts/compare_stages.py

Prints the table of microgpt/stages/README.md. Loss is nats a token: the mean over positions, then
over documents. The first tenth of the shuffled names is held out; seed 42.
"""

import argparse
import gc
import importlib
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGES = ROOT / "microgpt" / "stages"
sys.path[:0] = [str(STAGES), str(ROOT / "microgpt")]

SEED = 42
NAMES = ("1_bigram", "2_mlp", "3_autograd", "4_attention", "5_heads", "gpt")


def number(loss: object) -> float:
    """Return a loss as a plain number, so that its graph can go."""
    return float(getattr(loss, "data", loss))


def rows(names: Sequence[str], steps: int, held_out: int) -> Iterator[tuple[str, int, float]]:
    """Yield (stage, lines of its file, held-out loss after so many steps)."""
    for name in names:
        stage = importlib.import_module(name)
        rng = random.Random(SEED)
        letters, documents = importlib.import_module("gpt").read_documents(
            ROOT / "microgpt" / "data" / "first_names.txt", rng
        )
        tenth = len(documents) // 10
        weights = stage.initial_weights(len(letters) + 1, rng)
        for _ in stage.train(weights, documents[tenth:], steps):
            pass
        losses = [number(stage.document_loss(weights, d)) for d in documents[:tenth][:held_out]]
        lines = len(Path(str(stage.__file__)).read_text("utf-8").splitlines())
        yield name, lines, sum(losses) / len(losses)


def main() -> None:
    """Print a line for each stage as it is done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1000, help="documents to learn from (1000)")
    parser.add_argument("--stages", nargs="+", default=NAMES, choices=NAMES, help="which (all)")
    parser.add_argument("--held-out", type=int, default=516, help="names to measure on (all: 516)")
    args = parser.parse_args()
    gc.disable()  # as the stages have it
    print("| stage | lines | held-out loss |\n| --- | --- | --- |")
    for name, lines, loss in rows(args.stages, args.steps, args.held_out):
        print(f"| `{name}.py` | {lines} | {loss:.3f} |", flush=True)


if __name__ == "__main__":
    main()
