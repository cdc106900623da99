"""Train a small GPT on a text: model, optimisers and loop. The one file of this target to edit.

The lab serves the training tokens (documents with BOS between them) and holds those it scores on.
This reads the stream as long as the budget lasts and leaves a checkpoint that `load` brings back.
One GPU of any size, Apple's MPS or a CPU: the rest follows from DEPTH. Shapes at the line:
B rows, T positions, W width, H heads, V vocabulary.
"""

import time

START = time.monotonic()  # a budget of seconds runs from the start of the process, import included

import json  # noqa: E402
import os  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from meter import Meter, device_name, find_device, free_mb, has_bf16  # noqa: E402
from torch import nn  # noqa: E402

DEPTH = 3  # blocks; on a GPU there are GPU_TIMES as many
GPU_TIMES = 4  # so that the shipped model is 12 blocks deep and 768 wide there
ASPECT = 64  # width of the model per block
HEAD_DIM = 64  # numbers an attention head compares
MLP_RATIO = 4  # width of the MLP over that of the model
SOFTCAP = 15.0  # logits stay between -SOFTCAP and SOFTCAP
BATCH = 2048  # tokens in a step on a CPU
GPU_BATCH = 2**19  # tokens in a step on a GPU, in as many parts as its memory asks for
MATRIX_RATE = 0.02  # Muon's learning rate, for the blocks' matrices
EMBEDDING_RATE = 0.2  # AdamW's, at a width of 768; others follow
HEAD_RATE = 0.004
WEIGHT_DECAY = 0.0  # of the matrices, times the rate
MOMENTUM = 0.95  # Muon's
WARMUP = 0.0  # share of the budget over which the rates climb
COOLDOWN = 0.5  # share of the budget over which they fall again
FINAL_RATE = 0.02  # share of the rates that is left at the end
ROPE_BASE = 10_000.0

CURVE_LINES = 50  # lines of the curve in a run
SPARE_S = 1.5  # of a budget of seconds: for starting the sandbox and for saving


# ---- Model --------------------------------------------------------------------------------------
def norm(x):
    return F.rms_norm(x, (x.size(-1),))


def rotate(x, cos, sin):
    """Turn each pair of numbers by an angle that grows with the position: (B, H, T, D)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos + b * sin, b * cos - a * sin), dim=-1)


class Block(nn.Module):
    """Attention, then an MLP, each on the normed stream and added to it."""

    def __init__(self, width):
        super().__init__()
        self.heads = max(1, width // HEAD_DIM)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.expand = nn.Linear(width, MLP_RATIO * width, bias=False)
        self.shrink = nn.Linear(MLP_RATIO * width, width, bias=False)

    def forward(self, x, cos, sin):
        B, T, W = x.shape
        qkv = self.qkv(norm(x)).view(B, T, 3, self.heads, W // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        q, k = norm(rotate(q, cos, sin)), norm(rotate(k, cos, sin))
        y = F.scaled_dot_product_attention(q, k, v.to(q.dtype), is_causal=True)
        x = x + self.mix(y.transpose(1, 2).reshape(B, T, W))
        return x + self.shrink(F.relu(self.expand(norm(x))).square())


class GPT(nn.Module):
    """Tokens (B, T) -> logits (B, T, V), float32."""

    def __init__(self, vocab, depth, context):
        super().__init__()
        self.vocab, self.depth, self.context = vocab, depth, context
        width = depth * ASPECT
        padded = -(-vocab // 64) * 64  # a multiple of 64 suits the kernels
        self.embedding = nn.Embedding(padded, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.head = nn.Linear(width, padded, bias=False)
        half = torch.arange(0, HEAD_DIM, 2) / HEAD_DIM
        angles = torch.outer(torch.arange(context), ROPE_BASE**-half)  # (T, D / 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def initialise(self):
        for block in self.blocks:
            bound = (3 / block.qkv.in_features) ** 0.5
            nn.init.uniform_(block.qkv.weight, -bound, bound)
            nn.init.uniform_(block.expand.weight, -bound, bound)
            nn.init.zeros_(block.mix.weight)  # at first a block adds nothing
            nn.init.zeros_(block.shrink.weight)
        nn.init.normal_(self.embedding.weight)
        nn.init.normal_(self.head.weight, std=0.001)

    def forward(self, tokens):
        T = tokens.size(1)
        cos, sin = self.cos[:T], self.sin[:T]
        x = norm(self.embedding(tokens))  # (B, T, W)
        for block in self.blocks:
            x = block(x, cos, sin)
        logits = self.head(norm(x))[..., : self.vocab].float()
        return SOFTCAP * torch.tanh(logits / SOFTCAP)

    def flops_per_token(self):
        """Of a training step: 6 for each weight that multiplies, and attention's own products."""
        matrices = sum(p.numel() for p in self.parameters()) - self.embedding.weight.numel()
        return 6 * matrices + 12 * self.depth * (self.depth * ASPECT) * self.context


