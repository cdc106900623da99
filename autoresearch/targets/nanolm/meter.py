"""What a training runs on and how well it uses it: device, tokens a second, MFU, peak memory.

MFU is the share of the device's peak that the model's own arithmetic comes to. The peaks are those
of dense bf16 matrix products that makers publish; a CPU's is measured, in float32.
"""

import resource
import sys
import time

import torch

# (part of the device's name, TFLOPS of dense bf16), the first that fits.
PEAKS = (
    ("B200", 2250), ("B100", 1800), ("GB200", 2500),
    ("H200", 989), ("H100 NVL", 835), ("H100 PCIe", 756), ("H100", 989), ("H800", 989),
    ("GH200", 989), ("H20", 148), ("A100", 312), ("A800", 312), ("A40", 150), ("A30", 165),
    ("A10G", 70), ("A10", 125), ("L40S", 362), ("L40", 181), ("L4", 121),
    ("RTX PRO 6000", 504), ("RTX 6000 Ada", 364), ("RTX A6000", 155), ("RTX A5000", 111),
    ("RTX A4000", 77), ("5090", 209.5), ("5080", 112.6), ("5070 Ti", 87.9), ("5070", 61.7),
    ("4090", 165.2), ("4080", 97.5), ("4070 Ti", 80.2), ("4070", 58.3), ("4060 Ti", 44.1),
    ("4060", 30.2), ("3090 Ti", 80), ("3090", 71), ("3080", 59.5), ("3070", 40.6),
    ("3060", 25.5), ("3050", 18.2), ("MI300X", 1307.4), ("MI250X", 383), ("MI250", 362),
)  # fmt: skip


def find_device(asked=""):
    """The device to run on: as asked ("cuda", "mps", "cpu"), else the best that is here."""
    if asked:
        return torch.device(asked)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_name(device):
    """What people call it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads" if device.type == "cpu" else device.type


def has_bf16(device):
    """Whether bf16 products are fast there, not merely possible."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def free_mb(device):
    """MB that a training may still take on a GPU, 0 where nobody says."""
    return torch.cuda.mem_get_info(device)[0] / 2**20 if device.type == "cuda" else 0.0


def peak_flops(device):
    """FLOPS at most: published for a GPU, measured for a CPU, None where unknown."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return next((1e12 * peak for part, peak in PEAKS if part in name), None)
    return _measured_flops() if device.type == "cpu" else None


def _measured_flops(size=768, times=4):
    """The best of a few square products in float32: some hundredths of a second."""
    a, b = torch.rand(size, size), torch.rand(size, size)
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def peak_mb(device):
    """The most memory so far, in MB: of the device for a GPU, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Meter:
    """Counts tokens against time; the first `skip` steps (compiling, warming up) don't count."""

    def __init__(self, device, flops_per_token, skip=3):
        self.device, self.flops_per_token, self.skip = device, flops_per_token, skip
        self.peak = peak_flops(device)
        self.steps = self.tokens = 0
        self.start = None

    def step(self, tokens):
        """After each step: how many tokens it took."""
        self.steps += 1
        if self.steps == self.skip:
            self._wait()
            self.start = time.perf_counter()
        elif self.steps > self.skip:
            self.tokens += tokens

    def read(self):
        """Tokens a second, MFU and peak memory, as they go into the curve; None where unknown."""
        if not self.tokens:
            return {"tokens_per_s": None, "mfu": None, "peak_mb": round(peak_mb(self.device))}
        self._wait()
        rate = self.tokens / (time.perf_counter() - self.start)
        mfu = rate * self.flops_per_token / self.peak if self.peak else None
        return {
            "tokens_per_s": round(rate),
            "mfu": mfu and round(mfu, 4),
            "peak_mb": round(peak_mb(self.device)),
        }

    def words(self):
        """The same in words, for the last line of a run."""
        found = self.read()
        rate = "unknown" if found["tokens_per_s"] is None else f"{found['tokens_per_s']:,}"
        mfu = "unknown" if found["mfu"] is None else f"{found['mfu']:.1%}"
        return f"{rate} a second, MFU {mfu}, peak memory {found['peak_mb']:,} MB"

    def _wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
