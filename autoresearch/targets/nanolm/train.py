"""Train a small GPT on a text: model, optimisers and loop. The one file of this target to edit.

The lab serves the training tokens (documents with BOS between them) and holds those it scores on.
This reads the stream as long as the budget lasts and leaves a checkpoint that `load` brings back.
One GPU of any size, Apple's MPS or a CPU: the rest follows from DEPTH. Shapes at the line:
B rows, T positions, W width, H heads, V vocabulary.
"""

import time

START = time.monotonic()  # a budget of seconds runs from the start of the process, import included

import json  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from meter import Meter, device_name, find_device, free_mb, has_bf16  # noqa: E402
from torch import nn  # noqa: E402

DEPTH = 2  # blocks; on a GPU there are GPU_TIMES as many
GPU_TIMES = 6  # so that the shipped model is 12 blocks deep and 768 wide there
ASPECT = 64  # width of the model per block
HEAD_DIM = 64  # numbers an attention head compares
MLP_RATIO = 4  # width of the MLP over that of the model
SOFTCAP = 15.0  # logits stay between -SOFTCAP and SOFTCAP
BATCH = 2048  # tokens in a step on a CPU
GPU_BATCH = 2**19  # tokens in a step on a GPU, in as many parts as its memory asks for
FEWEST_STEPS = 200  # in a budget of tokens: where it is small, so are the steps
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
KEEP_EVERY = 10  # lines of the curve from one saving of the weights to the next
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
        self.width = width = depth * ASPECT
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
        return 6 * matrices + 12 * self.depth * self.width * self.context


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

    def __init__(self, file, context):
        self.file, self.context, self.last = file, context, b""

    def rows(self, count):
        wanted = 2 * (count * self.context + 1)  # bytes of little-endian uint16
        read = self.last + self.file.read(wanted - len(self.last))
        count = (len(read) // 2 - 1) // self.context
        if count < 1:
            return None
        self.last = read[2 * count * self.context :][:2]
        ids = torch.from_numpy(np.frombuffer(read, "<u2").astype(np.int64))
        return ids.unfold(0, self.context + 1, self.context)[:count]


# ---- Training -----------------------------------------------------------------------------------
class Budget:
    """How much of what the lab allows is used up: tokens, or seconds since the process began."""

    def __init__(self):
        self.amount = float(os.environ["AUTORESEARCH_BUDGET"])
        self.unit = os.environ["AUTORESEARCH_BUDGET_UNIT"]
        if self.unit != "tokens":
            self.amount = max(0.5 * self.amount, self.amount - SPARE_S)

    def tokens(self):
        """How many there will be, if that is what the budget counts."""
        return self.amount if self.unit == "tokens" else math.inf

    def done(self, tokens):
        used = {
            "tokens": tokens,
            "wall_s": time.monotonic() - START,
            "cpu_s": time.process_time(),
        }
        return used[self.unit] / self.amount


class Trainer:
    """The model, its two optimisers, and one step of them."""

    def __init__(self, gpt, device, stream, most_tokens):
        self.gpt, self.device, self.stream = gpt, device, stream
        self.dtype = torch.bfloat16 if has_bf16(device) else torch.float32
        batch = min(BATCH if device.type == "cpu" else GPU_BATCH, most_tokens)
        rows = max(1, int(batch) // gpt.context)
        self.rows = 2 ** (rows.bit_length() - 1)
        self.part = self.rows_at_once()  # that go through the model together
        self.model = torch.compile(gpt, dynamic=False) if device.type == "cuda" else gpt
        self.muon = Muon(list(gpt.blocks.parameters()), self.dtype)
        scale = (gpt.width / 768) ** -0.5
        groups = [
            {"params": [gpt.embedding.weight], "full": EMBEDDING_RATE * scale},
            {"params": [gpt.head.weight], "full": HEAD_RATE * scale},
        ]
        self.adam = torch.optim.AdamW(groups, betas=(0.8, 0.95), eps=1e-10, weight_decay=0.0)
        self.loss = torch.zeros((), device=device)  # sum over the steps since it was read

    def rows_at_once(self):
        """What a GPU's memory holds, roughly; a CPU's holds a whole step."""
        if self.device.type != "cuda":
            return self.rows
        numbers = self.gpt.depth * self.gpt.width * 40 + self.gpt.vocab * 12  # bytes a position
        fits = max(1, int(0.7 * free_mb(self.device) * 2**20 / (self.gpt.context * numbers)))
        return min(self.rows, 2 ** (fits.bit_length() - 1))

    def step(self, share):
        """Learn from the next rows at this share of the rates; return how many tokens."""
        taken = 0
        for _ in range(0, self.rows, self.part):
            batch = self.stream.rows(self.part)  # (B, T + 1)
            if batch is None:
                break
            taken += batch[:, 1:].numel()
            batch = batch.to(self.device, non_blocking=True)
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                logits = self.model(batch[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
            loss = loss * self.part / self.rows
            loss.backward()
            self.loss += loss.detach()
        if taken:
            for group in self.adam.param_groups:
                group["lr"] = group["full"] * share
            self.adam.step()
            self.adam.zero_grad(set_to_none=True)
            self.muon.step(MATRIX_RATE * share)
        return taken

    def read_loss(self, steps):
        """Mean nats a token over these steps, which end here."""
        loss = self.loss.item() / steps
        self.loss.zero_()
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss}")
        return loss


def train(trainer, budget, meter, curve, keep):
    """Step until the budget is used or the stream ends; return the tokens that it learned from."""
    tokens = lines = steps = 0  # lines written to the curve, steps since the last one
    while (done := budget.done(tokens)) < 1:
        taken = trainer.step(rate_share(done))
        if not taken:
            break
        meter.step(taken)
        tokens, steps = tokens + taken, steps + 1
        if done * CURVE_LINES >= lines + 1:
            loss, lines, steps = trainer.read_loss(steps), int(done * CURVE_LINES), 0
            curve.write(json.dumps({"tokens": tokens, "loss": loss, **meter.read()}) + "\n")
            curve.flush()
            if lines % KEEP_EVERY == 0:
                keep()
                print(f"{done:.0%}: {tokens:,} tokens, loss {loss:.4f}", flush=True)
    return tokens


def save(gpt, out):
    """Put the checkpoint in place at once, so that a run that is killed leaves a whole one."""
    shape = {"vocab": gpt.vocab, "depth": gpt.depth, "context": gpt.context}
    torch.save({**shape, "weights": gpt.state_dict()}, out / "saving.pt")
    os.replace(out / "saving.pt", out / "model.pt")


def main():
    budget, out = Budget(), Path(os.environ["AUTORESEARCH_OUT"])
    vocab, context = (int(os.environ[f"AUTORESEARCH_{n}"]) for n in ("VOCAB", "CONTEXT"))
    torch.manual_seed(int(os.environ["AUTORESEARCH_SEED"]))
    torch.set_float32_matmul_precision("high")
    device = find_device(os.environ.get("AUTORESEARCH_DEVICE", ""))
    gpt = GPT(vocab, DEPTH * (1 if device.type == "cpu" else GPU_TIMES), context)
    gpt.initialise()
    gpt.to(device)
    meter = Meter(device, gpt.flops_per_token())
    with (
        open(os.environ["AUTORESEARCH_DATA"], "rb") as stream,
        open(out / "curve.jsonl", "w", encoding="utf-8") as curve,
    ):
        trainer = Trainer(gpt, device, Stream(stream, context), budget.tokens() / FEWEST_STEPS)
        print(
            f"{sum(p.numel() for p in gpt.parameters()):,} weights, {gpt.depth} blocks of "
            f"{gpt.width}, {trainer.rows} rows of {context} a step, {trainer.part} at once, on "
            f"{device_name(device)} in {trainer.dtype}",
            flush=True,
        )
        tokens = train(trainer, budget, meter, curve, lambda: save(gpt, out))
    save(gpt, out)
    print(f"{tokens:,} tokens, {meter.words()}", flush=True)


if __name__ == "__main__":
    main()