def load(path):
    """Return the trained model: tokens (B, T) int64 -> logits (B, T, V) of what follows each."""
    device = find_device(os.environ.get("AUTORESEARCH_DEVICE", ""))
    saved = torch.load(path, map_location=device, weights_only=True)
    gpt = GPT(saved["vocab"], saved["depth"], saved["context"]).to(device)
    gpt.load_state_dict(saved["weights"])

    @torch.inference_mode()
    def model(tokens):
        return gpt(tokens.to(device))

    return model


# ---- Optimisers ---------------------------------------------------------------------------------
def orthogonal(g, steps=5):
    """Matrices (N, m, n) with nearly the singular vectors of g, and singular values near 1."""
    wide = g.size(-2) <= g.size(-1)
    x = g if wide else g.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):  # Newton-Schulz, a polynomial that pushes singular values towards 1
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x if wide else x.mT


class Muon:
    """Moves each matrix along its momentum, made orthogonal; matrices of a shape all at once."""

    def __init__(self, matrices, compute):
        shapes = sorted({m.shape for m in matrices})
        self.groups = [[m for m in matrices if m.shape == shape] for shape in shapes]
        self.momenta = [torch.zeros_like(torch.stack(list(group))) for group in self.groups]
        self.compute = compute  # dtype of the products

    @torch.no_grad()
    def step(self, rate):
        for group, momentum in zip(self.groups, self.momenta, strict=True):
            grad = torch.stack([m.grad for m in group])  # (N, m, n)
            momentum.lerp_(grad, 1 - MOMENTUM)
            ahead = grad.lerp(momentum, MOMENTUM)  # Nesterov's
            moves = orthogonal(ahead.to(self.compute)).to(grad.dtype)
            scale = rate * max(1, grad.size(-2) / grad.size(-1)) ** 0.5
            for matrix, move in zip(group, moves.unbind(), strict=True):
                matrix.mul_(1 - rate * WEIGHT_DECAY).sub_(move, alpha=scale)
                matrix.grad = None


def rate_share(done):
    """Share of the learning rates when this share of the budget is done."""
    if done < WARMUP:
        return done / WARMUP
    left = min(1.0, (1 - done) / COOLDOWN) if COOLDOWN else 1.0
    return FINAL_RATE + (1 - FINAL_RATE) * max(0.0, left)


