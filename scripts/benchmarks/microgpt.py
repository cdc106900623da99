"""Compare gpt.py with tensor_gpt.py: time a step, time a token in batches, and gpt.py's memory.

The three trainings take turns, round after round, so that a busy machine slows all of them alike:
trust the ratios more than the times. Memory is the peak of a process that runs gpt.py alone.
"""

import argparse
import itertools
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices: threads only get in the way
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "microgpt"))

import gpt  # noqa: E402
import numpy as np  # noqa: E402
import tensor_gpt  # noqa: E402

ALONE = """
import contextlib, io, re, runpy, sys
sys.argv = sys.argv[1:]
with contextlib.redirect_stdout(io.StringIO()):
    runpy.run_path(sys.argv[0], run_name="__main__")
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def seconds(training: Iterator[float], steps: int) -> float:
    """Return how long a training takes for this many more steps."""
    start = time.perf_counter()
    for _ in itertools.islice(training, steps):
        pass
    return time.perf_counter() - start


def tokens(documents: list[list[int]], first: int, count: int) -> int:
    """Return how many tokens a training learns from in these documents."""
    chosen = (documents[i % len(documents)] for i in range(first, first + count))
    return sum(min(gpt.CONTEXT, len(document) - 1) for document in chosen)


def peak_mb(data: Path, steps: int) -> float:
    """Return the peak resident memory of gpt.py over these steps and its samples, in MB."""
    script = ROOT / "microgpt" / "gpt.py"
    command = [sys.executable, "-c", ALONE, str(script), "--data", str(data), "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def main() -> None:
    """Train in turns, then print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = ROOT / "microgpt" / "data" / "first_names.txt"
    parser.add_argument("--data", type=Path, default=default, help="one document a line")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each training (10)")
    parser.add_argument("--steps", type=int, default=5, help="gpt.py's steps in a turn (5)")
    parser.add_argument("--batch", type=int, default=32, help="documents in a batch (32)")
    args = parser.parse_args()

    total = args.rounds * args.steps
    letters, documents = gpt.read_documents(args.data, random.Random(42))
    vocab = len(letters) + 1
    one = tensor_gpt.initial_weights(vocab, random.Random(42))
    many = tensor_gpt.initial_weights(vocab, random.Random(42), np.float32)
    gpt_training = gpt.train(gpt.initial_weights(vocab, random.Random(42)), documents, total)
    one_training = tensor_gpt.train(one, documents, total)
    many_training = tensor_gpt.train(many, documents, total, args.batch)

    gpt.gc.disable()  # as gpt.py itself does
    rows, by_token = [], []
    for number in range(args.rounds):
        times = [seconds(t, args.steps) for t in (gpt_training, one_training, many_training)]
        rows.append([t / args.steps * 1e3 for t in times])  # ms a step
        steps, ms = args.steps, rows[-1]
        few = tokens(documents, number * steps, steps)
        more = tokens(documents, number * steps * args.batch, steps * args.batch)
        by_token.append((ms[0] / few) / (ms[2] / more))
        print(f"round {number + 1}/{args.rounds}: " + " ".join(f"{t:.2f}" for t in ms), flush=True)

    gpt_ms, one_ms, many_ms = (statistics.median(column) for column in zip(*rows, strict=True))
    by_step = statistics.median(row[0] / row[1] for row in rows)
    print(f"gpt.py                              {gpt_ms:9.2f} ms a step")
    print(f"tensor_gpt.py, batch 1, float64     {one_ms:9.2f} ms a step")
    print(f"tensor_gpt.py, batch {args.batch}, float32    {many_ms:9.2f} ms a step")
    memory = "unknown here"
    if Path("/proc/self/status").exists():
        memory = f"{peak_mb(args.data, total):.0f} MB over {total} steps"
    print(
        f"{by_step:.0f}x a step at batch 1, {statistics.median(by_token):.0f}x a token at batch "
        f"{args.batch}; gpt.py's peak memory: {memory}"
    )


if __name__ == "__main__":
    main()
