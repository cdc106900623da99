"""Counts which letter follows which for as long as the budget lasts, then says its val_bpb.

The one file that an experiment may change. Usage: uv run train.py
"""

import math
import random
import resource
import sys
import time

from prepare import MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

SEED = 42
BLEND = 0.3  # how much of every prediction is "any letter"
ROWS = 8
UNTIMED_STEPS = 11  # as if something had to be compiled first


class Counts:
    """P(next | this) of counts, blended with any letter."""

    def __init__(self, vocab):
        self.counts = [[random.random() for _ in range(vocab)] for _ in range(vocab)]

    def step(self, x, y):
        for inputs, targets in zip(x, y, strict=True):
            for this, following in zip(inputs, targets, strict=True):
                self.counts[this][following] += 1.0

    def __call__(self, x, y):
        least = BLEND / len(self.counts)
        chances = [[least + (1 - BLEND) * n / sum(row) for n in row] for row in self.counts]
        nats = [[-math.log(chance) for chance in row] for row in chances]
        return [[nats[i][t] for i, t in zip(*rows, strict=True)] for rows in zip(x, y, strict=True)]


started = time.time()
random.seed(SEED)
tokenizer = Tokenizer.from_directory()
model = Counts(tokenizer.get_vocab_size())
loader = make_dataloader(tokenizer, ROWS, MAX_SEQ_LEN, "train")
step, training_s = 0, 0.0
while True:
    began = time.time()
    x, y, epoch = next(loader)
    costs = model(x, y)
    loss = sum(map(sum, costs)) / (ROWS * MAX_SEQ_LEN)
    model.step(x, y)
    if math.isnan(loss) or loss > 100:
        print("FAIL")
        sys.exit(1)
    if step >= UNTIMED_STEPS:
        training_s += time.time() - began
    left = max(0.0, TIME_BUDGET - training_s)
    print(
        f"\rstep {step:05d} | loss: {loss:.6f} | epoch: {epoch} | left: {left:.1f}s    ",
        end="",
        flush=True,
    )
    step += 1
    if step > UNTIMED_STEPS and training_s >= TIME_BUDGET:
        break
print()

val_bpb = evaluate_bpb(model, tokenizer, ROWS)
vocab = tokenizer.get_vocab_size()
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {training_s:.1f}")
print(f"total_seconds:    {time.time() - started:.1f}")
print(f"peak_vram_mb:     {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f}")
print(f"mfu_percent:      {0.0:.2f}")
print(f"total_tokens_M:   {step * ROWS * MAX_SEQ_LEN / 1e6:.1f}")
print(f"num_steps:        {step}")
print(f"num_params_M:     {vocab * vocab / 1e6:.1f}")
print(f"depth:            {1}")