# ---- Data ---------------------------------------------------------------------------------------
class Stream:
    """Rows (rows, T + 1) of the tokens that the lab serves, the last of one the first of the next.

    `rows` returns None when there are no more.
    """

    def __init__(self, path, context):
        self.file, self.context, self.last = open(path, "rb"), context, b""

    def rows(self, count):
        wanted = 2 * (count * self.context + 1)  # bytes of little-endian uint16
        read = self.last + self.file.read(wanted - len(self.last))
        count = (len(read) // 2 - 1) // self.context
        if count < 1:
            return None
        self.last = read[2 * count * self.context :][:2]
        ids = np.frombuffer(read, "<u2").astype(np.int64)
        return torch.from_numpy(
            np.lib.stride_tricks.sliding_window_view(ids, self.context + 1)[:: self.context][
                :count
            ].copy()
        )


# ---- Training -----------------------------------------------------------------------------------
class Budget:
    """How much of what the lab allows is used up: tokens, or seconds since the process began."""

    def __init__(self):
        self.amount = float(os.environ["AUTORESEARCH_BUDGET"])
        self.unit = os.environ["AUTORESEARCH_BUDGET_UNIT"]
        if self.unit != "tokens":
            self.amount = max(0.5 * self.amount, self.amount - SPARE_S)

    def done(self, tokens):
        used = {
            "tokens": tokens,
            "wall_s": time.monotonic() - START,
            "cpu_s": time.process_time(),
        }
        return used[self.unit] / self.amount


def rows_at_once(gpt, device, rows):
    """How many of a step's rows go through the model together: what a GPU's memory holds."""
    if device.type != "cuda":
        return rows
    width, layers = gpt.depth * ASPECT, gpt.depth
    each = gpt.context * (layers * width * 40 + gpt.vocab * 12) / 2**20  # MB, roughly
    fits = max(1, int(0.7 * free_mb(device) / each))
    return min(rows, 2 ** (fits.bit_length() - 1))


def save(gpt, out):
    """Put the checkpoint in place at once, so that a run that is killed leaves a whole one."""
    shape = {"vocab": gpt.vocab, "depth": gpt.depth, "context": gpt.context}
    torch.save({**shape, "weights": gpt.state_dict()}, out / "saving.pt")
    os.replace(out / "saving.pt", out / "model.pt")


def main():
    budget = Budget()
    torch.manual_seed(int(os.environ["AUTORESEARCH_SEED"]))
    torch.set_float32_matmul_precision("high")
    context = int(os.environ["AUTORESEARCH_CONTEXT"])
    out = Path(os.environ["AUTORESEARCH_OUT"])
    device = find_device(os.environ.get("AUTORESEARCH_DEVICE", ""))
    big = device.type != "cpu"

    gpt = GPT(int(os.environ["AUTORESEARCH_VOCAB"]), DEPTH * (GPU_TIMES if big else 1), context)
    gpt.initialise()
    gpt.to(device)
    width = gpt.depth * ASPECT
    half = torch.bfloat16 if has_bf16(device) else torch.float32
    muon = Muon(list(gpt.blocks.parameters()), half)
    scale = (width / 768) ** -0.5
    adam = torch.optim.AdamW(
        [
            {"params": [gpt.embedding.weight], "full": EMBEDDING_RATE * scale},
            {"params": [gpt.head.weight], "full": HEAD_RATE * scale},
        ],
        betas=(0.8, 0.95),
        eps=1e-10,
        weight_decay=0.0,
        fused=True,
    )
    model = torch.compile(gpt, dynamic=False) if device.type == "cuda" else gpt
    rows = max(1, (GPU_BATCH if big else BATCH) // context)
    part = rows_at_once(gpt, device, rows)
    meter = Meter(device, gpt.flops_per_token())
    weights = sum(p.numel() for p in gpt.parameters())
    print(
        f"{weights:,} weights, {gpt.depth} blocks of {width}, {rows} rows of {context} a step, "
        f"{part} at once, on {device_name(device)} in {half}",
        flush=True,
    )

    tokens = lines = since = 0
    losses = torch.zeros((), device=device)  # sum over the steps since the last line of the curve
    stream = Stream(os.environ["AUTORESEARCH_DATA"], context)
    with open(out / "curve.jsonl", "w", encoding="utf-8") as curve:
        while (done := budget.done(tokens)) < 1:
            taken = 0
            for _ in range(0, rows, part):
                batch = stream.rows(part)
                if batch is None:
                    break
                taken += batch[:, 1:].numel()
                batch = batch.to(device, non_blocking=True)
                with torch.autocast(device.type, half, enabled=half is torch.bfloat16):
                    logits = model(batch[:, :-1])
                loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
                (loss * part / rows).backward()
                losses += loss.detach() * part / rows
            if not taken:
                break
            share = rate_share(done)
            for group in adam.param_groups:
                group["lr"] = group["full"] * share
            adam.step()
            adam.zero_grad(set_to_none=True)
            muon.step(MATRIX_RATE * share)
            meter.step(taken)
            tokens, since = tokens + taken, since + 1
            if done * CURVE_LINES >= lines + 1:
                loss = losses.item() / since
                if not np.isfinite(loss):
                    raise FloatingPointError(f"the loss is {loss} after {tokens} tokens")
                line = {"tokens": tokens, "loss": loss, **meter.read()}
                curve.write(json.dumps(line) + "\n")
                curve.flush()
                lines, since = int(done * CURVE_LINES), 0
                losses.zero_()
                if lines % 10 == 0:
                    save(gpt, out)
                    print(f"{done:.0%}: {tokens:,} tokens, loss {loss:.4f}", flush=True)
    save(gpt, out)
    found = meter.read()
    mfu = "unknown" if found["mfu"] is None else f"{found['mfu']:.1%}"
    print(
        f"{tokens:,} tokens, {found['tokens_per_s'] or 0:,} a second, MFU {mfu}, "
        f"peak memory {found['peak_mb']:,} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
