"""Train gpt.py's model for the lessons: so that traced values and pictures show one that learned.

    uv run python scripts/train_for_lessons.py

Trains on nine tenths of the first names with tensor_gpt.py (whose losses equal gpt.py's) and writes
curricula/courses/microgpt/trained.json: weights to 4 decimals in gpt.py's own layout, the loss
curve, what was set. Loss is nats a token, the mean over positions and then over documents.
"""

import argparse
import json
import os
import random
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices: threads only get in the way
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "microgpt"))

import gpt  # noqa: E402
import numpy as np  # noqa: E402
import tensor_gpt  # noqa: E402

DATA = "first_names.txt"
OUT = ROOT / "curricula" / "courses" / "microgpt" / "trained.json"
POINTS = 60  # of the loss curve
SEED = 42


def rounded(weights: dict) -> dict[str, list[list[float]]]:
    """Return every matrix as gpt.py has it, a row for each output; layers are named "query.0"."""
    matrices = {}
    for key, tensor in weights.items():
        array = tensor.data if key in ("token", "position") else tensor.data.T
        name = key if isinstance(key, str) else ".".join(map(str, key))
        matrices[name] = [[round(float(number), 4) for number in row] for row in array]
    return matrices


def thinned(losses: list[float]) -> list[tuple[int, float]]:
    """Return (last step, mean loss) of POINTS stretches of the training."""
    size = max(1, len(losses) // POINTS)
    stretches = [losses[i : i + size] for i in range(0, len(losses), size)]
    ends = np.cumsum([len(stretch) for stretch in stretches])
    return [
        (int(end), round(float(np.mean(stretch)), 4))
        for end, stretch in zip(ends, stretches, strict=True)
    ]


def main() -> None:
    """Train, measure on what was held out, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=4000, help="steps of training (4000)")
    parser.add_argument("--batch", type=int, default=32, help="documents in a step (32)")
    parser.add_argument("--out", type=Path, default=OUT, help="where to write")
    args = parser.parse_args()
    rng = random.Random(SEED)
    letters, documents = gpt.read_documents(ROOT / "microgpt" / "data" / DATA, rng)
    held_out, learned = documents[: len(documents) // 10], documents[len(documents) // 10 :]
    weights = tensor_gpt.initial_weights(len(letters) + 1, rng)
    losses = []
    for loss in tensor_gpt.train(weights, learned, args.steps, args.batch):
        losses.append(loss)
        if len(losses) % 500 == 0:
            print(f"step {len(losses)} / {args.steps} | loss {loss:.4f}", flush=True)
    with tensor_gpt.no_grad():
        score = tensor_gpt.batch_loss(weights, held_out).item()
    settings = {
        "data": DATA,
        "seed": SEED,
        "steps": args.steps,
        "batch": args.batch,
        "learned_from": len(learned),
        "held_out": len(held_out),
        "layers": gpt.LAYERS,
        "heads": gpt.HEADS,
        "width": gpt.WIDTH,
        "context": gpt.CONTEXT,
    }
    record = {
        "made_by": "uv run python scripts/train_for_lessons.py",
        "settings": settings,
        "letters": "".join(letters),
        "held_out_loss": round(score, 4),
        "loss_curve": thinned(losses),
        "weights": rounded(weights),
    }
    args.out.write_text(json.dumps(record, separators=(",", ":")) + "\n")
    print(f"held-out loss {score:.4f} over {len(held_out)} names; {args.out.stat().st_size} bytes")
    samples = [tensor_gpt.invent(weights, letters, rng) for _ in range(10)]
    print("samples: " + " ".join(samples))


if __name__ == "__main__":
    main()
