"""The log that a run of karpathy/autoresearch leaves on an H100, made up from published numbers.

953 steps with `\\r` and no newline, then the final block. The text is ours; its shape is theirs.
"""

STEPS = 953
BLOCK = """---
val_bpb:          0.997900
training_seconds: 300.1
total_seconds:    325.9
peak_vram_mb:     45060.2
mfu_percent:      39.80
total_tokens_M:   499.6
num_steps:        953
num_params_M:     50.3
depth:            8
"""
NUMBERS = {
    "training_seconds": 300.1,
    "total_seconds": 325.9,
    "peak_vram_mb": 45060.2,
    "mfu_percent": 39.8,
    "total_tokens_M": 499.6,
    "num_steps": 953.0,
    "num_params_M": 50.3,
    "depth": 8.0,
}


def progress(steps: int = STEPS) -> str:
    """Every step's state on one line, as a terminal would overwrite them; about 140 bytes each."""
    states = []
    for n in range(steps):
        done = n / steps
        states.append(
            f"\rstep {n:05d} ({100 * done:.1f}%) | loss: {8.9 - 5.9 * done**0.2:.6f} | "
            f"lrm: {min(1.0, 2 - 2 * done):.2f} | dt: 315ms | tok/sec: 1,664,406 | mfu: 39.8% | "
            f"epoch: 1 | left: {300 * (1 - done):.0f}s    "
        )
    return "".join(states)


def golden_log() -> str:
    """The whole of it."""
    begin = "Vocabulary: 8,192 tokens\nBudget: 300 s\nParameters: 50,332,176\n"
    return f"{begin}{progress()}\n{BLOCK}"
